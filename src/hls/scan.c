/*
 * One pass over the lines of a playlist. A line is a URI, a comment, or a tag; a tag is looked up
 * in two tables: which attribute of it carries a URI, and what it says about the playlist.
 *
 * - points are added in the order of the text, each inside it, never two at one place
 * - a line is judged whole before it gives its first point: a broken one stays as it is
 * - nothing of the text is copied but the targets
 */
#include "hls/playlist.h"

#include <stdlib.h>

#include "base/panic.h"
#include "hls/attr.h"
#include "hls/targets.h"
#include "hls/uri.h"

enum {
    FIRST_POINTS = 64,
    MAX_LINE_URIS = 2, /* URI attributes of one tag */
};

struct scan {
    struct playlist *p; /* borrowed */
    struct uri_base base;
    struct str folder;
    struct target_set targets;
    uint32_t room; /* points allocated */
    bool is_master, is_media;
    enum playlist_error error; /* sticky */
    char *scratch;             /* borrowed; URI_MAX_TARGET bytes */
};

/* Which attribute of which tag is a URI. SPLICE_SCOPED: becomes SPLICE_OWN outside of the stream's
 * folder. */
static const struct uri_tag {
    struct str name, attribute;
    enum splice_kind kind;
} uri_tags[] = {
    {STR("EXT-X-PART"), STR("URI"), SPLICE_SCOPED},
    {STR("EXT-X-KEY"), STR("URI"), SPLICE_KEY},
    {STR("EXT-X-MAP"), STR("URI"), SPLICE_SCOPED},
    {STR("EXT-X-MEDIA"), STR("URI"), SPLICE_SCOPED},
    {STR("EXT-X-I-FRAME-STREAM-INF"), STR("URI"), SPLICE_SCOPED},
    {STR("EXT-X-PRELOAD-HINT"), STR("URI"), SPLICE_SCOPED},
    {STR("EXT-X-RENDITION-REPORT"), STR("URI"), SPLICE_SCOPED},
    {STR("EXT-X-SESSION-KEY"), STR("URI"), SPLICE_KEY},
    {STR("EXT-X-SESSION-DATA"), STR("URI"), SPLICE_SCOPED},
    {STR("EXT-X-CONTENT-STEERING"), STR("SERVER-URI"), SPLICE_SCOPED},
    {STR("EXT-X-DATERANGE"), STR("X-ASSET-URI"), SPLICE_SCOPED},
    {STR("EXT-X-DATERANGE"), STR("X-ASSET-LIST"), SPLICE_SCOPED},
};

/* Thousandths of a decimal number (RFC 8216 4.2), further digits dropped; false when it is none. */
static bool parse_thousandths(struct str value, uint64_t *ret)
{
    struct str s = str_trim(value), digits = s;
    ptrdiff_t dot = str_find_char(s, '.');
    uint64_t whole, fraction = 0;

    if (dot >= 0) {
        char padded[3] = {'0', '0', '0'};

        digits = str_first(str_skip(s, (size_t)dot + 1), sizeof padded);
        s.n = (size_t)dot;
        memcpy(padded, digits.p, digits.n);
        if (str_parse_u64((struct str){padded, sizeof padded}, 999, &fraction) < 0)
            return false;
    }
    if (str_parse_u64(s, UINT32_MAX / 1000 - 1, &whole) < 0)
        return false;
    *ret = whole * 1000 + fraction;
    return true;
}

static void note_target_duration(struct scan *s, struct str value)
{
    uint64_t msec;

    s->is_media = true;
    if (parse_thousandths(value, &msec))
        s->p->target_duration = (uint32_t)((msec + 999) / 1000);
}

static void note_part_inf(struct scan *s, struct str value)
{
    struct attr attr;
    uint64_t msec;

    while (attr_next(&value, &attr) > 0) {
        if (str_eq(attr.name, STR("PART-TARGET")) && parse_thousandths(attr.value, &msec))
            s->p->part_target_msec = (uint32_t)msec;
    }
}

