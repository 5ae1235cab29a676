/*
 * Where the files are, behind one interface. An origin belongs to the configuration snapshot and is shared by all workers; a
 * fetch belongs to a request.
 *
 * Today: a local folder. No path may leave it: openat2(2) with RESOLVE_BENEATH (symlinks are followed as long as they stay
 * inside), or, where the kernel has no openat2, a walk from folder to folder with O_NOFOLLOW (symlinks are then refused). Only regular
 * files are opened (O_NONBLOCK, so a FIFO cannot stall the pool; folders, devices and sockets are refused).
 * All file system calls that may block run on the loop's pool.
 */
#ifndef ORIGIN_ORIGIN_H
#define ORIGIN_ORIGIN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/body.h"
#include "base/buf.h"
#include "base/clock.h"
#include "net/loop.h"

struct origin;

/* Opens the root folder. -errno with a sentence in `error`. */
int origin_folder_new(const char *root, struct origin **ret, struct buf *error) MUST_CHECK;
void origin_free(struct origin **o);

/* How an open ends: an error of the op itself is -ENOENT (no such file, or a folder), -EACCES (not ours to read, leaves the root, not
 * a regular file), -ENAMETOOLONG, -EMFILE / -EIO and the like. */
struct origin_file {
    struct work work;       /* internal */
    struct op op;           /* op_init() by the caller */
    int fd;                 /* owned: origin_file_done(); -1 when there is none */
    uint64_t size, inode;
    int64_t mtime_sec;
    uint32_t mtime_nsec;
};

/*
 * Opens `path` (decoded, normalised, begins with "/") under the root. `path` is copied. Cancel by op_cancel(&f->op): the file is then
 * closed when the pool comes back. The struct must be zeroed, and heap- or arena-allocated objects may go away right after op_cancel().
 */
int origin_open(struct origin *o, struct loop *l, struct str path, struct origin_file *f);
void origin_file_done(struct origin_file *f); /* cancels, closes */

/*
 * Reads the whole file (f->size bytes, at most `cap`) into `ret_bytes` on the pool; the op ends with -EAGAIN when the file changed
 * meanwhile (size, mtime or inode differ afterwards). Takes nothing: `fd` stays the caller's and must stay open. `bytes` must stay until done or abandoned:
 * on op_cancel() `release(arg)` is called once the pool has let go.
 */
struct origin_read {
    struct op op;
    char *bytes;
    void (*release)(void *arg); /* lets go of `bytes` after a cancel */
    void *arg;
};
int origin_read(struct loop *l, const struct origin_file *f, struct origin_read *r);

/* Does it exist? 0, or -errno as for origin_open(). Blocking; for `check` and tests. */
int origin_exists(struct origin *o, struct str path);

/* Strong ETag of a version: "\"inode-size-mtime\"" in hex. */
struct str origin_file_etag(struct arena *a, const struct origin_file *f);

/* A range of the file as a body, sent by sendfile. Takes the descriptor out of `f`. NULL when the arena is full. */
struct body *origin_file_body_new(struct arena *a, struct origin_file *f, uint64_t first, uint64_t length);

#endif
