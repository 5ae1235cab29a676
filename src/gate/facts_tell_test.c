/* Facts as the log keeps them, told: verdict, inputs and sentence of each check. */
#include "gate/testing.h"

#include <errno.h>

#include "gate/facts.h"

#define UID(text) .uid = text, .uid_n = sizeof text - 1
#define TOKEN_UID(text) .token_uid = text, .token_uid_n = sizeof text - 1
#define STREAM_KEY(text) .stream_key = text, .stream_key_n = sizeof text - 1
#define SCOPE(text) .scope = text, .scope_n = sizeof text - 1
#define PREFIX(text) .has_origin = true, .prefix = text, .prefix_n = sizeof text - 1

#define SEEN_AS(c, set)                                                          \
    .is_classified = true, .class = CLASS_##c, .checks = (set), STREAM_KEY("s"), \
    .network = {.base = {.family = IP_V4, .bytes = {192, 0, 2}}, .prefix = 24},  \
    .ua_hash = {0xde, 0xad, 0xbe, 0xef}
#define PLAYLIST_OF SEEN_AS(PLAYLIST, CHECK_TOKEN | CHECK_GRANT)
#define JUDGED(verdict, kind) \
    PLAYLIST_OF, .is_token_judged = true, .token_verdict = verdict, .token_kind = kind
#define GIVEN TOKEN_UID("u1"), .expires = 1700000000
#define ASKED(what) PLAYLIST_OF, UID("u1"), .store = STORE_ANSWERED, .asked = (what)
#define ENDED(o) .outcome = OUT_##o
#define OF_VIEWER "network=192.0.2.0/24 ua_hash=deadbeef"
#define VIEWER_TEXT "network 192.0.2.0/24, User-Agent deadbeef"
#define STORE_IS(e) PLAYLIST_OF, .store = STORE_FAILED, .store_error = -e
#define HAS_ORIGIN PLAYLIST_OF, PREFIX("/v/"), .origin_is_http = true
#define ORIGIN_TEXT "prefix /v/, http"
#define ORIGIN_INPUTS "prefix=/v/ kind=http"
#define HAS_SESSION .has_session = true, .session_ends = 1700000100

