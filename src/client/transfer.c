/*
 * One request and its answer: from client_start() to end(), with what may happen in between. What
 * libcurl says of it comes through receive.c and transfer_done(); what its owner says, through
 * client_proceed() and client_cancel(), which only take note and leave the rest to transfer_act()
 * at the end of the turn.
 */
#include "client/client_internal.h"

#include <errno.h>

/* State */

static bool is_legal(enum transfer_state from, enum transfer_state to)
{
    static const unsigned legal[] = {
        [TRANSFER_STARTING] = 1U << TRANSFER_HEAD | 1U << TRANSFER_OVER,
        [TRANSFER_HEAD] = 1U << TRANSFER_CONTENT | 1U << TRANSFER_OVER,
        [TRANSFER_CONTENT] = 1U << TRANSFER_REST | 1U << TRANSFER_OVER,
        [TRANSFER_REST] = 1U << TRANSFER_OVER,
        [TRANSFER_OVER] = 0,
    };

    return (legal[from] & 1U << to) != 0;
}

static void move(struct client_transfer *t, enum transfer_state to)
{
    assert(is_legal(t->state, to));
    t->state = to;
}

/* libcurl's side */

static void leave_lane(struct client_transfer *t)
{
    long opened = 0;

    if (list_is_empty(&t->in_lane))
        return;
    if (t->is_paused && t->state == TRANSFER_OVER) /* libcurl would leak what it keeps for it */
        curl_easy_pause(t->easy, CURLPAUSE_CONT);
    curl_easy_getinfo(t->easy, CURLINFO_NUM_CONNECTS, &opened);
    t->client->stats.connections += (uint64_t)opened;
    t->client->stats.reused += t->was_sent && opened == 0;
    lane_remove(t);
    socket_leave(t);
    client_note_idle(t->client);
}

/* The last thing that happens to it: nobody else knows of it any more. */
static void release(struct client_transfer *t)
{
    leave_lane(t);
    curl_easy_cleanup(t->easy);
    alarm_free(&t->alarm);
    list_remove(&t->todo);
    list_remove(&t->dropped);
    buf_done(&t->text);
    buf_done(&t->head);
    buf_done(&t->rest);
    t->client->stats.transfers--;
    xfree_p(&t);
}

/* Ends */

static void tell_end(struct client_transfer *t)
{
    move(t, TRANSFER_OVER);
    alarm_clear(t->alarm);
    t->sink->end(t->arg, t, t->err);
    release(t);
}

/* libcurl is content with a head that breaks off. */
static void judge(struct client_transfer *t)
{
    bool has_head = t->state == TRANSFER_CONTENT;

    if (has_head && (t->length == HTTP_LENGTH_UNKNOWN || t->got == t->length))
        return;
    t->err = -ECONNRESET;
    t->reason = has_head ? "content ended early" : "head ended early";
}

static void end(struct client_transfer *t, CURLcode code)
{
    t->code = code;
    if (code == CURLE_OK)
        judge(t);
    else if (t->err == 0)
        t->err = client_error(t, code);
    leave_lane(t);
    if (t->is_held || t->rest.n > 0)
        move(t, TRANSFER_REST);
    else
        tell_end(t);
}

/* The connection that others wait for has failed: libcurl would let them try, one after the other.
 */
static void end_waiting(struct lane *l, uint64_t server, CURLcode code)
{
    struct client_transfer *t;

    while ((t = lane_find_waiting(l, server)) != NULL)
        end(t, code);
}

static void fall_back(struct client_transfer *t)
{
    leave_lane(t);
    t->falls_back = false;
    options_fall_back(t);
    lane_add(t);
}

static void fall_back_waiting(struct lane *l, uint64_t server)
{
    struct client_transfer *t;

    while ((t = lane_find_waiting(l, server)) != NULL)
        fall_back(t);
}

void transfer_done(struct client_transfer *t, CURLcode code)
{
    struct lane *l = t->lane;
    uint64_t server = t->server;
    bool is_lost = l->multiplexes && !t->was_sent && code != CURLE_OK;

    if (t->state == TRANSFER_OVER) { /* cancelled */
        release(t);
    } else if (t->falls_back) {
        fall_back(t);
        fall_back_waiting(l, server);
    } else {
        end(t, code);
        if (is_lost)
            end_waiting(l, server, code);
    }
}

/* Time limits: one alarm that is set again only when it has rung, or would ring too late. */

static usec_t limit_of(const struct client_transfer *t)
{
    return t->state == TRANSFER_STARTING || t->state == TRANSFER_HEAD
               ? t->first_byte_by
               : t->progress + t->stall_timeout;
}

void transfer_set_alarm(struct client_transfer *t)
{
    usec_t by = limit_of(t), now = loop_now(t->client->loop);

    if (by >= t->rings_at)
        return;
    t->rings_at = by;
    alarm_set(t->alarm, by > now ? by - now : 1);
}

