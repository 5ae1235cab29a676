#include "gate/access_log.h"

#include "gate/testing.h"

enum { AT_USEC = 45678 };
#define AT ((usec_t)1800000000 * USEC_PER_SEC + AT_USEC) /* 2027-01-15T08:00:00.045Z */

static const struct access_times times = {.at = AT, .first_byte = 123, .total = 1045678};

/* A segment, served to a viewer in the usual way. */
static struct req usual_request(void)
{
    struct req r = {.outcome = OUT_PARTIAL, .class = CLASS_SEGMENT, .sent = 10, .is_tls = true};

    r.head.version_major = 1;
    r.head.version_minor = 1;
    r.head.method_text = STR("GET");
    r.head.known[FIELD_USER_AGENT] = STR("Player/1.0");
    r.head.known[FIELD_RANGE] = STR("bytes=0-9");
    r.head.known[FIELD_COOKIE] = STR("hlsgate_session=secret");
    r.head.known[FIELD_AUTHORIZATION] = STR("Bearer secret");
    r.head.target = STR("/v/movie1/s0.ts?uid=u1&token=secret");
    r.url.path = STR("/v/movie1/s0.ts");
    r.url.query = STR("uid=u1&token=secret");
    r.uid = STR("u1");
    r.stream_key = STR("movie1");
    r.cache_word = CACHE_WORD_HIT;
    assert_int_equal(ip_parse(STR("192.0.2.7"), &r.client), 0);
    return r;
}

static struct str line(struct access_log *l, const struct req *r, enum access_log_format f)
{
    return access_log_line(l, r, &times, f);
}

static void test_usual(void **state)
{
    AUTO(access_log_free) struct access_log *l = access_log_new(NULL, 0);
    struct req r = usual_request();

    assert_str(line(l, &r, ACCESS_LOG_JSON),
               "{\"time\":\"2027-01-15T08:00:00.045Z\",\"outcome\":\"partial\",\"status\":206,"
               "\"bytes\":10,\"first_byte_ms\":0.123,\"total_ms\":1045.678,"
               "\"client\":\"192.0.2.7\",\"tls\":true,\"protocol\":\"HTTP/1.1\",\"method\":\"GET\","
               "\"path\":\"/v/movie1/s0.ts\",\"class\":\"segment\",\"uid\":\"u1\","
               "\"stream\":\"movie1\",\"cache\":\"hit\",\"range\":\"bytes=0-9\","
               "\"user_agent\":\"Player/1.0\"}\n");
    assert_str(
        line(l, &r, ACCESS_LOG_COMBINED),
        "192.0.2.7 - u1 [15/Jan/2027:08:00:00 +0000] \"GET /v/movie1/s0.ts HTTP/1.1\" 206 10 "
        "\"-\" \"Player/1.0\" outcome=partial class=segment stream=\"movie1\" tls=1 "
        "first_byte=0.000123 total=1.045678 cache=hit range=\"bytes=0-9\"\n");
}

/* Not even a request: nothing is known but the client. */
static void test_least(void **state)
{
    AUTO(access_log_free) struct access_log *l = access_log_new(NULL, 0);
    struct access_times t = {.at = AT, .first_byte = ACCESS_NEVER};
    struct req r = {.outcome = OUT_BAD_REQUEST, .class = CLASS_OTHER};

    assert_str(access_log_line(l, &r, &t, ACCESS_LOG_JSON),
               "{\"time\":\"2027-01-15T08:00:00.045Z\",\"outcome\":\"bad_request\",\"status\":400,"
               "\"bytes\":0,\"first_byte_ms\":null,\"total_ms\":0.000,\"client\":\"-\","
               "\"tls\":false,\"class\":\"other\"}\n");
    assert_str(access_log_line(l, &r, &t, ACCESS_LOG_COMBINED),
               "- - - [15/Jan/2027:08:00:00 +0000] \"- - -\" 400 0 \"-\" \"-\" outcome=bad_request "
               "class=other stream=\"-\" tls=0 first_byte=- total=0.000000 cache=- range=\"-\"\n");
}

