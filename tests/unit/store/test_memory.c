/* SPDX-License-Identifier: BSD-2-Clause */
/* store/memory: what the store keeps, what it counts, and what it evicts first. */
#include "test.h"

#include <malloc.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/rand.h"
#include "store/memory.h"
#include "store/variants.h"

#define FAR ((struct wr_mono){ INT64_MAX })
#define PRESENT ((struct wr_instant){ 1000 })

static struct wr_object *object(const char *key, size_t length)
{
    struct wr_object like = { .key = wr_slice_str(key), .head = WR_SLICE("HTTP/1.1 200 OK\r\n") };
    struct wr_flow *flow = wr_flow_new(length, true, UINT64_MAX);
    char piece[4096];
    memset(piece, 'x', sizeof piece);
    for (size_t left = length, n; left > 0; left -= n) {
        n = left < sizeof piece ? left : sizeof piece;
        wr_flow_append(flow, wr_slice(piece, n));
    }
    wr_flow_end(flow, WR_OK, wr_slice(NULL, 0));
    struct wr_object *o = wr_object_new(&like, flow);
    wr_flow_unref(flow);
    return o;
}

static bool put(struct wr_memory *m, const char *key, size_t length, struct wr_mono expires)
{
    struct wr_object *o = object(key, length);
    bool done = wr_memory_put(m, o, expires, PRESENT) == WR_MEMORY_PUT;
    wr_object_unref(o);
    return done;
}

static void keep(struct wr_memory *m, struct wr_object *o)
{
    assert_int_equal(wr_memory_put(m, o, FAR, PRESENT), WR_MEMORY_PUT);
}

static bool has(struct wr_memory *m, const char *key)
{
    struct wr_object *o = wr_memory_get(m, wr_hash_of(wr_slice_str(key)), wr_slice_str(key));
    wr_object_unref(o);
    return o != NULL;
}

static void finds_what_was_put_and_nothing_else(void **state)
{
    (void) state;
    struct wr_memory *m = wr_memory_new(1 << 20, 1 << 18);
    uint64_t empty = wr_memory_bytes(m);
    assert_true(put(m, "a/1", 1000, FAR));
    assert_true(has(m, "a/1"));
    assert_false(has(m, "a/2"));
    /* the same hash with another text is another response */
    assert_null(wr_memory_get(m, wr_hash_of(WR_SLICE("a/1")), WR_SLICE("a/x")));
    struct wr_object *peeked = wr_memory_peek(m, wr_hash_of(WR_SLICE("a/1")));
    assert_non_null(peeked);
    wr_object_unref(peeked);
    assert_null(wr_memory_peek(m, wr_hash_of(WR_SLICE("a/2"))));
    assert_false(put(m, "big", 1 << 19, FAR));
    assert_int_equal(wr_memory_count(m), 1);

    struct wr_object *second = object("a/1", 10);
    struct wr_object *first = wr_memory_get(m, second->hash, second->key);
    keep(m, second);
    assert_int_equal(wr_memory_count(m), 1);
    assert_false(wr_memory_drop_if(m, first));           /* it has been replaced */
    assert_int_equal(wr_flow_length(first->flow), 1000); /* the object still exists for its holder */
    assert_true(wr_memory_drop_if(m, second));
    wr_object_unref(first);
    wr_object_unref(second);
    assert_false(wr_memory_drop(m, wr_hash_of(WR_SLICE("a/1"))));
    assert_int_equal(wr_memory_count(m), 0);
    assert_int_equal(wr_memory_bytes(m), empty);
    wr_memory_free(m);
}

static struct wr_object *fetched(const char *key, uint64_t began)
{
    struct wr_object *o = object(key, 10);
    o->began.n = began;
    return o;
}

/* The later fetch stays, whichever of the two lands first. */
static void an_older_fetch_never_replaces_a_newer_one(void **state)
{
    (void) state;
    struct wr_memory *m = wr_memory_new(1 << 20, 1 << 18);
    struct wr_object *before = fetched("a", 10), *now = fetched("a", 20), *same = fetched("a", 20),
                     *later = fetched("a", 30);
    keep(m, now);
    uint64_t bytes = wr_memory_bytes(m);
    assert_int_equal(wr_memory_put(m, before, FAR, PRESENT), WR_MEMORY_OLDER);
    assert_true(now->stored && !before->stored);
    assert_int_equal(wr_memory_bytes(m), bytes);
    keep(m, now);
    keep(m, same);
    assert_true(same->stored && !now->stored);
    keep(m, later);
    assert_int_equal(wr_memory_put(m, same, FAR, PRESENT), WR_MEMORY_OLDER);
    assert_true(wr_memory_drop(m, later->hash));
    keep(m, before); /* nothing newer is stored any more */
    wr_object_unref(before);
    wr_object_unref(now);
    wr_object_unref(same);
    wr_object_unref(later);
    wr_memory_free(m);
}

