#include "access/policy.h"

#include "base/mem.h"
#include "base/panic.h"
#include "base/test.h"

enum { SUFFIXES_MAX = 32 };

static struct str suffix_room[CLASS_COUNT][SUFFIXES_MAX];

static checks_t checks_of(const char *words)
{
    struct str rest = str_of(words), word;
    checks_t checks = 0;

    while (str_split(&rest, ' ', &word)) {
        assert_int_not_equal(check_parse(word), 0);
        checks |= check_parse(word);
    }
    return checks;
}

static void rule_set(struct class_rules *rules, enum path_class c, const char *suffixes,
                     const char *checks)
{
    struct str rest = str_of(suffixes), suffix;
    struct class_rule *rule = &rules->of[c];

    *rule = (struct class_rule){.suffixes = suffix_room[c], .checks = checks_of(checks)};
    while (rest.n > 0 && str_split(&rest, ' ', &suffix)) {
        assert(rule->suffix_count < SUFFIXES_MAX);
        rule->suffixes[rule->suffix_count++] = suffix;
    }
}

static struct class_rules default_rules(void)
{
    struct class_rules rules;

#define X(name, word, suffixes, checks, cc) rule_set(&rules, CLASS_##name, suffixes, checks);
    PATH_CLASSES(X)
#undef X
    return rules;
}

static void test_class_of(void **state)
{
    static const struct {
        const char *path;
        enum path_class want;
    } rows[] = {
        {"/a/enc.key", CLASS_KEY},
        {"/a/index.m3u8", CLASS_PLAYLIST},
        {"/a/INDEX.M3U8", CLASS_PLAYLIST},
        {"/a/s1.ts", CLASS_SEGMENT},
        {"/a/s1.M4S", CLASS_SEGMENT},
        {"/a/init.mp4", CLASS_SEGMENT},
        {"/a/sub.webvtt", CLASS_SEGMENT},
        {"/a/poster.jpeg", CLASS_STATIC},
        {"/a/font.woff2", CLASS_STATIC},
        {"/a/font.woff", CLASS_STATIC},
        {"/a/movie.mkv", CLASS_OTHER},
        {"/a/ts", CLASS_OTHER},
        {"/a/s1.tsx", CLASS_OTHER},
        {"/a/index.m3u8/", CLASS_OTHER},
        {"/a/index.m3u8.bak", CLASS_OTHER},
        {"/", CLASS_OTHER},
        {"", CLASS_OTHER},
    };
    struct class_rules rules = default_rules();

    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (class_of(&rules, str_of(rows[i].path)) != rows[i].want)
            fail_msg("%s", rows[i].path);
    assert_int_equal(class_of(&rules, STR("/a.m3u8\0.ts")), CLASS_SEGMENT);
}

static void test_first_class_wins(void **state)
{
    struct class_rules rules = default_rules();

    rule_set(&rules, CLASS_KEY, ".enc.ts", "token");
    assert_int_equal(class_of(&rules, STR("/a/k.enc.ts")), CLASS_KEY);
    assert_int_equal(class_of(&rules, STR("/a/k.ts")), CLASS_SEGMENT);
}

static void test_words(void **state)
{
    for (unsigned bit = 0; bit < CHECK_COUNT; bit++)
        assert_int_equal(check_parse(check_word(bit)), 1u << bit);
    assert_int_equal(check_parse(STR("token")), CHECK_TOKEN);
    assert_int_equal(check_parse(STR("Token")), 0);
    assert_int_equal(check_parse(STR("")), 0);
    assert_int_equal(check_parse(STR("tokens")), 0);
    assert_str(class_word(CLASS_PLAYLIST), "playlist");
    assert_str(class_word(CLASS_OTHER), "other");
}

static void test_defaults(void **state)
{
    struct class_rules rules = default_rules();

    assert_int_equal(rules.of[CLASS_KEY].checks, CHECK_TOKEN | CHECK_USE_LIMIT);
    assert_int_equal(rules.of[CLASS_PLAYLIST].checks,
                     CHECK_TOKEN | CHECK_GRANT | CHECK_SESSION | CHECK_USE_LIMIT);
    assert_int_equal(rules.of[CLASS_SEGMENT].checks, CHECK_CREDENTIAL);
    assert_int_equal(rules.of[CLASS_STATIC].checks, CHECK_IP);
    assert_int_equal(rules.of[CLASS_OTHER].checks, CHECK_GRANT | CHECK_SESSION);
}

TEST_MAIN(cmocka_unit_test(test_class_of), cmocka_unit_test(test_first_class_wins),
          cmocka_unit_test(test_words), cmocka_unit_test(test_defaults))