/* clang-format off */
static const struct {
    struct facts facts;
    const char *check, *verdict, *inputs, *text;
    bool is_decisive;
} cases[] = {
    {{PLAYLIST_OF}, "class", "protected", "class=playlist stream_key=s checks=token,grant",
     "playlist; stream key 's'; checks token, grant"},
    {{SEEN_AS(STATIC, 0)}, "class", "open", "class=static stream_key=s checks=",
     "static; stream key 's'; checks nothing"},
    {{PLAYLIST_OF}, "viewer", "seen", OF_VIEWER, VIEWER_TEXT},
    {{PLAYLIST_OF, .is_whitelisted = true}, "fixed_whitelist", "listed", "",
     "the address is listed: every check passes"},

    {{JUDGED(TOKEN_NONE, TOKEN_PATH), ENDED(TOKEN_MISSING)}, "token", "none", "",
     "none: no token, and the policy asks for one", true},
    {{JUDGED(TOKEN_OK, TOKEN_PATH), GIVEN}, "token", "ok", "uid=u1 expires=1700000000 kind=token",
     "verifies; uid 'u1', expires 1700000000, a token of the back end"},
    {{JUDGED(TOKEN_OK, GATE_SCOPE), GIVEN, SCOPE("/v/")}, "token", "ok",
     "uid=u1 expires=1700000000 scope=/v/ kind=gate_token",
     "verifies; uid 'u1', expires 1700000000, scope '/v/', a gate token"},
    {{JUDGED(TOKEN_EXPIRED, TOKEN_PATH), GIVEN}, "token", "expired",
     "uid=u1 expires=1700000000 kind=token",
     "expired; uid 'u1', expires 1700000000, a token of the back end"},
    {{JUDGED(TOKEN_EXPIRED, TOKEN_PATH), GIVEN, ENDED(TOKEN_EXPIRED)}, "token", "expired",
     "uid=u1 expires=1700000000 kind=token",
     "expired; uid 'u1', expires 1700000000, a token of the back end: token has expired and no "
     "session carries on", true},
    {{JUDGED(TOKEN_MALFORMED, TOKEN_PATH)}, "token", "malformed", "kind=token",
     "malformed, a token of the back end"},
    {{JUDGED(TOKEN_BAD_SIG, GATE_PATH), TOKEN_UID("u2")}, "token", "bad_signature",
     "uid=u2 kind=gate_token", "bad signature; uid 'u2', a gate token"},
    {{JUDGED(TOKEN_OUT_OF_SCOPE, TOKEN_SCOPE), SCOPE("/t/")}, "token", "out_of_scope",
     "scope=/t/ kind=token", "out of scope, scope '/t/', a token of the back end"},
    {{SEEN_AS(KEY, CHECK_TOKEN), .is_token_judged = true, .token_verdict = TOKEN_OK,
      .token_kind = TOKEN_SCOPE, ENDED(TOKEN_OUT_OF_SCOPE)}, "token", "out_of_scope", "kind=token",
     "out of scope, a token of the back end: token is for another folder", true},

    {{JUDGED(TOKEN_OK, GATE_PATH), .store = STORE_NOT_NEEDED}, "revocation", "none", "", "none"},
    {{JUDGED(TOKEN_OK, GATE_PATH), ENDED(REVOKED)}, "revocation", "revoked", "",
     "revoked: session or grant behind this gate token was revoked", true},
    {{JUDGED(TOKEN_OK, GATE_PATH), .is_token_set_aside = true, .store = STORE_ANSWERED,
      .asked = ADMIT_GRANT, .admitted = REFUSED_NO_GRANT, ENDED(NO_GRANT)}, "revocation", "revoked", "",
     "revoked"},
    {{JUDGED(TOKEN_OK, GATE_PATH), ENDED(CLIENT_LEFT)}, "revocation", "revoked", "", "revoked"},

    {{ASKED(ADMIT_GRANT), .grant_matched = true}, "grant", "matches", "uid=u1",
     "matches; uid 'u1'"},
    {{ASKED(ADMIT_GRANT), .admitted = REFUSED_NO_GRANT, ENDED(NO_GRANT)}, "grant", "none", "uid=u1 "
     OF_VIEWER " stream_key=s", "none; uid 'u1'; " VIEWER_TEXT
     "; stream key 's': no grant for this network and User-Agent", true},
    {{ASKED(ADMIT_GRANT_IP), .admitted = REFUSED_NO_GRANT}, "grant", "none", "uid=u1 " OF_VIEWER,
     "none; uid 'u1'; " VIEWER_TEXT},
    {{ASKED(ADMIT_GRANT), .admitted = REFUSED_NO_GRANT, .has_session = true}, "grant", "none",
     "uid=u1 " OF_VIEWER " stream_key=s", NULL}, /* of rules that are strict */
    {{ASKED(ADMIT_GRANT), .admitted = REFUSED_GRANT_KEY}, "grant", "other_streams", "uid=u1 "
     OF_VIEWER " stream_key=s", NULL},
    {{ASKED(ADMIT_GRANT), .has_session = true}, "grant", "not_needed", "",
     "not needed: a session lives"},
    {{ASKED(ADMIT_GRANT), .admitted = REFUSED_TOKEN_EXPIRED}, "grant", "not_reached", "",
     "not reached"},

    {{ASKED(ADMIT_SESSION), HAS_SESSION}, "session", "lives", "uid=u1 ends_at=1700000100",
     "lives; uid 'u1'; its gate tokens end at 1700000100"},
    {{ASKED(ADMIT_SESSION), HAS_SESSION, .session_is_new = true}, "session", "begins",
     "uid=u1 ends_at=1700000100", "begins; uid 'u1'; its gate tokens end at 1700000100"},
    {{ASKED(ADMIT_SESSION), HAS_SESSION, .session_is_new = true, .is_dry = true}, "session",
     "would_begin", "uid=u1 ends_at=1700000100",
     "would begin; uid 'u1'; its gate tokens end at 1700000100"},
    {{ASKED(ADMIT_SESSION), .admitted = REFUSED_NO_SESSION, ENDED(NO_SESSION)}, "session", "none",
     "", "none: no live session", true},
    {{ASKED(ADMIT_SESSION), .admitted = REFUSED_TOO_FAST}, "session", "too_fast", "",
     "begins too fast"},
    {{ASKED(ADMIT_SESSION), .admitted = REFUSED_USED_UP}, "session", "not_begun", "", "not begun"},

    {{ASKED(0), .streams_counted = true, .max_streams = 2}, "max_streams", "allows",
     "streams=0 max_streams=2", "allows; streams of this uid beside this one: 0, max_streams: 2"},
    {{ASKED(0), .streams_counted = true, .admitted = REFUSED_TOO_MANY_STREAMS}, "max_streams",
     "refuses", "streams=0 max_streams=0", NULL},
    {{ASKED(0), .streams_counted = true, .streams_ended = 1}, "max_streams", "ends_oldest",
     "streams=0 max_streams=0", NULL},
    {{ASKED(0), .streams_counted = true, .streams_ended = 1, .streams_ended_own = true},
     "max_streams", "takes_own_place", "streams=0 max_streams=0", NULL},

    {{ASKED(ADMIT_USE), .use_count = 3}, "use_limit", "allows", "use_count=3",
     "allows; use number 3"},
    {{ASKED(ADMIT_USE), .admitted = REFUSED_OTHER_VIEWER, .use_count = 1}, "use_limit",
     "other_viewer", "use_count=1", "refuses; another viewer used it first; use number 1"},
    {{ASKED(ADMIT_USE), .admitted = REFUSED_USED_UP, .use_count = 1}, "use_limit", "used_up",
     "use_count=1", "refuses; used up; use number 1"},
    {{ASKED(ADMIT_USE), .admitted = REFUSED_USED_UP, .refused_use = 1, .use_count = 9}, "use_limit",
     "used_up_by_browser", "use_count=9", "refuses; used up by this kind of browser; use number 9"},
    {{ASKED(ADMIT_USE), .admitted = REFUSED_NO_GRANT}, "use_limit", "not_reached", "",
     "not reached"},

    {{PLAYLIST_OF, .store = STORE_NOT_NEEDED}, "store", "not_asked", "",
     "not asked: nothing in this policy needs it"},
    {{PLAYLIST_OF, .store = STORE_ASKED}, "store", "no_answer", "", "asked; no answer came"},
    {{STORE_IS(EAGAIN), ENDED(STORE_DOWN)}, "store", "out_of_reach", "",
     "out of reach: state store did not answer, or with nothing of use", true},
    {{STORE_IS(ETIMEDOUT), .is_unchecked = true}, "store", "timed_out",
     "on_store_failure=allow_signed", "no answer in time: let in by the signature"},
    {{STORE_IS(ENOSPC)}, "store", "full", "", "full"},
    {{STORE_IS(EIO)}, "store", "bad_answer", "", "an answer of no use"},
    {{STORE_IS(EINVAL), ENDED(NOT_FOUND)}, "store", "too_long", "",
     "a name is longer than can be stored"},

    {{HAS_ORIGIN}, "origin", "serves", ORIGIN_INPUTS, ORIGIN_TEXT},
    {{PLAYLIST_OF, PREFIX("/")}, "origin", "serves", "prefix=/ kind=filesystem",
     "prefix /, filesystem"},
    {{HAS_ORIGIN, ENDED(NOT_FOUND)}, "origin", "not_found", ORIGIN_INPUTS, "not found; " ORIGIN_TEXT
     ": no such file or endpoint", true},
    {{HAS_ORIGIN, ENDED(FORBIDDEN_FILE)}, "origin", "forbidden", ORIGIN_INPUTS, NULL, true},
    {{HAS_ORIGIN, ENDED(PLAYLIST_TOO_LARGE)}, "origin", "too_large", ORIGIN_INPUTS, NULL, true},
    {{HAS_ORIGIN, ENDED(ORIGIN_ERROR)}, "origin", "failed", ORIGIN_INPUTS, ORIGIN_TEXT
     ": origin could not be read, or answered with an error", true},
    {{HAS_ORIGIN, ENDED(ORIGIN_BROKE)}, "origin", "broke_off", ORIGIN_INPUTS, NULL, true},
    {{HAS_ORIGIN, ENDED(ORIGIN_TIMEOUT)}, "origin", "timed_out", ORIGIN_INPUTS, NULL, true},

    {{.is_api = true}, "api", "answered", "", "answered by the API, not by the gate"},
    {{.is_api = true, ENDED(API_KEY_WRONG)}, "api_key", "unknown", "", "unknown: unknown API key",
     true},
    {{.is_api = true, ENDED(API_FORGED)}, "api_key", "forged", "", NULL, true},
    {{ENDED(BAD_PATH)}, "request", "refused", "", "path is malformed or leaves the root", true},
    {{ENDED(NOT_FOUND)}, "request", "not_found", "", "not found: no such file or endpoint", true},
    {{PLAYLIST_OF, ENDED(DRAINING)}, "request", "failed", "", "shutting down", true},
};
/* clang-format on */

