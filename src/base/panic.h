/*
 * Bugs end the process, loudly: assert() is always compiled in, WRONG() stands in every `default:`
 * that cannot happen. Both write what they know to stderr, run the dump hooks of this thread (the
 * request that was running, and its steps), and abort. Bad input never comes here: it is an
 * outcome.
 */
#ifndef BASE_PANIC_H
#define BASE_PANIC_H

#include <stddef.h>

typedef void (*panic_dump_fn)(void *arg);

struct panic_dump {
    panic_dump_fn fn; /* NULL: none */
    void *arg;
};

/* What this thread is doing, written to stderr if it dies here. Answers what stood there, to be put
 * back. */
struct panic_dump panic_set_dump(struct panic_dump dump);

_Noreturn void panic(const char *file, int line, const char *func, const char *what);

#undef assert
#define assert(e)                                                         \
    do {                                                                  \
        if (__builtin_expect(!(e), 0))                                    \
            panic(__FILE__, __LINE__, __func__, "assertion failed: " #e); \
    } while (0)
#define WRONG(what) panic(__FILE__, __LINE__, __func__, what)

#endif