/* The stored object says that it was fetched in the future. It isn't known which of the two is newer, so
 * neither blocks the other. */
static void a_clock_that_went_back_makes_nothing_unstorable(void **state)
{
    (void) state;
    struct wr_memory *m = wr_memory_new(1 << 20, 1 << 18);
    struct wr_object *ahead = fetched("a", PRESENT.n + 3600), *after = fetched("a", 20),
                     *before = fetched("a", 10);
    keep(m, ahead);
    keep(m, after);
    assert_int_equal(wr_memory_put(m, before, FAR, PRESENT), WR_MEMORY_OLDER);
    wr_object_unref(ahead);
    wr_object_unref(after);
    wr_object_unref(before);
    wr_memory_free(m);
}

static void markers_without_content_are_kept_too(void **state)
{
    (void) state;
    struct wr_memory *m = wr_memory_new(1 << 20, 1 << 18);
    struct wr_object like = { .key = WR_SLICE("m"), .meta.kind = WR_OBJECT_VARY };
    struct wr_object *o = wr_object_new(&like, NULL);
    keep(m, o);
    wr_object_unref(o);
    assert_true(has(m, "m"));
    wr_memory_free(m);
}

/* --- variants --- */

static struct wr_object *marker(const char *key, uint64_t version)
{
    char head[32]; /* its lineage and a field name */
    int len = snprintf(head, sizeof head, "%016llx foo", (unsigned long long) version);
    struct wr_object like = { .key = wr_slice_str(key),
                              .head = wr_slice(head, (size_t) len),
                              .meta = { .kind = WR_OBJECT_VARY, .version = version } };
    return wr_object_new(&like, NULL);
}

#define MOST 32

static struct wr_hash name_variant(unsigned n, char name[16])
{
    snprintf(name, 16, "v%u", n);
    return wr_hash_of(wr_slice_str(name));
}

static void put_variants(struct wr_memory *m, const struct wr_object *of, unsigned from, unsigned to)
{
    char name[16];
    for (unsigned n = from; n < to; n++) {
        struct wr_hash hash = name_variant(n, name);
        assert_true(put(m, name, 100, FAR));
        wr_memory_add_variant(m, of, hash, &(struct wr_variants_bound){ MOST, 1 << 20 });
    }
}

static unsigned count_variants(struct wr_memory *m, unsigned from, unsigned to)
{
    char name[16];
    unsigned count = 0;
    for (unsigned n = from; n < to; n++) {
        name_variant(n, name);
        count += has(m, name);
    }
    return count;
}

static void use(struct wr_memory *m, unsigned n)
{
    char name[16];
    name_variant(n, name);
    assert_true(has(m, name));
}

static void variants_that_nobody_uses_give_way(void **state)
{
    (void) state;
    struct wr_memory *m = wr_memory_new(1 << 20, 1 << 18);
    struct wr_object *vary = marker("m", 1), *again = marker("m", 1), *other = marker("m", 2);
    uint64_t empty = wr_memory_bytes(m);
    assert_true(put(m, "else", 100, FAR));
    keep(m, vary);
    put_variants(m, vary, 0, MOST);
    for (unsigned n = MOST; n < 3 * MOST; n++) { /* many values that are never requested again */
        use(m, 3);
        use(m, 17);
        put_variants(m, vary, n, n + 1);
    }
    assert_int_equal(wr_memory_count(m), MOST + 2);
    use(m, 3);
    use(m, 17);
    assert_int_equal(count_variants(m, 0, 2 * MOST), 2);
    for (unsigned n = 3 * MOST; n < 8 * MOST; n++) /* what isn't used any more is dropped as well */
        put_variants(m, vary, n, n + 1);
    assert_int_equal(count_variants(m, 0, 3 * MOST), 0);

    keep(m, again); /* the same marker again */
    assert_int_equal(wr_memory_count(m), MOST + 2);
    put_variants(m, vary, 1001, 1002);
    assert_int_equal(wr_memory_count(m), MOST + 2);

    keep(m, other); /* another marker: nothing leads to the old variants any more */
    assert_int_equal(wr_memory_count(m), 2);
    /* A variant of the old marker lands late. It can't be found, but it is counted correctly. */
    put_variants(m, vary, 0, 1);
    put_variants(m, other, 1, 4);
    assert_true(wr_memory_drop(m, other->hash));
    assert_true(wr_memory_drop(m, wr_hash_of(WR_SLICE("v0"))) &&
                wr_memory_drop(m, wr_hash_of(WR_SLICE("else"))));
    assert_int_equal(wr_memory_count(m), 0);
    assert_true(wr_memory_bytes(m) - empty < 64 * 1024); /* only the tables are left */
    wr_object_unref(vary);
    wr_object_unref(again);
    wr_object_unref(other);
    wr_memory_free(m);
}

