/* SPDX-License-Identifier: BSD-2-Clause */
/* Makes conf/weir.yaml, conf/weir.schema.json and man/weir.yaml.5 from the table of options.
 *
 * policy_docs            compares them with the files in $srcdir (`make check` runs this)
 * policy_docs --write    writes them (`make policy-docs` runs this) */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "policy/options.h"
#include "policy/schema.h"

#define HELP_COLUMN 48
#define MANUAL_WIDTH 78

/* --- the sample: "# " begins prose, '#' and anything else an option at its default --- */

static bool in_words(const char *fallback)
{
    return fallback && fallback[0] == '(';
}

static void sample_help(struct wr_buf *out, const struct wr_option *o, size_t width)
{
    bool shown = o->example == NULL || (o->fallback && strcmp(o->example, o->fallback) == 0);
    if (o->help == NULL && o->kind->words == NULL)
        return;
    wr_buf_printf(out, "%*s# ", (int) (width < HELP_COLUMN ? HELP_COLUMN - width : 1), "");
    if (o->help)
        wr_buf_add_str(out, o->help);
    else
        wr_words_list(out, o->kind->words, " or ");
    if (in_words(o->fallback) && strcmp(o->fallback, "(none)") != 0)
        wr_buf_printf(out, "; default: %.*s", (int) strlen(o->fallback) - 2, o->fallback + 1);
    else if (!shown && o->fallback && !in_words(o->fallback))
        wr_buf_printf(out, "; default: %s", o->fallback);
}

/* Appends an empty line before a section of the top level, unless there is one. */
static void sample_gap(struct wr_buf *out)
{
    if (out->len > 1 && out->at[out->len - 2] != '\n')
        wr_buf_add_char(out, '\n');
}

static void sample_section(struct wr_buf *out, enum wr_section section, int indent, bool live, bool dash);

/* Appends the line of one option, and the lines of the section that it holds. */
static void sample_option(struct wr_buf *out, const struct wr_option *o, int indent, bool live, bool dash)
{
    enum wr_shape shape = o->kind->shape;
    const char *value = o->example ? o->example : o->fallback ? o->fallback : "";
    bool again = o->flags & WR_OPTION_ONCE; /* its section is shown where it belongs */
    bool below = o->kind->sub != WR_SECTION_NONE && !again;
    live = live && (o->flags & WR_OPTION_SAMPLED);
    bool apart = below && indent == 0;
    if (apart)
        sample_gap(out);
    size_t begin = out->len;
    wr_buf_printf(out, "%s%*s%s:", live ? "" : "#", indent, dash ? "- " : "", o->key);
    if (!below)
        wr_buf_printf(out, " %s", value);
    sample_help(out, o, out->len - begin);
    wr_buf_add_char(out, '\n');
    indent += 2;
    if (shape == WR_SHAPE_NAMED && below) {
        wr_buf_printf(out, "%s%*s%s:\n", live ? "" : "#", indent, "", o->example);
        indent += 2;
    }
    if (below)
        sample_section(out, o->kind->sub, shape == WR_SHAPE_ITEMS ? indent + 2 : indent, live,
                       shape == WR_SHAPE_ITEMS);
    if (apart)
        sample_gap(out);
}

static void sample_section(struct wr_buf *out, enum wr_section section, int indent, bool live, bool dash)
{
    for (size_t i = 0; i < wr_option_count; i++) {
        const struct wr_option *o = &wr_options[i];
        if (o->section != section || o->kind->shape == WR_SHAPE_REFUSED || (o->flags & WR_OPTION_ALIAS))
            continue;
        sample_option(out, o, indent, live, dash);
        dash = false;
    }
}

/* The end of the sample. tests/e2e/test_applications.py compares it with weir-apps(7). */
static const char APPLICATIONS[] =
    "# Applications by name: the cache of their route. weir-apps(7) has the whole policies, and what to set "
    "in the "
    "application.\n"
    "#   WordPress: { ttl: 10m, grace: 1m, stale_if_error: 1d, cookies: [\"wordpress_logged_in_*\", "
    "\"wordpress_sec_*\", \"wp-postpass_*\",\n"
    "#                \"comment_author_*\", \"woocommerce_*\", \"wp_woocommerce_session_*\", \"edd_*\"] }\n"
    "#   MediaWiki: { grace: 1m, stale_if_error: 1d, cookies: [\"*_session\", \"*UserID\", \"*UserName\", "
    "\"*Token\", \"*LoggedOut\"] }\n"
    "#   Drupal:    { grace: 1m, stale_if_error: 1d, cookies: [\"SESS*\", \"SSESS*\", NO_CACHE] }\n"
    "#   Django:    { ttl: 1m, grace: 30s, stale_if_error: 1d, cookies: [sessionid, csrftoken, messages] }\n"
    "#   Express:   { ttl: 1m, grace: 30s, stale_if_error: 1d, cookies: [connect.sid] }\n";

