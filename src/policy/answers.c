/* SPDX-License-Identifier: BSD-2-Clause */
/* Readers of answers that a route gives without its origin: redirects, fixed responses, maintenance, error
 * pages, and who is let in. */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "policy/reader.h"

#define LARGEST_PAGE (1 << 20)

/* --- pages --- */

static const char *type_of(const char *path)
{
    static const struct {
        const char *end, *type;
    } types[] = {
        { ".html", "text/html; charset=utf-8" },
        { ".htm", "text/html; charset=utf-8" },
        { ".json", "application/json" },
        { ".txt", "text/plain; charset=utf-8" },
        { ".xml", "application/xml" },
        { ".svg", "image/svg+xml" },
        { ".ico", "image/x-icon" },
        { ".png", "image/png" },
    };
    size_t len = strlen(path);
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        size_t end = strlen(types[i].end);
        if (len > end && strcmp(path + len - end, types[i].end) == 0)
            return types[i].type;
    }
    return "application/octet-stream";
}

/* Reads the whole file. Returns -1 with errno if it can't be read, and LARGEST_PAGE + 1 if it is too large.
 */
static ssize_t read_whole(const char *path, char *to)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = fd < 0 ? -1 : 1;
    size_t len = 0;
    while (got > 0 && len <= LARGEST_PAGE) {
        got = read(fd, to + len, LARGEST_PAGE + 1 - len);
        len += got > 0 ? (size_t) got : 0;
    }
    int why = errno;
    if (fd >= 0)
        close(fd);
    errno = why;
    return got < 0 ? -1 : (ssize_t) len;
}

void wr_read_page(struct wr_policy_reader *r, const struct wr_option *o, const struct wr_tree_node *node,
                  void *at)
{
    struct wr_page *page = at;
    const char *path = wr_policy_reader_locate(r, node).at;
    struct wr_buf text = { 0 };
    ssize_t len = read_whole(path, wr_buf_reserve(&text, LARGEST_PAGE + 1));
    if (len < 0)
        wr_policy_reader_error(r, o, node, "can't read %s: %s", path, strerror(errno));
    else if (len > LARGEST_PAGE)
        wr_policy_reader_error(r, o, node, "%s is larger than 1MB", path);
    else
        *page = (struct wr_page){ wr_arena_copy(r->arena, wr_slice(text.at, (size_t) len)), type_of(path) };
    wr_buf_fini(&text);
}

void wr_read_error_pages(struct wr_policy_reader *r, const struct wr_option *o,
                         const struct wr_tree_node *node, void *at)
{
    struct wr_error_pages *pages = at;
    pages->pages = wr_arena_zalloc(r->arena, (node->count + 1) * sizeof *pages->pages);
    for (size_t i = 0; i < node->count; i++) {
        const struct wr_tree_node *key = node->entries[i].key;
        const struct wr_tree_node *value = wr_policy_reader_scalar(r, o, node->entries[i].value);
        struct wr_error_page *page = &pages->pages[pages->count];
        if (value == NULL)
            continue;
        if (wr_tree_node_is(key, "origin")) {
            wr_read_flag(r, o, value, &pages->origin);
            continue;
        }
        page->status = wr_policy_reader_status(key->text);
        if (page->status < 4 || (page->status > 5 && page->status < 400)) {
            wr_policy_reader_error(r, o, key,
                                   "\"%.*s\" is not a status from 400 to 599, a class (4xx, 5xx) or origin",
                                   WR_SLICE_ARG(key->text));
            continue;
        }
        wr_read_page(r, o, value, &page->page);
        pages->count++;
    }
}

const struct wr_page *wr_error_page(const struct wr_error_pages *pages, int status)
{
    const struct wr_page *of_class = NULL;
    for (size_t i = 0; i < pages->count; i++) {
        if (pages->pages[i].status == status)
            return &pages->pages[i].page;
        if (pages->pages[i].status == status / 100)
            of_class = &pages->pages[i].page;
    }
    return of_class;
}

/* --- redirect --- */

void wr_read_redirect_status(struct wr_policy_reader *r, const struct wr_option *o,
                             const struct wr_tree_node *node, void *at)
{
    uint64_t status = 0;
    if (!wr_slice_u64(node->text, 308, &status) || status < 301 || (status > 303 && status < 307))
        wr_policy_reader_error(r, o, node, "\"%.*s\" is not 301, 302, 303, 307 or 308",
                               WR_SLICE_ARG(node->text));
    else
        *(int *) at = (int) status;
}

