/* For tests: turns a loop until something has happened, and fails when it does not. */
#ifndef NET_LOOP_TESTING_H
#define NET_LOOP_TESTING_H

#include <unistd.h>

#include "base/test.h"
#include "net/loop.h"

enum { TURNS_MAX = 20000 };

#define TURN_UNTIL(l, condition)                             \
    do {                                                     \
        for (int turn_ = 0; !(condition); turn_++) {         \
            if (turn_ == TURNS_MAX)                          \
                fail_msg("never came true: %s", #condition); \
            loop_turn(l);                                    \
            usleep(turn_ < 100 ? 0 : 500);                   \
        }                                                    \
    } while (0)

#endif
