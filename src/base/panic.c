/* The last words of a dying process. Only async-signal-safe calls before the hook runs. */
#include "base/panic.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static _Thread_local struct panic_dump current;

struct panic_dump panic_set_dump(struct panic_dump dump)
{
    struct panic_dump old = current;

    current = dump;
    return old;
}

void panic(const char *file, int line, const char *func, const char *what)
{
    struct panic_dump dump = current;

    dprintf(STDERR_FILENO, "hlsgate: PANIC in %s (%s:%d): %s\n", func, file, line, what);
    current.fn = NULL; /* a hook that panics must not run again */
    if (dump.fn != NULL)
        dump.fn(dump.arg);
    abort();
}
