/*
 * Where the files are, behind one interface. An origin belongs to the configuration snapshot and is
 * shared by all workers; a fetch belongs to a request.
 *
 * Today: a local folder. No path may leave it: openat2(2) with RESOLVE_BENEATH (symlinks are
 * followed as long as they stay inside), or, where the kernel has no openat2, a walk from folder to
 * folder with O_NOFOLLOW (symlinks are then refused). Only regular files are opened (O_NONBLOCK, so
 * a FIFO cannot stall the pool; folders, devices and sockets are refused). All file system calls
 * that may block run on the loop's pool.
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

/*
 * How an open ends: 0, -ENOENT (no such file, or a folder), -EACCES (not ours to read, leaves the
 * root, not a regular file), -ENAMETOOLONG, or what the system is short of or broken by: -EMFILE,
 * -EIO and the like.
 */
struct origin_file {
    struct op op; /* op_init() by the caller */
    int fd;       /* owned: origin_file_done(); valid when `is_open` */
    bool is_open;
    uint64_t size, inode;
    int64_t mtime_sec;
    uint32_t mtime_nsec;
};

/*
 * Opens `path` (decoded, normalised, begins with "/") under the root. `path` is copied. The struct
 * must be zeroed but for its op. origin_file_done() or op_cancel() may come at any time and the
 * struct may go right after; the file is then closed when the pool comes back. The origin too may
 * be freed meanwhile.
 */
void origin_open(struct origin *o, struct loop *l, struct str path, struct origin_file *f);
void origin_file_done(struct origin_file *f);           /* cancels, closes */
int origin_file_take(struct origin_file *f) MUST_CHECK; /* the descriptor is the caller's now */

/*
 * Reads the whole file (f->size bytes, which the caller has held against a cap) into `bytes` on the
 * pool. The op ends with -EAGAIN when the file is not that version any more (size, mtime or inode
 * differ afterwards). Works on a descriptor of its own, so `f` may be done at any time; `bytes`
 * must stay until the op is done or, after op_cancel(), until `release(arg)` is called on the loop
 * because the pool has let go. The struct itself may go right after op_cancel(). < 0: failed at
 * once, nothing will be called.
 */
struct origin_read {
    struct op op; /* op_init() by the caller, as the rest */
    char *bytes;
    void (*release)(void *arg);
    void *arg;
};
int origin_read(struct loop *l, const struct origin_file *f, struct origin_read *r) MUST_CHECK;

/* Does it exist? 0, or -errno as for origin_open(). Blocking; for `check` and tests. */
int origin_exists(struct origin *o, struct str path);

/* Strong ETag of a version: "\"inode-size-mtime\"" in hex. */
struct str origin_file_etag(struct arena *a, const struct origin_file *f);

/*
 * A range of the file as a body, sent by sendfile. Takes the descriptor out of `f`. NULL when the
 * arena is full: `f` then keeps it. A file that has become too short for the range is a broken body
 * (-EIO): when sendfile gives 0, peek() again says so.
 */
struct body *origin_file_body_new(struct arena *a, struct origin_file *f, uint64_t first,
                                  uint64_t length);

#endif
