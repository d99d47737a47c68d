/* SPDX-License-Identifier: BSD-2-Clause */
/* Reads included files and joins them with the policy. */
#include "policy/include.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <sys/stat.h>
#include <unistd.h>

#include "policy/options.h"

#define LARGEST_FILE (64 << 20)
#define DEEPEST_INCLUDE 16

struct seen_file { /* a file that has been read, or is being read */
    struct seen_file *older;
    dev_t device;
    ino_t inode;
    unsigned index; /* wr_place.file */
    bool open;      /* it is being read: to include it again would never end */
};

struct joiner {
    struct wr_arena *arena;
    struct wr_policy_errors *errors;
    struct wr_tree_node *root; /* the joined mapping */
    struct seen_file *seen;
    int depth;
    bool unreadable; /* a file is missing in the tree */
};

/* --- files --- */

const char *wr_include_read(const char *path, bool included, struct wr_buf *out)
{
    struct stat about;
    ssize_t got = 1;
    int fd = open(path, O_RDONLY | O_CLOEXEC | (included ? O_NONBLOCK : 0));
    if (fd < 0)
        return strerror(errno);
    if (included && fstat(fd, &about) == 0 && !S_ISREG(about.st_mode)) {
        close(fd);
        return "it is not a file";
    }
    while (got > 0 && out->len <= LARGEST_FILE) {
        got = read(fd, wr_buf_reserve(out, 65536), 65536);
        out->len += got > 0 ? (size_t) got : 0;
    }
    const char *why = got < 0 ? strerror(errno) : out->len > LARGEST_FILE ? "it is larger than 64MB" : NULL;
    close(fd);
    return why;
}

/* Returns the file if it has been read already; else adds it and returns NULL. */
static const struct seen_file *see_file(struct joiner *j, const char *path, unsigned index)
{
    struct stat about;
    if (stat(path, &about) != 0) /* the policy itself, where it is no file */
        return NULL;
    for (const struct seen_file *s = j->seen; s; s = s->older)
        if (s->device == about.st_dev && s->inode == about.st_ino)
            return s;
    struct seen_file *new = wr_arena_alloc(j->arena, sizeof *new);
    *new = (struct seen_file){ j->seen, about.st_dev, about.st_ino, index, true };
    j->seen = new;
    return NULL;
}

/* --- joining --- */

static void join_maps(struct joiner *j, struct wr_tree_entry *first, const struct wr_tree_node *more)
{
    struct wr_tree_node *map = wr_tree_node_new(WR_NODE_MAP, first->value, j->arena);
    const struct wr_tree_node *both[] = { first->value, more };
    for (size_t i = 0; i < 2; i++)
        for (size_t k = 0; k < both[i]->count; k++)
            wr_tree_node_add(map, both[i]->entries[k].key, both[i]->entries[k].value, j->arena);
    first->value = map;
}

/* Adds an entry of another file whose key the mapping has already. */
static void join_entry(struct joiner *j, struct wr_tree_entry *first, const struct wr_tree_entry *more)
{
    const struct wr_option *o = wr_option_of(WR_SECTION_policy, more->key->text);
    enum wr_shape shape = o ? o->kind->shape : WR_SHAPE_SCALAR;
    bool lists = shape == WR_SHAPE_LIST || shape == WR_SHAPE_ITEMS,
         maps = shape == WR_SHAPE_NAMED && first->value->kind == WR_NODE_MAP &&
                more->value->kind == WR_NODE_MAP;
    if (lists)
        first->value = wr_tree_node_join(first->value, more->value, first->value, j->arena);
    else if (maps)
        join_maps(j, first, more->value);
    else
        wr_policy_error(j->errors, more->key->place, "\"%.*s\" stands in another file already: %s, line %d",
                        WR_SLICE_ARG(more->key->text), j->errors->files[first->key->place.file],
                        first->key->place.line);
}

static struct wr_tree_entry *entry_of(const struct wr_tree_node *map, struct wr_slice key, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (wr_slice_eq(map->entries[i].key->text, key))
            return &map->entries[i];
    return NULL;
}

/* --- including --- */

static void join_text(struct joiner *j, struct wr_slice text, unsigned file);

