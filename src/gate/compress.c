/* Which coding, if any; then the bytes, from what is remembered or made anew. */
#include "gate/compress.h"

#include <stdlib.h>

#include "base/hash.h"
#include "gate/coded.h"
#include "gate/coder.h"
#include "gate/steps.h"
#include "http/answer.h"

enum {
    SCRATCH_KEPT = 256 * 1024, /* more is given back after each use */
    THOROUGH_MAX = 64 * 1024,  /* larger ones would hold the worker up for more than 1 ms */
};

struct compressor {
    struct coder *coder; /* owned, as is all of it */
    struct coded *coded;
    char *scratch;
    size_t room;
    unsigned purges; /* of the gate's, that `coded` has seen */
};

struct compressor *compressor_new(void)
{
    struct compressor *c = xzalloc(sizeof *c);

    c->coder = coder_new();
    c->coded = coded_new();
    return c;
}

void compressor_free(struct compressor **c)
{
    struct compressor *old = TAKE(*c);

    if (old == NULL)
        return;
    coder_free(&old->coder);
    coded_free(&old->coded);
    free(old->scratch);
    free(old);
}

/* Until the next call, or tidy(). */
static char *scratch(struct compressor *c, size_t n)
{
    if (n > c->room) {
        free(c->scratch);
        c->scratch = xmalloc(n);
        c->room = n;
    }
    return c->scratch;
}

static void tidy(struct compressor *c)
{
    if (c->room <= SCRATCH_KEPT)
        return;
    xfree_p(&c->scratch);
    c->room = 0;
}

/* ---- choosing ---- */

static bool is_negotiable(const struct req *r, bool is_text)
{
    return is_text && r->rules->compression.codings != 0 && r->class != CLASS_KEY;
}

static bool has_right_size(const struct req *r, const struct http_accepted *a, uint64_t length)
{
    const struct compress_rules *rules = &r->rules->compression;

    return length > 0 && length <= rules->max_size &&
           (length >= rules->min_size || a->refuses_identity);
}

static struct http_accepted accepted_by(const struct req *r)
{
    if (r->head.method == HTTP_GET && r->head.known[FIELD_RANGE].n > 0)
        return (struct http_accepted){CODING_IDENTITY, false};
    return http_accept_encoding(r->head.known[FIELD_ACCEPT_ENCODING],
                                r->rules->compression.codings);
}

bool compress_wants(const struct req *r, struct str type, uint64_t length)
{
    struct http_accepted a;

    if (r->head.known[FIELD_ACCEPT_ENCODING].n == 0 ||
        !is_negotiable(r, media_type_of(r->url.path, type).is_text))
        return false;
    a = accepted_by(r);
    return a.best != CODING_IDENTITY &&
           (length == HTTP_LENGTH_UNKNOWN || has_right_size(r, &a, length));
}

void compress_add_vary(struct req *r)
{
    for (unsigned i = 0; i < r->response.field_count; i++) {
        struct http_field *f = &r->response.fields[i];

        if (!str_eq(f->name, STR("Vary")))
            continue;
        assert(str_eq(f->value, STR("Origin")));
        f->value = STR("Origin, Accept-Encoding");
        return;
    }
    req_add_field(r, STR("Vary"), STR("Accept-Encoding"));
}

bool compress_vary(struct req *r)
{
    bool is = is_negotiable(r, r->media.is_text);

    if (is)
        compress_add_vary(r);
    return is;
}

/* ---- making ---- */

static size_t run(struct req *r, const struct http_accepted *a, enum coder_effort effort,
                  struct str plain, char *to, size_t room)
{
    gate_count(r->worker, STAT_COMPRESSIONS, 1);
    return coder_run(r->worker->compressor->coder, a->best, effort, plain, to, room);
}

/* Coded bytes that are no fewer are of use only to who takes no others. */
static size_t room_for(const struct http_accepted *a, size_t plain)
{
    return a->refuses_identity ? coder_bound(plain) : plain - 1;
}

static void pull_all(struct body *b, char *to)
{
    while (b->left > 0) {
        struct body_view view;
        int has = body_peek(b, &view);

        assert(has == 1 && view.iov_count == 1); /* a splice never waits */
        memcpy(to, view.iov[0].iov_base, view.iov[0].iov_len);
        to += view.iov[0].iov_len;
        body_advance(b, view.iov[0].iov_len);
    }
}

/* A viewer's copy, rendered for the coder alone. False: the arena is full. */
static bool render_copy(struct req *r, char *to)
{
    struct body *b = req_copy_part(r, 0, r->length);

    if (b == NULL)
        return false;
    pull_all(b, to);
    body_done(b);
    return true;
}

/* False: no memory for it. */
static bool keep_coded(struct req *r, const char *p, size_t n)
{
    r->coded = blob_new(n);
    if (r->coded == NULL)
        return false;
    memcpy(blob_bytes(r->coded), p, n);
    return true;
}

/* A viewer's copy is in front of the room for the coded bytes. */
static bool make_of_copy(struct req *r, const struct http_accepted *a)
{
    size_t n = (size_t)r->length, room = room_for(a, n);
    char *plain = scratch(r->worker->compressor, n + room), *to = plain + n;

    if (!render_copy(r, plain))
        return false;
    n = run(r, a, CODER_FAST, (struct str){plain, n}, to, room);
    return n == 0 || keep_coded(r, to, n);
}

