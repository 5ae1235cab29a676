/*
 * Files by hash and number. All calls go out from the folder's own descriptor and follow no links,
 * so a folder that was moved stays the same one. A new file has its last byte before it has its
 * name. Nothing is synced: the page cache outlives a killed process, and what a power cut tears the
 * sums find.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/codec.h"
#include "base/panic.h"
#include "cache/disk_file.h"
#include "cache/disk_internal.h"

#define IDENTITY "hlsgate-cache"
#define UNFINISHED "new"

enum {
    FOLDERS = 16 * 256, /* a million files are 250 in each */
    FOLDER_NAME = 4,    /* "a/bc" */
    FILE_NAME = 16 + 1 + 16,
};

/* What the identity file holds. Its lock goes with the process, however that ends. */
struct identity {
    char magic[16];
    struct hash_key key;
};

static const struct identity no_identity = {.magic = "hlsgate cache 1"};

/* ---- opening ---- */

static int fail(struct buf *error, const char *path, const char *what)
{
    int err = errno;

    buf_printf(error, "%s %s: %s", what, path, strerror(err));
    return -err;
}

/* A folder whose key cannot be read gets a new one, and everything in it will prove damaged. */
static int read_key(struct disk_folder *f)
{
    struct identity id;

    if (pread(f->identity, &id, sizeof id, 0) != sizeof id ||
        memcmp(id.magic, no_identity.magic, sizeof id.magic) != 0) {
        id = no_identity;
        random_bytes(&id.key, sizeof id.key);
        if (pwrite(f->identity, &id, sizeof id, 0) != sizeof id)
            return -1;
    }
    f->key = id.key;
    return 0;
}

