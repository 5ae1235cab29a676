/* Records go there and back; keys sort as look-ups need them; what is cut short is never read past
 * its end, nor taken for whole. */
#include "store/record.h"

#include "base/test.h"

static const uint8_t viewer[STORE_VIEWER_LEN] = "0123456789abcdefghijk";

/* In memory of its own size, so that the sanitizer sees a read past the end. */
static struct str cut(struct str s, size_t n)
{
    return (struct str){xmemdup(s.p, n), n};
}

static bool unpack_grant(struct str v)
{
    struct grant_record r;

    return grant_unpack(v, &r);
}

static bool unpack_session(struct str v)
{
    struct session_record r;
    struct key k;

    session_key(&k, viewer, 7, STR("u1"), 99);
    return session_unpack(key_str(&k), v, &r);
}

static bool unpack_use(struct str v)
{
    struct use_record r;

    return use_unpack(v, &r);
}

static bool unpack_index(struct str v)
{
    struct index_entry e;

    return index_unpack(v, &e);
}

static bool unpack_grant_name(struct str k)
{
    struct grant_name name;

    return grant_name_unpack(k, &name);
}

static bool unpack_by_uid(struct str k)
{
    struct session_record r;

    return session_by_uid_unpack(k, STR("12345678"), &r);
}

static bool unpack_index_uid(struct str k)
{
    struct str uid;

    return index_key_uid(k, &uid);
}

struct sample {
    bool (*unpack)(struct str packed);
    size_t shortest; /* cut to less it is no record; 0: only whole it is one */
    struct str packed;
};

static void check_cuts(const struct sample *s)
{
    size_t shortest = s->shortest > 0 ? s->shortest : s->packed.n;

    for (size_t n = 0; n <= s->packed.n; n++) {
        struct str part = cut(s->packed, n);
        bool is_whole = s->unpack(part);

        if (n < shortest)
            assert_false(is_whole);
        if (n == s->packed.n)
            assert_true(is_whole);
        free((void *)part.p);
    }
}

static void test_records_cut_short(void **state)
{
    static uint8_t room[4][RECORD_ROOM];
    struct grant_record g = {
        .expires = 5, .order = 3, .count = 2, .keys = {STR("movie1"), STR("movie2")}};
    struct session_record s = {.ends = 9, .stream_key = STR("movie1")};
    struct use_record u = {.expires = 5, .count = 2, .viewers = 2};
    struct index_entry e = {.expires = 5, .stream_key = STR("movie1")};
    struct grant_name name = {.uid = STR("u1")};
    struct key keys[3];
    struct sample samples[] = {
        {unpack_grant, 24, grant_pack(&g, room[0])},
        {unpack_session, 61, session_pack(&s, room[1])},
        {unpack_use, 16, use_pack(&u, room[2])},
        {unpack_index, 16, index_pack(&e, room[3])},
        {.unpack = unpack_grant_name},
        {.unpack = unpack_by_uid},
        {.unpack = unpack_index_uid},
    };

    grant_key(&keys[0], &name);
    session_by_uid_key(&keys[1], STR("u1"), viewer, 99);
    index_key(&keys[2], &name.net, name.ua_hash, 77, STR("u1"));
    for (int i = 0; i < 3; i++)
        samples[4 + i].packed = key_str(&keys[i]);
    for (size_t i = 0; i < ARRAY_LEN(samples); i++)
        check_cuts(&samples[i]);
}

static void test_there_and_back(void **state)
{
    struct session_record s = {.ends = 9,
                               .last = 8,
                               .started = 7,
                               .stream_key = STR("movie1"),
                               .ip = {.family = IP_V6}},
                          back;
    uint8_t room[RECORD_ROOM];
    struct key k;

    session_key(&k, viewer, 0x0102030405060708, STR("u1"), 9);
    assert_true(session_unpack(key_str(&k), session_pack(&s, room), &back));
    assert_int_equal(back.ends, 9);
    assert_int_equal(back.last, 8);
    assert_int_equal(back.started, 7);
    assert_int_equal(back.hash, 0x0102030405060708);
    assert_int_equal(back.ip.family, IP_V6);
    assert_str(back.uid, "u1");
    assert_str(back.stream_key, "movie1");
    assert_memory_equal(back.viewer, viewer, STORE_VIEWER_LEN);
    revoked_key(&k, viewer, 1234567890123, STR("u1"));
    assert_int_equal(revoked_key_ends(key_str(&k)), 1234567890123);
}

static void test_longest_records_fit(void **state)
{
    static char text[STORE_KEY_MAX], uid[STORE_UID_MAX];
    static uint8_t room[RECORD_ROOM];
    struct grant_record g = {.count = GRANT_MAX_KEYS}, back;
    struct key k;

    for (int i = 0; i < GRANT_MAX_KEYS; i++)
        g.keys[i] = (struct str){text, sizeof text};
    assert_true(grant_unpack(grant_pack(&g, room), &back));
    assert_int_equal(back.count, GRANT_MAX_KEYS);
    assert_int_equal(back.keys[GRANT_MAX_KEYS - 1].n, STORE_KEY_MAX);
    session_key(&k, viewer, 1, (struct str){uid, sizeof uid}, 1);
    assert_true(k.n <= KEY_ROOM);
}

static void test_order_of_keys(void **state)
{
    struct key newer, older, of_uid, of_longer;

    session_key(&newer, viewer, 7, STR("u1"), 1000);
    session_key(&older, viewer, 7, STR("u1"), 999);
    assert_true(str_cmp(key_str(&newer), key_str(&older)) < 0); /* the newest first */
    grant_uid_key(&of_uid, STR("u1"));
    grant_uid_key(&of_longer, STR("u10"));
    assert_false(str_starts(key_str(&of_longer), key_str(&of_uid))); /* no uid begins another */
}

TEST_MAIN(cmocka_unit_test(test_records_cut_short), cmocka_unit_test(test_there_and_back),
          cmocka_unit_test(test_longest_records_fit), cmocka_unit_test(test_order_of_keys))
