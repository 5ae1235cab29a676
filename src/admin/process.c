/*
 * From /proc, as far as a process may read of itself that has given its privileges up and lets
 * nobody trace it: /proc/self/fd is closed to it, so descriptors are counted by asking poll() about
 * every slot: what is none answers POLLNVAL.
 */
#include "admin/process.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"

enum { TEXT_MAX = 8192, SLOTS_AT_ONCE = 256 };

/* NUL-terminated; "" when it cannot be read. */
static void read_text(const char *path, char ret[TEXT_MAX])
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, ret, TEXT_MAX - 1);

    ret[MAX(n, 0)] = '\0';
    if (fd >= 0)
        close(fd);
}

/* ---- descriptors ---- */

static unsigned count_open(int first, int end)
{
    struct pollfd fds[SLOTS_AT_ONCE];
    unsigned count = 0;

    for (int fd = first; fd < end; fd++)
        fds[fd - first] = (struct pollfd){.fd = fd};
    if (poll(fds, (nfds_t)(end - first), 0) < 0)
        return 0;
    for (int fd = first; fd < end; fd++)
        count += !(fds[fd - first].revents & POLLNVAL);
    return count;
}

static uint64_t count_descriptors(void)
{
    char text[TEXT_MAX];
    uint64_t count = 0;
    const char *at;
    int slots;

    read_text("/proc/self/status", text);
    at = strstr(text, "FDSize:");
    slots = at != NULL ? atoi(at + strlen("FDSize:")) : 0;
    for (int fd = 0; fd < slots; fd += SLOTS_AT_ONCE)
        count += count_open(fd, MIN(fd + SLOTS_AT_ONCE, slots));
    return count;
}

static uint64_t descriptor_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return 0;
    return limit.rlim_cur == RLIM_INFINITY ? UINT64_MAX : limit.rlim_cur;
}

/* ---- CPU and memory ---- */

/* proc(5), /proc/pid/stat: the fields behind the program's name, which may hold anything. */
static void read_stat(struct process_figures *ret)
{
    unsigned long long user, system, threads, virtual, resident;
    char text[TEXT_MAX];
    const char *at;

    read_text("/proc/self/stat", text);
    at = strrchr(text, ')');
    if (at == NULL || sscanf(at + 1,
                             " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu %*d %*d %*d "
                             "%*d %llu %*d %*u %llu %llu",
                             &user, &system, &threads, &virtual, &resident) != 5)
        return;
    ret->cpu_seconds = (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
    ret->threads = threads;
    ret->virtual_bytes = virtual;
    ret->resident_bytes = resident * (uint64_t)sysconf(_SC_PAGESIZE);
}

/* proc(5), /proc/pid/statm: pages, the whole program and what of it is resident. The kernel makes
 * it of two counters, where stat asks every thread. */
uint64_t process_resident_bytes(void)
{
    unsigned long long resident;
    char text[TEXT_MAX];

    read_text("/proc/self/statm", text);
    if (sscanf(text, "%*u %llu", &resident) != 1)
        return 0;
    return resident * (uint64_t)sysconf(_SC_PAGESIZE);
}

static uint64_t usec_of(struct timeval t)
{
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_usec;
}

uint64_t process_cpu_usec(void)
{
    struct rusage used;

    return getrusage(RUSAGE_SELF, &used) == 0 ? usec_of(used.ru_utime) + usec_of(used.ru_stime) : 0;
}

void process_figures(struct process_figures *ret)
{
    memset(ret, 0, sizeof *ret);
    read_stat(ret);
    ret->open_fds = count_descriptors();
    ret->max_fds = descriptor_limit();
}