/* ---- inputs, written down ---- */

static struct str value_text(struct arena *a, const struct fact_input *input)
{
    struct str pieces[2 * CHECK_COUNT] = {STR("")};

    switch (fact_input_type(input->name)) {
    case FACT_TEXT:
    case FACT_WORD:
        return input->text;
    case FACT_LIST:
        for (unsigned i = 0; i < input->list_n; i++) {
            pieces[2 * i] = i > 0 ? STR(",") : STR("");
            pieces[2 * i + 1] = input->list[i];
        }
        return arena_join(a, pieces, 2 * (size_t)input->list_n);
    default:
        return arena_printf(a, "%lld", (long long)input->number);
    }
}

/* "name=value name=value" */
static struct str inputs_text(struct arena *a, const struct fact *k)
{
    struct str text = STR("");

    for (unsigned i = 0; i < k->input_count; i++)
        text = arena_printf(a, "%.*s%s%.*s=%.*s", STR_FMT(text), i > 0 ? " " : "",
                            STR_FMT(fact_input_word(k->inputs[i].name)),
                            STR_FMT(value_text(a, &k->inputs[i])));
    return text;
}

/* ---- */

static const struct fact *find(const struct fact *told, unsigned n, const char *check)
{
    for (unsigned i = 0; i < n; i++)
        if (str_eq(fact_check_word(told[i].check), str_of(check)))
            return &told[i];
    fail_msg("%s is not told", check);
    return NULL;
}