static void make_sample(struct wr_buf *out)
{
    wr_buf_add_str(
        out,
        "# yaml-language-server: $schema=/usr/local/share/weir/weir.schema.json\n"
        "# The policy of weir: every option there is. What is commented out shows the default, or an example "
        "where the\n"
        "# default is nothing. weir.yaml(5) explains each of them. To check a file:  weir check FILE\n\n");
    sample_section(out, WR_SECTION_policy, 0, true, false);
    wr_buf_add_str(out, APPLICATIONS);
}

/* --- the manual --- */

/* Appends a word so that troff prints it unchanged. */
static void add_literal(struct wr_buf *out, struct wr_slice s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (s.at[i] == '\\')
            wr_buf_add_str(out, "\\e");
        else if (s.at[i] == '-')
            wr_buf_add_str(out, "\\-");
        else if (s.at[i] == '~' || s.at[i] == '^')
            wr_buf_add_str(out, s.at[i] == '~' ? "\\(ti" : "\\(ha");
        else
            wr_buf_add_char(out, s.at[i]);
    }
}

static void add_bold(struct wr_buf *out, struct wr_slice s)
{
    wr_buf_add_str(out, "\\fB");
    add_literal(out, s);
    wr_buf_add_str(out, "\\fR");
}

/* Appends text; sets `code` in bold. */
static void add_prose(struct wr_buf *out, const char *text)
{
    struct wr_slice rest = wr_slice_str(text);
    for (bool code = false; rest.at; code = !code) {
        struct wr_slice part = wr_slice_cut(&rest, '`');
        if (code)
            add_bold(out, part);
        else
            wr_buf_add_slice(out, part);
    }
}

/* Breaks the text into lines. Each sentence begins a new line, which is the custom in troff. */
static void add_filled(struct wr_buf *out, struct wr_slice text)
{
    size_t column = 0;
    bool ended = false;
    while (text.at) {
        struct wr_slice word = wr_slice_cut(&text, ' ');
        if (word.len == 0)
            continue;
        if (column && (ended || column + 1 + word.len > MANUAL_WIDTH)) {
            wr_buf_add_char(out, '\n');
            column = 0;
        }
        if (column) {
            wr_buf_add_char(out, ' ');
            column++;
        } else if (word.at[0] == '.' || word.at[0] == '\'') {
            wr_buf_add_str(out, "\\&");
        }
        wr_buf_add_slice(out, word);
        column += word.len;
        ended = word.at[word.len - 1] == '.' && word.len > 1;
    }
    wr_buf_add_char(out, '\n');
}

/* Appends what each word of an option does, then the list of words. */
static void add_words(struct wr_buf *out, const struct wr_words *words)
{
    for (size_t i = 0; i < words->count; i++) {
        if (words->at[i].about == NULL)
            continue;
        wr_buf_add_char(out, ' ');
        add_bold(out, wr_slice_str(words->at[i].text));
        add_prose(out, words->at[i].about);
    }
    for (size_t i = 0; i < words->count; i++) {
        wr_buf_add_str(out, i == 0 ? " One of " : ", ");
        add_bold(out, wr_slice_str(words->at[i].text));
    }
    wr_buf_add_char(out, '.');
}

static void add_range(struct wr_buf *out, const char *range)
{
    const char *dots = strstr(range, "..");
    wr_buf_add_str(out, " From ");
    add_bold(out, wr_slice(range, (size_t) (dots - range)));
    wr_buf_add_str(out, " to ");
    add_bold(out, wr_slice_str(dots + 2));
    wr_buf_add_char(out, '.');
}

