/* What purge.c, purger.c and journal.c share. */
#pragma once

#include "flight/flight_priv.h"
#include "flight/purger.h"

#define WR_JOURNAL_MOST 10000                      /* entries kept, roughly */
#define WR_JOURNAL_KEPT WR_SPAN_S(30 * 86400)
#define WR_PURGE_KEPT WR_SPAN_S(30 * 86400)        /* a generation that was purged; missing it reads as purged anyway */
#define WR_PURGE_PATIENCE WR_SPAN_S(2)               /* for Redis to take a purge: a second try costs more than waiting */
#define WR_RECENT_MOST 100                         /* without Redis: what `weirctl purges` shows */

/* A place in the journal. */
struct wr_journal_id {
    uint64_t ms, seq;
};
/* "ms-seq". false: no such thing. */
bool wr_journal_id_parse(struct wr_slice text, struct wr_journal_id *out) WR_MUST_USE;
static inline bool wr_journal_id_before(struct wr_journal_id a, struct wr_journal_id b)
{
    return a.ms != b.ms ? a.ms < b.ms : a.seq < b.seq;
}

/* The reader of the journal, on the main loop. */
struct wr_journal {
    struct wr_purger *purger;
    struct wr_call call;
    struct wr_buf key, node_key;
    struct wr_journal_id last;   /* what this node has done */
    bool known;                  /* last is */
    bool behind;                 /* there is, or may be, more to read */
    bool gap;                    /* whether `last` is still there has to be looked at */
    bool asked_gap;              /* ... and this question does */
    bool unheard;                /* what Redis reports as changed may not have been heard since */
    bool untold;                 /* last has not been written into the node's entry */
    struct wr_timer retry;
};
void wr_journal_init(struct wr_journal *j, struct wr_purger *p);
void wr_journal_fini(struct wr_journal *j);
/* It has grown; heard_all: or anything may have happened. */
void wr_journal_look(struct wr_journal *j, bool anything);
/* Appends a purge; call->done gets the id. */
enum wr_err wr_journal_append(struct wr_purger *p, struct wr_call *call, const struct wr_purge *purge, const char *who) WR_MUST_USE;
/* Fields of one entry as Redis gives it; of *purge the hashes only. false: not one of ours. */
bool wr_journal_entry(const struct wr_reply *reply, struct wr_journal_id *id, struct wr_purge_entry *out,
                      struct wr_purge *purge) WR_MUST_USE;

struct wr_purge_recent;

struct wr_purger {
    struct wr_loop *loop;
    struct wr_policy *policy;
    struct wr_shared *shared;
    struct wr_link *link;
    struct wr_shelf *shelf;
    const char *node;
    struct wr_journal journal;
    struct wr_buf nodes_key;
    pthread_mutex_t lock;         /* of wishes, and of each job's wait */
    TAILQ_HEAD(, wr_purge_job) wishes;
    struct wr_note note;          /* there are wishes */
    TAILQ_HEAD(, wr_purge_job) jobs;
    TAILQ_HEAD(, wr_purge_list) lists;
    struct wr_purge_recent *recent; /* without Redis: a ring */
    size_t recent_count;
};

/* Makes the generation in Redis newer; not for URLs. Thread: the link's owner. */
enum wr_err wr_purge_send(struct wr_gens *gens, struct wr_link *link, struct wr_call *call, struct wr_span patience,
                          const struct wr_purge *purge) WR_MUST_USE;
/* What it does in this process. Thread: any. */
void wr_purge_here(struct wr_shared *shared, const struct wr_purge *purge);
