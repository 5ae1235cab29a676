/*
 * Use limits. One record serves both modes: how many uses were taken, and by which viewers, in the
 * order they came. USE_BIND asks who came first, USE_COUNT how many there were. Judging only reads;
 * what is to be written waits in the plan until all of an admission has passed.
 */
#include "base/panic.h"
#include "store/embedded.h"

static struct use_viewer *viewer_in(struct use_record *u, const uint8_t *viewer)
{
    for (unsigned i = 0; i < u->viewers; i++)
        if (memcmp(u->by[i].viewer, viewer, STORE_VIEWER_LEN) == 0)
            return &u->by[i];
    return NULL;
}

/* The cap stops a shared URL from growing its record without end: the viewer that came first is
 * forgotten. */
static struct use_viewer *viewer_add(struct use_record *u, const uint8_t *viewer)
{
    if (u->viewers == USE_MAX_VIEWERS) {
        memmove(u->by, u->by + 1, (USE_MAX_VIEWERS - 1) * sizeof *u->by);
        u->viewers--;
    }
    memcpy(u->by[u->viewers].viewer, viewer, STORE_VIEWER_LEN);
    return &u->by[u->viewers++];
}

static void load(struct db_tx *tx, const struct use_limit *limit, unix_t now,
                 struct use_record *ret)
{
    struct str id = {(const char *)limit->id, STORE_USE_ID_LEN}, value;

    if (db_get(tx, DB_USES, id, &value) && use_unpack(value, ret) && ret->expires > now)
        return;
    ret->expires = limit->expires;
    ret->count = 0;
    ret->viewers = 0;
}

static void plan_take(const struct admission *a, struct use_viewer *mine, struct use_plan *plan)
{
    struct use_record *u = &plan->record;

    if (mine == NULL)
        mine = viewer_add(u, a->viewer);
    mine->last = a->now;
    u->count++;
    plan->takes = u->expires > a->now; /* what is over already need not be remembered */
}

static enum admit_verdict judge_bind(const struct admission *a, const struct use_limit *limit,
                                     struct use_plan *plan)
{
    struct use_record *u = &plan->record;

    if (u->viewers == 0) {
        plan_take(a, NULL, plan);
        return ADMITTED;
    }
    return viewer_in(u, a->viewer) == &u->by[0] ? ADMITTED : REFUSED_OTHER_VIEWER;
}

/* The clock of one worker may be a second behind that of another: without a time to retry in, that
 * is no retry. */
static bool is_same_use(const struct use_viewer *mine, const struct admission *a,
                        const struct use_limit *limit)
{
    bool is_retry =
        mine != NULL && limit->retry_sec > 0 && a->now - mine->last < (unix_t)limit->retry_sec;

    return mine != NULL && (limit->is_continuation || is_retry);
}

static enum admit_verdict judge_count(const struct admission *a, const struct use_limit *limit,
                                      struct use_plan *plan)
{
    struct use_viewer *mine = viewer_in(&plan->record, a->viewer);

    if (is_same_use(mine, a, limit))
        return ADMITTED;
    if (plan->record.count >= limit->max)
        return REFUSED_USED_UP;
    plan_take(a, mine, plan);
    return ADMITTED;
}

enum admit_verdict use_judge(struct db_tx *tx, const struct admission *a,
                             const struct use_limit *limit, struct use_plan *ret,
                             uint32_t *ret_count)
{
    enum admit_verdict verdict = ADMITTED;

    ret->takes = false;
    if (limit->mode == USE_NONE)
        return ADMITTED;
    load(tx, limit, a->now, &ret->record);
    switch (limit->mode) {
    case USE_BIND:
        verdict = judge_bind(a, limit, ret);
        break;
    case USE_COUNT:
        verdict = judge_count(a, limit, ret);
        break;
    default:
        WRONG("use mode");
    }
    *ret_count = ret->record.count;
    return verdict;
}

void use_take(struct db_tx *tx, const struct use_limit *limit, const struct use_plan *plan)
{
    uint8_t room[RECORD_ROOM];

    if (plan->takes)
        db_put(tx, DB_USES, (struct str){(const char *)limit->id, STORE_USE_ID_LEN},
               use_pack(&plan->record, room));
}
