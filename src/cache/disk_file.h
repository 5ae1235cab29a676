/*
 * One file of the disk tier, whatever its name: a head, the key, what the caller stores beside the
 * object, and its bytes. Numbers are in this machine's byte order; a file from another kind of
 * machine fails its checksum like any damaged one.
 *
 * The sums are SipHash-1-3 with the folder's key (base/hash.h). On the machine this was written on
 * it passes 3.5 GB in a second, more than zlib's CRC-32 (3.0 GB) and more than the disk; at 64 bits
 * it overlooks one damage in 2^64 and needs no further library. The key makes every file of a
 * folder whose key was lost a damaged one, which is what it is.
 */
#ifndef CACHE_DISK_FILE_H
#define CACHE_DISK_FILE_H

#include <stdint.h>

#include "base/hash.h"
#include "base/mem.h"
#include "cache/blob.h"

/* What was read. disk_object_done() gives back what the caller has not taken. */
struct disk_object {
    char *head; /* owned: key and meta stand in it */
    struct str key, meta;
    uint64_t length;   /* of the bytes */
    uint64_t sum;      /* that they should have */
    struct blob *blob; /* owned; NULL before disk_file_read_body() */
};

void disk_object_done(struct disk_object *o);

/* What a file takes, in whole blocks. */
uint64_t disk_file_cost(size_t key_length, size_t meta_length, uint64_t length);

/* 0 or -errno; the file is then to be deleted. */
int disk_file_write(int fd, const struct hash_key *k, struct str key, struct str meta,
                    struct str bytes) MUST_CHECK;

/* After a failure, too, disk_object_done() is due. -EBADMSG: not a whole file of this version with
 * the right sums; -EFBIG: an object of more than `max_length` bytes; else -errno. */
int disk_file_read_head(int fd, const struct hash_key *k, uint64_t max_length,
                        struct disk_object *ret) MUST_CHECK;
/* After the head, into a new blob. */
int disk_file_read_body(int fd, const struct hash_key *k, struct disk_object *o) MUST_CHECK;

#endif