static int open_identity(const char *path, struct disk_folder *f, struct buf *error)
{
    f->identity =
        openat(f->root, IDENTITY, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
    if (f->identity < 0)
        return fail(error, path, "cannot write into");
    if (flock(f->identity, LOCK_EX | LOCK_NB) < 0) {
        if (errno != EWOULDBLOCK)
            return fail(error, path, "cannot lock");
        buf_printf(error, "%s is in use by another process", path);
        return -EBUSY;
    }
    return read_key(f) < 0 ? fail(error, path, "cannot write into") : 0;
}

int disk_folder_open(const char *path, struct disk_folder *ret, struct buf *error)
{
    struct disk_folder f = {.identity = -1};
    int r;

    if (mkdir(path, 0700) < 0 && errno != EEXIST)
        return fail(error, path, "cannot make the folder");
    f.root = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (f.root < 0)
        return fail(error, path, "cannot open the folder");
    r = open_identity(path, &f, error);
    if (r < 0) {
        disk_folder_done(&f);
        return r;
    }
    (void)unlinkat(f.root, UNFINISHED, 0);
    *ret = f;
    return 0;
}

void disk_folder_done(struct disk_folder *f)
{
    if (f->identity >= 0)
        close(f->identity);
    if (f->root >= 0)
        close(f->root);
    f->root = f->identity = -1;
}

/* ---- names ---- */

struct name {
    char text[FOLDER_NAME + 1 + FILE_NAME + 1];
};

static unsigned folder_index(uint64_t hash)
{
    return (unsigned)(hash >> 52);
}
_Static_assert(FOLDERS == 1 << 12, "folder_index() gives 12 bits");

static struct name folder_name(unsigned index)
{
    struct name n;

    snprintf(n.text, sizeof n.text, "%x/%02x", index >> 8 & 0xf, index & 0xff);
    return n;
}

static struct name file_name(uint64_t hash, uint64_t number)
{
    struct name n = folder_name(folder_index(hash));

    snprintf(n.text + FOLDER_NAME, sizeof n.text - FOLDER_NAME, "/%016" PRIx64 "-%016" PRIx64, hash,
             number);
    return n;
}

static bool parse_hex(struct str s, uint64_t *ret)
{
    uint64_t big_endian;

    if (hex_decode(s, &big_endian, sizeof big_endian) < 0)
        return false;
    *ret = be64toh(big_endian);
    return true;
}

/* Numbers that leave none after them are none of ours. */
static bool parse_name(struct str s, uint64_t *ret_hash, uint64_t *ret_number)
{
    return s.n == FILE_NAME && s.p[16] == '-' && parse_hex(str_first(s, 16), ret_hash) &&
           parse_hex(str_skip(s, 17), ret_number) && *ret_number < INT64_MAX;
}

/* ---- files ---- */

int disk_folder_read(const struct disk_folder *f, uint64_t hash, uint64_t number)
{
    struct name n = file_name(hash, number);
    int fd = openat(f->root, n.text, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

    return fd >= 0 ? fd : -errno;
}

int disk_folder_unlink(const struct disk_folder *f, uint64_t hash, uint64_t number)
{
    struct name n = file_name(hash, number);

    return unlinkat(f->root, n.text, 0) == 0 || errno == ENOENT ? 0 : -errno;
}

static int make_folder(const struct disk_folder *f, uint64_t hash)
{
    struct name n = folder_name(folder_index(hash));

    n.text[1] = '\0';
    if (mkdirat(f->root, n.text, 0700) < 0 && errno != EEXIST)
        return -errno;
    n.text[1] = '/';
    return mkdirat(f->root, n.text, 0700) == 0 || errno == EEXIST ? 0 : -errno;
}

static int rename_finished(const struct disk_folder *f, uint64_t hash, uint64_t number)
{
    struct name n = file_name(hash, number);
    int r;

    if (renameat(f->root, UNFINISHED, f->root, n.text) == 0)
        return 0;
    if (errno != ENOENT)
        return -errno;
    r = make_folder(f, hash);
    if (r == 0 && renameat(f->root, UNFINISHED, f->root, n.text) < 0)
        r = -errno;
    return r;
}

static int write_unfinished(const struct disk_folder *f, struct str key, struct str meta,
                            struct str bytes)
{
    int fd =
        openat(f->root, UNFINISHED, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    int r;

    if (fd < 0)
        return -errno;
    r = disk_file_write(fd, &f->key, key, meta, bytes);
    if (close(fd) < 0 && r == 0) /* where some file systems tell of a full disk */
        r = -errno;
    return r;
}

int disk_folder_write(const struct disk_folder *f, uint64_t hash, uint64_t number, struct str key,
                      struct str meta, struct str bytes)
{
    int r = write_unfinished(f, key, meta, bytes);

    if (r == 0)
        r = rename_finished(f, hash, number);
    if (r < 0)
        (void)unlinkat(f->root, UNFINISHED, 0);
    return r;
}

/* ---- looking through ---- */

static int visit_open(DIR *dir, unsigned index, disk_visit_fn visit, void *arg)
{
    struct dirent *e;
    uint64_t hash, number;

    while ((e = readdir(dir)) != NULL)
        if (parse_name(str_of(e->d_name), &hash, &number) && folder_index(hash) == index &&
            !visit(arg, hash, number))
            return -ECANCELED;
    return 0;
}

static int visit_folder(const struct disk_folder *f, unsigned index, disk_visit_fn visit, void *arg)
{
    struct name n = folder_name(index);
    int fd = openat(f->root, n.text, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    DIR *dir;
    int r;

    if (fd < 0)
        return errno == ENOENT ? 0 : -errno;
    dir = fdopendir(fd);
    if (dir == NULL) {
        r = -errno;
        close(fd);
        return r;
    }
    r = visit_open(dir, index, visit, arg);
    closedir(dir);
    return r;
}

int disk_folder_visit(const struct disk_folder *f, disk_visit_fn visit, void *arg)
{
    int first = 0;

    for (unsigned i = 0; i < FOLDERS; i++) {
        int r = visit_folder(f, i, visit, arg);

        if (r == -ECANCELED)
            return r;
        if (first == 0)
            first = r;
    }
    return first;
}
