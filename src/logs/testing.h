/* For tests: a folder for files and sockets, and what stands in them. */
#ifndef LOGS_TESTING_H
#define LOGS_TESTING_H

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/test.h"
#include "logs/target.h"

struct test_place {
    char folder[64], path[96];
};

static inline void place_make(struct test_place *p, const char *name)
{
    snprintf(p->folder, sizeof p->folder, "/tmp/hlsgate-logs-XXXXXX");
    assert_non_null(mkdtemp(p->folder));
    snprintf(p->path, sizeof p->path, "%s/%s", p->folder, name);
}

static inline void place_remove(struct test_place *p)
{
    unlink(p->path);
    assert_int_equal(rmdir(p->folder), 0);
}

static inline struct line_target *target_at(enum line_target_kind kind, const char *path)
{
    struct line_target_options o = {.kind = kind, .path = str_of(path), .socket = str_of(path)};
    struct line_target *t = NULL;
    struct buf error;

    buf_init(&error, 512);
    if (line_target_open(&o, &t, &error) < 0)
        fail_msg("%.*s", STR_FMT(buf_str(&error)));
    buf_done(&error);
    return t;
}

/* The whole file; freed by the caller. */
static inline struct str text_of_file(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n, all = 0;
    struct stat st;
    size_t room;
    char *text;

    assert_true(fd >= 0);
    assert_int_equal(fstat(fd, &st), 0);
    room = (size_t)st.st_size + 1; /* nobody writes to it any more */
    text = xmalloc(room);
    while ((n = read(fd, text + all, room - (size_t)all)) > 0)
        all += n;
    close(fd);
    return (struct str){text, (size_t)all};
}

#endif
