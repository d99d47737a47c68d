/* SPDX-License-Identifier: BSD-2-Clause */
/* eviction: measures the hit ratio of the memory store's eviction, and the cost of a look-up.
 *
 * Replays traces against weir's own store (SIEVE, in 64 shards), LRU and the optimum (Belady: evicts the
 * object that is needed last), all three with room for the same number of objects, and prints hit ratios.
 * Zipf: an object is requested with probability rank^-alpha. Scans: as Zipf 0.9, but a fifth of the requests
 * walk through objects that are never requested again. Before that it prints the cost of a hit with 10^4 to
 * 10^6 objects stored, and the store's count of its memory beside the growth of the process. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/rand.h"
#include "base/units.h"
#include "store/memory.h"

#define OBJECTS 100000
#define REQUESTS 1000000
#define BODY 1024
#define SCAN_RUN 2000 /* objects of one scan */
#define FAR ((struct wr_mono){ INT64_MAX })

/* --- traces: which object each request asks for --- */

static double *zipf_sums(double alpha)
{
    double *sums = malloc(OBJECTS * sizeof *sums), sum = 0;
    WR_CHECK(sums != NULL);
    for (size_t i = 0; i < OBJECTS; i++)
        sums[i] = sum += pow((double) (i + 1), -alpha);
    for (size_t i = 0; i < OBJECTS; i++)
        sums[i] /= sum;
    return sums;
}

static uint32_t draw(const double *sums)
{
    double at = wr_rand_unit();
    size_t low = 0, high = OBJECTS - 1;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (sums[middle] < at)
            low = middle + 1;
        else
            high = middle;
    }
    return (uint32_t) low;
}

/* Makes a trace. scans: a fifth of the requests belong to runs through objects of their own. Returns the
 * number of different objects. */
static uint32_t make_trace(uint32_t *trace, double alpha, bool scans)
{
    double *sums = zipf_sums(alpha);
    uint32_t next = OBJECTS;
    for (size_t i = 0; i < REQUESTS;) {
        if (scans && wr_rand_unit() < 0.25 / SCAN_RUN)
            for (size_t n = 0; n < SCAN_RUN && i < REQUESTS; n++)
                trace[i++] = next++;
        else
            trace[i++] = draw(sums);
    }
    free(sums);
    return next;
}

/* --- weir's store --- */

static struct wr_slice key_of(uint32_t id, char text[48])
{
    return wr_slice(text, (size_t) snprintf(text, 48, "bench.example/object/%08u", id));
}

static void store(struct wr_memory *m, struct wr_slice key)
{
    static const char body[BODY];
    struct wr_object like = {
        .key = key,
        .host = WR_SLICE("bench.example"),
        .head = WR_SLICE(
            "HTTP/1.1 200 OK\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\nContent-Type: text/plain\r\n"
            "Cache-Control: max-age=86400\r\nVia: 1.1 bench\r\n"),
        .meta = { .kind = WR_OBJECT_RESPONSE, .status = 200, .length = BODY },
    };
    struct wr_flow *flow = wr_flow_of(wr_slice(body, BODY));
    struct wr_object *o = wr_object_new(&like, flow);
    WR_CHECK(wr_memory_put(m, o, FAR, WR_INSTANT_NONE) == WR_MEMORY_PUT);
    wr_object_unref(o);
    wr_flow_unref(flow);
}

static bool look_up(struct wr_memory *m, struct wr_slice key)
{
    struct wr_hash hash = wr_hash_of(key);
    wr_memory_ahead(m, hash); /* as a request without others does */
    struct wr_object *o = wr_memory_get(m, hash, key);
    wr_object_unref(o);
    return o != NULL;
}

/* Returns the hit ratio. *held: how many objects the store had room for. */
static double replay_weir(const uint32_t *trace, uint64_t size, uint64_t *held)
{
    struct wr_memory *m = wr_memory_new(size, size);
    size_t hits = 0;
    char text[48];
    for (size_t i = 0; i < REQUESTS; i++) {
        struct wr_slice key = key_of(trace[i], text);
        if (look_up(m, key))
            hits++;
        else
            store(m, key);
    }
    *held = wr_memory_count(m);
    wr_memory_free(m);
    return (double) hits / REQUESTS;
}

/* --- LRU --- */

struct link {
    uint32_t newer, older;
    bool in;
};

static void unlink_one(struct link *l, uint32_t id)
{
    l[l[id].newer].older = l[id].older;
    l[l[id].older].newer = l[id].newer;
}

static void push(struct link *l, uint32_t head, uint32_t id)
{
    l[id] = (struct link){ .newer = head, .older = l[head].older, .in = true };
    l[l[head].older].newer = id;
    l[head].older = id;
}

static double replay_lru(const uint32_t *trace, uint32_t objects, uint64_t room)
{
    struct link *l = calloc(objects + 1, sizeof *l); /* the last link closes the ring */
    WR_CHECK(l != NULL);
    size_t hits = 0, count = 0;
    l[objects] = (struct link){ objects, objects, false };
    for (size_t i = 0; i < REQUESTS; i++) {
        uint32_t id = trace[i];
        if (l[id].in) {
            hits++;
            unlink_one(l, id);
        } else if (count == room) {
            uint32_t oldest = l[objects].newer;
            unlink_one(l, oldest);
            l[oldest].in = false;
        } else {
            count++;
        }
        push(l, objects, id);
    }
    free(l);
    return (double) hits / REQUESTS;
}

/* --- the optimum: a heap of the stored objects by their next use; outdated entries stay until they are taken
 * --- */

struct need {
    uint32_t next, id;
};

struct heap {
    struct need *at;
    size_t count;
};

