/* SPDX-License-Identifier: BSD-2-Clause */
/* Collects the connections and the answers of one turn. At the turn's end it lets the connections work on
 * what has arrived, then the parked transactions look up their keys, then it sends all answers. */
#include "txn/batch.h"

#include <stdlib.h>

#define MEMBERS_MOST                                                                                   \
    16 /* a full batch is worked on at once, so that answers don't wait long and the data stays in the \
          caches */
#define ANSWER_MOST (8 * 1024) /* bytes; larger answers aren't copied */
#define BYTES_MOST (64 * 1024) /* bytes staged in all */
#define SHARES_MOST 64         /* runs of staged bytes */

/* A run of staged bytes for one member. */
struct share {
    struct wr_batch_member *member;
    size_t end; /* the offset behind its last byte */
};

struct wr_batch {
    struct wr_loop *loop;
    struct wr_note note;      /* posted for the end of the turn */
    struct wr_memory *memory; /* or NULL */
    TAILQ_HEAD(, wr_batch_member) members;
    unsigned count;
    enum { WAITS, LOOKS, ENDS } stage; /* LOOKS, ENDS: a flush follows */
    struct wr_batch_parking *parked[MEMBERS_MOST];
    unsigned parked_count;
    struct wr_buf bytes;
    struct share shares[SHARES_MOST];
    unsigned share_count;
};

/* Lets the parked transactions look into the memory store, after the memory that their keys lead to has been
 * fetched ahead for all of them. */
static void unpark(struct wr_batch *b)
{
    for (unsigned i = 0; i < b->parked_count; i++)
        if (b->parked[i])
            wr_memory_ahead(b->memory, b->parked[i]->key);
    for (unsigned i = 0; i < b->parked_count; i++)
        if (b->parked[i])
            b->parked[i]->go_on(b->parked[i]);
    b->parked_count = 0;
}

static void work(struct wr_batch *b)
{
    struct wr_batch_member *m;
    b->stage = LOOKS;
    while ((m = TAILQ_FIRST(&b->members)) != NULL) {
        wr_batch_remove(b, m);
        m->look(m);
    }
    b->stage = ENDS;
    unpark(b);
    b->stage = WAITS;
    wr_batch_flush(b);
}

static void on_turn_end(struct wr_note *note)
{
    work(WR_CONTAINER(note, struct wr_batch, note));
}

struct wr_batch *wr_batch_new(struct wr_worker *worker)
{
    struct wr_batch *b = calloc(1, sizeof *b);
    WR_CHECK(b != NULL);
    b->memory = worker->shared->memory;
    TAILQ_INIT(&b->members);
    b->loop = &worker->loop;
    wr_note_init(&b->note, b->loop, on_turn_end);
    return b;
}

void wr_batch_free(struct wr_batch *b)
{
    wr_note_fini(&b->note);
    wr_buf_fini(&b->bytes);
    free(b);
}

void wr_batch_add(struct wr_batch *b, struct wr_batch_member *m)
{
    if (m->queued)
        return;
    m->queued = true;
    TAILQ_INSERT_TAIL(&b->members, m, in_turn);
    if (++b->count == 1) {
        wr_note_post(&b->note);
    } else if (b->count == MEMBERS_MOST) {
        wr_loop_tick(b->loop);
        work(b);
    }
}

void wr_batch_remove(struct wr_batch *b, struct wr_batch_member *m)
{
    if (!m->queued)
        return;
    m->queued = false;
    TAILQ_REMOVE(&b->members, m, in_turn);
    b->count--;
}

bool wr_batch_park(struct wr_batch *b, struct wr_batch_parking *p)
{
    bool others = b->parked_count > 0 || !TAILQ_EMPTY(&b->members);
    if (b->stage != LOOKS || !others || b->parked_count == MEMBERS_MOST)
        return false;
    b->parked[b->parked_count++] = p;
    return true;
}

void wr_batch_forget(struct wr_batch *b, const struct wr_batch_parking *p)
{
    for (unsigned i = 0; i < b->parked_count; i++)
        if (b->parked[i] == p)
            b->parked[i] = NULL;
}

/* Sends what is staged. Returns false if the socket hasn't taken all that was staged for `whose`. */
static bool flush(struct wr_batch *b, const struct wr_batch_member *whose)
{
    size_t from = 0;
    bool taken = true;
    for (unsigned i = 0; i < b->share_count; i++) {
        struct share *s = &b->shares[i];
        s->member->staged = false;
        taken &= s->member->send(s->member, wr_slice(b->bytes.at + from, s->end - from)) ||
                 s->member != whose;
        from = s->end;
    }
    b->share_count = 0;
    wr_buf_clear(&b->bytes);
    return taken;
}

bool wr_batch_stage(struct wr_batch *b, struct wr_batch_member *m, const struct iovec *iov, int count,
                    size_t bytes)
{
    if (bytes > ANSWER_MOST)
        return false;
    struct share *last = b->share_count ? &b->shares[b->share_count - 1] : NULL;
    if (b->bytes.len + bytes > BYTES_MOST || (b->share_count == SHARES_MOST && last->member != m)) {
        if (!flush(b, m))
            return false;
        last = NULL;
    }
    if (last == NULL || last->member != m) {
        last = &b->shares[b->share_count++];
        last->member = m;
    }
    for (int i = 0; i < count; i++)
        wr_buf_add(&b->bytes, iov[i].iov_base, iov[i].iov_len);
    last->end = b->bytes.len;
    m->staged = true;
    if (b->stage == WAITS)
        wr_note_post(&b->note);
    return true;
}

void wr_batch_flush(struct wr_batch *b)
{
    flush(b, NULL);
}
