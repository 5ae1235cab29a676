/* Random bytes: drawn many at once, given out once. */
#include "base/hash.h"

#include "base/test.h"

enum { DRAWS = 200, LONGEST = 600 }; /* past what is drawn at once, several times */

static void no_bytes_come_twice(void **state)
{
    static uint8_t seen[DRAWS][16];

    for (int i = 0; i < DRAWS; i++) {
        random_bytes(seen[i], sizeof seen[i]);
        for (int k = 0; k < i; k++)
            assert_memory_not_equal(seen[i], seen[k], sizeof seen[i]);
    }
}

/* Each byte is written: for each length, none stays as it was in eight tries. */
static void every_byte_is_drawn(void **state)
{
    static uint8_t bytes[LONGEST], changed[LONGEST];

    for (size_t n = 1; n <= LONGEST; n += 7) {
        memset(changed, 0, sizeof changed);
        for (int i = 0; i < 8; i++) {
            memset(bytes, 0, sizeof bytes);
            random_bytes(bytes, n);
            for (size_t k = 0; k < LONGEST; k++)
                changed[k] |= bytes[k] != 0;
        }
        for (size_t k = 0; k < LONGEST; k++)
            assert_int_equal(changed[k], k < n);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_bytes_come_twice),
        cmocka_unit_test(every_byte_is_drawn),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