static void large_variants_are_few(void **state)
{
    (void) state;
    struct wr_memory *m = wr_memory_new(8 << 20, 1 << 20);
    struct wr_object *vary = marker("m", 1);
    char name[16];
    keep(m, vary);
    for (unsigned n = 0; n < 20; n++) {
        struct wr_hash hash = name_variant(n, name);
        assert_true(put(m, name, 200 << 10, FAR));
        wr_memory_add_variant(m, vary, hash,
                              &(struct wr_variants_bound){ 100, n < 10 ? 500 << 10 : UINT64_MAX });
        /* Never more than an eighth of the store. */
        assert_true(wr_memory_bytes(m) <= (n < 10 ? 700 << 10 : 1200 << 10));
    }
    assert_true(wr_memory_count(m) <= 6);
    wr_object_unref(vary);
    wr_memory_free(m);
}

static void sweep_frees_what_has_expired_only(void **state)
{
    (void) state;
    struct wr_memory *m = wr_memory_new(64 << 20, 1 << 20);
    char key[32];
    for (int i = 0; i < 5000; i++) {
        snprintf(key, sizeof key, "k%d", i);
        assert_true(put(m, key, 10, (struct wr_mono){ i % 2 ? 100 : 200 }));
    }
    for (int i = 0; i < 64; i++)
        wr_memory_sweep(m, (struct wr_mono){ 99 });
    assert_int_equal(wr_memory_count(m), 5000);
    for (int i = 0; i < 64; i++)
        wr_memory_sweep(m, (struct wr_mono){ 100 });
    assert_int_equal(wr_memory_count(m), 2500);
    for (int i = 0; i < 5000; i++) {
        snprintf(key, sizeof key, "k%d", i);
        assert_int_equal(has(m, key), i % 2 == 0);
    }
    wr_memory_clear(m);
    assert_int_equal(wr_memory_count(m), 0);
    wr_memory_free(m);
}

