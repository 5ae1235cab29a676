#include "store/differential_answers_testing.h"

#include "base/test.h"

/* ---- sessions by their number ---- */

static int number_of_name(struct seen *seen, const uint8_t *viewer, struct str uid, unix_t ends)
{
    struct seen_session *s = seen->sessions;

    for (; s < seen->sessions + seen->count; s++)
        if (s->ends == ends && memcmp(s->viewer, viewer, STORE_VIEWER_LEN) == 0 &&
            str_eq(uid, str_of(s->uid)))
            return (int)(s - seen->sessions);
    if (seen->count == SEEN_MAX)
        return -1;
    *s = (struct seen_session){.ends = ends};
    memcpy(s->viewer, viewer, STORE_VIEWER_LEN);
    memcpy(s->uid, uid.p, uid.n);
    return (int)seen->count++;
}

static const char *id_of(const struct asked *s, int number)
{
    return s->seen->sessions[number].ids[s->number];
}

static int number_of_id(const struct asked *s, const char *id)
{
    for (unsigned i = 0; i < s->seen->count; i++)
        if (strcmp(id_of(s, (int)i), id) == 0)
            return (int)i;
    return -1;
}

/* One name has one id for ever. */
static void note_id(const struct asked *s, int number, const char *id)
{
    char *known;

    if (number < 0 || id[0] == '\0')
        return;
    known = s->seen->sessions[number].ids[s->number];
    if (known[0] == '\0')
        memcpy(known, id, STORE_SESSION_ID_LEN + 1);
    assert_string_equal(known, id);
}

/* ---- answers ---- */

static void print_net(const struct ip_net *net, struct buf *ret)
{
    char room[IP_NET_TEXT_MAX];

    buf_printf(ret, " %.*s", STR_FMT(ip_net_format(net, room)));
}

static void print_session(const struct asked *s, const struct admission *a, struct buf *ret)
{
    bool is_only_told = a->session_is_new && a->is_dry;
    int number =
        is_only_told ? -1 : number_of_name(s->seen, a->viewer, a->session.uid, a->session.ends);

    note_id(s, number, a->session.id);
    buf_printf(ret, " %s session #%d of %.*s, %lld to %lld", a->session_is_new ? "new" : "old",
               number, STR_FMT(a->session.uid), (long long)a->session.started - T0,
               (long long)a->session.ends - T0);
}

static bool is_of_use(const struct admission *a)
{
    return a->verdict == REFUSED_OTHER_VIEWER || a->verdict == REFUSED_USED_UP;
}

static void print_admission(const struct asked *s, const struct admission *a, struct buf *ret)
{
    static const char *const verdicts[] = {"admitted",  "token expired", "no grant",
                                           "grant key", "no session",    "other viewer",
                                           "used up",   "too fast",      "too many streams"};

    buf_printf(ret, "%s", verdicts[a->verdict]);
    if (a->has_session)
        print_session(s, a, ret);
    if (a->grant_matched)
        buf_printf(ret, " grant of %.*s", STR_FMT(a->grant_uid));
    buf_printf(ret, " uses %u", a->use_count);
    if (a->streams_ended > 0)
        buf_printf(ret, " ends %u streams%s", a->streams_ended,
                   a->streams_ended_own ? " of its own" : "");
    if (a->is_dry && a->streams_counted)
        buf_printf(ret, " beside %u streams", a->streams);
    if (is_of_use(a))
        buf_printf(ret, " refused by %c", a->uses[a->refused_use].id[0]);
}

/* The same for whoever asks it, but no question for the short cut. */
static void ask_the_long_way(struct admission *a)
{
    if (!(a->checks & ADMIT_USE))
        a->uses[0].mode = a->uses[1].mode = USE_NONE;
    a->checks |= ADMIT_USE;
    if (a->uses[1].mode == USE_NONE) {
        a->uses[1] = a->uses[0];
        a->uses[0].mode = USE_NONE;
    }
}

static void do_admit(const struct asked *s, const struct call *c, struct buf *ret)
{
    struct step step = c->step;
    struct admission a;
    int err;

    if (c->session >= 0)
        step.session_id = id_of(s, c->session);
    step_admission(&step, &s->w->arena, &a);
    if (s->is_long_way)
        ask_the_long_way(&a);
    err = world_wait(s->w, store_admit(s->w->worker, &a));
    if (err < 0)
        buf_printf(ret, "error %d", err);
    else
        print_admission(s, &a, ret);
}

static void do_grant(struct world *w, const struct call *c, struct buf *ret)
{
    struct grant_put g = world_grant(w, &c->step);

    print_net(&g.stored_net, ret);
    buf_printf(ret, " %s, keys %u less %u, pairs %u less %u:", g.is_new ? "new" : "renewed", g.keys,
               g.keys_evicted, g.pairs, g.pairs_evicted);
    for (unsigned i = 0; i < g.keys; i++)
        buf_printf(ret, " %.*s", STR_FMT(g.all_keys[i]));
}

static void do_revoke(struct world *w, const struct call *c, struct buf *ret)
{
    struct grant_revoke g = world_revoke(w, &c->step);

    buf_printf(ret, "%u grants, %u sessions", g.grants_removed, g.sessions_ended);
}

static void do_touch(struct world *w, const struct call *c)
{
    uint8_t viewer[STORE_VIEWER_LEN];

    step_viewer(&c->step, viewer);
    store_touch(w->worker, viewer, str_of(c->step.uid), str_of(c->step.key), T0 + c->step.at);
}

