/* SPDX-License-Identifier: BSD-2-Clause */
/* Writes a JSON Schema from options.def and kinds.def. The words for the manual ("duration | none") say which
 * values an option takes; each of them has its schema here. */
#include "policy/schema.h"

#include "base/json.h"
#include "policy/options.h"

#define ANY "{\"type\": [\"string\", \"number\", \"boolean\"]}" /* YAML takes 1 and on for more than text */
#define ON "{\"enum\": [\"on\", \"true\", true]}"
#define OFF "{\"enum\": [\"off\", \"false\", false]}"
#define VARIABLE "{\"$ref\": \"#/definitions/variable\"}"
#define VALUES "{\"anyOf\": [" ANY ", {\"type\": \"array\", \"items\": " ANY "}]}"
#define TEXT "{\"type\": \"string\"}"
#define DURATION "{\"type\": \"string\", \"pattern\": \"^[0-9]+(ms|s|m|h|d)$\"}"
#define STATUSES "^([2-5][0-9][0-9]|[2-5][xX][xX])$"

/* The words that kinds.def has for values. */
static const struct {
    const char *word, *schema;
} values[] = {
    { "on", ON },
    { "off", OFF },
    { "none", "{\"const\": \"none\"}" },
    { "auto", "{\"const\": \"auto\"}" },
    { "stderr", "{\"const\": \"stderr\"}" },
    { "duration", DURATION },
    { "size", "{\"type\": \"string\", \"pattern\": \"^[0-9]+(B|KB|MB|GB)$\"}" },
    { "size/s", "{\"type\": \"string\", \"pattern\": \"^[0-9]+(B|KB|MB|GB)(/s)?$\"}" },
    { "percentage", "{\"type\": \"string\", \"pattern\": \"^[0-9]+%$\"}" },
    { "rate", "{\"type\": \"string\", \"pattern\": \"^[0-9]+ */ *[0-9]*(ms|s|m|h|d)$\"}" },
    { "status", "{\"type\": \"integer\", \"minimum\": 200, \"maximum\": 599}" },
    { "name", ANY },
    { "text", ANY },
    { "file", TEXT },
    { "path", TEXT },
    { "URL", TEXT },
    { "address", TEXT },
    { "IP address", TEXT },
    { "host:port", TEXT },
    { "host or host:port", TEXT },
    { "regular expression", TEXT },
    { "method and URL", TEXT },
    { "mapping of names to values", "{\"type\": \"object\", \"additionalProperties\": " VALUES "}" },
    { "mapping of statuses to durations",
      "{\"type\": \"object\", \"additionalProperties\": false, "
      "\"patternProperties\": {\"" STATUSES "\": {\"anyOf\": [" DURATION ", " VARIABLE "]}}}" },
    { "mapping of statuses to files",
      "{\"type\": \"object\", \"additionalProperties\": false, \"properties\": {\"origin\": {\"anyOf\": [" ON
      ", " OFF "]}}, \"patternProperties\": {\"" STATUSES "\": " TEXT "}}" },
};

/* Appends the alternatives of an "anyOf", which the caller opens and closes. */
struct alternatives {
    struct wr_buf *out;
    bool more;
};

/* Begins the next alternative. */
static void begin(struct alternatives *c)
{
    if (c->more)
        wr_buf_add_str(c->out, ", ");
    c->more = true;
}

static void add(struct alternatives *c, const char *schema)
{
    begin(c);
    wr_buf_add_str(c->out, schema);
}

static void add_section(struct alternatives *c, const char *definition)
{
    begin(c);
    wr_buf_printf(c->out, "{\"$ref\": \"#/definitions/%s\"}", definition);
}

static void add_words(struct alternatives *c, const struct wr_words *words)
{
    begin(c);
    wr_buf_add_str(c->out, "{\"enum\": [");
    for (size_t i = 0; i < words->count; i++) {
        wr_buf_add_str(c->out, i ? ", " : "");
        wr_json_string(c->out, wr_slice_str(words->at[i].text));
    }
    wr_buf_add_str(c->out, "]}");
}

static void add_number(struct alternatives *c, const struct wr_option *o)
{
    const char *dots = strstr(o->range, "..");
    WR_CHECK(dots != NULL);
    begin(c);
    wr_buf_printf(c->out, "{\"type\": \"%s\", \"minimum\": %.*s, \"maximum\": %s}",
                  o->kind->read == wr_read_number ? "number" : "integer", (int) (dots - o->range), o->range,
                  dots + 2);
}

static void add_value(struct alternatives *c, const struct wr_option *o, struct wr_slice word)
{
    if (wr_slice_eq(word, WR_SLICE("number"))) {
        add_number(c, o);
        return;
    }
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++)
        if (wr_slice_eq(word, wr_slice_str(values[i].word))) {
            add(c, values[i].schema);
            return;
        }
    WR_CHECK(!"a word of kinds.def without a schema");
}

/* Each value that the kind's word names: "number | auto". A kind of words has these instead. */
static void add_values(struct alternatives *c, const struct wr_option *o)
{
    struct wr_slice rest = wr_slice_str(o->kind->word), word;
    if (o->kind->words) {
        add_words(c, o->kind->words);
    } else {
        while ((word = wr_slice_trim(wr_slice_cut(&rest, '|'))).len > 0)
            add_value(c, o, word);
    }
}

/* A list of scalars, one of which may stand alone. */
static void add_list(struct alternatives *c, const struct wr_option *o)
{
    const struct wr_words *words = o->kind->words;
    if (words)
        add_words(c, words);
    else
        add(c, ANY);
    begin(c);
    wr_buf_add_str(c->out, "{\"type\": \"array\", \"items\": ");
    struct alternatives items = { c->out, false };
    if (words &&
        strchr(o->kind->word, '|') == NULL) /* else the words stand alone, or a list of something else */
        add_words(&items, words);
    else
        add(&items, ANY);
    wr_buf_add_char(c->out, '}');
}