static void manual_option(struct wr_buf *out, const struct wr_option *o)
{
    struct wr_buf text = { 0 };
    wr_buf_printf(out, ".TP\n\\fB%s:\\fR \\fI%s\\fR\n", o->key, o->kind->word);
    add_prose(&text, o->manual);
    if (o->kind->words)
        add_words(&text, o->kind->words);
    if (o->range)
        add_range(&text, o->range);
    if (o->flags & WR_OPTION_REQUIRED) {
        wr_buf_add_str(&text, " Required.");
    } else if (in_words(o->fallback)) {
        wr_buf_printf(&text, " Default: %.*s.", (int) strlen(o->fallback) - 2, o->fallback + 1);
    } else if (o->fallback) {
        wr_buf_add_str(&text, " Default: ");
        add_bold(&text, wr_slice_str(o->fallback));
        wr_buf_add_char(&text, '.');
    }
    add_filled(out, wr_buf_slice(&text));
    wr_buf_fini(&text);
}

static void manual_options(struct wr_buf *out)
{
    for (int section = WR_SECTION_NONE + 1; section < WR_SECTION_COUNT; section++) {
        const struct wr_section_info *info = &wr_sections[section];
        wr_buf_printf(out, ".SS %s\n", info->path[0] ? info->path : "Top level");
        if (info->about[0]) {
            struct wr_buf text = { 0 };
            add_prose(&text, info->about);
            add_filled(out, wr_buf_slice(&text));
            wr_buf_fini(&text);
        }
        for (size_t i = 0; i < wr_option_count; i++) {
            if (wr_options[i].section == (enum wr_section) section &&
                wr_options[i].kind->shape != WR_SHAPE_REFUSED)
                manual_option(out, &wr_options[i]);
        }
    }
}

/* --- files --- */

static void read_file(const char *root, const char *name, struct wr_buf *out)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", root, name);
    FILE *f = fopen(path, "r");
    for (size_t got = 1; f && got > 0; out->len += got)
        got = fread(wr_buf_reserve(out, 65536), 1, 65536, f);
    if (f == NULL || ferror(f)) {
        fprintf(stderr, "%s: %s\n", path, strerror(errno));
        exit(1);
    }
    fclose(f);
}

static void write_file(const char *root, const char *name, const struct wr_buf *text)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", root, name);
    FILE *f = fopen(path, "w");
    bool written = f && fwrite(text->at, 1, text->len, f) == text->len;
    if (!written || fclose(f) != 0) {
        fprintf(stderr, "%s: %s\n", path, strerror(errno));
        exit(1);
    }
}

/* Makes the manual from man/weir.yaml.5.in: its prose is written by hand, and one line of it is replaced by
 * the options. */
static void make_manual(const char *root, struct wr_buf *out)
{
    struct wr_buf frame = { 0 };
    read_file(root, "man/weir.yaml.5.in", &frame);
    struct wr_slice rest = wr_buf_slice(&frame);
    while (rest.len) {
        struct wr_slice line = wr_slice_cut(&rest, '\n');
        if (wr_slice_eq(line, WR_SLICE("@OPTIONS@")))
            manual_options(out);
        else
            wr_buf_printf(out, "%.*s\n", WR_SLICE_ARG(line));
    }
    wr_buf_fini(&frame);
}

static int settle(const char *root, const char *name, struct wr_buf *made, bool write)
{
    struct wr_buf there = { 0 };
    if (write)
        write_file(root, name, made);
    read_file(root, name, &there);
    bool same = wr_slice_eq(wr_buf_slice(&there), wr_buf_slice(made));
    if (!same)
        fprintf(stderr, "%s is not what src/policy/options.def says: run `make policy-docs`\n", name);
    wr_buf_fini(&there);
    wr_buf_fini(made);
    return same ? 0 : 1;
}

/* Reports each option without an explanation. Returns their number. */
static int count_silent(void)
{
    int silent = 0;
    for (const struct wr_option *o = wr_options; o < wr_options + wr_option_count; o++) {
        bool by_words = o->kind->words && o->kind->words->at[0].about;
        if (o->manual || by_words || o->kind->shape == WR_SHAPE_REFUSED)
            continue;
        fprintf(stderr, "src/policy/options.def: %s of section \"%s\" has no .manual\n", o->key,
                wr_sections[o->section].path);
        silent++;
    }
    return silent;
}

int main(int argc, char **argv)
{
    const char *root = getenv("srcdir") ? getenv("srcdir") : ".";
    bool write = argc > 1 && strcmp(argv[1], "--write") == 0;
    struct wr_buf sample = { 0 }, manual = { 0 }, schema = { 0 };
    make_sample(&sample);
    make_manual(root, &manual);
    wr_schema_write(&schema);
    return count_silent() + settle(root, "conf/weir.yaml", &sample, write) +
           settle(root, "conf/weir.schema.json", &schema, write) +
           settle(root, "man/weir.yaml.5", &manual, write);
}
