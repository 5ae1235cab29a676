#include "store/differential_testing.h"

#include <stdio.h>

#include "base/mem.h"
#include "base/panic.h"

#define LONGEST_UID                                                    \
    "0123456789012345678901234567890123456789012345678901234567890123" \
    "012345678901234567890123456789012345678901234567890123456789zzzz"

static const char *const uids[] = {"u1", "u2", "u10", "v", LONGEST_UID};
static const char *const keys[] = {"a", "b", "c", "d", "a:b"};
static const char *const agents[] = {"UA-1", "UA-2", "\1:\2\377"};
static const char *const addresses[] = {"192.0.2.7",      "192.0.2.200", "192.0.3.7",
                                        "10.1.2.3",       "2001:db8::1", "2001:db8::ffff:1",
                                        "2001:db8:0:1::1"};
static const char *const networks[] = {"192.0.2.0/24", "192.0.2.128/25", "192.0.2.0/23",
                                       "192.0.0.0/13", "0.0.0.0/0",      "10.0.0.0/8",
                                       "10.1.2.3/31",  "2001:db8::/32",  "2001:db8::/63",
                                       "::/0",         "2001:db8::1/127"};

/*
 * What keys live in Redis is told by its own clock, in which a walk takes a few seconds while years
 * may pass in the walk. No key must go before its time has come there too.
 */
enum { SHORTEST = 100 };

unsigned dice_below(struct dice *d, unsigned n)
{
    uint64_t x = d->state += 0x9e3779b97f4a7c15; /* splitmix64 */

    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
    x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
    return (unsigned)((x ^ (x >> 31)) % n);
}

static bool one_in(struct dice *d, unsigned n)
{
    return dice_below(d, n) == 0;
}

#define PICK(d, list) ((list)[dice_below(d, ARRAY_LEN(list))])
/* The first ones more often: calls are to meet. */
#define PICK_NAME(d, list) ((list)[dice_below(d, one_in(d, 3) ? ARRAY_LEN(list) : 2)])

struct store_rules random_rules(struct dice *d)
{
    static const uint8_t v4[] = {24, 24, 32, 16, 21}, v6[] = {64, 64, 128, 48, 61};
    static const int64_t grant_ttls[] = {SHORTEST, 130, 300}, ttls[] = {1, 20, 63, 64, 200, 4000},
                         longest[] = {SHORTEST, 150, 400, 5000}, idles[] = {1, 5, 20, 300};

    return (struct store_rules){.ipv4_prefix = PICK(d, v4),
                                .ipv6_prefix = PICK(d, v6),
                                .grant_ttl = PICK(d, grant_ttls),
                                .grant_max_keys = 1 + dice_below(d, 3),
                                .grant_max_pairs = 1 + dice_below(d, 3),
                                .grant_max_uids = 1 + dice_below(d, 3),
                                .session_ttl = PICK(d, ttls),
                                .session_max = PICK(d, longest),
                                .session_strict = one_in(d, 3),
                                .max_streams = one_in(d, 2) ? 1 + dice_below(d, 3) : 0,
                                .streams_idle = PICK(d, idles),
                                .streams_end_oldest = one_in(d, 2)};
}

/* A reload. Not of session_ttl: raised, it makes sessions live again that were given up for new
 * ones, of which Redis knows the newest alone. */
static struct store_rules other_rules(struct dice *d, const struct store_rules *rules)
{
    struct store_rules ret = random_rules(d);

    ret.session_ttl = rules->session_ttl;
    return ret;
}

/* Often the same second, often one in which something ends. */
static int time_passes(struct dice *d, const struct store_rules *rules)
{
    const int64_t steps[] = {rules->grant_ttl - 1,
                             rules->grant_ttl,
                             rules->session_ttl - 1,
                             rules->session_ttl,
                             rules->session_ttl / 64,
                             rules->streams_idle - 1,
                             rules->streams_idle,
                             rules->streams_idle / 4,
                             rules->session_max - 1,
                             rules->session_max - 3,
                             rules->session_max,
                             SHORTEST - 1,
                             SHORTEST};

    if (one_in(d, 25))
        return (int)PICK(d, steps);
    return one_in(d, 3) ? (int)dice_below(d, one_in(d, 3) ? 12 : 2) : 0;
}

static struct step_use random_use(struct dice *d)
{
    static const int lives[] = {SHORTEST, SHORTEST, 150, 1000, -5};
    static const char ids[] = {'a', 'b', 'c', 'd', 'e', 'f'};

