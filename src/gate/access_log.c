/*
 * What peers send is cut before it is escaped, so that the longest line is known: LINE_BYTES is
 * asserted to hold it. The day and second of a line are written once for all lines of that second.
 */
#include "gate/access_log.h"

#include <stdlib.h>
#include <time.h>

#include "gate/req.h"
#include "logs/escape.h"

/* Of what a peer chose. A head of 16 KiB must not become a line of 100 KiB. */
enum {
    METHOD_MAX = 32,
    PATH_MAX_BYTES = 2048,
    STREAM_MAX = 512,
    UA_MAX = 1024,
    RANGE_MAX = 256,
    TEXTS_MAX = METHOD_MAX + PATH_MAX_BYTES + STREAM_MAX + UA_MAX + RANGE_MAX + STORE_UID_MAX,
    FRAME_MAX = 1024, /* names, numbers, times, words and an address */
    LINE_BYTES = TEXTS_MAX * LINE_GROWTH + FRAME_MAX,
    SECOND_MAX = 32,
};

_Static_assert((int)LINE_BYTES <= (int)LINE_BYTES_MAX, "every line fits into a queue");

/* A second in words, made when it comes. */
struct second {
    unix_t second; /* the one that is written here */
    bool is_made;
    char text[SECOND_MAX];
    size_t n;
};

struct access_log {
    struct line_writer *writer; /* borrowed */
    unsigned queue;
    struct second iso, clf;
    char line[LINE_BYTES]; /* for when the queue has no room in one piece */
};

struct access_log *access_log_new(struct line_writer *w, unsigned queue)
{
    struct access_log *l = xzalloc(sizeof *l);

    l->writer = w;
    l->queue = queue;
    return l;
}

void access_log_free(struct access_log **l)
{
    free(TAKE(*l));
}

static size_t iso_second(char ret[SECOND_MAX], const struct tm *tm)
{
    return strftime(ret, SECOND_MAX, "%Y-%m-%dT%H:%M:%S", tm);
}

static size_t clf_second(char ret[SECOND_MAX], const struct tm *tm)
{
    return strftime(ret, SECOND_MAX, "%d/%b/%Y:%H:%M:%S +0000", tm);
}

static struct str second_text(struct second *s, usec_t at,
                              size_t (*write)(char ret[SECOND_MAX], const struct tm *tm))
{
    unix_t now = (unix_t)(at / USEC_PER_SEC);
    time_t t = (time_t)now;
    struct tm tm;

    if (!s->is_made || s->second != now) {
        gmtime_r(&t, &tm);
        s->n = write(s->text, &tm);
        s->second = now;
        s->is_made = true;
    }
    return (struct str){s->text, s->n};
}

/* ---- words ---- */

static struct str class_text(const struct req *r)
{
    return r->endpoint != NULL ? STR("api") : class_word(r->class);
}

/* "": the head did not come as far as to say. */
static struct str protocol_of(const struct req *r)
{
    if (r->head.version_major == 0)
        return STR("");
    if (r->head.version_major >= 2)
        return STR("HTTP/2");
    return r->head.version_minor == 0 ? STR("HTTP/1.0") : STR("HTTP/1.1");
}

static struct str cache_of(const struct req *r)
{
    static const struct str words[] = {
        [CACHE_WORD_NONE] = STR(""),       [CACHE_WORD_HIT] = STR("hit"),
        [CACHE_WORD_MISS] = STR("miss"),   [CACHE_WORD_JOIN] = STR("join"),
        [CACHE_WORD_STALE] = STR("stale"), [CACHE_WORD_BYPASS] = STR("bypass"),
    };

    return words[r->cache_word];
}

/* Texts of a peer's, each at most so long. */
static struct str method_of(const struct req *r)
{
    return str_first(r->head.method_text, METHOD_MAX);
}

static struct str path_of(const struct req *r)
{
    return str_first(r->url.path, PATH_MAX_BYTES);
}

static struct str uid_of(const struct req *r)
{
    return str_first(r->uid, STORE_UID_MAX);
}

static struct str stream_of(const struct req *r)
{
    return str_first(r->stream_key, STREAM_MAX);
}

static struct str range_of(const struct req *r)
{
    return str_first(r->head.known[FIELD_RANGE], RANGE_MAX);
}

static struct str ua_of(const struct req *r)
{
    return str_first(r->head.known[FIELD_USER_AGENT], UA_MAX);
}

static char *client_of(char *to, const struct req *r)
{
    char ip[IP_TEXT_MAX];

    return line_raw(to, ip_format(&r->client, ip));
}

/* ---- JSON ---- */

#define LITERAL(to, text) line_raw(to, STR(text))

static char *json_times(char *to, const struct access_times *t)
{
    to = LITERAL(to, ",\"first_byte_ms\":");
    to = t->first_byte == ACCESS_NEVER ? LITERAL(to, "null") : line_msec(to, t->first_byte);
    to = LITERAL(to, ",\"total_ms\":");
    return line_msec(to, t->total);
}

static char *json_optional(char *to, struct str name, struct str value)
{
    if (value.n == 0)
        return to;
    to = line_raw(to, name);
    to = line_json(to, value);
    return LITERAL(to, "\"");
}

/* A word of our own, which needs no escaping. */
static char *json_word(char *to, struct str name, struct str word)
{
    if (word.n == 0)
        return to;
    to = line_raw(to, name);
    to = line_raw(to, word);
    return LITERAL(to, "\"");
}

