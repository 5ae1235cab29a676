/*
 * A local folder as origin: no path leaves it. The kernel sees to that where it has openat2(2)
 * (Linux 5.6) and no seccomp filter hides it; else we walk from folder to folder and follow no
 * symlink at all. Either way a name is resolved relative to the root's descriptor, once, and what
 * was opened is examined afterwards: there is no moment between check and use.
 *
 * Both methods answer the same errors, as far as they see the same: what is not there is -ENOENT,
 * what is there but not for viewers is -EACCES.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "origin/folder_internal.h"

enum {
    /* Opening a FIFO must not wait for its writer, a terminal must not become ours. */
    FILE_FLAGS = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY,
    STEP_FLAGS = O_PATH | O_CLOEXEC | O_NOFOLLOW | O_DIRECTORY,
    BENEATH_TRIES = 8,
    READ_AHEAD_FROM = 64 * 1024, /* below it, the kernel's own read-ahead does */
    READ_AHEAD_BYTES = 1024 * 1024,
};

static void close_p(int *fd)
{
    if (*fd >= 0)
        close(*fd);
}

/* One meaning for each of the many ways a file can be absent or out of bounds. */
static int outcome_of(int err)
{
    switch (err) {
    case ENOTDIR:
    case EISDIR:
        return -ENOENT;
    case EXDEV: /* RESOLVE_BENEATH: left the root */
    case ELOOP: /* a symlink where none is followed, or too many */
    case EPERM:
    case ENXIO: /* a socket */
    case ENODEV:
        return -EACCES;
    default:
        return -err;
    }
}

/* openat2 */

static int open_beneath(int root, const char *name, int flags)
{
    struct open_how how = {.flags = (uint64_t)flags,
                           .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS};
    long fd = -1;

    /* EAGAIN: something was renamed while ".." was resolved, so the kernel cannot vouch for it. */
    for (int i = 0; i < BENEATH_TRIES; i++) {
        fd = syscall(SYS_openat2, root, name, &how, sizeof how);
        if (fd >= 0 || (errno != EAGAIN && errno != EINTR))
            break;
    }
    return fd < 0 ? -errno : (int)fd;
}

/* The walk */

static bool is_symlink(int folder, const char *name)
{
    struct stat st;

    return fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(st.st_mode);
}

static int step_into(int folder, const char *name)
{
    int fd = openat(folder, name, STEP_FLAGS);

    if (fd >= 0)
        return fd;
    return errno == ENOTDIR && is_symlink(folder, name) ? -ELOOP : -errno;
}

/* Cuts `name` up in place. */
static int open_by_walk(int root, char *name)
{
    AUTO(close_p) int folder = -1;
    int at = root;
    char *slash;

    while ((slash = strchr(name, '/')) != NULL) {
        int next;

        *slash = '\0';
        next = step_into(at, *name != '\0' ? name : ".");
        if (next < 0)
            return next;
        close_p(&folder);
        at = folder = next;
        name = slash + 1;
    }
    at = openat(at, name, FILE_FLAGS | O_NOFOLLOW);
    return at < 0 ? -errno : at;
}

/* Either */

/* Normalised paths have none; one that has would have passed checks meant for another folder. */
static bool climbs(struct str path)
{
    struct str piece;

    while (str_split(&path, '/', &piece))
        if (str_eq(piece, STR("..")))
            return true;
    return false;
}

/* The path relative to the root, for the kernel. */
static int name_of(struct str path, char ret[PATH_MAX])
{
    while (str_starts(path, STR("/")))
        path = str_skip(path, 1);
    if (path.n >= PATH_MAX)
        return -ENAMETOOLONG;
    if (path.n == 0 || str_ends(path, STR("/")) || str_find_char(path, '\0') >= 0)
        return -ENOENT; /* a folder, or a name that no file can have */
    if (climbs(path))
        return -EACCES;
    memcpy(ret, path.p, path.n);
    ret[path.n] = '\0';
    return 0;
}

static int examine(int fd, struct stat *ret_stat)
{
    struct stat st;

    if (fstat(fd, &st) < 0)
        return -errno;
    if (S_ISDIR(st.st_mode))
        return -ENOENT;
    if (!S_ISREG(st.st_mode))
        return -EACCES;
    *ret_stat = st;
    return 0;
}

