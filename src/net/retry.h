/* System calls that are begun again when a signal interrupts them. For the files of net/ only. */
#ifndef NET_RETRY_H
#define NET_RETRY_H

#include <errno.h>

/* What `call` answers, or -errno. */
#define RETRY_ON_EINTR(call)                   \
    ({                                         \
        ssize_t result_;                       \
        do                                     \
            result_ = (call);                  \
        while (result_ < 0 && errno == EINTR); \
        result_ < 0 ? -errno : result_;        \
    })

#endif
