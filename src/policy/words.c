/* SPDX-License-Identifier: BSD-2-Clause */
/* Readers of words and names. */
#include "config.h"

#include <sched.h>

#include "http/upgrade.h"
#include "policy/reader.h"

void wr_read_word(struct wr_policy_reader *r, const struct wr_option *o, const struct wr_tree_node *node,
                  void *at)
{
    int value = wr_policy_reader_choice(r, o, node, node->text, o->kind->words);
    if (value >= 0)
        *(unsigned *) at = (unsigned) value; /* an enum without negative values */
}

void wr_read_mode(struct wr_policy_reader *r, const struct wr_option *o, const struct wr_tree_node *node,
                  void *at)
{
    int mode = wr_policy_reader_choice(r, o, node, node->text, o->kind->words);
    if (mode >= 0)
        *(bool *) at = mode == WR_LIMIT_MODE_OBSERVE;
}

void wr_read_workers(struct wr_policy_reader *r, const struct wr_option *o, const struct wr_tree_node *node,
                     void *at)
{
    if (!wr_tree_node_is(node, "auto")) {
        wr_read_count(r, o, node, at);
        return;
    }
    cpu_set_t cores;
    bool known = sched_getaffinity(0, sizeof cores, &cores) == 0; /* fails beyond 1024 cores */
    int count = known ? CPU_COUNT(&cores) : 1;
    *(unsigned *) at = count > 0 ? (unsigned) count : 1;
}

/* Reads a label that becomes part of keys in Redis: no braces (a hash tag), no colon (weir's separator),
 * and no character with a meaning in patterns. */
void wr_read_label(struct wr_policy_reader *r, const struct wr_option *o, const struct wr_tree_node *node,
                   void *at)
{
    if (wr_policy_reader_is_label(node->text))
        *(char **) at = wr_policy_reader_copy(r, node->text);
    else
        wr_policy_reader_error(r, o, node,
                               "\"%.*s\" is not a name of at most 64 letters, digits, \".\", \"-\" and \"_\"",
                               WR_SLICE_ARG(node->text));
}

void wr_read_token(struct wr_policy_reader *r, const struct wr_option *o, const struct wr_tree_node *node,
                   void *at)
{
    if (wr_policy_reader_is_token(node->text) && node->text.len <= 255)
        *(char **) at = wr_policy_reader_copy(r, node->text);
    else
        wr_policy_reader_error(
            r, o, node, "\"%.*s\" is not a name that HTTP allows: no spaces, quotes, colons or brackets",
            WR_SLICE_ARG(node->text));
}

void wr_read_tokens(struct wr_policy_reader *r, const struct wr_option *o, const struct wr_tree_node *node,
                    void *at)
{
    size_t count = wr_tree_node_items(node), used = 0;
    char **names = wr_arena_zalloc(r->arena, (count + 1) * sizeof *names);
    const struct wr_tree_node *item;
    for (size_t i = 0; (item = wr_policy_reader_next(r, o, node, &i)) != NULL;) {
        wr_read_token(r, o, item, &names[used]);
        used += names[used] != NULL;
    }
    *(char ***) at = names;
}

/* h2c would hide requests in the tunnel, which nobody limits or logs. TLS/1.0 and the like aren't names here.
 */
void wr_read_upgrades(struct wr_policy_reader *r, const struct wr_option *o, const struct wr_tree_node *node,
                      void *at)
{
    if (node->kind == WR_NODE_SCALAR && wr_policy_reader_switch(node) == 0) {
        *(char ***) at = NULL;
        return;
    }
    wr_read_tokens(r, o, node, at);
    for (char **name = *(char ***) at; *name; name++)
        if (strlen(*name) > WR_UPGRADE_NAME)
            wr_policy_reader_error(r, o, node, "\"%s\" is longer than the names of protocols are", *name);
        else if (strcasecmp(*name, "h2c") == 0)
            wr_policy_reader_error(r, o, node, "\"%s\" is never passed on: requests would hide in it", *name);
}