static void on_alarm(void *arg)
{
    struct client_transfer *t = arg;

    t->rings_at = UINT64_MAX;
    if (t->is_held)
        return;
    if (limit_of(t) > loop_now(t->client->loop)) {
        transfer_set_alarm(t);
        return;
    }
    t->err = -ETIMEDOUT;
    t->reason = t->state == TRANSFER_CONTENT ? "no more content in time" : "no answer in time";
    /* A new connection speaks at its beginning, whatever becomes of it: half of the wait counts. */
    socket_end_if_silent(t, t->progress + (loop_now(t->client->loop) - t->progress) / 2);
    leave_lane(t);
    tell_end(t);
}

/* Who is dropped has its time, and no more of it for each byte. */
void transfer_note_progress(struct client_transfer *t)
{
    if (!t->is_dropped)
        t->progress = loop_now(t->client->loop);
}

void transfer_note_head(struct client_transfer *t)
{
    move(t, TRANSFER_CONTENT);
    transfer_note_progress(t);
    transfer_set_alarm(t);
}

/* What libcurl has kept comes at once, and then it tells what it wants of which socket. */
static void unpause(struct client_transfer *t)
{
    CURLcode code;

    t->is_paused = false;
    t->is_being_placed = t->socket == NULL;
    code = curl_easy_pause(t->easy, CURLPAUSE_CONT);
    t->is_being_placed = false;
    if (code != CURLE_OK)
        transfer_done(t, code);
}

/* Not alone on its connection any more; or paused before its connection was known. */
static bool is_paused_in_vain(const struct client_transfer *t)
{
    return socket_is_shared(t) || t->socket == NULL;
}

/* Back from a hold, unless it was held again meanwhile. */
static void resume(struct client_transfer *t)
{
    if (!t->is_held)
        receive_tell_rest(t);
    if (t->state == TRANSFER_REST && !t->is_held)
        tell_end(t);
    else if (t->state == TRANSFER_CONTENT && t->is_paused && (!t->is_held || is_paused_in_vain(t)))
        unpause(t);
}

void transfer_act(struct client_transfer *t)
{
    switch (t->state) {
    case TRANSFER_STARTING:
        move(t, TRANSFER_HEAD);
        lane_add(t);
        break;
    case TRANSFER_CONTENT:
    case TRANSFER_REST:
        resume(t);
        break;
    case TRANSFER_OVER:
        release(t);
        break;
    default:
        WRONG("a transfer with nothing to do");
    }
}

/* What the owner calls */

/*
 * An easy handle is not used twice, although that would save a little time (1 to 2 of 30 us): in
 * libcurl 7.88, an answer whose first field is a folded line makes the second use of a handle write
 * to memory that was freed after the first.
 */
struct client_transfer *client_start(struct client *c, const struct client_request *r,
                                     const struct client_sink *sink, void *arg)
{
    struct client_transfer *t = xzalloc(sizeof *t);

    t->client = c;
    t->sink = sink;
    t->arg = arg;
    list_init(&t->todo);
    list_init(&t->in_lane);
    list_init(&t->dropped);
    list_init(&t->same_socket);
    buf_init(&t->head, HTTP_MAX_ANSWER_BYTES);
    buf_init(&t->rest, CLIENT_HELD_MAX);
    t->easy = curl_easy_init();
    assert(t->easy != NULL);
    options_set(t, r);
    t->progress = loop_now(c->loop);
    t->first_byte_by = t->progress + r->first_byte_timeout;
    t->stall_timeout = r->stall_timeout;
    t->alarm = alarm_new(c->loop, on_alarm, t);
    t->rings_at = UINT64_MAX;
    transfer_set_alarm(t);
    c->stats.transfers++;
    client_todo(c, t);
    return t;
}

void client_proceed(struct client_transfer *t)
{
    if (t->is_telling)
        t->has_proceeded = true;
    if (t->is_telling || !t->is_held)
        return;
    t->is_held = false;
    transfer_note_progress(t);
    transfer_set_alarm(t);
    client_todo(t->client, t);
}

void client_cancel(struct client_transfer **t)
{
    struct client_transfer *transfer = TAKE(*t);

    if (transfer == NULL || transfer->state == TRANSFER_OVER)
        return;
    move(transfer, TRANSFER_OVER);
    alarm_clear(transfer->alarm);
    client_todo(transfer->client, transfer);
}

bool client_was_sent(const struct client_transfer *t)
{
    return t->was_sent;
}

struct str client_reason(const struct client_transfer *t)
{
    if (t->reason != NULL)
        return str_of(t->reason);
    if (t->curl_text[0] != '\0')
        return str_of(t->curl_text);
    return t->code != CURLE_OK ? str_of(curl_easy_strerror(t->code)) : STR("");
}