/* Writes the template as if each place held something typical of it: UNKNOWN, where it is the client's. */
#define UNKNOWN '\001'
static struct wr_slice probe_of(const struct wr_template *to, struct wr_arena *arena)
{
    struct wr_slice text = WR_SLICE("");
    for (size_t i = 0; i < to->count; i++) {
        const struct wr_template_part *p = &to->parts[i];
        const char *typical = p->kind == WR_TEMPLATE_SCHEME                                  ? "https"
                              : p->kind == WR_TEMPLATE_HOST                                  ? "h"
                              : p->kind == WR_TEMPLATE_PATH || p->kind == WR_TEMPLATE_TARGET ? "/p"
                                                                                             : "\001";
        struct wr_slice part = p->kind == WR_TEMPLATE_TEXT ? p->text : wr_slice_str(typical);
        text = wr_arena_printf(arena, "%.*s%.*s", WR_SLICE_ARG(text), WR_SLICE_ARG(part));
    }
    return text;
}

/* A redirect must not lead wherever a client says: scheme and host are the policy's, or the host is the one
 * that the client has asked. Returns what is wrong, or NULL. */
static const char *wrong_redirect(struct wr_slice probe)
{
    static const struct wr_slice schemes[] = { WR_SLICE_INIT("http://"), WR_SLICE_INIT("https://") };
    if (wr_slice_starts(probe, WR_SLICE("//")))
        return "a URL without a scheme: write https://";
    if (wr_slice_starts(probe, WR_SLICE("/")))
        return NULL;
    for (size_t i = 0; i < 2; i++) {
        if (!wr_slice_starts(probe, schemes[i]))
            continue;
        size_t end = schemes[i].len;
        while (end < probe.len && strchr("/?#", probe.at[end]) == NULL)
            end++;
        struct wr_slice host = wr_slice(probe.at + schemes[i].len, end - schemes[i].len);
        if (host.len == 0)
            return "no host after the scheme";
        if (memchr(host.at, UNKNOWN, host.len) || memchr(host.at, '@', host.len))
            return "a host that clients choose: anybody could lead your visitors elsewhere. Only {host} may "
                   "stand there";
        return NULL;
    }
    return "neither a path (/new) nor a URL (https://{host}/new)";
}

void wr_read_redirect_to(struct wr_policy_reader *r, const struct wr_option *o,
                         const struct wr_tree_node *node, void *at)
{
    struct wr_template *to = at;
    if (!wr_policy_reader_template(r, o, node, WR_CHAR_TARGET, to))
        return;
    const char *wrong = wrong_redirect(probe_of(to, r->errors->arena));
    if (wrong)
        wr_policy_reader_error(r, o, node, "\"%.*s\" is %s", WR_SLICE_ARG(node->text), wrong);
}

void wr_read_redirect(struct wr_policy_reader *r, const struct wr_option *o, const struct wr_tree_node *node,
                      void *at)
{
    struct wr_route *route = at;
    wr_policy_reader_section(r, o->kind->sub, node, &route->redirect);
    if (node)
        route->answer = WR_ANSWER_REDIRECT;
}

/* --- respond --- */

void wr_read_respond_status(struct wr_policy_reader *r, const struct wr_option *o,
                            const struct wr_tree_node *node, void *at)
{
    int status = wr_policy_reader_status(node->text);
    if (status < 200)
        wr_policy_reader_error(r, o, node, "\"%.*s\" is not a status from 200 to 599",
                               WR_SLICE_ARG(node->text));
    else
        *(int *) at = status;
}

void wr_read_body(struct wr_policy_reader *r, const struct wr_option *o, const struct wr_tree_node *node,
                  void *at)
{
    (void) o;
    *(struct wr_page *) at = (struct wr_page){ wr_arena_copy(r->arena, node->text),
                                               "text/plain; charset=utf-8" };
}

