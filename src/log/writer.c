/* SPDX-License-Identifier: BSD-2-Clause */
/* The writer thread of the access log and of the error log. Both may write to the same stderr; each polls
 * and writes under one lock, so that neither fills a pipe that the other has found writable. */
#include "config.h"

#include "log/writer.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "log/log.h"

#define PIPE_PIECE 4096 /* PIPE_BUF: a pipe never mixes so much with the output of others */
#define END_PATIENCE_MS 2000
#define TURN_MS 100

STAILQ_HEAD(batch_list, wr_log_batch);

struct wr_log_writer {
    const char *what;
    char *file; /* NULL: stderr */
    int fd;     /* owned by the thread once it runs */
    bool regular;
    bool failing;     /* the last write failed, and that has been logged */
    int patience_ms;  /* how long to wait for fd while ending */
    uint64_t dropped; /* atomic */
    size_t most;
    pthread_t thread;
    pthread_mutex_t lock; /* guards everything below */
    pthread_cond_t filled;
    struct batch_list waiting;
    struct batch_list spare;
    size_t waiting_count;
    bool reopen, ending;
};

static pthread_mutex_t one_writes = PTHREAD_MUTEX_INITIALIZER; /* held while writing to anything but a
                                                                * regular file */

static void count_dropped(struct wr_log_writer *w, size_t lines)
{
    __atomic_add_fetch(&w->dropped, lines, __ATOMIC_RELAXED);
}

/* --- the thread --- */

/* Returns how many bytes go into one write. A file takes all; a pipe takes as many whole lines as
 * PIPE_PIECE holds. */
static size_t piece_of(const struct wr_log_writer *w, struct wr_slice left)
{
    if (w->regular || left.len <= PIPE_PIECE)
        return left.len;
    const char *end = memrchr(left.at, '\n', PIPE_PIECE);
    return end ? (size_t) (end - left.at) + 1 : PIPE_PIECE;
}

static bool ending(struct wr_log_writer *w)
{
    pthread_mutex_lock(&w->lock);
    bool is = w->ending;
    pthread_mutex_unlock(&w->lock);
    return is;
}

/* Waits until fd can be written. A reader of our stderr that has stopped reading must not keep the daemon
 * from ending. So this function checks now and then whether the writer is to end, and from then on waits at
 * most END_PATIENCE_MS in all. Returns false if that was in vain. */
static bool wait_writable(struct wr_log_writer *w)
{
    struct pollfd p = { .fd = w->fd, .events = POLLOUT };
    for (;;) {
        int n = poll(&p, 1, w->patience_ms > 0 ? TURN_MS : 0);
        if (n > 0 || (n < 0 && errno != EINTR))
            return true;
        if (n == 0 && ending(w) && (w->patience_ms -= TURN_MS) <= 0) {
            errno = ETIMEDOUT;
            return false;
        }
    }
}

/* Like write(2). Returns -1 with EAGAIN if fd takes nothing now. */
static ssize_t write_unless_full(struct wr_log_writer *w, struct wr_slice piece)
{
    struct pollfd p = { .fd = w->fd, .events = POLLOUT };
    ssize_t n = -1;
    if (w->regular)
        return write(w->fd, piece.at, piece.len);
    pthread_mutex_lock(&one_writes);
    if (poll(&p, 1, 0) != 0)
        n = write(w->fd, piece.at, piece.len);
    else
        errno = EAGAIN;
    pthread_mutex_unlock(&one_writes);
    return n;
}

static bool write_bytes(struct wr_log_writer *w, struct wr_slice left)
{
    while (left.len > 0) {
        if (!w->regular && !wait_writable(w))
            return false;
        ssize_t n = write_unless_full(w, wr_slice(left.at, piece_of(w, left)));
        if (n > 0)
            left = wr_slice_from(left, n);
        else if (errno != EINTR && errno != EAGAIN)
            return false;
    }
    return true;
}

static void write_batch(struct wr_log_writer *w, const struct wr_log_batch *b)
{
    bool well = write_bytes(w, wr_slice(b->bytes, b->len));
    if (!well)
        count_dropped(w, b->lines);
    if (!well && !w->failing && w->what)
        wr_error("cannot write %s: %s", w->what, strerror(errno));
    if (well && w->failing && w->what)
        wr_info("%s is being written again", w->what);
    w->failing = !well;
}

static int open_file(const char *file)
{
    return open(file, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0640);
}

static void take_file(struct wr_log_writer *w, int fd)
{
    struct stat st;
    w->fd = fd;
    w->regular = fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
}

