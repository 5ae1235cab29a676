/*
 * How much memory there is for this process. In a container the machine's RAM is a promise nobody
 * keeps: what counts is the lowest limit on the way from our control group to the root.
 */
#include "conf/conf.h"

#include <stdio.h>
#include <unistd.h>

#include "conf/file.h"

enum { LINE_CAP = 64, CGROUP_CAP = 16 * 1024 };

/* "max" (no limit) and a file that is not there are no limit. */
static uint64_t limit_in(const char *path)
{
    struct buf text = {.cap = LINE_CAP};
    uint64_t limit = UINT64_MAX;

    if (conf_file_read(path, &text) == 0 && text.n > 0)
        (void)str_parse_u64(str_first(buf_str(&text), text.n - 1), UINT64_MAX, &limit);
    buf_done(&text);
    return limit;
}

/* Version 2: `group` is "/a/b"; limits stand in /a/b, /a and /. */
static uint64_t limit_of_group(struct str group)
{
    uint64_t limit = UINT64_MAX;

    for (;;) {
        char path[CGROUP_CAP];
        ptrdiff_t slash;

        snprintf(path, sizeof path, "/sys/fs/cgroup%.*s/memory.max", STR_FMT(group));
        limit = MIN(limit, limit_in(path));
        slash = str_rfind_char(group, '/');
        if (slash < 0)
            return limit;
        group = str_first(group, (size_t)slash);
    }
}

static uint64_t limit_of_control_group(void)
{
    uint64_t limit =
        limit_in("/sys/fs/cgroup/memory/memory.limit_in_bytes"); /* version 1, in a container */
    struct buf text = {.cap = CGROUP_CAP};
    struct str rest, line;

    if (conf_file_read("/proc/self/cgroup", &text) == 0 && text.n > 0) {
        rest = buf_str(&text);
        while (str_split(&rest, '\n', &line))
            if (str_starts(line, STR("0::")))
                limit = MIN(limit, limit_of_group(str_skip(line, 3)));
    }
    buf_done(&text);
    return limit;
}

uint64_t conf_machine_memory(void)
{
    uint64_t ram = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
    uint64_t limit = limit_of_control_group();

    return MIN(ram, limit);
}