void wr_read_respond(struct wr_policy_reader *r, const struct wr_option *o, const struct wr_tree_node *node,
                     void *at)
{
    struct wr_route *route = at;
    struct wr_respond *respond = &route->respond;
    wr_policy_reader_section(r, o->kind->sub, node, respond);
    if (node == NULL)
        return;
    if (route->answer != WR_ANSWER_ORIGIN)
        wr_policy_reader_error(r, o, node, "a route gives one answer: remove redirect or respond");
    route->answer = WR_ANSWER_RESPOND;
    if (wr_tree_node_get(node, "body") && wr_tree_node_get(node, "file"))
        wr_policy_reader_error(r, o, node, "body and file exclude each other");
    if (respond->page.body.len && (respond->status == 204 || respond->status == 304))
        wr_policy_reader_error(r, o, node, "a %d has no content: remove body or file", respond->status);
}

/* --- maintenance, and who is let in --- */

void wr_read_maintenance(struct wr_policy_reader *r, const struct wr_option *o,
                         const struct wr_tree_node *node, void *at)
{
    struct wr_maintenance *m = at;
    bool plain = node && node->kind == WR_NODE_SCALAR;
    wr_policy_reader_section(r, o->kind->sub, plain ? NULL : node, m);
    m->on = node && (plain ? wr_policy_reader_switch(node) == 1 : m->on);
}

void wr_read_allow(struct wr_policy_reader *r, const struct wr_option *o, const struct wr_tree_node *node,
                   void *at)
{
    struct wr_admission *access = at;
    access->allow = wr_policy_reader_blocks(r, o, node, &access->allow_count);
    access->only = true;
}

void wr_read_deny(struct wr_policy_reader *r, const struct wr_option *o, const struct wr_tree_node *node,
                  void *at)
{
    struct wr_admission *access = at;
    access->deny = wr_policy_reader_blocks(r, o, node, &access->deny_count);
}

/* Checks that path_regex has all groups that the route's templates use. */
static void check_groups(struct wr_policy_reader *r, const struct wr_tree_node *item,
                         const struct wr_route *route)
{
    const struct wr_request_edits *e = &route->request;
    const struct wr_field_edits *fields[] = { &e->fields, &route->response, &route->respond.headers };
    unsigned most = e->replace.groups > e->host.groups ? e->replace.groups : e->host.groups;
    if (route->redirect.to.groups > most)
        most = route->redirect.to.groups;
    for (size_t i = 0; i < e->query_write_count; i++)
        if (e->query_writes[i].value.groups > most)
            most = e->query_writes[i].value.groups;
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++)
        for (size_t j = 0; j < fields[i]->write_count; j++)
            if (fields[i]->writes[j].value.groups > most)
                most = fields[i]->writes[j].value.groups;
    if (most > route->match.regex.groups)
        wr_policy_error(r->errors, item->place, "{%u} stands for a group of path_regex, which has %u", most,
                        route->match.regex.groups);
}

/* What the route itself doesn't say about asking is said by its origin. */
static void inherit_patience(const struct wr_tree_node *item, struct wr_route *route)
{
    const struct wr_patience *of_origin = &route->origin->patience;
    struct wr_patience *mine = &route->patience;
    if (!wr_tree_node_get(item, "response_timeout"))
        mine->response_timeout = of_origin->response_timeout;
    if (!wr_tree_node_get(item, "idle_timeout"))
        mine->idle_timeout = of_origin->idle_timeout;
    if (!wr_tree_node_get(item, "retries"))
        mine->retries = of_origin->retries;
}

void wr_policy_reader_answer(struct wr_policy_reader *r, const struct wr_tree_node *item,
                             struct wr_route *route)
{
    const struct wr_tree_node *origin = wr_tree_node_get(item, "origin");
    route->by_itself = route->answer != WR_ANSWER_ORIGIN || route->maintenance.on;
    route->cache.key.match = route->match.key_line;
    if (route->origin)
        inherit_patience(item, route);
    check_groups(r, item, route);
    if (item->kind != WR_NODE_MAP)
        return;
    if (route->answer == WR_ANSWER_ORIGIN) {
        if (origin == NULL)
            wr_policy_error(r->errors, item->place, "origin is missing here");
        return;
    }
    if (origin)
        wr_policy_error(r->errors, origin->place, "origin: %s answers without it: remove one of the two",
                        route->answer == WR_ANSWER_REDIRECT ? "redirect" : "respond");
    route->cache.enabled = false;
}