static bool make_of_entry(struct req *r, const struct http_accepted *a)
{
    struct str plain = blob_str(r->entry->blob);
    enum coder_effort effort = plain.n <= THOROUGH_MAX ? CODER_THOROUGH : CODER_FAST;
    size_t room = room_for(a, plain.n);
    char *to = scratch(r->worker->compressor, room);
    size_t n = run(r, a, effort, plain, to, room);

    return n == 0 || keep_coded(r, to, n);
}

/* r->coded; NULL: no gain. False: nobody knows, there was no memory for it. */
static bool make(struct req *r, const struct http_accepted *a)
{
    bool is_known = r->splice != NULL ? make_of_copy(r, a) : make_of_entry(r, a);

    tidy(r->worker->compressor);
    return is_known;
}

/* ---- remembering ---- */

/* "x" to "x-gzip"; equal codings of what is only weakly equal are so, too. */
static struct str tag_of(struct req *r, enum http_coding coding)
{
    struct str plain = r->validators.etag;
    struct str pieces[] = {str_first(plain, plain.n - 1), STR("-"), http_coding_word(coding),
                           STR("\"")};

    return plain.n > 0 ? arena_join(&r->arena, pieces, ARRAY_LEN(pieces)) : STR_NONE;
}

/* Object, version and coding. Without a strong tag the bytes are their own name. */
static struct str name_of(struct req *r, enum http_coding coding)
{
    struct str version = r->validators.etag;
    struct hash_wide digest;

    if (!http_etag_is_strong(version)) {
        digest = hash_content(blob_str(r->entry->blob));
        version = (struct str){(const char *)&digest, sizeof digest};
    }
    return arena_join(
        &r->arena,
        (struct str[]){r->cache_key, STR("\n"), version, STR("\n"), http_coding_word(coding)}, 5);
}

/* Somebody purges when an origin does not keep its word: then an equal tag says nothing. */
static void forget_purged(struct req *r)
{
    struct compressor *c = r->worker->compressor;
    unsigned purges = atomic_load_explicit(&r->worker->gate->purges, memory_order_acquire);

    if (purges == c->purges)
        return;
    c->purges = purges;
    coded_clear(c->coded);
}

/* What goes to one viewer past the cache is not remembered either. */
static bool may_remember(const struct req *r)
{
    return r->cache_word != CACHE_WORD_BYPASS;
}

/* Of use to others: fewer bytes, or the news that there is no gain. What has grown was made for one
 * who takes nothing else. */
static bool is_worth_remembering(const struct req *r, const struct http_accepted *a)
{
    return r->coded != NULL ? blob_filled(r->coded) < r->length : !a->refuses_identity;
}

/* ---- the answer ---- */

static bool viewer_has(const struct req *r, struct str tag)
{
    struct str list = r->head.known[FIELD_IF_NONE_MATCH];

    return list.n > 0 && !str_eq(list, STR("*")) && http_etag_is_in(list, tag);
}

static void find_or_make(struct req *r, const struct http_accepted *a, struct str name)
{
    enum coded_found found = CODED_UNKNOWN;

    forget_purged(r);
    if (may_remember(r))
        found = coded_get(r->worker->compressor->coded, name, &r->coded);
    if (found == CODED_IS_HERE || (found == CODED_NO_GAIN && !a->refuses_identity))
        return;
    if (make(r, a) && found == CODED_UNKNOWN && may_remember(r) && is_worth_remembering(r, a))
        coded_put(r->worker->compressor->coded, name, r->coded);
}

static void use(struct req *r, const struct http_accepted *a)
{
    struct str tag = tag_of(r, a->best), name = name_of(r, a->best);

    if (r->arena.is_full)
        return;
    if (!viewer_has(r, tag)) {
        find_or_make(r, a, name);
        if (r->coded == NULL)
            return;
        r->plain_length = r->length;
        r->length = blob_filled(r->coded);
    }
    r->coding = a->best;
    r->validators.etag = tag;
}

static bool is_in_memory(const struct req *r)
{
    return r->splice != NULL || (r->entry != NULL && r->entry->blob != NULL);
}

void compress_choose(struct req *r)
{
    struct http_accepted a;

    if (!compress_vary(r))
        return;
    if (r->head.known[FIELD_ACCEPT_ENCODING].n == 0 || !is_in_memory(r))
        return;
    a = accepted_by(r);
    if (a.best != CODING_IDENTITY && has_right_size(r, &a, r->length))
        use(r, &a);
}

/* Into the arena; STR_NONE: no gain. */
static struct str make_reply(struct req *r, const struct http_accepted *a, struct str plain)
{
    size_t room = room_for(a, plain.n);
    char *to = scratch(r->worker->compressor, room);
    size_t n = run(r, a, CODER_FAST, plain, to, room);
    struct str coded = n > 0 ? arena_copy(&r->arena, (struct str){to, n}) : STR_NONE;

    tidy(r->worker->compressor);
    return coded;
}

const struct step *compress_reply(struct req *r, enum outcome o, struct str type, struct str bytes)
{
    struct str coded = STR_NONE;
    struct http_accepted a;

    if (!is_negotiable(r, true))
        return req_reply(r, o, type, bytes);
    compress_add_vary(r);
    a = http_accept_encoding(r->head.known[FIELD_ACCEPT_ENCODING], r->rules->compression.codings);
    if (a.best != CODING_IDENTITY && has_right_size(r, &a, bytes.n))
        coded = make_reply(r, &a, bytes);
    if (coded.p == NULL)
        return req_reply(r, o, type, bytes);
    req_add_field(r, STR("Content-Encoding"), http_coding_word(a.best));
    return req_reply(r, o, type, coded);
}
