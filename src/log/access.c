/* SPDX-License-Identifier: BSD-2-Clause */
/* Gathers access lines per thread and writes them on a thread of its own. Buffers that the writer can't
 * take in time are dropped and counted. */
#include "log/access.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/queue.h>

#include "log/line.h"
#include "log/log.h"
#include "log/writer.h"

#define BATCH_ROOM (64 * 1024)
#define BATCHES_WAITING 64 /* 4 MB; more lines are dropped */

/* The lines that one thread gathers. Only that thread uses it; wr_access_free() does so after the thread
 * has ended. */
struct gatherer {
    pthread_t thread;
    struct wr_log_batch *batch; /* NULL: empty */
    struct wr_buf line;         /* scratch */
    LIST_ENTRY(gatherer) entry;
};

struct wr_access {
    uint64_t id; /* unique in the process; an address can be used again */
    enum wr_access_format format;
    bool to_file;
    struct wr_log_writer *writer;
    pthread_mutex_t lock; /* guards the list of gatherers */
    LIST_HEAD(, gatherer) gatherers;
};

static _Thread_local struct {
    uint64_t id; /* the log of `mine` */
    struct gatherer *mine;
} here;

/* --- life --- */

struct wr_access *wr_access_new(enum wr_access_format format, const char *file, const char **why)
{
    static uint64_t last_id;
    WR_CHECK(format != WR_ACCESS_OFF);
    struct wr_log_writer *writer = wr_log_writer_new("the access log", file, BATCHES_WAITING, why);
    if (writer == NULL)
        return NULL;
    struct wr_access *a = calloc(1, sizeof *a);
    WR_CHECK(a != NULL);
    a->id = __atomic_add_fetch(&last_id, 1, __ATOMIC_RELAXED);
    a->format = format;
    a->to_file = file != NULL;
    a->writer = writer;
    WR_CHECK(pthread_mutex_init(&a->lock, NULL) == 0);
    LIST_INIT(&a->gatherers);
    return a;
}

static void hand_over(struct wr_access *a, struct gatherer *g);

uint64_t wr_access_free(struct wr_access *a)
{
    struct gatherer *g;
    if (a == NULL)
        return 0;
    while ((g = LIST_FIRST(&a->gatherers)) != NULL) {
        hand_over(a, g);
        LIST_REMOVE(g, entry);
        free(g->batch);
        wr_buf_fini(&g->line);
        free(g);
    }
    wr_log_writer_end(a->writer);
    uint64_t dropped = wr_access_dropped(a);
    if (dropped > 0)
        wr_warn("access log: %llu lines could not be written", (unsigned long long) dropped);
    wr_log_writer_free(a->writer);
    pthread_mutex_destroy(&a->lock);
    free(a);
    return dropped;
}

/* --- the threads that log --- */

static struct gatherer *gatherer_here(struct wr_access *a)
{
    if (here.id == a->id)
        return here.mine;
    struct gatherer *g;
    pthread_mutex_lock(&a->lock);
    LIST_FOREACH(g, &a->gatherers, entry)
        if (pthread_equal(g->thread, pthread_self()))
            break;
    if (g == NULL) {
        g = calloc(1, sizeof *g);
        WR_CHECK(g != NULL);
        g->thread = pthread_self();
        LIST_INSERT_HEAD(&a->gatherers, g, entry);
    }
    pthread_mutex_unlock(&a->lock);
    here.id = a->id;
    here.mine = g;
    return g;
}

/* Hands the batch to the writer. If too many batches are waiting, drops its lines instead. */
static void hand_over(struct wr_access *a, struct gatherer *g)
{
    struct wr_log_batch *b = g->batch;
    if (b == NULL || b->len == 0)
        return;
    if (wr_log_writer_take(a->writer, b))
        g->batch = NULL;
    else
        b->len = b->lines = 0;
}

/* Returns the thread's batch with room for `len` bytes. */
static struct wr_log_batch *batch_for(struct wr_access *a, struct gatherer *g, size_t len)
{
    if (g->batch && g->batch->cap - g->batch->len < len)
        hand_over(a, g);
    if (g->batch && g->batch->cap >= len)
        return g->batch;
    free(g->batch);
    return g->batch = wr_log_writer_batch(a->writer, len > BATCH_ROOM ? len : BATCH_ROOM);
}

void wr_access_write(struct wr_access *a, const struct wr_access_line *line)
{
    struct gatherer *g = gatherer_here(a);
    wr_buf_clear(&g->line);
    wr_access_format(a->format, line, &g->line);
    struct wr_log_batch *b = batch_for(a, g, g->line.len);
    memcpy(b->bytes + b->len, g->line.at, g->line.len);
    b->len += g->line.len;
    b->lines++;
}

void wr_access_flush(struct wr_access *a)
{
    hand_over(a, gatherer_here(a));
}

void wr_access_reopen(struct wr_access *a)
{
    if (a->to_file)
        wr_log_writer_reopen(a->writer);
}

uint64_t wr_access_dropped(const struct wr_access *a)
{
    return wr_log_writer_dropped(a->writer);
}