static void heap_add(struct heap *h, struct need n)
{
    size_t i = h->count++;
    for (; i > 0 && h->at[(i - 1) / 2].next < n.next; i = (i - 1) / 2)
        h->at[i] = h->at[(i - 1) / 2];
    h->at[i] = n;
}

static struct need heap_take(struct heap *h)
{
    struct need top = h->at[0], last = h->at[--h->count];
    size_t i = 0;
    for (size_t kid = 1; kid < h->count; i = kid, kid = 2 * i + 1) {
        if (kid + 1 < h->count && h->at[kid + 1].next > h->at[kid].next)
            kid++;
        if (h->at[kid].next <= last.next)
            break;
        h->at[i] = h->at[kid];
    }
    h->at[i] = last;
    return top;
}

static double replay_optimum(const uint32_t *trace, uint32_t objects, uint64_t room)
{
    uint32_t *next = malloc(REQUESTS * sizeof *next), *coming = malloc(objects * sizeof *coming);
    uint32_t *held = calloc(objects, sizeof *held); /* the next use of a stored object; 0: it isn't stored */
    struct heap h = { malloc(REQUESTS * sizeof *h.at), 0 };
    WR_CHECK(next && coming && held && h.at);
    size_t hits = 0, count = 0;
    for (size_t i = 0; i < objects; i++)
        coming[i] = UINT32_MAX;
    for (size_t i = REQUESTS; i-- > 0; coming[trace[i]] = (uint32_t) i)
        next[i] = coming[trace[i]];
    for (size_t i = 0; i < REQUESTS; i++) {
        uint32_t id = trace[i];
        hits += held[id] != 0;
        count += held[id] == 0;
        held[id] = next[i];
        heap_add(&h, (struct need){ next[i], id });
        while (count >
               room) { /* it may be the object just asked for: an optimum needn't store what it won't need */
            struct need last = heap_take(&h);
            if (held[last.id] != last.next)
                continue;
            held[last.id] = 0;
            count--;
        }
    }
    free(next);
    free(coming);
    free(held);
    free(h.at);
    return (double) hits / REQUESTS;
}

/* --- tables --- */

static uint64_t object_bytes(void)
{
    struct wr_memory *m = wr_memory_new(UINT64_MAX / 2, BODY);
    char text[48];
    for (uint32_t id = 0; id < 10000; id++)
        store(m, key_of(id, text));
    uint64_t each = wr_memory_bytes(m) / 10000;
    wr_memory_free(m);
    return each;
}

static void compare(const char *name, double alpha, bool scans, uint64_t each)
{
    static const double shares[] = { 0.01, 0.1 };
    uint32_t *trace = malloc(REQUESTS * sizeof *trace);
    WR_CHECK(trace != NULL);
    uint32_t objects = make_trace(trace, alpha, scans);
    for (size_t i = 0; i < sizeof shares / sizeof shares[0]; i++) {
        uint64_t held;
        double weir = replay_weir(trace, (uint64_t) (shares[i] * OBJECTS) * each, &held);
        double lru = replay_lru(trace, objects, held), best = replay_optimum(trace, objects, held);
        printf("| %s | %.0f %% | %.3f | %.3f | %.3f | %+.1f %% |\n", name, 100 * shares[i], weir, lru, best,
               100 * (weir - lru) / lru);
    }
    free(trace);
}

static uint64_t resident(void)
{
    unsigned long size, pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    WR_CHECK(file != NULL && fscanf(file, "%lu %lu", &size, &pages) == 2);
    fclose(file);
    return pages * (uint64_t) sysconf(_SC_PAGESIZE);
}

/* Runs in a process of its own, so that memory given back to malloc earlier doesn't hide what this run takes.
 */
static void cost(uint32_t objects)
{
    enum { LOOKS = 1000000 };
    pid_t child = fork();
    WR_CHECK(child >= 0);
    if (child > 0) {
        int status;
        WR_CHECK(waitpid(child, &status, 0) == child && status == 0);
        return;
    }
    uint64_t before = resident();
    struct wr_memory *m = wr_memory_new(UINT64_MAX / 2, BODY);
    char text[48];
    for (uint32_t id = 0; id < objects; id++)
        store(m, key_of(id, text));
    double grown = (double) (resident() - before), counted = (double) wr_memory_bytes(m);
    size_t hits = 0;
    struct wr_mono start = wr_time_monotonic();
    for (size_t i = 0; i < LOOKS; i++)
        hits += look_up(m, key_of((uint32_t) wr_rand_below(objects), text));
    double ns = (double) wr_time_since(wr_time_monotonic(), start).us * 1000 / LOOKS;
    WR_CHECK(hits == LOOKS);
    printf("| %u | %.0f ns | %.1f MB | %.1f MB | %+.1f %% |\n", objects, ns, counted / 1e6, grown / 1e6,
           100 * (counted - grown) / grown);
    exit(0);
}

int main(void)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    printf("| objects stored | a hit, with making its key | counted | process grew by | counted over grown "
           "|\n|---|---|---|---|---|\n");
    cost(10000);
    cost(100000);
    cost(1000000);
    uint64_t each = object_bytes();
    printf("\n");
    printf(
        "| trace | room, of %d objects | weir | LRU | optimum | weir over LRU |\n|---|---|---|---|---|---|\n",
        OBJECTS);
    compare("Zipf 0.8", 0.8, false, each);
    compare("Zipf 0.9", 0.9, false, each);
    compare("Zipf 1.0", 1.0, false, each);
    compare("Zipf 1.1", 1.1, false, each);
    compare("Zipf 0.9 with scans", 0.9, true, each);
    return 0;
}
