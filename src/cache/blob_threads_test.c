/* A blob is filled by one thread under the eyes of others. Built with -Db_sanitize=thread it looks
 * for races, too. */
#include "cache/blob.h"

#include <pthread.h>
#include <stdatomic.h>

#include "base/test.h"

enum { READERS = 3, LONG = 1 << 20 };

static char byte_at(size_t i)
{
    return (char)(i * 7 + (i >> 8));
}

struct watched {
    struct blob *blob;
    atomic_int wrong, whole;
};

/* The first byte at or after `from` that is not the one that belongs there; `s.n`: all are. */
static size_t first_wrong(struct str s, size_t from)
{
    while (from < s.n && s.p[from] == byte_at(from))
        from++;
    return from;
}

/* Sees longer and longer prefixes, each right to its last byte. */
static void *watch_it_grow(void *arg)
{
    struct watched *w = arg;
    struct blob *b = blob_ref(w->blob);
    size_t seen = 0;

    while (seen < LONG) {
        struct str s = blob_str(b);

        if (s.n < seen || first_wrong(s, seen) != s.n) {
            atomic_fetch_add(&w->wrong, 1);
            break;
        }
        seen = s.n;
    }
    atomic_fetch_add(&w->whole, seen == LONG);
    blob_unref(&b);
    return NULL;
}

static void grow(struct blob *b, size_t n)
{
    size_t room, at = blob_filled(b);
    char *to = blob_room(b, &room);

    for (size_t i = 0; i < n; i++)
        to[i] = byte_at(at + i);
    blob_grown(b, n);
}

static void check_watched(struct blob *b)
{
    struct watched w = {.blob = b};
    pthread_t threads[READERS];

    for (int i = 0; i < READERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, watch_it_grow, &w), 0);
    for (size_t n = 0; n < LONG; n += LONG / 1024)
        grow(b, LONG / 1024);
    blob_seal(b); /* they may be reading still */
    for (int i = 0; i < READERS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(atomic_load(&w.wrong), 0);
    assert_int_equal(atomic_load(&w.whole), READERS);
    blob_unref(&b);
    assert_int_equal(blob_live(), 0);
}

static void test_read_on_other_threads_while_it_grows(void **state)
{
    check_watched(blob_new_growing(LONG));
    check_watched(blob_new_unbounded(16 << 20));
}

TEST_MAIN(cmocka_unit_test(test_read_on_other_threads_while_it_grows))
