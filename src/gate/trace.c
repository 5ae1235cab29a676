/* Notes, one after the other. */
#include "gate/trace.h"

void trace_add(struct trace *t, const char *check, const char *format, ...)
{
    va_list args;

    if (t->count == TRACE_MAX)
        return;
    va_start(args, format);
    t->entries[t->count].check = arena_copy(t->arena, str_of(check));
    t->entries[t->count].text = arena_vprintf(t->arena, format, args);
    t->count++;
    va_end(args);
}
