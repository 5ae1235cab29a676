/* The process's part: settings in the form that requests need, and what is shown of it all. */
#include "traffic/reports.h"

#include <stdio.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/panic.h"
#include "traffic/reports_internal.h"

enum { STRINGS_CAP = 1 << 20, HOST_NAME_ROOM = 256 };

#define CONNECT_TIMEOUT (8 * USEC_PER_SEC)

static struct str copy(struct reports *r, struct str s)
{
    struct str ret = arena_copy(&r->arena, s);

    assert(ret.p != NULL); /* settings have caps that are far smaller than the arena's */
    return ret;
}

static struct str instance_of(struct reports *r, const struct traffic_settings *s)
{
    char name[HOST_NAME_ROOM] = "";

    if (s->instance.n > 0)
        return copy(r, s->instance);
    if (gethostname(name, sizeof name - 1) < 0 || name[0] == '\0')
        return STR("hlsgate");
    return copy(r, str_of(name));
}

static void take_url(struct reports *r, const struct traffic_settings *s)
{
    struct str base, target;

    r->target = STR("");
    if (s->report_url.n == 0 || !traffic_split_url(s->report_url, &base, &target))
        return;
    r->target = copy(r, target);
    r->peer.base = copy(r, base).p;
    r->peer.is_unverified = !s->verify;
    r->peer.ca_file = s->ca_file.n > 0 ? copy(r, s->ca_file).p : NULL;
    r->peer.connect_timeout = MIN(s->timeout, CONNECT_TIMEOUT);
}

struct reports *reports_new(const struct traffic_settings *s)
{
    struct reports *r = xzalloc(sizeof *r);

    arena_init(&r->arena, STRINGS_CAP);
    take_url(r, s);
    r->bearer = STR("");
    if (s->report_key.bytes.n > 0)
        r->bearer = arena_printf(&r->arena, "Bearer %.*s", STR_FMT(s->report_key.bytes));
    r->about = (struct report_about){.instance = instance_of(r, s),
                                     .interval = (int64_t)(s->interval / USEC_PER_SEC),
                                     .threshold = s->threshold};
    r->interval = s->interval;
    r->max_wait = s->max_wait;
    r->timeout = s->timeout;
    r->stop_timeout = s->stop_timeout;
    r->status.is_sending = r->target.n > 0;
    random_bytes(r->holder, sizeof r->holder);
    pthread_mutex_init(&r->lock, NULL);
    return r;
}

void reports_free(struct reports **r)
{
    struct reports *old = TAKE(*r);

    if (old == NULL)
        return;
    pthread_mutex_destroy(&old->lock);
    arena_done(&old->arena);
    xfree_p(&old);
}

/* ---- status ---- */

void reports_status(struct reports *r, struct reports_status *ret)
{
    pthread_mutex_lock(&r->lock);
    *ret = r->status;
    pthread_mutex_unlock(&r->lock);
}

void reports_set_voice(struct reports *r, void (*say)(bool is_trouble, const char *text))
{
    r->say = say;
}

static void say(struct reports *r, bool is_trouble, const char *text)
{
    if (r->say != NULL)
        r->say(is_trouble, text);
}

void reports_set_leader(struct reports *r, bool is_leader)
{
    pthread_mutex_lock(&r->lock);
    r->status.is_leader = is_leader;
    if (!is_leader) { /* how it goes on is another's to say */
        r->status.is_held = false;
        r->status.last_error[0] = '\0';
    }
    pthread_mutex_unlock(&r->lock);
}

void reports_set_held(struct reports *r, bool is_held)
{
    bool was_held;

    pthread_mutex_lock(&r->lock);
    was_held = r->status.is_held;
    r->status.is_held = is_held;
    pthread_mutex_unlock(&r->lock);
    if (is_held && !was_held)
        say(r, true, "too many wait to be acknowledged: no new ones are made, counts add up");
}

void reports_say_sent(struct reports *r, unix_t now)
{
    bool had_trouble;

    pthread_mutex_lock(&r->lock);
    had_trouble = r->status.last_error[0] != '\0';
    r->status.sent++;
    r->status.last_sent = now;
    r->status.last_error[0] = '\0';
    pthread_mutex_unlock(&r->lock);
    if (had_trouble)
        say(r, false, "acknowledged again");
}

void reports_say_failed(struct reports *r, unix_t now, const char *why)
{
    bool is_news;

    pthread_mutex_lock(&r->lock);
    is_news = r->status.last_error[0] == '\0';
    r->status.failed++;
    r->status.last_failed = now;
    snprintf(r->status.last_error, sizeof r->status.last_error, "%s", why);
    pthread_mutex_unlock(&r->lock);
    if (is_news)
        say(r, true, why);
}