static void assert_says(size_t i, const char *what, struct str said, const char *want)
{
    if (want != NULL && !str_eq(said, str_of(want)))
        fail_msg("case %zu, %s: %s '%.*s', not '%s'", i, cases[i].check, what, STR_FMT(said), want);
}

static void test_verdict_inputs_and_sentence(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct fact told[FACTS_MAX];
        const struct fact *k;
        struct arena a;

        arena_init(&a, 1 << 16);
        k = find(told, facts_tell(&cases[i].facts, &a, told), cases[i].check);
        assert_says(i, "verdict", fact_verdict_word(k->verdict), cases[i].verdict);
        assert_says(i, "inputs", inputs_text(&a, k), cases[i].inputs);
        assert_says(i, "text", k->text, cases[i].text);
        assert_int_equal(k->is_decisive, cases[i].is_decisive);
        arena_done(&a);
    }
}

/* No word of the tables is one that is never said. */
static void test_every_word_is_said(void **state)
{
    bool is_said[FACT_VERDICT_COUNT] = {false};

    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        for (int v = 0; v < FACT_VERDICT_COUNT; v++)
            is_said[v] |= str_eq(fact_verdict_word(v), str_of(cases[i].verdict));
    for (int v = 0; v < FACT_VERDICT_COUNT; v++)
        if (!is_said[v])
            fail_msg("nothing is %.*s", STR_FMT(fact_verdict_word(v)));
}

/* Whatever is known besides. */
static void test_one_check_decides(void **state)
{
    for (int o = 0; o < OUTCOME_COUNT; o++) {
        struct facts f = {PLAYLIST_OF, .outcome = (uint8_t)o};
        enum outcome_class class = outcome_row(o)->class;
        struct fact told[FACTS_MAX];
        unsigned n, decisive = 0;
        struct arena a;

        arena_init(&a, 1 << 16);
        n = facts_tell(&f, &a, told);
        for (unsigned i = 0; i < n; i++)
            decisive += told[i].is_decisive;
        assert_int_equal(decisive, class != SERVED);
        if (class == FAILED)
            assert_int_not_equal(facts_verdict_of(o), FACT_VERDICT_REFUSED);
        arena_done(&a);
    }
}

TEST_MAIN(cmocka_unit_test(test_verdict_inputs_and_sentence),
          cmocka_unit_test(test_every_word_is_said), cmocka_unit_test(test_one_check_decides))
