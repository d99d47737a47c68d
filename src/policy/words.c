/* Readers of words and names. */
#include "config.h"

#include <sched.h>

#include "policy/reader.h"

void wr_read_word(struct wr_reader *r, const struct wr_option *o, const struct wr_node *node, void *at)
{
    int i = wr_reader_choice(r, o, node, node->text, o->range);
    if (i >= 0)
        *(unsigned *) at = (unsigned) i;
}

void wr_read_mode(struct wr_reader *r, const struct wr_option *o, const struct wr_node *node, void *at)
{
    int i = wr_reader_choice(r, o, node, node->text, o->range);
    if (i >= 0)
        *(bool *) at = i == 1;
}

void wr_read_workers(struct wr_reader *r, const struct wr_option *o, const struct wr_node *node, void *at)
{
    if (!wr_node_is(node, "auto")) {
        wr_read_count(r, o, node, at);
        return;
    }
    cpu_set_t cores;
    bool known = sched_getaffinity(0, sizeof cores, &cores) == 0; /* fails beyond 1024 cores */
    int count = known ? CPU_COUNT(&cores) : 1;
    *(unsigned *) at = count > 0 ? (unsigned) count : 1;
}

/* Parts of keys in Redis: no braces (a hash tag), no colon (our own separator), nothing that a pattern means.
 */
void wr_read_label(struct wr_reader *r, const struct wr_option *o, const struct wr_node *node, void *at)
{
    if (wr_reader_is_label(node->text))
        *(char **) at = wr_reader_copy(r, node->text);
    else
        wr_reader_mistake(r, o, node,
                          "\"%.*s\" is not a name of at most 64 letters, digits, \".\", \"-\" and \"_\"",
                          WR_SLICE_ARG(node->text));
}

void wr_read_token(struct wr_reader *r, const struct wr_option *o, const struct wr_node *node, void *at)
{
    if (wr_reader_is_token(node->text) && node->text.len <= 255)
        *(char **) at = wr_reader_copy(r, node->text);
    else
        wr_reader_mistake(r, o, node,
                          "\"%.*s\" is not a name that HTTP allows: no spaces, quotes, colons or brackets",
                          WR_SLICE_ARG(node->text));
}

void wr_read_tokens(struct wr_reader *r, const struct wr_option *o, const struct wr_node *node, void *at)
{
    size_t count = wr_node_items(node), used = 0;
    char **names = wr_arena_zalloc(r->arena, (count + 1) * sizeof *names);
    for (size_t i = 0; i < count; i++) {
        const struct wr_node *item = wr_reader_scalar(r, o, wr_node_item(node, i));
        if (item)
            wr_read_token(r, o, item, &names[used]);
        used += names[used] != NULL;
    }
    *(char ***) at = names;
}

void wr_read_patterns(struct wr_reader *r, const struct wr_option *o, const struct wr_node *node, void *at)
{
    size_t count = wr_node_items(node), used = 0;
    char **patterns = wr_arena_zalloc(r->arena, (count + 1) * sizeof *patterns);
    for (size_t i = 0; i < count; i++) {
        const struct wr_node *item = wr_reader_scalar(r, o, wr_node_item(node, i));
        if (item &&
            (memchr(item->text.at, '&', item->text.len) || memchr(item->text.at, '=', item->text.len)))
            wr_reader_mistake(r, o, item, "\"%.*s\" is not the name of a parameter",
                              WR_SLICE_ARG(item->text));
        else if (item)
            patterns[used++] = wr_reader_copy(r, item->text);
    }
    *(char ***) at = patterns;
}

void wr_read_log_to(struct wr_reader *r, const struct wr_option *o, const struct wr_node *node, void *at)
{
    if (wr_node_is(node, "stderr"))
        *(char **) at = NULL;
    else if (node->text.at[0] == '/')
        *(char **) at = wr_reader_copy(r, node->text);
    else
        wr_reader_mistake(r, o, node, "\"%.*s\" is neither stderr nor the absolute path of a file",
                          WR_SLICE_ARG(node->text));
}

void wr_read_url_path(struct wr_reader *r, const struct wr_option *o, const struct wr_node *node, void *at)
{
    bool good = node->text.at[0] == '/' && node->text.len <= 4096;
    for (size_t i = 0; i < node->text.len; i++)
        good = good && node->text.at[i] > ' ' && node->text.at[i] < 0x7f && node->text.at[i] != '#';
    if (good)
        *(char **) at = wr_reader_copy(r, node->text);
    else
        wr_reader_mistake(r, o, node, "\"%.*s\" is not a path: it begins with \"/\" and holds no spaces",
                          WR_SLICE_ARG(node->text));
}