static void open_again(struct wr_log_writer *w)
{
    int fd = open_file(w->file);
    if (fd < 0) {
        wr_error("cannot open %s %s again, writing to the old file: %s", w->what, w->file, strerror(errno));
        return;
    }
    close(w->fd);
    take_file(w, fd);
}

static void *run_writer(void *arg)
{
    struct wr_log_writer *w = arg;
    pthread_mutex_lock(&w->lock);
    for (;;) {
        struct wr_log_batch *b = STAILQ_FIRST(&w->waiting);
        bool reopen = w->reopen;
        if (b == NULL && !reopen) {
            if (w->ending)
                break;
            pthread_cond_wait(&w->filled, &w->lock);
            continue;
        }
        w->reopen = false;
        if (b) {
            STAILQ_REMOVE_HEAD(&w->waiting, entry);
            w->waiting_count--;
        }
        pthread_mutex_unlock(&w->lock);
        if (reopen)
            open_again(w);
        if (b)
            write_batch(w, b);
        pthread_mutex_lock(&w->lock);
        if (b)
            STAILQ_INSERT_HEAD(&w->spare, b, entry);
    }
    pthread_mutex_unlock(&w->lock);
    return NULL;
}

/* --- life --- */

/* Starts the thread with all signals blocked: the main thread handles them. Returns an errno value or 0. */
static int start_thread(struct wr_log_writer *w)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int err = pthread_create(&w->thread, NULL, run_writer, w);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return err;
}

struct wr_log_writer *wr_log_writer_new(const char *what, const char *file, size_t most, const char **why)
{
    int fd = file ? open_file(file) : STDERR_FILENO;
    if (fd < 0) {
        *why = strerror(errno);
        return NULL;
    }
    struct wr_log_writer *w = calloc(1, sizeof *w);
    WR_CHECK(w != NULL);
    w->what = what;
    w->most = most;
    w->patience_ms = END_PATIENCE_MS;
    w->file = file ? wr_slice_dup(wr_slice_str(file)) : NULL;
    take_file(w, fd);
    WR_CHECK(pthread_mutex_init(&w->lock, NULL) == 0 && pthread_cond_init(&w->filled, NULL) == 0);
    STAILQ_INIT(&w->waiting);
    STAILQ_INIT(&w->spare);
    int err = start_thread(w);
    WR_CHECK(err == 0);
    return w;
}

void wr_log_writer_end(struct wr_log_writer *w)
{
    pthread_mutex_lock(&w->lock);
    w->ending = true;
    pthread_cond_signal(&w->filled);
    pthread_mutex_unlock(&w->lock);
    pthread_join(w->thread, NULL);
}

void wr_log_writer_free(struct wr_log_writer *w)
{
    struct wr_log_batch *b;
    while ((b = STAILQ_FIRST(&w->spare)) != NULL) {
        STAILQ_REMOVE_HEAD(&w->spare, entry);
        free(b);
    }
    if (w->file)
        close(w->fd);
    free(w->file);
    pthread_cond_destroy(&w->filled);
    pthread_mutex_destroy(&w->lock);
    free(w);
}

/* --- the threads that log --- */

struct wr_log_batch *wr_log_writer_batch(struct wr_log_writer *w, size_t room)
{
    pthread_mutex_lock(&w->lock);
    struct wr_log_batch *b = STAILQ_FIRST(&w->spare);
    if (b)
        STAILQ_REMOVE_HEAD(&w->spare, entry);
    pthread_mutex_unlock(&w->lock);
    if (b == NULL || b->cap < room) {
        free(b);
        b = malloc(sizeof *b + room);
        WR_CHECK(b != NULL);
        b->cap = room;
    }
    b->len = b->lines = 0;
    return b;
}

bool wr_log_writer_take(struct wr_log_writer *w, struct wr_log_batch *b)
{
    pthread_mutex_lock(&w->lock);
    bool taken = w->waiting_count < w->most;
    if (taken) {
        STAILQ_INSERT_TAIL(&w->waiting, b, entry);
        w->waiting_count++;
        pthread_cond_signal(&w->filled);
    }
    pthread_mutex_unlock(&w->lock);
    if (!taken)
        count_dropped(w, b->lines);
    return taken;
}

void wr_log_writer_reopen(struct wr_log_writer *w)
{
    pthread_mutex_lock(&w->lock);
    w->reopen = true;
    pthread_cond_signal(&w->filled);
    pthread_mutex_unlock(&w->lock);
}

uint64_t wr_log_writer_dropped(const struct wr_log_writer *w)
{
    return __atomic_load_n(&w->dropped, __ATOMIC_RELAXED);
}