int folder_open(const struct origin *o, struct str path, struct stat *ret_stat)
{
    AUTO(close_p) int fd = -1;
    char name[PATH_MAX];
    int opened, r = name_of(path, name);

    if (r < 0)
        return r;
    fd = o->method == FOLDER_OPENAT2 ? open_beneath(o->root, name, FILE_FLAGS)
                                     : open_by_walk(o->root, name);
    if (fd < 0)
        return outcome_of(-fd);
    r = examine(fd, ret_stat);
    if (r < 0)
        return r;
    opened = fd;
    fd = -1;
    return opened;
}

int origin_exists(struct origin *o, struct str path)
{
    struct stat st;
    AUTO(close_p) int fd = folder_open(o, path, &st);

    return MIN(fd, 0);
}

/* The origin itself */

static bool has_openat2(int root)
{
    AUTO(close_p) int fd = open_beneath(root, ".", O_PATH | O_CLOEXEC);

    return fd >= 0;
}

int origin_folder_new(const char *root, struct origin **ret, struct buf *error)
{
    int fd = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
    struct origin *o;

    if (fd < 0) {
        int r = -errno;

        buf_printf(error, "cannot open the root folder %s: %s", root, strerrordesc_np(-r));
        return r;
    }
    o = xzalloc(sizeof *o);
    atomic_init(&o->refs, 1);
    o->root = fd;
    o->method = has_openat2(fd) ? FOLDER_OPENAT2 : FOLDER_WALK;
    *ret = o;
    return 0;
}

void origin_set_method(struct origin *o, enum folder_method method)
{
    o->method = method;
}

void origin_free(struct origin **o)
{
    struct origin *origin = TAKE(*o);

    if (origin == NULL || atomic_fetch_sub(&origin->refs, 1) > 1)
        return;
    close(origin->root);
    xfree_p(&origin);
}

/* Opening on the pool */

struct opening {
    struct work work;
    struct origin *origin;    /* a reference */
    struct origin_file *file; /* the caller's; not looked at after a cancel */
    int fd;                   /* owned until the caller has it */
    struct stat st;
    struct str path; /* into `path_bytes` */
    char path_bytes[];
};

static void opening_free(struct opening *op)
{
    origin_free(&op->origin);
    close_p(&op->fd);
    xfree_p(&op);
}

static void read_ahead(int fd, off_t size)
{
    if (size > READ_AHEAD_FROM)
        (void)posix_fadvise(fd, 0, READ_AHEAD_BYTES, POSIX_FADV_WILLNEED);
}

static int run_opening(struct work *w)
{
    struct opening *op = container_of(w, struct opening, work);

    op->fd = folder_open(op->origin, op->path, &op->st);
    if (op->fd < 0)
        return op->fd;
    read_ahead(op->fd, op->st.st_size);
    return 0;
}

static void abandon_opening(struct work *w)
{
    opening_free(container_of(w, struct opening, work));
}

static void give(struct opening *op, struct origin_file *f)
{
    f->fd = op->fd;
    f->is_open = true;
    f->size = (uint64_t)op->st.st_size;
    f->inode = op->st.st_ino;
    f->mtime_sec = op->st.st_mtim.tv_sec;
    f->mtime_nsec = (uint32_t)op->st.st_mtim.tv_nsec;
    op->fd = -1;
}

static void on_opened(struct op *work_op, int err)
{
    struct opening *op = container_of(work_op, struct opening, work.op);
    struct origin_file *f = op->file;

    if (err == 0)
        give(op, f);
    opening_free(op);
    op_finish(&f->op, err);
}

static void cancel_opening(struct op *op)
{
    struct opening *opening = op->work;

    op_cancel(&opening->work.op);
}

void origin_open(struct origin *o, struct loop *l, struct str path, struct origin_file *f)
{
    size_t n =
        MIN(path.n, (size_t)PATH_MAX + 1); /* longer ones are refused without a look at the rest */
    struct opening *op = xzalloc(sizeof *op + n);

    assert(!f->is_open);
    memcpy(op->path_bytes, path.p, n);
    op->path = (struct str){op->path_bytes, n};
    op->fd = -1;
    op->file = f;
    op->origin = o;
    atomic_fetch_add(&o->refs, 1);
    op->work.run = run_opening;
    op->work.abandoned = abandon_opening;
    op_init(&op->work.op, on_opened);
    op_begin(&f->op, cancel_opening, op);
    (void)work_start(l, &op->work);
}
