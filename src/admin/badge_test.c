#include "admin/badge.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/test.h"

enum { NOW = 2000000000 };

static const struct token_secret secrets[] = {
    {STR("k1"), STR("secret-number-one-0123456789")},
    {STR("k2"), STR("secret-number-two-0123456789")},
};

struct fixture {
    struct token_keyring *keyring;
    struct token_scratch *scratch;
    struct badge_maker maker;
    struct api_key_setting keys[2];
    struct api_settings settings;
    struct badge badge; /* of the second key */
    char text[BADGE_TEXT_LEN], word[BADGE_WORD_LEN];
};

static int setup(void **state)
{
    struct fixture *f = xzalloc(sizeof *f);

    f->keyring = token_keyring_new(secrets, ARRAY_LEN(secrets));
    f->scratch = token_scratch_new();
    f->maker = (struct badge_maker){f->keyring, f->scratch};
    sha256(STR("the viewer's key"), f->keys[0].sha256);
    sha256(STR("the operator's key"), f->keys[1].sha256);
    f->settings.keys = (struct conf_list){f->keys, ARRAY_LEN(f->keys)};
    badge_init(&f->badge, &f->keys[1], NOW);
    badge_write(&f->badge, &f->maker, f->text);
    badge_word(&f->badge, &f->maker, f->word);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    token_keyring_free(&f->keyring);
    token_scratch_free(&f->scratch);
    free(f);
    return 0;
}

static bool is_read(struct fixture *f, unix_t now, struct badge *ret)
{
    return badge_read((struct str){f->text, sizeof f->text}, &f->settings, &f->maker, now, ret);
}

static bool is_good(struct fixture *f, unix_t now)
{
    struct badge b;

    return is_read(f, now, &b);
}

static void test_it_says_whose_it_is(void **state)
{
    struct fixture *f = *state;
    struct badge b;

    assert_true(is_read(f, NOW, &b));
    assert_ptr_equal(b.key, &f->keys[1]);
    assert_int_equal(b.expires, NOW + BADGE_LIFE);
    assert_memory_equal(b.nonce, f->badge.nonce, sizeof b.nonce);
}

static void test_its_time_ends(void **state)
{
    assert_true(is_good(*state, NOW + BADGE_LIFE - 1));
    assert_false(is_good(*state, NOW + BADGE_LIFE));
}

/* Each character counts, and no other length does. */
static void test_every_change_is_seen(void **state)
{
    struct fixture *f = *state;
    struct badge b;

    for (size_t i = 0; i < sizeof f->text; i++) {
        char was = f->text[i];

        for (const char *c = "AZaz09-_ =\n"; *c != '\0'; c++) {
            f->text[i] = *c;
            assert_true(*c == was || !is_good(f, NOW));
        }
        f->text[i] = was;
        assert_false(badge_read((struct str){f->text, i}, &f->settings, &f->maker, NOW, &b));
    }
    assert_true(is_good(f, NOW));
}

static void test_it_goes_with_its_key(void **state)
{
    struct fixture *f = *state;

    f->settings.keys.count = 1;
    assert_false(is_good(f, NOW));
    f->settings.keys.count = 2;
    f->keys[1].sha256[0] ^= 1; /* another key under the same name */
    assert_false(is_good(f, NOW));
}

/* A new secret is put in front: who is logged in stays. When the old one goes, he goes. */
static void test_it_outlives_a_rotation(void **state)
{
    struct fixture *f = *state;
    struct token_secret turned[] = {{STR("k3"), STR("secret-number-three-0123456789")}, secrets[0]};
    struct badge b;

    token_keyring_free(&f->keyring);
    f->keyring = token_keyring_new(turned, 2);
    f->maker.keyring = f->keyring;
    assert_true(is_read(f, NOW, &b));
    assert_true(badge_word_is(&b, &f->maker, (struct str){f->word, sizeof f->word}));
    token_keyring_free(&f->keyring);
    f->keyring = token_keyring_new(turned, 1);
    f->maker.keyring = f->keyring;
    assert_false(is_good(f, NOW));
}

static void test_the_word_is_its_own(void **state)
{
    struct fixture *f = *state;
    struct str word = {f->word, sizeof f->word};
    struct badge other;

    badge_init(&other, &f->keys[1], NOW);
    assert_true(badge_word_is(&f->badge, &f->maker, word));
    assert_false(badge_word_is(&other, &f->maker, word));
    assert_false(badge_word_is(&f->badge, &f->maker, STR_NONE));
    assert_false(badge_word_is(&f->badge, &f->maker, str_first(word, word.n - 1)));
    f->word[0] = f->word[0] == 'A' ? 'B' : 'A';
    assert_false(badge_word_is(&f->badge, &f->maker, word));
}

static void test_what_was_given_back(void **state)
{
    struct fixture *f = *state;
    struct returned_badges *r = returned_badges_new();
    struct badge late = f->badge, old = f->badge;

    assert_false(returned_badges_has(r, &f->badge));
    returned_badges_add(r, &f->badge, NOW);
    assert_true(returned_badges_has(r, &f->badge));
    old.nonce[0] ^= 1;
    old.expires = NOW;
    returned_badges_add(r, &old, NOW); /* nobody could use it any more */
    assert_false(returned_badges_has(r, &old));
    for (int i = 0; i < BADGES_RETURNED_MAX; i++) { /* the one that expires first gives way */
        badge_init(&late, &f->keys[0], NOW + 1);
        returned_badges_add(r, &late, NOW);
        assert_true(returned_badges_has(r, &late));
    }
    assert_false(returned_badges_has(r, &f->badge));
    returned_badges_free(&r);
    assert_null(r);
}

#define WITH_FIXTURE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

TEST_MAIN(WITH_FIXTURE(test_it_says_whose_it_is), WITH_FIXTURE(test_its_time_ends),
          WITH_FIXTURE(test_every_change_is_seen), WITH_FIXTURE(test_it_goes_with_its_key),
          WITH_FIXTURE(test_it_outlives_a_rotation), WITH_FIXTURE(test_the_word_is_its_own),
          WITH_FIXTURE(test_what_was_given_back))