bool wr_policy_reader_parameter(struct wr_policy_reader *r, const struct wr_option *o,
                                const struct wr_tree_node *node, struct wr_slice name)
{
    bool good = name.len > 0;
    for (size_t i = 0; i < name.len; i++)
        good = good && (unsigned char) name.at[i] > ' ' && name.at[i] != 0x7f &&
               strchr("&=#", name.at[i]) == NULL;
    if (!good)
        wr_policy_reader_error(r, o, node,
                               "\"%.*s\" is not the name of a parameter as it stands in a query: no spaces, "
                               "\"&\", \"=\" or \"#\"",
                               WR_SLICE_ARG(name));
    return good;
}

void wr_read_patterns(struct wr_policy_reader *r, const struct wr_option *o, const struct wr_tree_node *node,
                      void *at)
{
    size_t count = wr_tree_node_items(node), used = 0;
    char **patterns = wr_arena_zalloc(r->arena, (count + 1) * sizeof *patterns);
    const struct wr_tree_node *item;
    for (size_t i = 0; (item = wr_policy_reader_next(r, o, node, &i)) != NULL;)
        if (wr_policy_reader_parameter(r, o, item, item->text))
            patterns[used++] = wr_policy_reader_copy(r, item->text);
    *(char ***) at = patterns;
}

/* A word that is neither of the two isn't taken for a cookie's name: a misspelt word would make weir ignore
 * all other cookies. */
void wr_read_cookies(struct wr_policy_reader *r, const struct wr_option *o, const struct wr_tree_node *node,
                     void *at)
{
    struct wr_cache_policy *cache = at;
    if (node->kind == WR_NODE_SCALAR) {
        int which = wr_policy_reader_choice(r, o, node, node->text, o->kind->words);
        if (which >= 0)
            cache->cookies = (enum wr_cookies) which;
        cache->cookie_names = NULL;
        return;
    }
    if (wr_tree_node_items(node) == 0)
        wr_policy_reader_error(r, o, node,
                               "an empty list names no cookie that counts: write ignore, if that is meant");
    cache->cookies = WR_COOKIES_NAMED;
    wr_read_tokens(r, o, node, &cache->cookie_names);
}

void wr_read_admin_rights(struct wr_policy_reader *r, const struct wr_option *o,
                          const struct wr_tree_node *node, void *at)
{
    unsigned rights = 0;
    for (size_t i = 0; i < wr_tree_node_items(node); i++) {
        const struct wr_tree_node *item = wr_policy_reader_scalar(r, o, wr_tree_node_item(node, i));
        int right = item ? wr_policy_reader_choice(r, o, item, item->text, o->kind->words) : -1;
        if (right >= 0)
            rights |= 1u << right;
    }
    if (wr_tree_node_items(node) == 0)
        wr_policy_reader_error(r, o, node,
                               "at least one right is needed: without any the listener is no use");
    *(unsigned *) at = rights;
}

void wr_read_log_to(struct wr_policy_reader *r, const struct wr_option *o, const struct wr_tree_node *node,
                    void *at)
{
    if (wr_tree_node_is(node, "stderr"))
        *(char **) at = NULL;
    else if (node->text.at[0] == '/')
        *(char **) at = wr_policy_reader_copy(r, node->text);
    else
        wr_policy_reader_error(r, o, node, "\"%.*s\" is neither stderr nor the absolute path of a file",
                               WR_SLICE_ARG(node->text));
}

void wr_read_url_path(struct wr_policy_reader *r, const struct wr_option *o, const struct wr_tree_node *node,
                      void *at)
{
    bool good = node->text.at[0] == '/' && node->text.len <= 4096;
    for (size_t i = 0; i < node->text.len; i++)
        good = good && node->text.at[i] > ' ' && node->text.at[i] < 0x7f && node->text.at[i] != '#';
    if (good)
        *(char **) at = wr_policy_reader_copy(r, node->text);
    else
        wr_policy_reader_error(r, o, node, "\"%.*s\" is not a path: it begins with \"/\" and holds no spaces",
                               WR_SLICE_ARG(node->text));
}
