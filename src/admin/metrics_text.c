/* Label values are escaped as the format asks; what is not UTF-8 comes out as \xHH. */
#include "admin/metrics_text.h"

#include <stdio.h>

#include "base/mem.h"
#include "base/panic.h"

static const char *const type_words[] = {
    [METRIC_COUNTER] = "counter", [METRIC_GAUGE] = "gauge", [METRIC_HISTOGRAM] = "histogram"};

void metrics_init(struct metrics *m, struct buf *out)
{
    *m = (struct metrics){.out = out};
}

/* Of our own making, but for what a table says: no backslash, no line feed. */
static void head(struct metrics *m, enum metric_type type, struct str help)
{
    m->label_count = 0;
    buf_printf(m->out, "# HELP %s %.*s\n# TYPE %s %s\n", m->name, STR_FMT(help), m->name,
               type_words[type]);
}

void metrics_common_family(struct metrics *m, enum metric_type type, struct str name,
                           struct str help)
{
    snprintf(m->name, sizeof m->name, "%.*s", STR_FMT(name));
    head(m, type, help);
}

void metrics_family(struct metrics *m, enum metric_type type, struct str name, struct str help)
{
    snprintf(m->name, sizeof m->name, "hlsgate_%.*s%s", STR_FMT(name),
             type == METRIC_COUNTER ? "_total" : "");
    head(m, type, help);
}

void metrics_labels(struct metrics *m, struct metric_label first, struct metric_label second)
{
    m->label_count = 0;
    if (first.name != NULL)
        m->labels[m->label_count++] = first;
    if (second.name != NULL)
        m->labels[m->label_count++] = second;
}

/* ---- samples ---- */

static void add_value(struct buf *out, struct str s)
{
    bool is_utf8 = str_is_utf8(s);

    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];

        if (c == '\n')
            buf_add(out, STR("\\n"));
        else if (c == '"' || c == '\\')
            buf_printf(out, "\\%c", c);
        else if (c < 0x80 || is_utf8)
            buf_add_char(out, (char)c);
        else
            buf_printf(out, "\\\\x%02x", c);
    }
}

static void add_labels(struct metrics *m)
{
    for (unsigned i = 0; i < m->label_count; i++) {
        buf_printf(m->out, "%s%s=\"", i == 0 ? "{" : ",", m->labels[i].name);
        add_value(m->out, m->labels[i].value);
        buf_add_char(m->out, '"');
    }
    if (m->label_count > 0)
        buf_add_char(m->out, '}');
}

static void begin(struct metrics *m, const char *suffix)
{
    buf_printf(m->out, "%s%s", m->name, suffix);
    add_labels(m);
}

static void sample_int(struct metrics *m, const char *suffix, uint64_t value)
{
    begin(m, suffix);
    buf_printf(m->out, " %llu\n", (unsigned long long)value);
}

void metrics_int(struct metrics *m, uint64_t value)
{
    sample_int(m, "", value);
}

static void sample_real(struct metrics *m, const char *suffix, double value)
{
    begin(m, suffix);
    buf_printf(m->out, " %.15g\n", value);
}

void metrics_real(struct metrics *m, double value)
{
    sample_real(m, "", value);
}

void metrics_seconds(struct metrics *m, usec_t value)
{
    metrics_real(m, (double)value / (double)USEC_PER_SEC);
}

void metrics_one(struct metrics *m, enum metric_type type, struct str name, struct str help,
                 uint64_t value)
{
    metrics_family(m, type, name, help);
    metrics_int(m, value);
}

static void bucket(struct metrics *m, const char *bound, uint64_t value)
{
    assert(m->label_count < METRIC_MAX_LABELS);
    m->labels[m->label_count++] = (struct metric_label){"le", str_of(bound)};
    sample_int(m, "_bucket", value);
    m->label_count--;
}

void metrics_histogram(struct metrics *m, const uint64_t *bounds, unsigned count, double unit,
                       const uint64_t *up_to, uint64_t sum)
{
    for (unsigned i = 0; i < count; i++) {
        char bound[32];

        snprintf(bound, sizeof bound, "%.15g", (double)bounds[i] / unit);
        bucket(m, bound, up_to[i]);
    }
    bucket(m, "+Inf", up_to[count]);
    sample_real(m, "_sum", (double)sum / unit);
    sample_int(m, "_count", up_to[count]);
}
