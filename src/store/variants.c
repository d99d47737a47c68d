/* SPDX-License-Identifier: BSD-2-Clause */
/* The list of the variants under one VARY marker. It is an array in the order of storing, which grows by
 * doubling. */
#include "store/variants.h"

#include <stdlib.h>
#include <string.h>

static void take_out_variant(struct wr_variants *v, unsigned i)
{
    v->bytes -= v->of[i].bytes;
    v->count--;
    memmove(v->of + i, v->of + i + 1, (v->count - i) * sizeof *v->of);
}

static void grow_variants(struct wr_variants **v)
{
    unsigned room = *v ? (*v)->room * 2 : 4;
    bool first = *v == NULL;
    *v = realloc(*v, sizeof **v + room * sizeof *(*v)->of);
    WR_CHECK(*v != NULL);
    if (first)
        **v = (struct wr_variants){ .count = 0 };
    (*v)->room = room;
}

void wr_variants_add(struct wr_variants **v, struct wr_hash hash, uint64_t bytes)
{
    for (unsigned i = 0; *v && i < (*v)->count; i++)
        if (wr_hash_eq((*v)->of[i].hash, hash)) {
            take_out_variant(*v, i);
            break;
        }
    if (*v == NULL || (*v)->count == (*v)->room)
        grow_variants(v);
    (*v)->of[(*v)->count++] = (struct wr_variant){ hash, bytes };
    (*v)->bytes += bytes;
}

bool wr_variants_over(struct wr_variants *v, const struct wr_variants_bound *most, struct wr_variant *oldest)
{
    if (v == NULL || v->count < 2 || (v->count <= most->count && v->bytes <= most->bytes))
        return false;
    *oldest = v->of[0];
    take_out_variant(v, 0);
    return true;
}
