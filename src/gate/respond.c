/* Status, fields and the part of the body that was asked for (RFC 9110 13 to 15). */
#include "gate/steps.h"

#include "hls/playlist.h"
#include "http/date.h"
#include "http/media_type.h"
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

/* Length, validators and type of what would be sent whole. A rewritten playlist is never stored by
 * anybody: it has no validators. */
static void describe(struct req *r)
{
    r->validators = (struct http_validators){.etag = STR_NONE};
    if (r->splice != NULL) {
        r->length = r->body->left;
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

/* The body of bytes first to first + length - 1, wherever they are. False: the arena is full. */
static bool open_body(struct req *r, uint64_t first, uint64_t length)
{
    if (length == 0) {
        if (r->body != NULL)
            body_done(r->body);
        r->body = NULL;
        return true;
    }
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

static const struct step *answer(struct req *r, enum outcome o, uint64_t first, uint64_t length)
{
    bool has_body = r->head.method != HTTP_HEAD && o != OUT_NOT_MODIFIED;
    unsigned fields_before = r->response.field_count;

    r->outcome = o;
    r->response.status = outcome_row(o)->status;
    if (o != OUT_NOT_MODIFIED)
        req_add_field(r, STR("Content-Type"), media_type_or(r->url.path, r->type));
    add_fields(r);
    r->response.content_length = length;
    if (open_body(r, first, has_body ? length : 0) && !r->arena.is_full)
        return STEP(send);
    r->response.field_count = fields_before;
    return req_fail(r, OUT_INTERNAL);
}

static const struct step *answer_range(struct req *r, const struct http_byte_range *range)
{
    req_add_field(r, STR("Content-Range"),
                  arena_printf(&r->arena, "bytes %llu-%llu/%llu", (unsigned long long)range->first,
                               (unsigned long long)range->last, (unsigned long long)r->length));
    return answer(r, OUT_PARTIAL, range->first, range->last - range->first + 1);
}

static const struct step *answer_bad_range(struct req *r)
{
    req_add_field(r, STR("Content-Range"),
                  arena_printf(&r->arena, "bytes */%llu", (unsigned long long)r->length));
    return req_fail(r, OUT_BAD_RANGE); /* RFC 9110 15.5.17 */
}

const struct step *step_respond(struct req *r)
{
    struct http_byte_range range;

    describe(r);
    switch (http_evaluate(&r->head, &r->validators, r->length, r->now, &range)) {
    case COND_FULL:
        return answer(r, OUT_OK, 0, r->length);
    case COND_PARTIAL:
        return answer_range(r, &range);
    case COND_NOT_MODIFIED:
        return answer(r, OUT_NOT_MODIFIED, 0, r->length);
    case COND_UNSATISFIABLE:
        return answer_bad_range(r);
    default:
        WRONG("condition without an answer");
    }
}