static void note_endlist(struct scan *s, struct str value)
{
    s->p->has_endlist = true;
}

static void note_media(struct scan *s, struct str value)
{
    s->is_media = true;
}

static void note_master(struct scan *s, struct str value)
{
    s->is_master = true;
}

/* What a tag says about the playlist as a whole. */
static const struct fact_tag {
    struct str name;
    void (*note)(struct scan *s, struct str value);
} fact_tags[] = {
    {STR("EXTINF"), note_media},
    {STR("EXT-X-TARGETDURATION"), note_target_duration},
    {STR("EXT-X-PART-INF"), note_part_inf},
    {STR("EXT-X-ENDLIST"), note_endlist},
    {STR("EXT-X-STREAM-INF"), note_master},
    {STR("EXT-X-MEDIA"), note_master},
    {STR("EXT-X-I-FRAME-STREAM-INF"), note_master},
};

static void add_point(struct scan *s, struct splice_point point)
{
    struct playlist *p = s->p;

    if (p->point_count == PLAYLIST_MAX_POINTS) {
        s->error = PLAYLIST_TOO_MANY;
        return;
    }
    if (p->point_count == s->room) {
        s->room = s->room > 0 ? s->room * 2 : FIRST_POINTS;
        p->points = xrealloc(p->points, s->room * sizeof *p->points);
    }
    p->points[p->point_count++] = point;
    p->scoped_count += point.kind == SPLICE_SCOPED;
}

/* `kind` as the tag has it. */
static void scan_uri(struct scan *s, struct str uri, enum splice_kind kind)
{
    struct uri_target at;
    struct splice_point point;
    int64_t target = 0;

    uri = str_trim(uri); /* players do */
    if (uri_locate(&s->base, uri, s->scratch, &at, &s->p->depends_on_authority) != URI_HERE)
        return;
    if (kind == SPLICE_SCOPED && !(s->folder.n > 0 && str_starts(at.path, s->folder)))
        kind = SPLICE_OWN;
    if (kind != SPLICE_SCOPED && (target = target_set_add(&s->targets, at.path)) < 0) {
        s->error = PLAYLIST_TOO_MANY;
        return;
    }
    point = (struct splice_point){.offset = (uint32_t)(uri.p + at.end - s->p->text.p),
                                  .kind = (uint8_t)kind,
                                  .has_query = at.has_query,
                                  .target = (uint32_t)target};
    add_point(s, point);
}

static const struct uri_tag *find_uri_tag(struct str name, struct str attribute)
{
    for (size_t i = 0; i < ARRAY_LEN(uri_tags); i++) {
        if (str_eq(name, uri_tags[i].name) &&
            (attribute.p == NULL || str_eq(attribute, uri_tags[i].attribute)))
            return &uri_tags[i];
    }
    return NULL;
}

/* RFC 8216 4.2: a name must not stand twice in a list. Players take either, so neither gets a
 * credential. */
static void scan_attributes(struct scan *s, struct str name, struct str list)
{
    struct {
        const struct uri_tag *tag;
        struct str uri;
    } found[MAX_LINE_URIS];
    size_t n = 0;
    struct attr attr;
    int r;

    while ((r = attr_next(&list, &attr)) > 0) {
        const struct uri_tag *tag = find_uri_tag(name, attr.name);

        if (tag == NULL || !attr.is_quoted)
            continue;
        if (n == MAX_LINE_URIS || (n > 0 && found[0].tag == tag))
            return;
        found[n].tag = tag;
        found[n++].uri = attr.value;
    }
    for (size_t i = 0; r == 0 && i < n; i++)
        scan_uri(s, found[i].uri, found[i].tag->kind);
}

