/* SPDX-License-Identifier: BSD-2-Clause */
/* Finds out whether an object read from Redis has been purged. Mostly the table of purges knows; else the
 * journal is read to its end first. Also reads the journal for a flight that has heard of a purge. */
#include "flight/flight_priv.h"

static void end_verifying(struct wr_flight *f, struct wr_object *object)
{
    void (*known)(struct wr_flight *, struct wr_object *) = f->verified;
    f->verifying = NULL;
    known(f, object);
}

/* Ends with the object if it isn't purged. An object that can't be proven unpurged becomes f->order.stale: it
 * is validated, not served. */
static void compare(struct wr_flight *f, struct wr_object *object, struct wr_mono as_of)
{
    object->checked = wr_time_before(as_of, f->look_sent) ? as_of : f->look_sent;
    enum wr_purge_state state = wr_purges_check(f->worker_policy->worker->shared->purges, object);
    if (state <= WR_PURGE_SOFT) {
        end_verifying(f, object);
        return;
    }
    if (state == WR_PURGE_UNPROVEN && object->meta.kind == WR_OBJECT_RESPONSE && !f->read.arriving) {
        wr_object_unref(f->order.stale);
        f->order.stale = object;
    } else {
        wr_object_unref(object);
    }
    end_verifying(f, NULL);
}

/* Reads the next page of the journal. Returns false if the link to Redis is down. */
static bool read_journal(struct wr_flight *f)
{
    struct wr_worker *worker = f->worker_policy->worker;
    return wr_journal_read(&f->catch_up, worker->shared->purges, worker->link,
                           f->worker_policy->policy->redis.timeout) == WR_OK;
}

/* The journal was read after the object was, so what has been heard of meanwhile happened after the object
 * was read: as good as after this request. */
static void caught_up(struct wr_flight *f, enum wr_journal_answer answer)
{
    struct wr_object *object = f->verifying;
    f->unanswered = answer == WR_JOURNAL_FAILED;
    if (answer == WR_JOURNAL_READ) {
        compare(f, object, f->catch_up.sent);
        return;
    }
    wr_object_unref(object);
    end_verifying(f, NULL);
}

static void on_journal_read(struct wr_journal_read *read, enum wr_journal_answer answer)
{
    struct wr_flight *f = WR_CONTAINER(read, struct wr_flight, catch_up);
    if (answer == WR_JOURNAL_MORE && read_journal(f))
        return;
    f->redis_late |= read->late;
    if (f->verifying)
        caught_up(f, answer);
    else
        f->learnt(f); /* if nothing could be read, the flight goes on as if it had not asked */
}

void wr_flight_verify(struct wr_flight *f, struct wr_object *object,
                      void (*known)(struct wr_flight *f, struct wr_object *object))
{
    struct wr_mono as_of;
    f->verified = known;
    if (object == NULL) {
        known(f, NULL);
        return;
    }
    if (wr_purges_known(f->worker_policy->worker->shared->purges, f->loop->mono, &as_of)) {
        compare(f, object, as_of);
        return;
    }
    f->verifying = object;
    f->catch_up.done = on_journal_read;
    if (read_journal(f))
        return;
    wr_object_unref(object);
    end_verifying(f, NULL);
}

void wr_flight_learn_purges(struct wr_flight *f, void (*learnt)(struct wr_flight *f))
{
    f->learnt = learnt;
    f->catch_up.done = on_journal_read;
    if (!read_journal(f))
        learnt(f);
}

bool wr_flight_verifying(const struct wr_flight *f)
{
    return wr_journal_reading(&f->catch_up);
}

void wr_flight_verify_cancel(struct wr_flight *f)
{
    wr_journal_cancel(&f->catch_up);
    wr_object_unref(f->verifying);
    f->verifying = NULL;
}
