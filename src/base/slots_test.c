#include "base/slots.h"

#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/test.h"

/* How many pages of the slot exist. */
static unsigned resident(void *p)
{
    unsigned char pages[SLOT_BYTES / 4096];
    unsigned n = 0;

    assert_int_equal(sysconf(_SC_PAGESIZE), 4096);
    assert_int_equal(mincore(p, SLOT_BYTES, pages), 0);
    for (size_t i = 0; i < ARRAY_LEN(pages); i++)
        n += pages[i] & 1;
    return n;
}

static void test_only_what_is_touched_is_there(void **state)
{
    char *p = slot_alloc();

    assert_int_equal((uintptr_t)p % 4096, 0);
    assert_int_equal(resident(p), 0);
    p[0] = 'x';
    assert_int_equal(resident(p), 1);
    memset(p, 'x', SLOT_BYTES);
    assert_int_equal(resident(p), 5);
    slot_free(p);
    assert_ptr_equal(slot_alloc(), p); /* the next who asks */
    slot_free(p);
}

static void test_more_than_a_region(void **state)
{
    enum { COUNT = 2 * SLOTS_PER_REGION + 1 };
    char *slots[COUNT];

    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < COUNT; i++) {
            slots[i] = slot_alloc();
            memset(slots[i], i, 64);
        }
        for (int i = 0; i < COUNT; i++) { /* nobody has written over another's */
            assert_int_equal(slots[i][0], (char)i);
            assert_int_equal(slots[i][63], (char)i);
            slot_free(slots[i]);
        }
    }
}

TEST_MAIN(cmocka_unit_test(test_only_what_is_touched_is_there),
          cmocka_unit_test(test_more_than_a_region))
