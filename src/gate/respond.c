/* Status, fields and the part of the body that was asked for (RFC 9110 13 to 15). */
#include "gate/steps.h"

#include "gate/compress.h"
#include "hls/playlist.h"
#include "http/date.h"
#include "http/multipart.h"
#include "http/range.h"

static void describe_arriving(struct req *r, const struct flight_head *h)
{
    r->length = h->length;
    r->validators = (struct http_validators){h->etag, h->last_modified};
    r->type = h->type;
    if (h->length ==
        BODY_LENGTH_UNKNOWN) /* what a range is of is not known: all is a right answer */
        r->head.known[FIELD_RANGE] = STR_NONE;
}

/* Length, validators and type of what would be sent whole. A rewritten playlist has no date: the
 * same text is another copy for another viewer. */
static void describe(struct req *r)
{
    r->validators = (struct http_validators){.etag = STR_NONE};
    if (r->splice != NULL) {
        r->length = r->body->left;
        r->validators.etag = r->splicing.etag;
    } else if (r->entry != NULL) {
        r->length = r->entry->version.size;
        r->validators = (struct http_validators){r->entry->etag, r->entry->last_modified};
        r->type = r->entry->type;
    } else if (r->reader.flight != NULL) {
        describe_arriving(r, flight_head(r->reader.flight));
    } else {
        r->length = r->file.size;
        r->validators =
            (struct http_validators){origin_file_etag(&r->arena, &r->file), r->file.mtime_sec};
    }
    r->media = media_type_of(r->url.path, r->type);
    if (r->cache_word == CACHE_WORD_NONE)
        req_set_cache_word(r, r->entry != NULL ? CACHE_WORD_HIT : CACHE_WORD_MISS);
}

static void add_validators(struct req *r)
{
    char *date;

    if (r->validators.etag.n > 0)
        req_add_field(r, STR("ETag"), r->validators.etag);
    if (r->validators.last_modified <= 0)
        return;
    date = arena_alloc(&r->arena, HTTP_DATE_LEN);
    if (date == NULL)
        return;
    http_date_format(r->validators.last_modified, date);
    req_add_field(r, STR("Last-Modified"), (struct str){date, HTTP_DATE_LEN});
}

static void add_fields(struct req *r)
{
    req_add_field(r, STR("Cache-Control"), r->rules->classes.of[r->class].cache_control);
    req_add_field(r, STR("Accept-Ranges"), STR("bytes"));
    add_validators(r);
    req_add_cache_word(r);
}

static bool open_coded(struct req *r)
{
    if (r->body != NULL)
        body_done(r->body);
    r->body = blob_body_new(&r->arena, r->coded, 0, r->length);
    gate_count(r->worker, STAT_COMPRESSED, 1);
    gate_count(r->worker, STAT_COMPRESSION_SAVED, (int64_t)(r->plain_length - r->length));
    return r->body != NULL;
}

/* The body of bytes first to first + length - 1, wherever they are. False: the arena is full. */
static bool open_body(struct req *r, uint64_t first, uint64_t length)
{
    if (length == 0) {
        if (r->body != NULL)
            body_done(r->body);
        r->body = NULL;
        return true;
    }
    if (r->coded != NULL)
        return open_coded(r);
    if (r->splice != NULL) {
        if (first > 0 || length < r->length)
            splice_body_seek(r->splice, first, length);
        return true;
    }
    if (r->entry != NULL)
        r->body = cache_body_new(&r->arena, r->entry, first, length);
    else if (r->reader.flight != NULL)
        r->body = flight_body_new(&r->arena, &r->reader, first, length);
    else
        r->body = origin_file_body_new(&r->arena, &r->file, first, length);
    return r->body != NULL;
}

/* Status and fields; `type` is the content's. */
static void set_head(struct req *r, enum outcome o, struct str type, uint64_t length)
{
    r->outcome = o;
    r->response.status = outcome_row(o)->status;
    r->response.content_length = length;
    if (o != OUT_NOT_MODIFIED)
        req_add_field(r, STR("Content-Type"), type);
    if (o != OUT_NOT_MODIFIED && r->coding != CODING_IDENTITY)
        req_add_field(r, STR("Content-Encoding"), http_coding_word(r->coding));
    add_fields(r);
}

