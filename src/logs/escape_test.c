#include "logs/escape.h"

#include "base/mem.h"
#include "base/test.h"

#define ROOM 1024

struct row {
    struct str text;
    const char *want;
};

static void check(char *(*write)(char *, struct str), const struct row *rows, size_t count)
{
    char room[ROOM];

    for (size_t i = 0; i < count; i++) {
        char *end = write(room, rows[i].text);

        assert_str(str_range(room, end), rows[i].want);
        assert_true((size_t)(end - room) <= LINE_GROWTH * rows[i].text.n + 1);
    }
}

static void test_json(void **state)
{
    static const struct row rows[] = {
        {STR(""), ""},
        {STR("plain /path-1.ts?x"), "plain /path-1.ts?x"},
        {STR("\"}\\"), "\\\"}\\\\"},
        {STR("a\nb\rc\td\x1b[2Je\x7f"), "a\\u000ab\\u000dc\\u0009d\\u001b[2Je\\u007f"},
        {STR("\0"), "\\u0000"},
        {STR("\xc3\xa9 \xe4\xb8\xad \xf0\x9f\x8e\xac"), "\xc3\xa9 \xe4\xb8\xad \xf0\x9f\x8e\xac"},
        {STR("\xc2\x85|\xc2\x9b"), "\\u0085|\\u009b"},       /* next line, CSI */
        {STR("\xe2\x80\xa8\xe2\x80\xa9"), "\\u2028\\u2029"}, /* line, paragraph separator */
        {STR("\xe2\x80\xae\xe2\x81\xa6"), "\\u202e\\u2066"}, /* right-to-left */
        {STR("\xff\xc3\xa9\xe4\xb8"), "\\\\xff\xc3\xa9\\\\xe4\\\\xb8"}, /* not UTF-8 */
    };

    check(line_json, rows, ARRAY_LEN(rows));
}

static void test_quoted(void **state)
{
    static const struct row rows[] = {
        {STR(""), ""},
        {STR("Mozilla/5.0 (X11; Linux)"), "Mozilla/5.0 (X11; Linux)"},
        {STR("x\" 200 \\"), "x\\x22 200 \\x5c"},
        {STR("a\r\nb\x7f\xc3\xa9\xff"), "a\\x0d\\x0ab\\x7f\\xc3\\xa9\\xff"},
    };

    check(line_quoted, rows, ARRAY_LEN(rows));
}

static void test_bare(void **state)
{
    static const struct row rows[] = {
        {STR(""), "-"},
        {STR("/a/b-1.ts"), "/a/b-1.ts"},
        {STR("/a b?c#d\"%"), "/a%20b%3fc%23d%22%25"},
        {STR("/\xe4\xb8\xad\n"), "/%e4%b8%ad%0a"},
    };

    check(line_bare, rows, ARRAY_LEN(rows));
}

/* Wherever a byte stands in a long text, it comes out as it does alone. */
static void test_every_byte_at_every_place(void **state)
{
    char *(*const writers[])(char *, struct str) = {line_json, line_quoted, line_bare};
    enum { LONG = 39 }; /* two pieces that are looked at as a whole, and some bytes */

    for (size_t w = 0; w < ARRAY_LEN(writers); w++)
        for (int byte = 0; byte < 256; byte++)
            for (int place = 0; place < LONG; place++) {
                char text[LONG], alone[ROOM], room[ROOM], want[ROOM];
                char b = (char)byte;
                int n = (int)(writers[w](alone, (struct str){&b, 1}) - alone);

                memset(text, 'x', sizeof text);
                text[place] = b;
                memset(want, 'x', sizeof want);
                memcpy(want + place, alone, (size_t)n);
                want[LONG - 1 + n] = '\0';
                assert_str(str_range(room, writers[w](room, (struct str){text, LONG})), want);
            }
}

static struct str with(char *(*write)(char *, uint64_t), uint64_t n, char *room)
{
    return str_range(room, write(room, n));
}

static void test_numbers(void **state)
{
    char room[LINE_NUMBER_MAX];

    assert_str(with(line_u64, 0, room), "0");
    assert_str(with(line_u64, 1234567890, room), "1234567890");
    assert_str(with(line_u64, UINT64_MAX, room), "18446744073709551615");
    assert_str(with(line_msec, 0, room), "0.000");
    assert_str(with(line_msec, 12045, room), "12.045");
    assert_str(with(line_sec, 12045, room), "0.012045");
    assert_str(with(line_sec, UINT64_MAX, room), "18446744073709.551615");
}

TEST_MAIN(cmocka_unit_test(test_json), cmocka_unit_test(test_quoted), cmocka_unit_test(test_bare),
          cmocka_unit_test(test_every_byte_at_every_place), cmocka_unit_test(test_numbers))
