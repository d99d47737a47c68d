/* What the files of the shelf share. */
#pragma once

#include "cache/record.h"
#include "cache/shelf.h"
#include "redis/keys.h"

#define WR_SHELF_VALUE_MOST (1024u * 1024) /* no value in Redis is larger */
#define WR_SHELF_CHUNK (512u * 1024)

/* A write or a drop under way. */
struct wr_shelf_job;
/* A content that is being read piece by piece. */
struct wr_shelf_fill;

struct wr_shelf {
    struct wr_loop *loop;
    struct wr_policy *policy;
    struct wr_link *link;
    TAILQ_HEAD(, wr_shelf_job) jobs;
    TAILQ_HEAD(, wr_shelf_fill) fills;
};

/* For what nobody waits for: Redis may take its time. */
struct wr_span wr_shelf_patience(const struct wr_shelf *s);

/* Takes down what decoding has borrowed. part: see struct wr_shelf_read. */
struct wr_shelf_fill *wr_shelf_fill_new(struct wr_shelf *s, struct wr_slice host, struct wr_hash hash,
                                        const struct wr_record *record, bool part);
/* The flow it will fill; the fill's reference. */
struct wr_flow *wr_shelf_fill_flow(const struct wr_shelf_fill *f);
/* Asks whether all pieces exist: the answer is an integer, wr_shelf_fill_count() if so. */
enum wr_err wr_shelf_fill_ask(struct wr_shelf_fill *f, struct wr_call *call) WR_MUST_USE;
size_t wr_shelf_fill_count(const struct wr_shelf_fill *f);
/* Begins to fill; it ends its flow and frees itself. */
void wr_shelf_fill_start(struct wr_shelf_fill *f);
/* Ends an unfinished flow with CANCELLED. NULL is fine. */
void wr_shelf_fill_free(struct wr_shelf_fill *f);

/* Ends all jobs with CANCELLED. */
void wr_shelf_end_jobs(struct wr_shelf *s);