static const struct step *fail_internally(struct req *r, unsigned fields_before)
{
    r->response.field_count = fields_before;
    return req_fail(r, OUT_INTERNAL);
}

static const struct step *answer(struct req *r, enum outcome o, uint64_t first, uint64_t length)
{
    bool has_body = r->head.method != HTTP_HEAD && o != OUT_NOT_MODIFIED;
    unsigned fields_before = r->response.field_count;

    set_head(r, o, r->media.type, length);
    if (open_body(r, first, has_body ? length : 0) && !r->arena.is_full)
        return STEP(send);
    return fail_internally(r, fields_before);
}

static const struct step *answer_range(struct req *r, const struct http_byte_range *range)
{
    req_add_field(r, STR("Content-Range"),
                  arena_printf(&r->arena, "bytes %llu-%llu/%llu", (unsigned long long)range->first,
                               (unsigned long long)range->last, (unsigned long long)r->length));
    return answer(r, OUT_PARTIAL, range->first, range->last - range->first + 1);
}

/* ---- several ranges ---- */

static void stays_open(void *file)
{
}

/* The descriptor stays the request's: the other parts are read from it too. */
static struct body *file_part(struct req *r, uint64_t first, uint64_t length)
{
    struct file_body *f = ARENA_NEW(&r->arena, struct file_body);

    if (f == NULL)
        return NULL;
    file_body_init(f, r->file.fd, first, length, stays_open, &r->file);
    return &f->body;
}

static struct body *part_new(struct req *r, const struct http_byte_range *range)
{
    uint64_t length = range->last - range->first + 1;

    if (r->splice != NULL)
        return req_copy_part(r, range->first, length);
    if (r->entry != NULL)
        return cache_body_new(&r->arena, r->entry, range->first, length);
    return file_part(r, range->first, length);
}

static bool add_parts(struct req *r, struct multipart_body *m, const struct http_ranges *ranges)
{
    for (unsigned i = 0; i < ranges->count; i++) {
        struct body *part = part_new(r, &ranges->of[i]);

        if (part == NULL || multipart_body_add(m, &ranges->of[i], part) < 0)
            return false;
    }
    return multipart_body_close(m) == 0;
}

/* RFC 9110 15.3.7.2. What is still arriving has one reader: all of it is a right answer, too. */
static const struct step *answer_several(struct req *r, const struct http_ranges *ranges)
{
    unsigned fields_before = r->response.field_count;
    struct multipart_body *m;

    if (r->entry == NULL && r->reader.flight != NULL)
        return answer(r, OUT_OK, 0, r->length);
    m = multipart_body_new(&r->arena, r->media.type, r->length);
    if (m == NULL)
        return fail_internally(r, fields_before);
    if (r->body != NULL)
        body_done(r->body);
    r->body = &m->body;
    if (!add_parts(r, m, ranges))
        return fail_internally(r, fields_before);
    set_head(r, OUT_PARTIAL, multipart_type(m), m->body.left);
    return r->arena.is_full ? fail_internally(r, fields_before) : STEP(send);
}

static const struct step *answer_bad_range(struct req *r)
{
    req_add_field(r, STR("Content-Range"),
                  arena_printf(&r->arena, "bytes */%llu", (unsigned long long)r->length));
    return req_fail(r, OUT_BAD_RANGE); /* RFC 9110 15.5.17 */
}

const struct step *step_respond(struct req *r)
{
    struct http_ranges ranges;

    describe(r);
    compress_choose(r);
    switch (http_evaluate(&r->head, &r->validators, r->length, r->now, &ranges)) {
    case COND_FULL:
        return answer(r, OUT_OK, 0, r->length);
    case COND_PARTIAL:
        return answer_range(r, &ranges.of[0]);
    case COND_SEVERAL:
        return answer_several(r, &ranges);
    case COND_NOT_MODIFIED:
        return answer(r, OUT_NOT_MODIFIED, 0, r->length);
    case COND_FAILED:
        return req_fail(r, OUT_PRECONDITION);
    case COND_UNSATISFIABLE:
        return answer_bad_range(r);
    default:
        WRONG("condition without an answer");
    }
}
