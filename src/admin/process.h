/* What the kernel says of this process, in the units of /metrics. */
#ifndef ADMIN_PROCESS_H
#define ADMIN_PROCESS_H

#include <stdint.h>

struct process_figures {
    double cpu_seconds; /* user and system */
    uint64_t virtual_bytes, resident_bytes;
    uint64_t threads;
    uint64_t open_fds, max_fds; /* max_fds: UINT64_MAX: no limit */
};

/* Cheap: for those who look once a second. 0: cannot be read. */
uint64_t process_resident_bytes(void);
uint64_t process_cpu_usec(void); /* user and system */

/* What cannot be read stays 0. Costs some 50 ns for each open descriptor. */
void process_figures(struct process_figures *ret);

#endif