/* What not every request has. */
#define OPTIONAL(to, name, value) json_optional((to), STR(",\"" name "\":\""), (value))
#define WORD(to, name, word) json_word((to), STR(",\"" name "\":\""), (word))

static char *json_answer(char *to, const struct req *r, const struct access_times *t)
{
    const struct outcome_row *row = outcome_row(r->outcome);

    to = LITERAL(to, "\",\"outcome\":\"");
    to = line_raw(to, row->word);
    to = LITERAL(to, "\",\"status\":");
    to = line_u64(to, row->status);
    to = LITERAL(to, ",\"bytes\":");
    to = line_u64(to, r->sent);
    return json_times(to, t);
}

static char *json_line(struct access_log *l, char *to, const struct req *r,
                       const struct access_times *t)
{
    to = LITERAL(to, "{\"time\":\"");
    to = line_raw(to, second_text(&l->iso, t->at, iso_second));
    to = line_fraction(to, t->at);
    to = LITERAL(to, "Z");
    to = json_answer(to, r, t);
    to = LITERAL(to, ",\"client\":\"");
    to = client_of(to, r);
    to = r->is_tls ? LITERAL(to, "\",\"tls\":true") : LITERAL(to, "\",\"tls\":false");
    to = WORD(to, "protocol", protocol_of(r));
    to = OPTIONAL(to, "method", method_of(r));
    to = OPTIONAL(to, "path", path_of(r));
    to = WORD(to, "class", class_text(r));
    to = OPTIONAL(to, "uid", uid_of(r));
    to = OPTIONAL(to, "stream", stream_of(r));
    to = WORD(to, "cache", cache_of(r));
    to = OPTIONAL(to, "range", range_of(r));
    to = OPTIONAL(to, "user_agent", ua_of(r));
    return LITERAL(to, "}\n");
}

/* ---- combined ---- */

static char *quoted(char *to, struct str value)
{
    to = LITERAL(to, "\"");
    to = value.n > 0 ? line_quoted(to, value) : LITERAL(to, "-");
    return LITERAL(to, "\"");
}

static char *combined_request(char *to, const struct req *r)
{
    to = LITERAL(to, " \"");
    to = line_bare(to, method_of(r));
    to = LITERAL(to, " ");
    to = line_bare(to, path_of(r));
    to = LITERAL(to, " ");
    to = line_bare(to, protocol_of(r));
    to = LITERAL(to, "\" ");
    to = line_u64(to, outcome_row(r->outcome)->status);
    to = LITERAL(to, " ");
    return line_u64(to, r->sent);
}

static char *combined_more(char *to, const struct req *r, const struct access_times *t)
{
    to = LITERAL(to, " outcome=");
    to = line_raw(to, outcome_row(r->outcome)->word);
    to = LITERAL(to, " class=");
    to = line_raw(to, class_text(r));
    to = LITERAL(to, " stream=");
    to = quoted(to, stream_of(r));
    to = r->is_tls ? LITERAL(to, " tls=1 first_byte=") : LITERAL(to, " tls=0 first_byte=");
    to = t->first_byte == ACCESS_NEVER ? LITERAL(to, "-") : line_sec(to, t->first_byte);
    to = LITERAL(to, " total=");
    to = line_sec(to, t->total);
    to = LITERAL(to, " cache=");
    to = line_bare(to, cache_of(r));
    to = LITERAL(to, " range=");
    return quoted(to, range_of(r));
}

static char *combined_line(struct access_log *l, char *to, const struct req *r,
                           const struct access_times *t)
{
    to = client_of(to, r);
    to = LITERAL(to, " - ");
    to = line_bare(to, uid_of(r));
    to = LITERAL(to, " [");
    to = line_raw(to, second_text(&l->clf, t->at, clf_second));
    to = LITERAL(to, "]");
    to = combined_request(to, r);
    to = LITERAL(to, " \"-\" "); /* the Referer's place */
    to = quoted(to, ua_of(r));
    to = combined_more(to, r, t);
    return LITERAL(to, "\n");
}

/* At `to`, where LINE_BYTES fit. How long it is. */
static size_t write_line(struct access_log *l, char *to, const struct req *r,
                         const struct access_times *t, enum access_log_format format)
{
    char *end = format == ACCESS_LOG_JSON ? json_line(l, to, r, t) : combined_line(l, to, r, t);

    assert(end <= to + LINE_BYTES);
    return (size_t)(end - to);
}

struct str access_log_line(struct access_log *l, const struct req *r, const struct access_times *t,
                           enum access_log_format format)
{
    return (struct str){l->line, write_line(l, l->line, r, t, format)};
}

void access_log_add(struct access_log *l, const struct req *r, const struct access_times *t)
{
    const struct access_log_settings *s = r->rules->access_log;
    enum access_log_format format;
    char *room;

    if (l->writer == NULL || s == NULL || !access_log_is_on(s))
        return;
    format = (enum access_log_format)s->format;
    room = line_writer_room(l->writer, l->queue, LINE_BYTES);
    if (room != NULL)
        line_writer_made(l->writer, l->queue, write_line(l, room, r, t, format));
    else
        line_writer_put(l->writer, l->queue, access_log_line(l, r, t, format));
}
