/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include "log/access.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/queue.h>
#include <sys/stat.h>
#include <unistd.h>

#include "log/line.h"
#include "log/log.h"

#define BATCH_ROOM (64 * 1024)
#define BATCHES_WAITING 64 /* 4 MB: then lines are dropped */
#define PIPE_PIECE 4096    /* what a pipe takes whole, unmixed with what others write (PIPE_BUF) */
#define END_PATIENCE_MS 2000
#define TURN_MS 100

/* Lines on their way from one thread to the writer. */
struct batch {
    STAILQ_ENTRY(batch) entry;
    size_t lines;
    size_t len, cap;
    char octets[];
};
STAILQ_HEAD(batch_list, batch);

/* What one thread gathers; only that thread touches it, and wr_access_free() when the thread has ended. */
struct gatherer {
    pthread_t thread;
    struct batch *batch; /* NULL: nothing gathered */
    struct wr_buf line;  /* scratch */
    LIST_ENTRY(gatherer) entry;
};

struct wr_access {
    uint64_t id; /* never used twice, unlike the address */
    enum wr_access_format format;
    char *file; /* NULL: stderr */
    int fd;     /* the writer's, once it runs */
    bool regular;
    bool failing;     /* the last write failed: said once */
    int patience_ms;  /* left, once ending */
    uint64_t dropped; /* atomic */
    pthread_t writer;
    pthread_mutex_t lock; /* for all below */
    pthread_cond_t filled;
    LIST_HEAD(, gatherer) gatherers;
    struct batch_list waiting;
    struct batch_list spare;
    size_t waiting_count;
    bool reopen, ending;
};

static _Thread_local struct {
    uint64_t id; /* of the log that `mine` belongs to */
    struct gatherer *mine;
} here;

static void count_dropped(struct wr_access *a, size_t lines)
{
    __atomic_add_fetch(&a->dropped, lines, __ATOMIC_RELAXED);
}

/* --- the writer --- */

/* What goes out in one write: to a file all, else as many whole lines as a pipe takes at once. */
static size_t piece_of(const struct wr_access *a, struct wr_slice left)
{
    if (a->regular || left.len <= PIPE_PIECE)
        return left.len;
    const char *end = memrchr(left.at, '\n', PIPE_PIECE);
    return end ? (size_t) (end - left.at) + 1 : PIPE_PIECE;
}

static bool ending(struct wr_access *a)
{
    pthread_mutex_lock(&a->lock);
    bool is = a->ending;
    pthread_mutex_unlock(&a->lock);
    return is;
}

/* Whether fd takes octets. Somebody who has stopped reading our stderr must not keep the daemon from ending:
 * so this looks up now and then whether it is to end, and then waits END_PATIENCE_MS in all. */
static bool wait_writable(struct wr_access *a)
{
    struct pollfd p = { .fd = a->fd, .events = POLLOUT };
    for (;;) {
        int n = poll(&p, 1, a->patience_ms > 0 ? TURN_MS : 0);
        if (n > 0 || (n < 0 && errno != EINTR))
            return true;
        if (n == 0 && ending(a) && (a->patience_ms -= TURN_MS) <= 0) {
            errno = ETIMEDOUT;
            return false;
        }
    }
}

static bool write_octets(struct wr_access *a, struct wr_slice left)
{
    while (left.len > 0) {
        if (!a->regular && !wait_writable(a))
            return false;
        ssize_t n = write(a->fd, left.at, piece_of(a, left));
        if (n > 0)
            left = wr_slice(left.at + n, left.len - (size_t) n);
        else if (errno != EINTR && errno != EAGAIN)
            return false;
    }
    return true;
}

static void write_batch(struct wr_access *a, const struct batch *b)
{
    bool well = write_octets(a, wr_slice(b->octets, b->len));
    if (!well)
        count_dropped(a, b->lines);
    if (!well && !a->failing)
        wr_error("cannot write the access log: %s", strerror(errno));
    if (well && a->failing)
        wr_info("the access log is being written again");
    a->failing = !well;
}

static int open_file(const char *file)
{
    return open(file, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0640);
}

static void take_file(struct wr_access *a, int fd)
{
    struct stat st;
    a->fd = fd;
    a->regular = fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
}

static void open_again(struct wr_access *a)
{
    int fd = open_file(a->file);
    if (fd < 0) {
        wr_error("cannot open the access log %s anew, the old one goes on: %s", a->file, strerror(errno));
        return;
    }
    close(a->fd);
    take_file(a, fd);
}

static void *run_writer(void *arg)
{
    struct wr_access *a = arg;
    pthread_mutex_lock(&a->lock);
    for (;;) {
        struct batch *b = STAILQ_FIRST(&a->waiting);
        bool reopen = a->reopen;
        if (b == NULL && !reopen) {
            if (a->ending)
                break;
            pthread_cond_wait(&a->filled, &a->lock);
            continue;
        }
        a->reopen = false;
        if (b) {
            STAILQ_REMOVE_HEAD(&a->waiting, entry);
            a->waiting_count--;
        }
        pthread_mutex_unlock(&a->lock);
        if (reopen)
            open_again(a);
        if (b)
            write_batch(a, b);
        pthread_mutex_lock(&a->lock);
        if (b)
            STAILQ_INSERT_HEAD(&a->spare, b, entry);
    }
    pthread_mutex_unlock(&a->lock);
    return NULL;
}