/* A list of sections, one of which may stand alone, and an item of which may be an address. */
static void add_items(struct alternatives *c, const struct wr_option *o, const char *definition)
{
    if (wr_slice_starts(wr_slice_str(o->kind->word), WR_SLICE("off |")))
        add(c, OFF);
    begin(c);
    wr_buf_printf(c->out, "{\"$ref\": \"#/definitions/%s_item\"}", definition);
    wr_buf_printf(c->out, ", {\"type\": \"array\", \"items\": {\"$ref\": \"#/definitions/%s_item\"}}",
                  definition);
}

/* The names of definitions: the sections, as options.def calls them. */
static const char *const section_names[WR_SECTION_COUNT] = {
#define SECTION(id, type, path, about) [WR_SECTION_##id] = #id,
#include "policy/options.def"
};

static void write_option(struct wr_buf *out, const struct wr_option *o)
{
    struct alternatives c = { out, false };
    const char *sub = section_names[o->kind->sub];
    wr_json_string(out, wr_slice_str(o->key));
    wr_buf_add_str(out, ": {");
    if (o->help || o->manual) {
        wr_buf_add_str(out, "\"description\": ");
        wr_json_string(out, wr_slice_str(o->manual ? o->manual : o->help));
        wr_buf_add_str(out, ", ");
    }
    wr_buf_add_str(out, "\"anyOf\": [");
    switch (o->kind->shape) {
    case WR_SHAPE_SCALAR:
        add_values(&c, o);
        add(&c, VARIABLE);
        break;
    case WR_SHAPE_LIST:
        add_list(&c, o);
        break;
    case WR_SHAPE_TABLE:
        add_values(&c, o);
        break;
    case WR_SHAPE_CHOICE:
        add(&c, ANY); /* a switch, or a name */
        add_section(&c, sub);
        break;
    case WR_SHAPE_SWITCH:
        add(&c, ON);
        add(&c, OFF);
        add_section(&c, sub);
        break;
    case WR_SHAPE_MAP:
        add_section(&c, o->flags & WR_OPTION_ONCE ? "defaults" : sub);
        break;
    case WR_SHAPE_ITEMS:
        add_items(&c, o, sub);
        break;
    case WR_SHAPE_NAMED:
        wr_buf_printf(out,
                      "{\"type\": \"object\", \"additionalProperties\": false, \"patternProperties\": "
                      "{\"^[A-Za-z0-9._-]{1,64}$\": {\"$ref\": \"#/definitions/%s\"}}}",
                      sub);
        break;
    case WR_SHAPE_REFUSED:
        break;
    }
    wr_buf_add_str(out, "]}");
}

/* Appends the members of an object schema. partial: what belongs to single routes is left out, and nothing is
 * required. */
static void write_section(struct wr_buf *out, enum wr_section section, bool partial)
{
    struct wr_buf required = { 0 };
    const char *before = "";
    wr_buf_add_str(out, "\"type\": \"object\", \"additionalProperties\": false, \"properties\": {");
    for (size_t i = 0; i < wr_option_count; i++) {
        const struct wr_option *o = &wr_options[i];
        if (o->section != section || o->kind->shape == WR_SHAPE_REFUSED ||
            (partial && (o->flags & WR_OPTION_SINGLE)))
            continue;
        wr_buf_printf(out, "%s\n    ", before);
        write_option(out, o);
        before = ",";
        if (o->flags & WR_OPTION_REQUIRED)
            wr_buf_printf(&required, "%s\"%s\"", required.len ? ", " : "", o->key);
    }
    wr_buf_add_char(out, '}');
    if (required.len && !partial)
        wr_buf_printf(out, ", \"required\": [%.*s]", WR_SLICE_ARG(wr_buf_slice(&required)));
    wr_buf_fini(&required);
}

/* An item of a list of sections; where the section has an address, this may stand alone. */
static void write_item(struct wr_buf *out, enum wr_section section)
{
    const char *name = section_names[section];
    bool addressed = wr_option_of(section, WR_SLICE("address")) != NULL;
    wr_buf_printf(out, ",\n  \"%s_item\": {\"anyOf\": [%s{\"$ref\": \"#/definitions/%s\"}]}", name,
                  addressed ? TEXT ", " : "", name);
}

void wr_schema_write(struct wr_buf *out)
{
    wr_buf_add_str(
        out, "{\"$schema\": \"http://json-schema.org/draft-07/schema#\", \"title\": \"policy of weir\",\n"
             " \"definitions\": {\n  \"variable\": {\"type\": \"string\", \"pattern\": \"\\\\$\\\\{\"}");
    for (int section = WR_SECTION_policy + 1; section < WR_SECTION_COUNT; section++) {
        wr_buf_printf(out, ",\n  \"%s\": {", section_names[section]);
        write_section(out, (enum wr_section) section, false);
        wr_buf_add_char(out, '}');
    }
    wr_buf_add_str(out, ",\n  \"defaults\": {");
    write_section(out, WR_SECTION_route, true);
    wr_buf_add_char(out, '}');
    for (size_t i = 0; i < wr_option_count; i++)
        if (wr_options[i].kind->shape == WR_SHAPE_ITEMS)
            write_item(out, wr_options[i].kind->sub);
    wr_buf_add_str(out, "},\n ");
    write_section(out, WR_SECTION_policy, true);
    wr_buf_add_str(out, "}\n");
}
