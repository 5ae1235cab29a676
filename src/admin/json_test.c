#include "admin/json.h"

#include "base/test.h"

static void assert_json(json_t *value, const char *want)
{
    char *got = json_dumps(value, JSON_ENCODE_ANY);

    if (strcmp(got, want) != 0)
        fail_msg("got %s, want %s", got, want);
    free(got);
    json_decref(value);
}

static void test_strings(void **state)
{
    static const struct {
        struct str in;
        const char *want;
    } rows[] = {
        {STR_NONE, "\"\""},
        {STR(""), "\"\""},
        {STR("plain"), "\"plain\""},
        {STR("\"}]"), "\"\\\"}]\""},
        {STR("a\0b"), "\"a\\u0000b\""},
        {STR("\x1b[31m\r\n"), "\"\\u001B[31m\\r\\n\""},
        {STR("\xe7\x94\xb5\xe5\xbd\xb1"), "\"\xe7\x94\xb5\xe5\xbd\xb1\""},
        {STR("\xf0\x9f\x8e\xac"), "\"\xf0\x9f\x8e\xac\""},
        {STR("\xff"), "\"\\\\xff\""},
        {STR("\xff\xfe\xfd\xfc"), "\"\\\\xff\\\\xfe\\\\xfd\\\\xfc\""},
        {STR("a\xe7\x94"), "\"a\\\\xe7\\\\x94\""},          /* cut in the middle */
        {STR("\xc0\xaf"), "\"\\\\xc0\\\\xaf\""},            /* overlong */
        {STR("\xed\xa0\x80"), "\"\\\\xed\\\\xa0\\\\x80\""}, /* a surrogate */
        {STR("\xff\xe7\x94\xb5z"), "\"\\\\xff\xe7\x94\xb5z\""},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        assert_json(json_of_str(rows[i].in), rows[i].want);
}

static void test_every_byte_can_be_shown(void **state)
{
    for (int c = 0; c < 256; c++) {
        char byte = (char)c;
        json_t *value = json_of_str((struct str){&byte, 1});

        assert_non_null(value);
        assert_true(str_is_utf8(str_of(json_string_value(value))));
        json_decref(value);
    }
}

static void test_addresses_times_and_hex(void **state)
{
    struct ip ip;
    struct ip_net net;

    assert_int_equal(ip_parse(STR("2001:db8::1"), &ip), 0);
    assert_int_equal(ip_net_parse(STR("10.1.2.3/8"), &net), 0);
    assert_json(json_of_ip(&ip), "\"2001:db8::1\"");
    assert_json(json_of_ip(&(struct ip){.family = IP_NONE}), "\"-\"");
    assert_json(json_of_net(&net), "\"10.0.0.0/8\"");
    assert_json(json_of_hex("\x00\xab\xff\x10", 4), "\"00abff10\"");
    assert_json(json_of_time(0), "\"1970-01-01T00:00:00.000Z\"");
    assert_json(json_of_time(1795341600 * USEC_PER_SEC + 7999), "\"2026-11-22T10:00:00.007Z\"");
}

static void test_document_goes_into_the_arena(void **state)
{
    AUTO(json_free) json_t *o = json_object();
    struct arena a;

    json_put_int(o, "n", -5);
    json_put_bool(o, "b", true);
    json_put_str(o, "s", STR("x"));
    arena_init(&a, 1024);
    assert_str(json_text(&a, o), "{\"n\": -5, \"b\": true, \"s\": \"x\"}\n");
    arena_done(&a);
}

static void test_full_arena_is_told(void **state)
{
    AUTO(json_free) json_t *o = json_object();
    struct arena a;

    json_put_str(o, "s", STR("0123456789012345678901234567890123456789"));
    arena_init(&a, 32);
    assert_null(json_text(&a, o).p);
    arena_done(&a);
}

TEST_MAIN(cmocka_unit_test(test_strings), cmocka_unit_test(test_every_byte_can_be_shown),
          cmocka_unit_test(test_addresses_times_and_hex),
          cmocka_unit_test(test_document_goes_into_the_arena),
          cmocka_unit_test(test_full_arena_is_told))
