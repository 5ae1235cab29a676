/* The double. Transfers that are gone stay in memory until the play that ended them is over. */
#include "origin/fake_client_testing.h"

#include <string.h>

#include "net/watch.h"

enum { FAKE_ASKED_MAX = 64 * 1024 };

struct client_transfer {
    struct list link;
    const struct client_sink *sink;
    void *arg;
    const struct client_peer *peer;
    usec_t patience;
    bool is_alone, has_head, is_held, is_gone, was_sent, is_in_play;
    int err;
    struct buf asked;
};

struct alarm {
    struct list link;
    void (*ring)(void *arg);
    void *arg;
    bool is_set;
    usec_t at;
};

static struct {
    struct loop *loop;
    usec_t now;
    struct list transfers, alarms;
    unsigned started, cancelled, dropped, plays;
} fake;

#define TRANSFER(link_) LIST_ENTRY(link_, struct client_transfer, link)
#define ALARM(link_) LIST_ENTRY(link_, struct alarm, link)

void fake_start(struct loop *l)
{
    memset(&fake, 0, sizeof fake);
    fake.loop = l;
    fake.now = 1000 * USEC_PER_SEC;
    list_init(&fake.transfers);
    list_init(&fake.alarms);
    clock_set_fake(fake.now, FAKE_UNIX_START);
    loop_turn(l);
}

void fake_finish(void)
{
    assert(list_is_empty(&fake.transfers));
    loop_turn(fake.loop);
    assert(list_is_empty(&fake.alarms));
    clock_set_fake(0, -1);
}

/* Time */

static struct alarm *first_alarm(void)
{
    struct alarm *first = NULL;

    LIST_FOREACH (link, &fake.alarms)
        if (ALARM(link)->is_set && (first == NULL || ALARM(link)->at < first->at))
            first = ALARM(link);
    return first;
}

static void set_time(usec_t now)
{
    fake.now = now;
    clock_set_fake(now, FAKE_UNIX_START + (unix_t)((now - 1000 * USEC_PER_SEC) / USEC_PER_SEC));
    loop_turn(fake.loop);
}

static void ring(struct alarm *a, usec_t late)
{
    set_time(MAX(fake.now, a->at) + late);
    a->is_set = false;
    a->ring(a->arg);
    loop_turn(fake.loop);
}

void fake_time_passes(usec_t time)
{
    usec_t end = fake.now + time;
    struct alarm *a;

    while ((a = first_alarm()) != NULL && a->at <= end)
        ring(a, 0);
    set_time(end);
}

bool fake_next_alarm(void)
{
    struct alarm *a = first_alarm();

    if (a != NULL)
        ring(a, 0);
    return a != NULL;
}

void fake_late_alarm(usec_t late)
{
    struct alarm *a = first_alarm();

    assert(a != NULL);
    ring(a, late);
}

usec_t fake_now(void)
{
    return fake.now;
}

struct alarm *alarm_new(struct loop *l, void (*ring_fn)(void *arg), void *arg)
{
    struct alarm *a = xzalloc(sizeof *a);

    a->ring = ring_fn;
    a->arg = arg;
    list_append(&fake.alarms, &a->link);
    return a;
}

void alarm_set(struct alarm *a, usec_t after)
{
    a->is_set = true;
    a->at = fake.now + after;
}

void alarm_clear(struct alarm *a)
{
    a->is_set = false;
}

void alarm_free(struct alarm **a)
{
    if (*a != NULL)
        list_remove(&(*a)->link);
    xfree_p(a);
}

/* The client */

static const char *method_word(enum http_method m)
{
    return m == HTTP_HEAD ? "HEAD" : m == HTTP_POST ? "POST" : "GET";
}

static void add_request(struct client_transfer *t, const struct client_request *r)
{
    buf_init(&t->asked, FAKE_ASKED_MAX);
    buf_printf(&t->asked, "%s %.*s\n", method_word(r->method), STR_FMT(r->target));
    for (unsigned i = 0; i < r->field_count; i++)
        buf_printf(&t->asked, "%.*s: %.*s\n", STR_FMT(r->fields[i].name),
                   STR_FMT(r->fields[i].value));
    buf_add(&t->asked, r->content);
    buf_add_char(&t->asked, '\0');
    assert(!t->asked.is_full);
}

struct client_transfer *client_start(struct client *c, const struct client_request *r,
                                     const struct client_sink *sink, void *arg)
{
    struct client_transfer *t = xzalloc(sizeof *t);

    assert(fake.plays == 0); /* libraries do not like it inside their callbacks */
    assert(r->first_byte_timeout > 0 && r->stall_timeout > 0);
    t->sink = sink;
    t->arg = arg;
    t->peer = r->peer;
    t->patience = r->first_byte_timeout;
    t->is_alone = r->is_alone;
    t->was_sent = true;
    add_request(t, r);
    list_append(&fake.transfers, &t->link);
    fake.started++;
    return t;
}

