/*
 * What it costs to personalise a playlist, without a server around it: prints the CPU microseconds
 * of one viewer's copy.
 *
 *     splice_cost PLAYLIST QUERY_BYTES
 *
 * The playlist is scanned once; then copies are made as for a response, whole windows looked at and
 * passed over as if a socket had taken them.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/panic.h"
#include "hls/playlist.h"

enum { COPIES = 2000, TEXT_MAX = 8 << 20, QUERY_MAX = 1024, ARENA_CAP = 1 << 20 };

static double cpu_usec(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static size_t read_file(const char *path, char *text)
{
    FILE *f = fopen(path, "rb");
    size_t n;

    if (f == NULL) {
        perror(path);
        exit(1);
    }
    n = fread(text, 1, TEXT_MAX, f);
    fclose(f);
    return n;
}

static void make_copy(const struct playlist *p, struct str query)
{
    struct body_view view;
    struct arena arena;
    struct body *body;

    arena_init(&arena, ARENA_CAP);
    body = splice_body_get(splice_body_new(&arena, p, query, NULL));
    while (body->left > 0) {
        uint64_t n = 0;

        if (body_peek(body, &view) != 1)
            WRONG("a splice in memory never waits");
        for (int i = 0; i < view.iov_count; i++)
            n += view.iov[i].iov_len;
        body_advance(body, n);
    }
    body_done(body);
    arena_done(&arena);
}

int main(int argc, char **argv)
{
    struct playlist *p = NULL;
    char query[QUERY_MAX];
    uint64_t query_bytes;
    double before;
    char *text;

    if (argc != 3 || str_parse_u64(str_of(argv[2]), sizeof query, &query_bytes) < 0) {
        fputs("usage: splice_cost PLAYLIST QUERY_BYTES\n", stderr);
        return 2;
    }
    text = xmalloc(TEXT_MAX);
    memset(query, 'q', sizeof query);
    if (playlist_scan((struct str){text, read_file(argv[1], text)}, STR("/vod/large/index.m3u8"),
                      STR("/vod/large/"), STR(""), &p) != PLAYLIST_OK)
        WRONG("the playlist of the benchmark does not scan");
    before = cpu_usec();
    for (int i = 0; i < COPIES; i++)
        make_copy(p, (struct str){query, query_bytes});
    printf("%.2f\n", (cpu_usec() - before) / COPIES);
    playlist_free(&p);
    free(text);
    return 0;
}
