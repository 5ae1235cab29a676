#include "traffic/report_body.h"

#include <inttypes.h>
#include <time.h>

#include "traffic/file_type.h"

#define MIB (1024.0 * 1024.0)

/* ---- strings ---- */

static bool must_escape(char c, bool is_utf8)
{
    return (uint8_t)c < ' ' || c == '"' || c == '\\' || c == 0x7f || (!is_utf8 && (c & 0x80));
}

static void add_escaped(struct buf *b, char c)
{
    uint8_t byte = (uint8_t)c;

    if (c == '"' || c == '\\')
        buf_printf(b, "\\%c", c);
    else if (byte < 0x80)
        buf_printf(b, "\\u%04x", byte);
    else
        buf_printf(b, "\\\\x%02x", byte);
}

void report_add_string(struct buf *b, struct str s)
{
    bool is_utf8 = str_is_utf8(s);

    buf_add_char(b, '"');
    for (size_t i = 0; i < s.n; i++) {
        if (must_escape(s.p[i], is_utf8))
            add_escaped(b, s.p[i]);
        else
            buf_add_char(b, s.p[i]);
    }
    buf_add_char(b, '"');
}

/* ---- lines ---- */

static void add_types(struct buf *b, const struct traffic_counts *c)
{
    const char *separator = "";

    buf_add(b, STR(", \"file_types\": {"));
    for (int i = 0; i < FILE_TYPE_COUNT; i++) {
        if (c->types[i] == 0)
            continue;
        buf_printf(b, "%s\"%.*s\": %" PRIu64, separator, STR_FMT(file_type_word((enum file_type)i)),
                   c->types[i]);
        separator = ", ";
    }
    buf_add_char(b, '}');
}

static void add_distinct(struct buf *b, const char *name, const struct sketch *s)
{
    buf_printf(b, ", \"%s\": %" PRIu64, name, sketch_count(s));
    if (!sketch_is_exact(s))
        buf_printf(b, ", \"%s_estimated\": true", name);
}

static void add_line(struct buf *b, const struct traffic_line *line)
{
    const struct traffic_counts *c = &line->counts;
    uint64_t bytes = traffic_total(c), duration = (uint64_t)MAX(c->last - c->first, (unix_t)1);

    buf_add(b, STR("{\"uid\": "));
    report_add_string(b, line->uid);
    buf_printf(b, ", \"total_bytes\": %" PRIu64 ", \"total_mb\": %.2f", bytes, (double)bytes / MIB);
    buf_printf(b, ", \"request_count\": %" PRIu64 ", \"duration_seconds\": %" PRIu64, c->requests,
               duration);
    buf_printf(b, ", \"start_time\": %" PRId64 ", \"last_activity\": %" PRId64, c->first, c->last);
    add_types(b, c);
    add_distinct(b, "unique_ips", &c->ips);
    add_distinct(b, "unique_sessions", &c->sessions);
    buf_printf(b, ", \"avg_bytes_per_request\": %" PRIu64 ", \"bytes_per_second\": %" PRIu64 "}",
               bytes / MAX(c->requests, (uint64_t)1), bytes / duration);
}

static void add_summary(struct buf *b, const struct report_next *report)
{
    uint64_t bytes = 0, requests = 0;
    struct tm tm = {0};
    char text[64];

    for (unsigned i = 0; i < report->count; i++) {
        bytes += traffic_total(&report->lines[i].counts);
        requests += report->lines[i].counts.requests;
    }
    gmtime_r(&report->made, &tm);
    strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S UTC", &tm);
    buf_printf(b, "\"summary\": {\"total_bytes\": %" PRIu64 ", \"total_mb\": %.2f", bytes,
               (double)bytes / MIB);
    buf_printf(b, ", \"total_requests\": %" PRIu64 ", \"avg_bytes_per_uid\": %" PRIu64, requests,
               bytes / MAX(report->count, 1u));
    buf_printf(b, ", \"report_generated_at\": \"%s\"}", text);
}

void report_body(struct buf *b, const struct report_about *about, const struct report_next *report)
{
    buf_printf(b, "{\"report_id\": \"%.*s\", \"timestamp\": %" PRId64, REPORT_ID_LEN, report->id,
               report->made);
    buf_add(b, STR(", \"worker_id\": "));
    report_add_string(b, about->instance);
    buf_printf(b, ", \"report_interval_seconds\": %" PRId64 ", \"min_bytes_threshold\": %" PRIu64,
               about->interval, about->threshold);
    buf_printf(b, ", \"total_qualified_uids\": %u, \"traffic_details\": [", report->count);
    for (unsigned i = 0; i < report->count; i++) {
        buf_add(b, i > 0 ? STR(",\n") : STR("\n"));
        add_line(b, &report->lines[i]);
    }
    buf_add(b, STR("\n], "));
    add_summary(b, report);
    buf_add(b, STR("}\n"));
}
