/*
 * Reading believes nothing before its sum is right, but the lengths of key and meta within their
 * caps: a damaged file can make us read a little in vain, and no more.
 */
#include "cache/disk_file.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/panic.h"
#include "cache/disk.h"

enum { BLOCK = 4096 };

struct head {
    char magic[7];
    uint8_t version;
    uint32_t key_length, meta_length;
    uint64_t length, sum; /* of the bytes */
    uint64_t head_sum;    /* of this with 0 in here, key and meta */
};

static const struct head first_of_all = {.magic = {'h', 'l', 's', 'g', 'a', 't', 'e'},
                                         .version = 1};

void disk_object_done(struct disk_object *o)
{
    xfree_p(&o->head);
    blob_unref(&o->blob);
    o->key = o->meta = STR_NONE;
}

static uint64_t file_size(const struct head *h)
{
    return sizeof *h + h->key_length + h->meta_length + h->length;
}

uint64_t disk_file_cost(size_t key_length, size_t meta_length, uint64_t length)
{
    uint64_t n = sizeof(struct head) + key_length + meta_length + length;

    return (n + BLOCK - 1) / BLOCK * BLOCK;
}

/* Writing */

static int write_all(int fd, struct str s)
{
    while (s.n > 0) {
        ssize_t n = write(fd, s.p, s.n);

        if (n < 0 && errno != EINTR)
            return -errno;
        s = str_skip(s, n > 0 ? (size_t)n : 0);
    }
    return 0;
}

int disk_file_write(int fd, const struct hash_key *k, struct str key, struct str meta,
                    struct str bytes)
{
    struct buf text = {.cap = sizeof(struct head) + DISK_MAX_KEY + DISK_MAX_META};
    struct head h = first_of_all;
    int r;

    assert(key.n <= DISK_MAX_KEY && meta.n <= DISK_MAX_META);
    h.key_length = (uint32_t)key.n;
    h.meta_length = (uint32_t)meta.n;
    h.length = bytes.n;
    h.sum = hash_bytes(k, bytes);
    buf_add(&text, (struct str){(const char *)&h, sizeof h});
    buf_add(&text, key);
    buf_add(&text, meta);
    h.head_sum = hash_bytes(k, buf_str(&text));
    memcpy(text.p, &h, sizeof h);
    r = write_all(fd, buf_str(&text));
    buf_done(&text);
    return r < 0 ? r : write_all(fd, bytes);
}

/* Reading */

static int read_all(int fd, char *to, size_t n, uint64_t at)
{
    while (n > 0) {
        ssize_t got = pread(fd, to, n, (off_t)at);

        if (got < 0 && errno != EINTR)
            return -errno;
        if (got == 0)
            return -EBADMSG; /* cut off since its size was looked at */
        if (got < 0)
            continue;
        to += got;
        at += (uint64_t)got;
        n -= (size_t)got;
    }
    return 0;
}

static bool is_readable(const struct head *h)
{
    return memcmp(h->magic, first_of_all.magic, sizeof h->magic) == 0 &&
           h->version == first_of_all.version && h->key_length <= DISK_MAX_KEY &&
           h->meta_length <= DISK_MAX_META;
}

/* Head, key and meta once more, in one piece: for the sum, and to be kept. */
static int read_texts(int fd, const struct hash_key *k, const struct head *h,
                      struct disk_object *ret)
{
    struct head unsummed = *h;
    size_t n = sizeof *h + h->key_length + h->meta_length;
    AUTO(xfree_p) char *text = xmalloc(n);
    int r = read_all(fd, text + sizeof *h, n - sizeof *h, sizeof *h);

    if (r < 0)
        return r;
    unsummed.head_sum = 0;
    memcpy(text, &unsummed, sizeof unsummed);
    if (hash_bytes(k, (struct str){text, n}) != h->head_sum)
        return -EBADMSG;
    *ret = (struct disk_object){
        .key = {text + sizeof *h, h->key_length},
        .meta = {text + sizeof *h + h->key_length, h->meta_length},
        .length = h->length,
        .sum = h->sum,
    };
    ret->head = TAKE(text);
    return 0;
}

/* Once the head is known to be what was written. */
static int check_length(int fd, const struct head *h, uint64_t max_length)
{
    struct stat st;

    if (h->length > max_length)
        return -EFBIG;
    if (fstat(fd, &st) < 0)
        return -errno;
    return (uint64_t)st.st_size == file_size(h) ? 0 : -EBADMSG;
}

int disk_file_read_head(int fd, const struct hash_key *k, uint64_t max_length,
                        struct disk_object *ret)
{
    struct head h;
    int r = read_all(fd, (char *)&h, sizeof h, 0);

    if (r < 0)
        return r;
    if (!is_readable(&h))
        return -EBADMSG;
    r = read_texts(fd, k, &h, ret);
    return r < 0 ? r : check_length(fd, &h, max_length);
}

int disk_file_read_body(int fd, const struct hash_key *k, struct disk_object *o)
{
    AUTO(blob_unref) struct blob *b = blob_new(o->length);
    int r;

    if (b == NULL)
        return -ENOMEM;
    r = read_all(fd, blob_bytes(b), o->length, sizeof(struct head) + o->key.n + o->meta.n);
    if (r < 0)
        return r;
    if (hash_bytes(k, blob_str(b)) != o->sum)
        return -EBADMSG;
    o->blob = TAKE(b);
    return 0;
}