/* Each text of a peer's, of the kind that takes the most room, ten times as long as it may be. */
static void test_longest_fits(void **state)
{
    static char bytes[20480];
    AUTO(access_log_free) struct access_log *l = access_log_new(NULL, 0);
    struct str s = {bytes, sizeof bytes};
    struct req r = usual_request();

    memset(bytes, '\x7f', sizeof bytes);
    r.head.method_text = r.url.path = r.uid = r.stream_key = s;
    r.head.known[FIELD_USER_AGENT] = r.head.known[FIELD_RANGE] = s;
    assert_int_equal(ip_parse(STR("2001:db8:1111:2222:3333:4444:5555:6666"), &r.client), 0);
    assert_true(line(l, &r, ACCESS_LOG_JSON).n <= LINE_BYTES_MAX);
    assert_true(line(l, &r, ACCESS_LOG_COMBINED).n <= LINE_BYTES_MAX);
}

static void test_hostile_texts_stay_inside(void **state)
{
    AUTO(access_log_free) struct access_log *l = access_log_new(NULL, 0);
    struct req r = usual_request();
    struct str json, combined;

    r.url.path = STR("/a b\"\\\n{}\xe4\xb8\xad.ts");
    r.uid = STR("u 1\" 200");
    r.head.known[FIELD_USER_AGENT] = STR("x\" 200 1\r\n\x1b[31m\xff");
    json = line(l, &r, ACCESS_LOG_JSON);
    assert_true(str_find(json, STR("\"path\":\"/a b\\\"\\\\\\u000a{}\xe4\xb8\xad.ts\"")) > 0);
    assert_true(str_find(json, STR("\"uid\":\"u 1\\\" 200\"")) > 0);
    assert_true(str_find(json, STR("\"x\\\" 200 1\\u000d\\u000a\\u001b[31m\\\\xff\"")) > 0);
    assert_int_equal(str_find_char(json, '\n'), json.n - 1);
    combined = line(l, &r, ACCESS_LOG_COMBINED);
    assert_true(str_find(combined, STR(" u%201%22%20200 [")) > 0);
    assert_true(str_find(combined, STR("\"GET /a%20b%22%5c%0a%7b%7d%e4%b8%ad.ts HTTP/1.1\"")) > 0);
    assert_true(str_find(combined, STR("\"x\\x22 200 1\\x0d\\x0a\\x1b[31m\\xff\"")) > 0);
    assert_int_equal(str_find_char(combined, '\n'), combined.n - 1);
}

static void test_seconds_move_on(void **state)
{
    AUTO(access_log_free) struct access_log *l = access_log_new(NULL, 0);
    struct access_times t = times;
    struct req r = usual_request();

    line(l, &r, ACCESS_LOG_JSON);
    t.at += USEC_PER_SEC;
    assert_true(str_find(access_log_line(l, &r, &t, ACCESS_LOG_JSON), STR("08:00:01.045Z")) > 0);
    t.at -= USEC_PER_SEC; /* a clock that is set back */
    assert_true(str_find(access_log_line(l, &r, &t, ACCESS_LOG_JSON), STR("08:00:00.045Z")) > 0);
}

/* From a real request: the words that the steps leave behind, once for each format. */
static void test_whole_request(void **state)
{
    struct line_writer_options o = {.queues = 1};
    struct access_log_settings s = {.to = ACCESS_LOG_STDOUT, .format = ACCESS_LOG_JSON};
    struct line_writer *writer = line_writer_new(&o);
    struct line_writer_stats stats;
    struct world w;

    world_open(&w, ALL_OPEN);
    access_log_free(&w.worker->access_log);
    w.worker->access_log = access_log_new(writer, 0);
    world_write(&w, "files/a.ts", "bytes");
    ask(&w, "/files/a.ts");
    line_writer_stats(writer, &stats);
    assert_int_equal(stats.accepted, 0); /* the rules say nothing of a log */
    w.rules->access_log = &s;
    ask(&w, "/files/a.ts");
    ask(&w, "/files/none.ts");
    world_explain(&w, "/files/a.ts", VIEWER_IP); /* asks, but is no request */
    line_writer_stats(writer, &stats);
    assert_int_equal(stats.accepted, 2);
    s.to = ACCESS_LOG_FILE; /* without a path: off */
    ask(&w, "/files/a.ts");
    line_writer_stats(writer, &stats);
    assert_int_equal(stats.accepted, 2);
    world_close(&w);
    line_writer_free(&writer);
}

TEST_MAIN(cmocka_unit_test(test_usual), cmocka_unit_test(test_least),
          cmocka_unit_test(test_longest_fits), cmocka_unit_test(test_hostile_texts_stay_inside),
          cmocka_unit_test(test_seconds_move_on), cmocka_unit_test(test_whole_request))
