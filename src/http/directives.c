/* SPDX-License-Identifier: BSD-2-Clause */
/* Reads directives of Cache-Control, Pragma and targeted fields into structs. Tables say which directive
 * fills which member, and how errors are treated. */
#include "http/directives.h"

#include <stddef.h>

#include "http/chars.h"
#include "http/structured.h"

enum kind {
    FLAG,      /* bool */
    LIFETIME,  /* int64_t; 0 if malformed */
    LENIENCE,  /* int64_t; ignored if malformed */
    STALENESS, /* as LENIENCE, but the value may be missing: WR_DELTA_MAX then */
    FIELDS,    /* bool, and a slice of field names that limit it */
};

struct rule {
    struct wr_slice name;
    enum kind kind;
    size_t at, fields; /* offsets within the struct */
};

#define RULE(type, name, kind, member)                              \
    {                                                               \
        WR_SLICE_INIT(name), kind, offsetof(struct type, member), 0 \
    }

static const struct rule request_rules[] = {
    RULE(wr_request_directives, "max-age", LIFETIME, max_age),
    RULE(wr_request_directives, "min-fresh", LENIENCE, min_fresh),
    RULE(wr_request_directives, "max-stale", STALENESS, max_stale),
    RULE(wr_request_directives, "no-cache", FLAG, no_cache),
    RULE(wr_request_directives, "no-store", FLAG, no_store),
    RULE(wr_request_directives, "no-transform", FLAG, no_transform),
    RULE(wr_request_directives, "only-if-cached", FLAG, only_if_cached),
};

static const struct rule response_rules[] = {
    RULE(wr_response_directives, "max-age", LIFETIME, max_age),
    RULE(wr_response_directives, "s-maxage", LIFETIME, s_maxage),
    RULE(wr_response_directives, "stale-while-revalidate", LENIENCE, stale_while_revalidate),
    RULE(wr_response_directives, "stale-if-error", LENIENCE, stale_if_error),
    RULE(wr_response_directives, "no-store", FLAG, no_store),
    RULE(wr_response_directives, "no-transform", FLAG, no_transform),
    RULE(wr_response_directives, "must-revalidate", FLAG, must_revalidate),
    RULE(wr_response_directives, "proxy-revalidate", FLAG, proxy_revalidate),
    RULE(wr_response_directives, "must-understand", FLAG, must_understand),
    RULE(wr_response_directives, "immutable", FLAG, immutable),
    RULE(wr_response_directives, "public", FLAG, is_public),
    { WR_SLICE_INIT("no-cache"), FIELDS, offsetof(struct wr_response_directives, no_cache),
      offsetof(struct wr_response_directives, no_cache_fields) },
    { WR_SLICE_INIT("private"), FIELDS, offsetof(struct wr_response_directives, is_private),
      offsetof(struct wr_response_directives, private_fields) },
};

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static const struct wr_request_directives no_request_directives = { .max_age = WR_DELTA_NONE,
                                                                    .min_fresh = WR_DELTA_NONE,
                                                                    .max_stale = WR_DELTA_NONE };
static const struct wr_response_directives no_response_directives = { .max_age = WR_DELTA_NONE,
                                                                      .s_maxage = WR_DELTA_NONE,
                                                                      .stale_while_revalidate = WR_DELTA_NONE,
                                                                      .stale_if_error = WR_DELTA_NONE };

bool wr_delta_parse(struct wr_slice s, int64_t *out)
{
    uint64_t n;
    if (!wr_chars_all(s, WR_CHAR_DIGIT))
        return false;
    *out = wr_slice_u64(s, (uint64_t) WR_DELTA_MAX, &n) ? (int64_t) n : WR_DELTA_MAX;
    return true;
}

/* A directive of Cache-Control. */
struct directive {
    struct wr_slice name;
    struct wr_slice value; /* without quotes; at == NULL: none */
    bool malformed;        /* white space around '=', a quote that doesn't end */
};

static struct directive split_directive(struct wr_slice item)
{
    struct directive d = { .value = item };
    struct wr_slice name = wr_slice_cut(&d.value, '=');
    d.name = wr_slice_trim(name);
    if (d.value.at == NULL)
        return d;
    struct wr_slice value = wr_slice_trim(d.value);
    d.malformed = name.len != d.name.len || value.len != d.value.len;
    d.value = value;
    if (value.len > 0 && value.at[0] == '"') {
        if (wr_quoted_span(value) == value.len)
            d.value = wr_slice(value.at + 1, value.len - 2);
        else
            d.malformed = true;
    }
    return d;
}

static void apply_lifetime(int64_t *to, const struct directive *d)
{
    int64_t seconds;
    if (d->malformed || !wr_delta_parse(d->value, &seconds))
        *to = 0;
    else if (*to == WR_DELTA_NONE)
        *to = seconds;
}

static void apply_lenience(int64_t *to, const struct directive *d)
{
    int64_t seconds;
    if (!d->malformed && *to == WR_DELTA_NONE && wr_delta_parse(d->value, &seconds))
        *to = seconds;
}

