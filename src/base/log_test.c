#include "base/log.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/test.h"

/* What one line looks like behind its time and level. */
static struct str logged(struct arena *a, struct str text)
{
    int ends[2], saved = dup(STDERR_FILENO);
    char line[4096];
    ssize_t n;

    assert_int_equal(pipe(ends), 0);
    dup2(ends[1], STDERR_FILENO);
    log_info("%.*s", STR_FMT(text));
    dup2(saved, STDERR_FILENO);
    close(ends[1]);
    n = read(ends[0], line, sizeof line);
    close(ends[0]);
    close(saved);
    assert_true(n > 31 && line[n - 1] == '\n');
    return arena_copy(a, (struct str){line + 31, (size_t)n - 32});
}

static void test_a_line_is_a_line(void **state)
{
    static const struct {
        struct str text;
        const char *want;
    } rows[] = {
        {STR("plain"), "plain"},
        {STR("a\nb\rc\td\x1b[2Je\x7f"), "a\\x0ab\\x0dc\\x09d\\x1b[2Je\\x7f"},
        {STR("\xc3\xa9 \xe4\xb8\xad"), "\xc3\xa9 \xe4\xb8\xad"},
        {STR("\xc2\x9b"
             "2J"),
         "\\xc2\\x9b2J"},                               /* a C1 control in UTF-8: CSI */
        {STR("\xc2\xa0"), "\xc2\xa0"},                  /* not one of them */
        {STR("\xe2\x80\xaeg\xe2\x80\xa8x\xef\xbb\xbf"), /* another direction, a line's end, BOM */
         "\\xe2\\x80\\xaeg\\xe2\\x80\\xa8x\\xef\\xbb\\xbf"},
        {STR("\xe2\x80\xa6\xf0\x9f\x8e\xac"), "\xe2\x80\xa6\xf0\x9f\x8e\xac"},
        {STR("\xff\xc3\xa9"), "\\xff\\xc3\\xa9"}, /* not UTF-8 */
    };
    struct arena a;

    arena_init(&a, 100000);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        assert_str(logged(&a, rows[i].text), rows[i].want);
    arena_done(&a);
}

static void test_quotes_cannot_be_closed(void **state)
{
    struct arena a;

    arena_init(&a, 100000);
    assert_str(log_quote(&a, STR("x\", uid \"admin")), "\"x\\\", uid \\\"admin\"");
    assert_str(log_quote(&a, STR("\\")), "\"\\\\\"");
    assert_str(log_quote(&a, STR("")), "\"\"");
    arena_done(&a);
}

static void test_levels(void **state)
{
    log_set_level(LOG_WARN);
    assert_true(log_wants(LOG_ERROR) && log_wants(LOG_WARN));
    assert_false(log_wants(LOG_INFO));
    log_set_level(LOG_INFO);
}

TEST_MAIN(cmocka_unit_test(test_a_line_is_a_line), cmocka_unit_test(test_quotes_cannot_be_closed),
          cmocka_unit_test(test_levels))