/* --- life --- */

/* A thread that takes no signals: they are the main thread's. */
static int start_writer(struct wr_access *a)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int err = pthread_create(&a->writer, NULL, run_writer, a);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return err;
}

struct wr_access *wr_access_new(enum wr_access_format format, const char *file, const char **why)
{
    static uint64_t last_id;
    WR_CHECK(format != WR_ACCESS_OFF);
    int fd = file ? open_file(file) : STDERR_FILENO;
    if (fd < 0) {
        *why = strerror(errno);
        return NULL;
    }
    struct wr_access *a = calloc(1, sizeof *a);
    WR_CHECK(a != NULL);
    a->id = __atomic_add_fetch(&last_id, 1, __ATOMIC_RELAXED);
    a->format = format;
    a->patience_ms = END_PATIENCE_MS;
    a->file = file ? wr_slice_dup(wr_slice_str(file)) : NULL;
    take_file(a, fd);
    WR_CHECK(pthread_mutex_init(&a->lock, NULL) == 0 && pthread_cond_init(&a->filled, NULL) == 0);
    LIST_INIT(&a->gatherers);
    STAILQ_INIT(&a->waiting);
    STAILQ_INIT(&a->spare);
    int err = start_writer(a);
    WR_CHECK(err == 0);
    return a;
}

static void free_batches(struct batch_list *list)
{
    struct batch *b;
    while ((b = STAILQ_FIRST(list)) != NULL) {
        STAILQ_REMOVE_HEAD(list, entry);
        free(b);
    }
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
    pthread_mutex_lock(&a->lock);
    a->ending = true;
    pthread_cond_signal(&a->filled);
    pthread_mutex_unlock(&a->lock);
    pthread_join(a->writer, NULL);
    uint64_t dropped = wr_access_dropped(a);
    if (dropped > 0)
        wr_warn("access log: %llu lines could not be written", (unsigned long long) dropped);
    free_batches(&a->spare);
    if (a->file)
        close(a->fd);
    free(a->file);
    pthread_cond_destroy(&a->filled);
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

/* Leaves the gatherer empty: its batch waits for the writer, or is dropped where it stands because too many
 * do. */
static void hand_over(struct wr_access *a, struct gatherer *g)
{
    struct batch *b = g->batch;
    if (b == NULL || b->len == 0)
        return;
    pthread_mutex_lock(&a->lock);
    bool taken = a->waiting_count < BATCHES_WAITING;
    if (taken) {
        STAILQ_INSERT_TAIL(&a->waiting, b, entry);
        a->waiting_count++;
        g->batch = NULL;
        pthread_cond_signal(&a->filled);
    }
    pthread_mutex_unlock(&a->lock);
    if (!taken) {
        count_dropped(a, b->lines);
        b->len = b->lines = 0;
    }
}

/* A batch with room for `len` octets. */
static struct batch *batch_for(struct wr_access *a, struct gatherer *g, size_t len)
{
    if (g->batch && g->batch->cap - g->batch->len < len)
        hand_over(a, g);
    if (g->batch && g->batch->cap >= len)
        return g->batch;
    free(g->batch);
    pthread_mutex_lock(&a->lock);
    struct batch *b = STAILQ_FIRST(&a->spare);
    if (b)
        STAILQ_REMOVE_HEAD(&a->spare, entry);
    pthread_mutex_unlock(&a->lock);
    if (b == NULL || b->cap < len) {
        size_t cap = len > BATCH_ROOM ? len : BATCH_ROOM;
        free(b);
        b = malloc(sizeof *b + cap);
        WR_CHECK(b != NULL);
        b->cap = cap;
    }
    b->len = b->lines = 0;
    return g->batch = b;
}

void wr_access_write(struct wr_access *a, const struct wr_access_line *line)
{
    struct gatherer *g = gatherer_here(a);
    wr_buf_clear(&g->line);
    wr_access_format(a->format, line, &g->line);
    struct batch *b = batch_for(a, g, g->line.len);
    memcpy(b->octets + b->len, g->line.at, g->line.len);
    b->len += g->line.len;
    b->lines++;
}

void wr_access_flush(struct wr_access *a)
{
    hand_over(a, gatherer_here(a));
}

void wr_access_reopen(struct wr_access *a)
{
    if (a->file == NULL)
        return;
    pthread_mutex_lock(&a->lock);
    a->reopen = true;
    pthread_cond_signal(&a->filled);
    pthread_mutex_unlock(&a->lock);
}

uint64_t wr_access_dropped(const struct wr_access *a)
{
    return __atomic_load_n(&a->dropped, __ATOMIC_RELAXED);
}
