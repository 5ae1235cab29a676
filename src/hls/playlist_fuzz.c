/*
 * Any text, scanned and spliced: points ascend and lie inside, targets are clean paths, none twice;
 * the copy has the promised length, and taking the credentials out again gives the text back, byte
 * for byte.
 */
#include "hls/playlist.h"

#include <stdlib.h>

#include "hls/fixture.h"

static const char scoped_query[] = "scoped=1";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void check_target(struct str path)
{
    assert(path.n > 0 && path.p[0] == '/' && str_is_utf8(path));
    for (size_t i = 0; i < path.n; i++)
        assert((unsigned char)path.p[i] >= ' ' && path.p[i] != 0x7f && path.p[i] != '\\');
    assert(str_find(path, STR("//")) < 0 && str_find(path, STR("/../")) < 0);
    assert(str_find(path, STR("/./")) < 0);
    assert(!str_ends(path, STR("/..")) && !str_ends(path, STR("/.")));
}

static void check_playlist(const struct playlist *p)
{
    uint32_t scoped = 0;

    for (uint32_t i = 0; i < p->point_count; i++) {
        const struct splice_point *point = &p->points[i];

        assert(point->offset > 0 && point->offset <= p->text.n);
        assert(i == 0 || point->offset > p->points[i - 1].offset);
        assert(point->kind == SPLICE_SCOPED || point->target < p->target_count);
        scoped += point->kind == SPLICE_SCOPED;
    }
    assert(scoped == p->scoped_count);
    for (uint32_t i = 0; i < p->target_count; i++) {
        check_target(p->targets[i]);
        assert(i == 0 || !str_eq(p->targets[i], p->targets[i - 1]));
    }
}

/* Takes `what` off the front of `copy`, where it must be. */
static void take(struct str *copy, struct str what)
{
    assert(str_starts(*copy, what));
    *copy = str_skip(*copy, what.n);
}

static void check_copy(const struct playlist *p, const struct str *own, struct str copy)
{
    uint32_t at = 0;

    for (uint32_t i = 0; i < p->point_count; i++) {
        const struct splice_point *point = &p->points[i];

        take(&copy, (struct str){p->text.p + at, point->offset - at});
        take(&copy, point->has_query ? STR("&") : STR("?"));
        take(&copy, point->kind == SPLICE_SCOPED ? str_of(scoped_query) : own[point->target]);
        at = point->offset;
    }
    take(&copy, str_skip(p->text, at));
    assert(copy.n == 0);
}

static void check_splice(const struct playlist *p, size_t step)
{
    struct arena a;
    struct str *own;
    struct splice_body *s;
    struct buf copy;
    uint64_t length;

    arena_init(&a, SIZE_MAX);
    own = fixture_own(&a, p);
    s = splice_body_new(&a, p, str_of(scoped_query), own);
    length = splice_body_get(s)->left;
    buf_init(&copy, SIZE_MAX);
    fixture_drain(splice_body_get(s), step, &copy);
    assert(copy.n == length);
    check_copy(p, own, buf_str(&copy));
    buf_done(&copy);
    arena_done(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct str text = {(const char *)data, n};
    struct playlist *p = NULL;

    if (playlist_scan(text, STR("/a/b/c.m3u8"), STR("/a/"), STR("h"), &p) < 0)
        return 0;
    check_playlist(p);
    check_splice(p, n % 61 + 1);
    playlist_free(&p);
    return 0;
}