static void scan_tag(struct scan *s, struct str tag)
{
    ptrdiff_t colon = str_find_char(tag, ':');
    struct str name = str_trim(colon < 0 ? tag : str_first(tag, (size_t)colon));
    struct str value = colon < 0 ? STR_NONE : str_skip(tag, (size_t)colon + 1);

    for (size_t i = 0; i < ARRAY_LEN(fact_tags); i++) {
        if (str_eq(name, fact_tags[i].name))
            fact_tags[i].note(s, value);
    }
    if (value.n > 0 && find_uri_tag(name, STR_NONE) != NULL)
        scan_attributes(s, name, value);
}

static void scan_line(struct scan *s, struct str line)
{
    if (line.n == 0)
        return;
    if (line.p[0] != '#')
        scan_uri(s, line, SPLICE_SCOPED);
    else if (str_starts(line, STR("#EXT")))
        scan_tag(s, str_skip(line, 1));
}

/* RFC 8216 4.1: a line ends with LF or CRLF. */
static struct str take_line(struct str *rest)
{
    ptrdiff_t lf = str_find_char(*rest, '\n');
    struct str line = lf < 0 ? *rest : str_first(*rest, (size_t)lf);

    *rest = str_skip(*rest, line.n + 1);
    if (line.n > 0 && line.p[line.n - 1] == '\r')
        line.n--;
    return line;
}

/* RFC 8216 4.3.1.1. A byte order mark is forbidden (4.1), met all the same, and no bar to players.
 */
static bool take_head(struct str *rest)
{
    struct str text = *rest;

    if (str_starts(text, STR("\xef\xbb\xbf")))
        text = str_skip(text, 3);
    if (!str_starts(text, STR("#EXTM3U")))
        return false;
    if (text.n > 7 && memchr(" \t\r\n", text.p[7], 4) == NULL)
        return false;
    take_line(&text);
    *rest = text;
    return true;
}

static void scan_finish(struct scan *s)
{
    struct playlist *p = s->p;

    p->kind = s->is_master && !s->is_media ? PLAYLIST_MASTER : PLAYLIST_MEDIA;
    p->target_count = s->targets.count;
    p->targets = target_set_export(&s->targets);
    if (p->point_count < s->room)
        p->points = xrealloc(p->points, p->point_count * sizeof *p->points);
}

static void scan_init(struct scan *s, struct playlist *p, struct str path, struct str folder,
                      struct str authority)
{
    *s = (struct scan){.p = p, .base = {.path = path, .authority = authority}, .folder = folder};
    target_set_init(&s->targets);
}

enum playlist_error playlist_scan(struct str text, struct str path, struct str folder,
                                  struct str authority, struct playlist **ret)
{
    char scratch[URI_MAX_TARGET];
    struct str rest = text;
    AUTO(playlist_free) struct playlist *p = NULL;
    struct scan s;

    assert(path.n > 0 && path.p[0] == '/' && text.n <= UINT32_MAX);
    if (!take_head(&rest))
        return PLAYLIST_NOT_HLS;
    p = xzalloc(sizeof *p);
    p->text = text;
    scan_init(&s, p, path, folder, authority);
    s.scratch = scratch;
    while (rest.n > 0 && s.error == PLAYLIST_OK)
        scan_line(&s, take_line(&rest));
    if (s.error == PLAYLIST_OK)
        scan_finish(&s);
    target_set_done(&s.targets);
    if (s.error == PLAYLIST_OK)
        *ret = TAKE(p);
    return s.error;
}

void playlist_free(struct playlist **p)
{
    if (*p == NULL)
        return;
    free((*p)->points);
    free((*p)->targets);
    free(*p);
    *p = NULL;
}

size_t playlist_footprint(const struct playlist *p)
{
    size_t n =
        sizeof *p + p->point_count * sizeof *p->points + p->target_count * sizeof *p->targets;

    for (uint32_t i = 0; i < p->target_count; i++)
        n += p->targets[i].n;
    return n;
}
