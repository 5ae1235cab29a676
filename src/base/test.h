/* What every unit test includes: cmocka with the headers it asks for, and checks for `struct str`.
 */
#ifndef BASE_TEST_H
#define BASE_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/str.h"

#define assert_str(got, want)                                                             \
    do {                                                                                  \
        struct str got_ = (got), want_ = str_of(want);                                    \
        if (!str_eq(got_, want_))                                                         \
            fail_msg("%s: got '%.*s', want '%.*s'", #got, STR_FMT(got_), STR_FMT(want_)); \
    } while (0)

#define TEST_MAIN(...)                                    \
    int main(void)                                        \
    {                                                     \
        const struct CMUnitTest tests[] = {__VA_ARGS__};  \
        return cmocka_run_group_tests(tests, NULL, NULL); \
    }

#endif
