/*
 * A file of the disk tier. First byte, lowest bit: the sums are put right first, so that what
 * stands behind them is reached too; the rest: the file. What is accepted must be written the same
 * way again.
 */
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/panic.h"
#include "cache/disk.h"
#include "cache/disk_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

enum {
    MAX_LENGTH = 100000,
    KEY_LENGTH = 8,
    META_LENGTH = 12,
    BODY_SUM = 24,
    HEAD_SUM = 32,
    HEAD = 40
};

static const struct hash_key hash_key = {1, 2};

static void put_sum(char *file, size_t at, uint64_t sum)
{
    memcpy(file + at, &sum, sizeof sum);
}

static void put_sums_right(char *file, size_t n)
{
    uint32_t key_length, meta_length;
    uint64_t head;

    if (n < HEAD)
        return;
    memcpy(&key_length, file + KEY_LENGTH, sizeof key_length);
    memcpy(&meta_length, file + META_LENGTH, sizeof meta_length);
    head = HEAD + (uint64_t)key_length + meta_length;
    if (head > n)
        return;
    put_sum(file, BODY_SUM, hash_bytes(&hash_key, (struct str){file + head, n - head}));
    put_sum(file, HEAD_SUM, 0);
    put_sum(file, HEAD_SUM, hash_bytes(&hash_key, (struct str){file, head}));
}

static int file_of(struct str bytes)
{
    int fd = memfd_create("fuzz", MFD_CLOEXEC);

    assert(fd >= 0);
    assert(write(fd, bytes.p, bytes.n) == (ssize_t)bytes.n);
    return fd;
}

static void check_rewritten(const struct disk_object *o, struct str file)
{
    int fd = memfd_create("fuzz", MFD_CLOEXEC);
    char *again = xmalloc(file.n + 1);

    assert(fd >= 0);
    assert(disk_file_write(fd, &hash_key, o->key, o->meta, blob_str(o->blob)) == 0);
    assert(pread(fd, again, file.n + 1, 0) == (ssize_t)file.n);
    assert(memcmp(again, file.p, file.n) == 0);
    close(fd);
    free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct disk_object o = {0};
    char *file;
    int fd;

    if (n < 1)
        return 0;
    file = xmemdup(data, n);
    if (data[0] & 1)
        put_sums_right(file + 1, n - 1);
    fd = file_of((struct str){file + 1, n - 1});
    if (disk_file_read_head(fd, &hash_key, MAX_LENGTH, &o) == 0) {
        assert(o.key.n <= DISK_MAX_KEY && o.meta.n <= DISK_MAX_META && o.length <= MAX_LENGTH);
        if (disk_file_read_body(fd, &hash_key, &o) == 0)
            check_rewritten(&o, (struct str){file + 1, n - 1});
    }
    disk_object_done(&o);
    assert(blob_live() == 0);
    close(fd);
    free(file);
    return 0;
}
