/* Is what Redis holds still what this process has put there? */
#include "cache/shelf_priv.h"

static void on_record(struct wr_call *call, enum wr_err err, const struct wr_reply *reply)
{
    struct wr_shelf_check *check = WR_CONTAINER(call, struct wr_shelf_check, call);
    struct wr_record record;
    bool same = err == WR_OK &&
                wr_record_decode(check->object->key, wr_reply_slice(wr_reply_at(reply, 0)),
                                 wr_reply_slice(wr_reply_at(reply, 1)), &record) &&
                record.like.meta.version == check->object->meta.version;
    check->done(check, same);
}

enum wr_err wr_shelf_compare(struct wr_shelf *s, struct wr_shelf_check *check, const struct wr_object *object)
{
    check->object = object;
    check->call = (struct wr_call){ .done = on_record };
    struct wr_buf name = { 0 };
    wr_keys_cache(&name, &s->policy->redis, object->host, object->hash);
    const struct wr_slice argv[] = { WR_SLICE("HMGET"), wr_buf_slice(&name), WR_SLICE("meta"),
                                     WR_SLICE("head") };
    enum wr_err err = wr_link_send(s->link, &check->call, s->policy->redis.timeout, 4, argv);
    wr_buf_fini(&name);
    return err;
}
