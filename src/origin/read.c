/*
 * Reading a whole file on the pool, for what is parsed or cached. The file may be rewritten under
 * us: what was read counts only if it is still the version that was opened when the last byte is
 * in.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "origin/origin.h"

struct reading {
    struct work work;
    struct origin_read *read; /* the caller's; not looked at after a cancel */
    struct origin_file want;  /* the version; `fd` is a duplicate that we own */
    char *bytes;
    void (*release)(void *arg);
    void *arg;
};

static void reading_free(struct reading *rd)
{
    close(rd->want.fd);
    xfree_p(&rd);
}

static int check_version(const struct origin_file *want)
{
    struct stat st;

    if (fstat(want->fd, &st) < 0)
        return -errno;
    if ((uint64_t)st.st_size != want->size || st.st_ino != want->inode ||
        st.st_mtim.tv_sec != want->mtime_sec || st.st_mtim.tv_nsec != want->mtime_nsec)
        return -EAGAIN;
    return 0;
}

static int run_reading(struct work *w)
{
    struct reading *rd = container_of(w, struct reading, work);
    uint64_t at = 0;

    while (at < rd->want.size) {
        ssize_t n = pread(rd->want.fd, rd->bytes + at, rd->want.size - at, (off_t)at);

        if (n < 0 && errno != EINTR)
            return -errno;
        if (n == 0)
            return -EAGAIN; /* it has become shorter */
        at += n > 0 ? (uint64_t)n : 0;
    }
    return check_version(&rd->want);
}

static void abandon_reading(struct work *w)
{
    struct reading *rd = container_of(w, struct reading, work);
    void (*release)(void *arg) = rd->release;
    void *arg = rd->arg;

    reading_free(rd);
    if (release != NULL)
        release(arg);
}

static void on_read(struct op *work_op, int err)
{
    struct reading *rd = container_of(work_op, struct reading, work.op);
    struct origin_read *r = rd->read;

    reading_free(rd);
    op_finish(&r->op, err);
}

static void cancel_reading(struct op *op)
{
    struct reading *rd = op->work;

    op_cancel(&rd->work.op);
}

int origin_read(struct loop *l, const struct origin_file *f, struct origin_read *r)
{
    struct reading *rd;
    int fd;

    assert(f->is_open);
    fd = fcntl(f->fd, F_DUPFD_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    rd = xzalloc(sizeof *rd);
    rd->want = *f;
    rd->want.fd = fd;
    rd->read = r;
    rd->bytes = r->bytes;
    rd->release = r->release;
    rd->arg = r->arg;
    rd->work.run = run_reading;
    rd->work.abandoned = abandon_reading;
    op_init(&rd->work.op, on_read);
    op_begin(&r->op, cancel_reading, rd);
    return work_start(l, &rd->work);
}