static void leave(struct client_transfer *t)
{
    assert(!t->is_gone);
    t->is_gone = true;
    list_remove(&t->link);
    if (t->is_in_play)
        return;
    buf_done(&t->asked);
    xfree_p(&t);
}

void client_proceed(struct client_transfer *t)
{
    assert(!t->is_gone && t->has_head);
    t->is_held = false;
}

void client_cancel(struct client_transfer **t)
{
    fake.cancelled++;
    leave(TAKE(*t));
}

void client_drop(struct client_transfer **t)
{
    assert((*t)->has_head);
    fake.dropped++;
    leave(TAKE(*t));
}

bool client_was_sent(const struct client_transfer *t)
{
    return t->was_sent;
}

struct str client_reason(const struct client_transfer *t)
{
    return t->err == 0 ? STR("") : str_of(strerrordesc_np(-t->err));
}

int client_base_check(struct str base, struct buf *error)
{
    ptrdiff_t colon = str_find(base, STR("://"));
    struct str authority = colon > 0 ? str_skip(base, (size_t)colon + 3) : STR("");

    if (str_starts(base, STR("http")) && authority.n > 0 && str_find_char(authority, '/') < 0)
        return 0;
    buf_printf(error, "%.*s is no server", STR_FMT(base));
    return -1;
}

/* Absolute URLs and absolute paths. */
int client_resolve(struct str base_url, struct str location, struct buf *ret)
{
    ptrdiff_t colon = str_find(base_url, STR("://"));
    struct str rest = str_skip(base_url, (size_t)colon + 3);
    ptrdiff_t slash = str_find_char(rest, '/');

    if (str_find(location, STR("://")) > 0) {
        buf_add(ret, location);
        return 0;
    }
    if (!str_starts(location, STR("/")))
        return -1;
    buf_add(ret, str_first(base_url, (size_t)colon + 3 + (size_t)slash));
    buf_add(ret, location);
    return 0;
}

/* Looking and playing */

unsigned fake_live(void)
{
    unsigned n = 0;

    LIST_FOREACH (link, &fake.transfers)
        n++;
    return n;
}

unsigned fake_started(void)
{
    return fake.started;
}

unsigned fake_cancelled(void)
{
    return fake.cancelled;
}

unsigned fake_dropped(void)
{
    return fake.dropped;
}

struct client_transfer *fake_transfer(unsigned nth)
{
    LIST_FOREACH (link, &fake.transfers)
        if (nth-- == 0)
            return TRANSFER(link);
    return NULL;
}

const char *fake_base(const struct client_transfer *t)
{
    return t->peer->base;
}

const char *fake_asked(const struct client_transfer *t)
{
    return t->asked.p;
}

usec_t fake_patience(const struct client_transfer *t)
{
    return t->patience;
}

bool fake_is_held(const struct client_transfer *t)
{
    return t->is_held;
}

bool fake_is_alone(const struct client_transfer *t)
{
    return t->is_alone;
}

static void begin_play(struct client_transfer *t)
{
    assert(t != NULL && !t->is_gone);
    t->is_in_play = true;
    fake.plays++;
}

static bool end_play(struct client_transfer *t)
{
    bool lives = !t->is_gone;

    t->is_in_play = false;
    fake.plays--;
    if (!lives) {
        buf_done(&t->asked);
        xfree_p(&t);
    }
    return lives;
}

static void end_with(struct client_transfer *t, int err, bool was_sent)
{
    assert(!t->is_held);
    begin_play(t);
    t->err = err;
    t->was_sent = was_sent;
    leave(t);
    t->sink->end(t->arg, t, err);
    end_play(t);
}

void fake_end(struct client_transfer *t, int err)
{
    assert(err < 0 || t->has_head);
    end_with(t, err, true);
}

void fake_end_unsent(struct client_transfer *t, int err)
{
    assert(err < 0 && !t->has_head);
    end_with(t, err, false);
}

static void add_line_ends(struct buf *b, const char *head)
{
    for (; *head != '\0'; head++) {
        if (*head == '\n')
            buf_add_char(b, '\r');
        buf_add_char(b, *head);
    }
}

bool fake_head(struct client_transfer *t, const char *head)
{
    AUTO(buf_done) struct buf text = {.cap = HTTP_MAX_ANSWER_BYTES + 1};
    struct http_answer a;
    int r;

    assert(!t->has_head);
    add_line_ends(&text, head);
    r = http_answer_parse(buf_str(&text), clock_unix(), &a);
    if (r < 0) {
        fake_end(t, r);
        return false;
    }
    begin_play(t);
    t->has_head = true;
    t->sink->head(t->arg, t, &a);
    return end_play(t);
}

bool fake_data(struct client_transfer *t, struct str bytes)
{
    bool goes_on;

    assert(t->has_head && !t->is_held);
    begin_play(t);
    t->is_held = true;
    goes_on = t->sink->data(t->arg, t, bytes);
    if (goes_on)
        t->is_held = false;
    return end_play(t);
}