static void stays_within_its_size(void **state)
{
    (void) state;
    struct wr_memory *m = wr_memory_new(4 << 20, 1 << 20);
    char key[32];
    for (int i = 0; i < 20000; i++) {
        snprintf(key, sizeof key, "k%d", i);
        assert_true(put(m, key, i % 100 == 0 ? 300000 : 700, FAR));
        assert_true(wr_memory_bytes(m) <= 4 << 20);
        assert_true(has(m, key)); /* the object that was just put is stored */
    }
    assert_true(wr_memory_bytes(m) > 3 << 20);
    wr_memory_free(m);
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
static long resident(void)
{
    long pages = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    if (f == NULL || fscanf(f, "%*d %ld", &pages) != 1)
        pages = 0;
    if (f)
        fclose(f);
    return pages * sysconf(_SC_PAGESIZE);
}

static void counts_what_the_process_grows_by(void **state)
{
    (void) state;
    static const size_t lengths[] = { 0, 100, 3000, 20000, 200000 };
    for (size_t k = 0; k < sizeof lengths / sizeof lengths[0]; k++) {
        struct wr_memory *m = wr_memory_new(256 << 20, 1 << 20);
        size_t count = (40 << 20) / (lengths[k] + 600);
        malloc_trim(0); /* otherwise memory that earlier tests freed would be used again, and the growth
                           wouldn't be seen */
        long before = resident();
        uint64_t counted = wr_memory_bytes(m);
        char key[64];
        for (size_t i = 0; i < count; i++) {
            snprintf(key, sizeof key, "shop.example.com/some/path/%zu/%zu", k, i);
            assert_true(put(m, key, lengths[k], FAR));
        }
        double grown = (double) (resident() - before), said = (double) (wr_memory_bytes(m) - counted);
        if (before > 0 && fabs(grown - said) > 0.05 * grown)
            fail_msg("%zu objects of %zu bytes: counted %.0f, grown by %.0f", count, lengths[k], said, grown);
        wr_memory_free(m);
    }
}
#endif

/* --- how well it chooses, compared with LRU on a Zipf trace --- */

#define KEYS 4000
#define ASKS 60000

/* Returns the hits that LRU would have with room for `room` keys. */
static int lru_hits(const int *trace, int room)
{
    static int last[KEYS];
    memset(last, 0xff, sizeof last);
    int hits = 0, held = 0;
    for (int i = 0; i < ASKS; i++) {
        if (last[trace[i]] >= 0) {
            hits++;
        } else if (held == room) {
            int oldest = -1;
            for (int k = 0; k < KEYS; k++)
                if (last[k] >= 0 && (oldest < 0 || last[k] < last[oldest]))
                    oldest = k;
            last[oldest] = -1;
        } else {
            held++;
        }
        last[trace[i]] = i;
    }
    return hits;
}

static void chooses_better_than_lru_on_a_skewed_trace(void **state)
{
    (void) state;
    static double share[KEYS];
    static int trace[ASKS];
    double sum = 0;
    for (int i = 0; i < KEYS; i++)
        share[i] = sum += 1 / pow(i + 1, 0.9);
    for (int i = 0; i < ASKS; i++) {
        double at = wr_rand_unit() * sum;
        int k = 0, end = KEYS - 1;
        while (k < end) {
            int middle = (k + end) / 2;
            if (share[middle] < at)
                k = middle + 1;
            else
                end = middle;
        }
        trace[i] = k;
    }
    struct wr_memory *m = wr_memory_new(1 << 20, 1 << 18);
    char key[32];
    int hits = 0;
    for (int i = 0; i < ASKS; i++) {
        snprintf(key, sizeof key, "key%05d", trace[i]);
        if (has(m, key))
            hits++;
        else
            put(m, key, 1000, FAR);
    }
    int room = (int) wr_memory_count(m);
    int lru = lru_hits(trace, room);
    assert_true(room > 200 && room < KEYS / 2);
    assert_true(hits > lru);
    wr_memory_free(m);
}

/* --- threads --- */

#define THREADS 4

static void *worker(void *arg)
{
    struct wr_memory *m = arg;
    char key[32];
    for (int i = 0; i < 6000; i++) {
        snprintf(key, sizeof key, "k%d", (int) wr_rand_below(600));
        struct wr_object *o = wr_memory_get(m, wr_hash_of(wr_slice_str(key)), wr_slice_str(key));
        if (o == NULL) {
            o = object(key, 1 + wr_rand_below(4000));
            wr_memory_put(m, o, (struct wr_mono){ (int64_t) wr_rand_below(100) }, PRESENT);
        }
        WR_CHECK(wr_slice_eq(o->key, wr_slice_str(key)));
        switch (wr_rand_below(20)) {
        case 0:
            wr_memory_drop(m, o->hash);
            break;
        case 1:
            wr_memory_drop_if(m, o);
            break;
        case 2:
            wr_memory_sweep(m, (struct wr_mono){ 50 });
            break;
        default:
            break;
        }
        wr_object_unref(o);
    }
    return NULL;
}

static void threads_share_it(void **state)
{
    (void) state;
    struct wr_memory *m = wr_memory_new(512 << 10, 1 << 16);
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, worker, m), 0);
    for (int i = 0; i < 200; i++)
        if (i % 50 == 0)
            wr_memory_clear(m);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    assert_true(wr_memory_bytes(m) <= 512 << 10);
    wr_memory_clear(m);
    assert_int_equal(wr_memory_count(m), 0);
    wr_memory_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_what_was_put_and_nothing_else),
        cmocka_unit_test(an_older_fetch_never_replaces_a_newer_one),
        cmocka_unit_test(a_clock_that_went_back_makes_nothing_unstorable),
        cmocka_unit_test(markers_without_content_are_kept_too),
        cmocka_unit_test(variants_that_nobody_uses_give_way),
        cmocka_unit_test(large_variants_are_few),
        cmocka_unit_test(sweep_frees_what_has_expired_only),
        cmocka_unit_test(stays_within_its_size),
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
        cmocka_unit_test(counts_what_the_process_grows_by),
#endif
        cmocka_unit_test(chooses_better_than_lru_on_a_skewed_trace),
        cmocka_unit_test(threads_share_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
