#include "cache/variants.h"

#include <stdlib.h>
#include <string.h>

static void take_out(struct wr_variants *v, unsigned i)
{
    v->count--;
    memmove(v->of + i, v->of + i + 1, (v->count - i) * sizeof *v->of);
}

static void make_room(struct wr_variants **v)
{
    unsigned count = *v ? (*v)->count : 0, room = *v ? (*v)->room * 2 : 4;
    *v = realloc(*v, sizeof **v + room * sizeof *(*v)->of);
    WR_CHECK(*v != NULL);
    (*v)->count = count;
    (*v)->room = room;
}

bool wr_variants_add(struct wr_variants **v, struct wr_hash variant, struct wr_hash *oldest)
{
    bool full = false;
    for (unsigned i = 0; *v && i < (*v)->count; i++)
        if (wr_hash_eq((*v)->of[i], variant)) {
            take_out(*v, i);
            break;
        }
    if (*v && (*v)->count == WR_MAX_VARIANTS) {
        full = true;
        *oldest = (*v)->of[0];
        take_out(*v, 0);
    }
    if (*v == NULL || (*v)->count == (*v)->room)
        make_room(v);
    (*v)->of[(*v)->count++] = variant;
    return full;
}