    return (struct step_use){.id = one_in(d, 8) ? 0 : PICK_NAME(d, ids),
                             .mode = one_in(d, 10)  ? USE_NONE
                                     : one_in(d, 2) ? USE_BIND
                                                    : USE_COUNT,
                             .max = dice_below(d, 4),
                             .retry = dice_below(d, 4),
                             .ttl = PICK(d, lives),
                             .continues = one_in(d, 4)};
}

static void make_admission(struct dice *d, struct step *s)
{
    static const unsigned usual[] = {ADMIT_GRANT | ADMIT_SESSION | ADMIT_USE,
                                     ADMIT_GRANT | ADMIT_SESSION, ADMIT_SESSION | ADMIT_USE,
                                     ADMIT_SESSION, ADMIT_GRANT_IP};

    s->checks = one_in(d, 4) ? dice_below(d, 16) : PICK(d, usual);
    s->token_expired = one_in(d, 5);
    s->may_not_begin = one_in(d, 4);
    s->is_dry = one_in(d, 6);
    for (int i = 0; i < STORE_MAX_USES; i++)
        s->use[i] = i == 0 || one_in(d, 3) ? random_use(d) : (struct step_use){0};
}

static void make_revocation(struct dice *d, struct step *s)
{
    if (one_in(d, 2))
        s->ip = NULL;
    if (one_in(d, 2))
        s->ua = NULL;
    if (one_in(d, 2))
        s->key = NULL;
}

static enum call_kind random_kind(struct dice *d)
{
    static const unsigned char weights[CALL_KINDS] = {
        [CALL_ADMIT] = 150,     [CALL_BURST] = 1,         [CALL_ZAPS] = 5,   [CALL_GRANT] = 40,
        [CALL_REVOKE] = 7,      [CALL_TOUCH] = 12,        [CALL_END_ID] = 5, [CALL_END_UID] = 2,
        [CALL_LIST_GRANTS] = 4, [CALL_LIST_SESSIONS] = 6, [CALL_SWEEP] = 2,  [CALL_RULES] = 2,
        [CALL_TRAFFIC] = 25};
    unsigned sum = 0, at;

    for (int i = 0; i < CALL_KINDS; i++)
        sum += weights[i];
    at = dice_below(d, sum);
    for (int i = 0;; i++) {
        if (at < weights[i])
            return (enum call_kind)i;
        at -= weights[i];
    }
}

/* Often for so long that what is left has lapsed when the next title begins. */
static int random_pause(struct dice *d, const struct store_rules *rules)
{
    const int64_t pauses[] = {0, 1, rules->streams_idle - 1, rules->streams_idle};

    return (int)PICK(d, pauses);
}

/* Who comes once comes again, or zaps. */
static void make_the_same(struct dice *d, struct step *s, const struct step *before)
{
    if (before->uid[0] != '\0')
        s->uid = before->uid;
    s->ip = before->ip;
    s->ua = before->ua;
    if (!one_in(d, 3))
        s->key = before->key;
}

struct call random_call(struct dice *d, const struct store_rules *rules, const struct call *before,
                        unsigned seen)
{
    struct call c = {.kind = random_kind(d), .session = -1, .traffic = before->traffic};
    struct step *s = &c.step;

    s->at = before->step.at + time_passes(d, rules);
    s->uid = PICK_NAME(d, uids);
    s->key = PICK_NAME(d, keys);
    s->ua = PICK_NAME(d, agents);
    s->ip = PICK_NAME(d, addresses);
    c.limit = one_in(d, 3) ? dice_below(d, 4) : EVERYTHING;
    if (seen > 0 && (c.kind == CALL_END_ID || one_in(d, 3)))
        c.session = (int)(seen - 1 - dice_below(d, MIN(seen, 20u)));
    if (before->kind == CALL_ADMIT && c.kind != CALL_BURST && one_in(d, 2))
        make_the_same(d, s, &before->step);
    if (c.kind == CALL_ADMIT || c.kind == CALL_BURST)
        make_admission(d, s);
    if (c.kind == CALL_ZAPS)
        c.pause = random_pause(d, rules);
    if ((c.kind == CALL_ADMIT || c.kind == CALL_TOUCH || c.kind == CALL_LIST_GRANTS ||
         c.kind == CALL_LIST_SESSIONS) &&
        one_in(d, 3))
        s->uid = "";
    if ((c.kind == CALL_GRANT || c.kind == CALL_REVOKE) && one_in(d, 2))
        s->ip = PICK(d, networks);
    s->is_static = c.kind == CALL_GRANT && one_in(d, 4);
    if (c.kind == CALL_REVOKE)
        make_revocation(d, s);
    if (c.kind == CALL_RULES)
        c.rules = other_rules(d, rules);
    if (c.kind == CALL_TRAFFIC)
        c.traffic = random_traffic(d, &before->traffic, s->at);
    return c;
}

