/* Reads to the end instead of trusting st_size: /proc, /sys and pipes have none. */
#include "conf/file.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

enum { CHUNK = 4096 };

static int read_all(int fd, struct buf *into)
{
    for (;;) {
        char chunk[CHUNK];
        ssize_t n = read(fd, chunk, sizeof chunk);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        if (n == 0)
            return 0;
        buf_add(into, (struct str){chunk, (size_t)n});
        if (into->is_full)
            return -EFBIG;
    }
}

int conf_file_read(const char *path, struct buf *into)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    int r;

    if (fd < 0)
        return -errno;
    r = read_all(fd, into);
    close(fd);
    return r;
}