/* Field names limit the directive to those fields. Without names, or with two lists of them, it is about
 * the whole response. */
static void apply_fields(bool *whole, struct wr_slice *fields, const struct directive *d)
{
    if (d->value.len == 0 || d->malformed || fields->at != NULL)
        *whole = true;
    else
        *fields = d->value;
}

static void apply(const struct rule *rule, void *to, const struct directive *d)
{
    void *at = (char *) to + rule->at;
    switch (rule->kind) {
    case FLAG:
        *(bool *) at = true;
        break;
    case LIFETIME:
        apply_lifetime(at, d);
        break;
    case LENIENCE:
        apply_lenience(at, d);
        break;
    case STALENESS:
        if (d->value.at == NULL && *(int64_t *) at == WR_DELTA_NONE)
            *(int64_t *) at = WR_DELTA_MAX;
        else
            apply_lenience(at, d);
        break;
    case FIELDS:
        apply_fields(at, (struct wr_slice *) (void *) ((char *) to + rule->fields), d);
        break;
    }
}

static const struct rule *find_rule(const struct rule *rules, size_t count, struct wr_slice name)
{
    for (size_t i = 0; i < count; i++)
        if (wr_slice_eq_nocase(rules[i].name, name))
            return &rules[i];
    return NULL;
}

static void read_cache_control(const struct wr_head *h, const struct rule *rules, size_t count, void *to)
{
    const struct wr_field *f = NULL;
    while ((f = wr_head_next(h, WR_F_CACHE_CONTROL, f))) {
        struct wr_list list = wr_list(f->value);
        struct wr_slice item;
        while (wr_list_next(&list, &item)) {
            struct directive d = split_directive(item);
            const struct rule *rule = find_rule(rules, count, d.name);
            if (rule)
                apply(rule, to, &d);
        }
    }
}

static bool pragma_says_no_cache(const struct wr_head *h)
{
    const struct wr_field *f = NULL;
    while ((f = wr_head_next(h, WR_F_PRAGMA, f))) {
        struct wr_list list = wr_list(f->value);
        struct wr_slice item;
        while (wr_list_next(&list, &item))
            if (wr_slice_eq_nocase(item, WR_SLICE("no-cache")))
                return true;
    }
    return false;
}

void wr_directives_of_request(const struct wr_head *h, struct wr_request_directives *out)
{
    *out = no_request_directives;
    read_cache_control(h, request_rules, COUNT(request_rules), out);
    out->pragma_no_cache = !wr_head_get(h, WR_F_CACHE_CONTROL) && pragma_says_no_cache(h);
}

void wr_directives_of_response(const struct wr_head *h, struct wr_response_directives *out)
{
    *out = no_response_directives;
    read_cache_control(h, response_rules, COUNT(response_rules), out);
}

/* Applies one member of a targeted field. A key may come twice, and then the later value replaces the
 * earlier one; so values are set here, not accumulated. */
static void apply_member(const struct wr_sf_member *m, struct wr_response_directives *to)
{
    const struct rule *rule = find_rule(response_rules, COUNT(response_rules), m->key);
    if (rule == NULL)
        return;
    void *at = (char *) to + rule->at;
    if (rule->kind == FLAG) {
        if (m->type == WR_SF_BOOLEAN)
            *(bool *) at = m->number;
    } else if (rule->kind == FIELDS) {
        struct wr_slice *fields = (struct wr_slice *) (void *) ((char *) to + rule->fields);
        if (m->type == WR_SF_BOOLEAN || m->type == WR_SF_STRING) {
            bool named = m->type == WR_SF_STRING && m->text.len > 0;
            *fields = named ? m->text : wr_slice(NULL, 0);
            *(bool *) at = !named && (m->type == WR_SF_STRING || m->number);
        }
    } else if (m->type == WR_SF_INTEGER) {
        *(int64_t *) at = m->number < 0 ? 0 : m->number > WR_DELTA_MAX ? WR_DELTA_MAX : m->number;
    }
}

bool wr_directives_of_targeted_named(const struct wr_head *h, struct wr_slice name,
                                     struct wr_response_directives *out)
{
    struct wr_response_directives read = no_response_directives;
    const struct wr_field *f = NULL;
    size_t members = 0, lines = 0, empty = 0;
    *out = no_response_directives;
    for (; (f = wr_head_named(h, name, f)); lines++) {
        empty += f->value.len == 0;
        struct wr_sf_reader r = { .rest = f->value };
        struct wr_sf_member m;
        enum wr_sf_status status;
        for (; (status = wr_sf_dictionary_next(&r, &m)) == WR_SF_MEMBER; members++)
            apply_member(&m, &read);
        if (status == WR_SF_INVALID)
            return false;
    }
    if (members == 0 || (empty > 0 && lines > 1)) /* an empty line makes an empty member (RFC 9651 4.2) */
        return false;
    *out = read;
    return true;
}

bool wr_directives_of_targeted(const struct wr_head *h, enum wr_field_id id,
                               struct wr_response_directives *out)
{
    return wr_directives_of_targeted_named(h, wr_field_name(id), out);
}