static void do_end(const struct asked *s, const struct call *c, struct buf *ret)
{
    struct world *w = s->w;
    struct session_end e = {.now = T0 + c->step.at};

    world_op(&e.op);
    if (c->kind == CALL_END_UID)
        e.uid = str_of(c->step.uid);
    else
        e.id = c->session >= 0 ? str_of(id_of(s, c->session)) : STR("nothing");
    if (e.uid.n == 0 && e.id.n == 0)
        e.id = STR("nothing");
    assert_int_equal(world_wait(w, store_session_end(w->worker, &e)), 0);
    buf_printf(ret, "%u ended", e.ended);
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* A list is a set; a short one may be any part of it. */
static void print_lines(char **lines, unsigned count, unsigned limit, struct buf *ret)
{
    qsort(lines, count, sizeof *lines, by_text);
    buf_printf(ret, "%u:", count);
    for (unsigned i = 0; i < count; i++) {
        if (limit == EVERYTHING)
            buf_printf(ret, "\n        %s", lines[i]);
        free(lines[i]);
    }
    free(lines);
}

static char *grant_line(const struct grant_info *g)
{
    struct buf line;

    buf_init(&line, ANSWER_MAX);
    buf_printf(&line, "%.*s%s %02x%02x%02x%02x %lld to %lld", STR_FMT(g->uid),
               g->is_static ? " static" : "", g->ua_hash[0], g->ua_hash[1], g->ua_hash[2],
               g->ua_hash[3], (long long)g->created - T0, (long long)g->expires - T0);
    print_net(&g->net, &line);
    for (unsigned i = 0; i < g->key_count; i++)
        buf_printf(&line, " %.*s", STR_FMT(g->keys[i]));
    return buf_take_cstr(&line);
}

static void do_list_grants(struct world *w, const struct call *c, struct buf *ret)
{
    struct grant_list l = {
        .arena = &w->arena, .now = T0 + c->step.at, .uid = str_of(c->step.uid), .limit = c->limit};
    char **lines;

    world_op(&l.op);
    assert_int_equal(world_wait(w, store_grant_list(w->worker, &l)), 0);
    lines = xmalloc((l.count + 1) * sizeof *lines);
    for (unsigned i = 0; i < l.count; i++)
        lines[i] = grant_line(&l.grants[i]);
    buf_printf(ret, "of %llu ", (unsigned long long)l.total);
    print_lines(lines, l.count, c->limit, ret);
}

static char *session_line(const struct asked *asked, const struct session_info *s)
{
    char room[IP_TEXT_MAX];
    struct buf line;

    buf_init(&line, ANSWER_MAX);
    buf_printf(&line, "#%04d %.*s %.*s %.*s %02x%02x%02x%02x %lld last %lld to %lld",
               number_of_id(asked, s->id), STR_FMT(s->uid), STR_FMT(s->stream_key),
               STR_FMT(ip_format(&s->ip, room)), s->ua_hash[0], s->ua_hash[1], s->ua_hash[2],
               s->ua_hash[3], (long long)s->started - T0, (long long)s->last - T0,
               (long long)s->ends - T0);
    return buf_take_cstr(&line);
}

static void do_list_sessions(const struct asked *s, const struct call *c, struct buf *ret)
{
    struct world *w = s->w;
    struct session_list l = {
        .arena = &w->arena, .now = T0 + c->step.at, .uid = str_of(c->step.uid), .limit = c->limit};
    char **lines;

    world_op(&l.op);
    assert_int_equal(world_wait(w, store_session_list(w->worker, &l)), 0);
    assert_true(l.total >= l.count);
    lines = xmalloc((l.count + 1) * sizeof *lines);
    for (unsigned i = 0; i < l.count; i++)
        lines[i] = session_line(s, &l.sessions[i]);
    print_lines(lines, l.count, c->limit, ret);
}

void ask(const struct asked *s, const struct call *c, struct buf *ret)
{
    switch (c->kind) {
    case CALL_ADMIT:
        do_admit(s, c, ret);
        break;
    case CALL_GRANT:
        do_grant(s->w, c, ret);
        break;
    case CALL_REVOKE:
        do_revoke(s->w, c, ret);
        break;
    case CALL_TOUCH:
        do_touch(s->w, c);
        break;
    case CALL_END_ID:
    case CALL_END_UID:
        do_end(s, c, ret);
        break;
    case CALL_LIST_GRANTS:
        do_list_grants(s->w, c, ret);
        break;
    case CALL_LIST_SESSIONS:
        do_list_sessions(s, c, ret);
        break;
    case CALL_RULES:
        store_set_rules(s->w->store, &c->rules);
        break;
    case CALL_TRAFFIC:
        ask_traffic(s->w, &c->traffic, c->step.at, ret);
        break;
    default:
        fail_msg("no call");
    }
}

void ask_revoked(const struct asked *s, unix_t now, struct buf *ret)
{
    for (unsigned i = 0; i < s->seen->count; i++) {
        const struct seen_session *one = &s->seen->sessions[i];
        struct str uid = str_of(one->uid);

        if (one->ends < now || !store_is_revoked(s->w->worker, one->viewer, uid, one->ends))
            continue;
        buf_printf(ret, " -%u", i);
        assert_true(store_has_revocation(s->w->worker, one->viewer, uid));
    }
}