static void include_file(struct joiner *j, const struct wr_tree_node *item, const char *path)
{
    struct wr_buf text = { 0 };
    const char *why = wr_include_read(path, true, &text);
    const struct seen_file *seen = NULL;
    if (why == NULL)
        seen = see_file(j, path, (unsigned) j->errors->file_count);
    if (why)
        wr_policy_error(j->errors, item->place, "include: can't read %s: %s", path, why);
    else if (seen && seen->open)
        wr_policy_error(j->errors, item->place, "include: %s would include itself without end", path);
    else if (seen)
        wr_policy_error(j->errors, item->place, "include: %s is included already, as %s", path,
                        j->errors->files[seen->index]);
    else if (j->depth >= DEEPEST_INCLUDE)
        wr_policy_error(j->errors, item->place, "include: files include each other more than %d deep",
                        DEEPEST_INCLUDE);
    else {
        struct seen_file *own = j->seen;
        j->depth++;
        join_text(j, wr_buf_slice(&text), wr_policy_errors_file(j->errors, path));
        j->depth--;
        own->open = false;
    }
    j->unreadable = j->unreadable || why;
    wr_buf_fini(&text);
}

/* Includes the files that fit the pattern, sorted by their names. Without a '*' or the like it is one file.
 */
static void include_pattern(struct joiner *j, const struct wr_tree_node *item)
{
    const char *from = j->errors->files[item->place.file], *slash = strrchr(from, '/');
    const char *pattern =
        item->text.at[0] == '/' || slash == NULL
            ? item->text.at
            : wr_arena_printf(j->arena, "%.*s%s", (int) (slash + 1 - from), from, item->text.at).at;
    glob_t found;
    if (strpbrk(item->text.at, "*?[") == NULL) {
        include_file(j, item, pattern);
        return;
    }
    errno = 0;
    int result = glob(pattern, GLOB_ERR, NULL, &found); /* sorts by bytes: the process has the C locale */
    if (result != 0 && result != GLOB_NOMATCH && errno != ENOENT) {
        wr_policy_error(j->errors, item->place, "include: can't list %s: %s", pattern, strerror(errno));
        j->unreadable = true;
    }
    for (size_t i = 0; result == 0 && i < found.gl_pathc; i++)
        include_file(j, item, wr_arena_copy(j->arena, wr_slice_str(found.gl_pathv[i])).at);
    if (result == 0)
        globfree(&found);
}

/* Items that aren't words are left to the option's reader. */
static void include_all(struct joiner *j, const struct wr_tree_node *value)
{
    for (size_t i = 0; i < wr_tree_node_items(value); i++) {
        const struct wr_tree_node *item = wr_tree_node_item(value, i);
        if (item->kind == WR_NODE_SCALAR && !item->broken && item->text.len > 0 &&
            !wr_tree_node_is_null(item))
            include_pattern(j, item);
    }
}

static void join_map(struct joiner *j, const struct wr_tree_node *map)
{
    for (size_t i = 0; i < map->count; i++) {
        const struct wr_tree_entry *one = &map->entries[i], *twice = entry_of(map, one->key->text, i);
        struct wr_tree_entry *first = entry_of(j->root, one->key->text, j->root->count);
        if (twice)
            wr_policy_error(j->errors, one->key->place,
                            "the key \"%.*s\" stands here twice: first on line %d",
                            WR_SLICE_ARG(one->key->text), twice->key->place.line);
        else if (first)
            join_entry(j, first, one);
        else
            wr_tree_node_add(j->root, one->key, one->value, j->arena);
        if (!twice && wr_tree_node_is(one->key, "include"))
            include_all(j, one->value);
    }
}

static void join_text(struct joiner *j, struct wr_slice text, unsigned file)
{
    const struct wr_tree_node *root;
    if (!wr_tree_parse(text, file, j->arena, j->errors, &root))
        j->unreadable = true;
    else if (root && root->kind != WR_NODE_MAP)
        wr_policy_error(j->errors, root->place, "a mapping (key: value) belongs here, not a %s",
                        root->kind == WR_NODE_LIST ? "list" : "single value");
    else if (root) {
        if (file == 0)
            j->root->place = root->place;
        join_map(j, root);
    } else if (file == 0)
        wr_policy_error(j->errors, (struct wr_place){ 1, 1, file }, "the policy is empty");
}

const struct wr_tree_node *wr_include_join(struct wr_slice text, struct wr_arena *arena,
                                           struct wr_policy_errors *errors)
{
    struct joiner j = { .arena = arena, .errors = errors };
    j.root = wr_arena_zalloc(arena, sizeof *j.root);
    j.root->kind = WR_NODE_MAP;
    (void) see_file(&j, errors->files[0], 0);
    join_text(&j, text, 0);
    return j.unreadable || j.root->count == 0 ? NULL : j.root;
}