struct call burst_call(const struct call *c, int i, char key[16])
{
    struct call ret = *c;

    snprintf(key, 16, "burst%d", i);
    ret.kind = CALL_ADMIT;
    ret.step.checks = ADMIT_SESSION | (c->step.checks & ADMIT_USE);
    ret.step.token_expired = ret.step.may_not_begin = false;
    ret.step.is_dry = i == BURST - 2 && c->step.is_dry;
    ret.step.key = key;
    return ret;
}

struct call zap_call(const struct call *c, int i)
{
    int titles = i / 3;
    struct call ret = *c;

    ret.kind = i % 3 == 2 ? CALL_TOUCH : CALL_ADMIT;
    ret.step.checks = ADMIT_SESSION;
    ret.step.key = keys[(titles + (i % 3 == 1)) % ARRAY_LEN(keys)];
    ret.step.at += (titles + (i % 3 > 0)) * c->pause + titles;
    return ret;
}

/* ---- the story ---- */

static void format_name(const char *name, const char *value, struct buf *ret)
{
    if (value == NULL)
        return;
    buf_printf(ret, " %s=", name);
    for (; *value != '\0'; value++)
        if (*value > ' ' && *value < '\177')
            buf_add_char(ret, *value);
        else
            buf_printf(ret, "\\%03o", (unsigned char)*value);
}

static void format_uses(const struct step *s, struct buf *ret)
{
    static const char *const modes[] = {"none", "bind", "count"};

    for (int i = 0; i < STORE_MAX_USES; i++) {
        const struct step_use *u = &s->use[i];

        if (u->id != 0)
            buf_printf(ret, " use%d={%c %s max %u retry %u ttl %d%s}", i, u->id, modes[u->mode],
                       u->max, u->retry, u->ttl, u->continues ? " continues" : "");
    }
}

static void format_admission(const struct step *s, struct buf *ret)
{
    static const char *const checks[] = {"grant", "ip", "session", "use"};

    for (unsigned i = 0; i < ARRAY_LEN(checks); i++)
        if (s->checks & 1u << i)
            buf_printf(ret, " %s", checks[i]);
    buf_printf(ret, "%s%s%s", s->token_expired ? " token-expired" : "",
               s->may_not_begin ? " may-not-begin" : "", s->is_dry ? " dry" : "");
    if (s->checks & ADMIT_USE)
        format_uses(s, ret);
}

static void format_rules(const struct store_rules *r, struct buf *ret)
{
    buf_printf(ret,
               " v4/%u v6/%u grant ttl %lld keys %u pairs %u uids %u, session ttl %lld max %lld%s",
               r->ipv4_prefix, r->ipv6_prefix, (long long)r->grant_ttl, r->grant_max_keys,
               r->grant_max_pairs, r->grant_max_uids, (long long)r->session_ttl,
               (long long)r->session_max, r->session_strict ? " strict" : "");
    if (r->max_streams > 0)
        buf_printf(ret, " streams %u idle %lld%s", r->max_streams, (long long)r->streams_idle,
                   r->streams_end_oldest ? " end oldest" : "");
}

void call_format(const struct call *c, struct buf *ret)
{
    static const char *const names[] = {"admit", "burst", "zaps",    "grant",       "revoke",
                                        "touch", "end",   "end all", "list grants", "list sessions",
                                        "sweep", "rules", "traffic"};
    const struct step *s = &c->step;

    buf_printf(ret, "%d %s", s->at, names[c->kind]);
    if (c->kind == CALL_RULES) {
        format_rules(&c->rules, ret);
        return;
    }
    if (c->kind == CALL_TRAFFIC) {
        traffic_format(&c->traffic, ret);
        return;
    }
    format_name("uid", s->uid, ret);
    format_name("ip", s->ip, ret);
    format_name("ua", s->ua, ret);
    format_name("key", s->key, ret);
    if (c->session >= 0)
        buf_printf(ret, " id=#%d", c->session);
    if (s->is_static)
        buf_printf(ret, " static");
    if (c->kind == CALL_ADMIT || c->kind == CALL_BURST)
        format_admission(s, ret);
    if (c->kind == CALL_LIST_GRANTS || c->kind == CALL_LIST_SESSIONS)
        buf_printf(ret, " limit %u", c->limit);
}
