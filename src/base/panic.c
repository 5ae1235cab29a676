/* The last words of a dying process. Only async-signal-safe calls before the hook runs. */
#include "base/panic.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static _Thread_local struct {
    panic_dump_fn fn;
    void *arg;
} dump;

void panic_set_dump(panic_dump_fn fn, void *arg)
{
    dump.fn = fn;
    dump.arg = arg;
}

void panic(const char *file, int line, const char *func, const char *what)
{
    panic_dump_fn fn = dump.fn;

    dprintf(STDERR_FILENO, "hlsgate: PANIC in %s (%s:%d): %s\n", func, file, line, what);
    dump.fn = NULL; /* a hook that panics must not run again */
    if (fn != NULL)
        fn(dump.arg);
    abort();
}
