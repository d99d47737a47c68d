/* SPDX-License-Identifier: BSD-2-Clause */
/* The runs that wait because every peer they could use has max_connections in use, and who gets the next free
 * place.
 *
 * There are two lines. Uploads, whose body is still on its way from the client, may hold only a part of a
 * peer's places, so that slow clients can't take all of them. They wait in a line of their own, where they
 * hold up nobody else. Who came first is served first, in each line and between the two. */
#include "origin/origin_priv.h"

bool wr_queue_passes_by(const struct wr_exchange_run *run)
{
    const struct wr_run_list *line = run->origin->queue;
    return run->dequeued || (TAILQ_EMPTY(&line[WR_LINE_WHOLE]) &&
                             (!wr_send_uploads(run) || TAILQ_EMPTY(&line[WR_LINE_UPLOADS])));
}

enum wr_err wr_queue_join(struct wr_exchange_run *run)
{
    struct wr_origin *o = run->origin;
    run->line = wr_send_uploads(run) ? WR_LINE_UPLOADS : WR_LINE_WHOLE;
    if (run->dequeued) { /* it keeps its turn */
        TAILQ_INSERT_HEAD(&o->queue[run->line], run, entry);
    } else {
        if (o->queued >= o->policy->queue)
            return WR_ERR_QUEUE_FULL;
        run->turn = ++o->last_turn;
        TAILQ_INSERT_TAIL(&o->queue[run->line], run, entry);
        WR_COUNT(origin_queued);
    }
    o->queued++;
    WR_GAUGE_UP(origin_queue);
    return WR_OK;
}

void wr_queue_leave(struct wr_exchange_run *run)
{
    TAILQ_REMOVE(&run->origin->queue[run->line], run, entry);
    run->origin->queued--;
    WR_GAUGE_DOWN(origin_queue);
}

/* Returns the run that may go on now and came first, or NULL. */
static struct wr_exchange_run *next_in_turn(struct wr_origin *origin)
{
    struct wr_exchange_run *first = NULL;
    for (enum wr_line line = 0; line < WR_LINE_COUNT; line++) {
        struct wr_exchange_run *run = TAILQ_FIRST(&origin->queue[line]);
        if (run && (first == NULL || run->turn < first->turn) && wr_balance_pick(run, NULL) != WR_PICK_FULL)
            first = run;
    }
    return first;
}

void wr_queue_vacancy(struct wr_note *note)
{
    struct wr_origin *origin = WR_CONTAINER(note, struct wr_origin, vacancy);
    uint64_t last = origin->last_turn; /* whoever joins meanwhile waits for the next vacancy */
    struct wr_exchange_run *run;
    while ((run = next_in_turn(origin)) != NULL && run->turn <= last)
        wr_run_resume(run);
}
