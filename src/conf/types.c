/*
 * The scalar types. Numbers of all kinds are read as int64_t by one path, so range checks and their
 * messages are written once; a limit in a table is read by the same reader as the value it limits.
 */
#include "conf/conf.h"

#include "base/panic.h"

struct quantity {
    const char *noun, *example;
    int (*read)(struct str text, int64_t *ret);
};

struct unit {
    struct str suffix;
    int64_t factor;
};

static int64_t limit_of(const struct quantity *q, const char *text, int64_t otherwise)
{
    int64_t limit = otherwise;

    if (text != NULL && q->read(str_of(text), &limit) < 0)
        WRONG("a limit in a table of settings does not parse");
    return limit;
}

static void describe_range(const struct conf_field *f, struct buf *error)
{
    if (f->min != NULL && f->max != NULL)
        buf_printf(error, "from %s to %s", f->min, f->max);
    else if (f->min != NULL)
        buf_printf(error, "of at least %s", f->min);
    else
        buf_printf(error, "of at most %s", f->max);
}

static int parse_quantity(const struct quantity *q, struct str text, const struct conf_field *f,
                          int64_t *ret, struct buf *error)
{
    int64_t value;

    if (q->read(text, &value) < 0) {
        buf_printf(error, "%s%s", q->noun, q->example);
        return -1;
    }
    if (value < limit_of(q, f->min, INT64_MIN) || value > limit_of(q, f->max, INT64_MAX)) {
        buf_printf(error, "%s ", q->noun);
        describe_range(f, error);
        return -1;
    }
    *ret = value;
    return 0;
}

/* Digits and one of the units; the empty suffix among them allows bare numbers. */
static int read_amount(struct str text, const struct unit *units, size_t n, int64_t *ret)
{
    size_t digits = 0;
    uint64_t amount;
    struct str suffix;

    while (digits < text.n && ascii_is_digit(text.p[digits]))
        digits++;
    suffix = str_skip(text, digits);
    for (size_t i = 0; i < n; i++) {
        if (!str_eq(suffix, units[i].suffix))
            continue;
        if (str_parse_u64(str_first(text, digits), (uint64_t)(INT64_MAX / units[i].factor),
                          &amount) < 0)
            return -1;
        *ret = (int64_t)amount * units[i].factor;
        return 0;
    }
    return -1;
}

static int read_int(struct str text, int64_t *ret)
{
    bool is_negative = str_starts(text, STR("-"));
    uint64_t magnitude;

    if (str_parse_u64(str_skip(text, is_negative), INT64_MAX, &magnitude) < 0)
        return -1;
    *ret = is_negative ? -(int64_t)magnitude : (int64_t)magnitude;
    return 0;
}

static int read_duration(struct str text, int64_t *ret)
{
    static const struct unit units[] = {
        {STR("ms"), 1000},
        {STR("s"), 1000000},
        {STR("m"), 60000000},
        {STR("h"), 3600 * 1000000LL},
        {STR("d"), 86400 * 1000000LL},
    };

    if (str_eq(text, STR("0"))) {
        *ret = 0;
        return 0;
    }
    return read_amount(text, units, ARRAY_LEN(units), ret);
}

static int read_size(struct str text, int64_t *ret)
{
    static const struct unit units[] = {
        {STR(""), 1},
        {STR("B"), 1},
        {STR("KiB"), 1 << 10},
        {STR("MiB"), 1 << 20},
        {STR("GiB"), 1 << 30},
        {STR("TiB"), 1LL << 40},
        {STR("KB"), 1000},
        {STR("MB"), 1000000},
        {STR("GB"), 1000000000},
        {STR("TB"), 1000000000000},
    };

    return read_amount(text, units, ARRAY_LEN(units), ret);
}

static int read_memory(struct str text, int64_t *ret)
{
    uint64_t percent;

    if (!str_ends(text, STR("%")))
        return read_size(text, ret);
    if (str_parse_u64(str_first(text, text.n - 1), 100, &percent) < 0)
        return -1;
    *ret = (int64_t)(conf_machine_memory() / 100 * percent);
    return 0;
}

static const struct quantity ints = {"a whole number", "", read_int};
static const struct quantity durations = {"a duration", " such as 300ms, 30s, 5m, 2h or 7d",
                                          read_duration};
static const struct quantity sizes = {"a size", " such as 512, 64KiB, 8MiB or 1GiB", read_size};
static const struct quantity memories = {"a size", " such as 64MiB, 1GiB or 25% of the memory",
                                         read_memory};
static const struct quantity lengths = {"text", "", read_int};

static int parse_int(struct arena *arena, struct str text, const struct conf_field *f, void *dst,
                     struct buf *error)
{
    return parse_quantity(&ints, text, f, dst, error);
}

static int parse_duration(struct arena *arena, struct str text, const struct conf_field *f,
                          void *dst, struct buf *error)
{
    return parse_quantity(&durations, text, f, dst, error);
}

static int parse_size(struct arena *arena, struct str text, const struct conf_field *f, void *dst,
                      struct buf *error)
{
    return parse_quantity(&sizes, text, f, dst, error);
}

static int parse_memory(struct arena *arena, struct str text, const struct conf_field *f, void *dst,
                        struct buf *error)
{
    return parse_quantity(&memories, text, f, dst, error);
}

static int parse_bool(struct arena *arena, struct str text, const struct conf_field *f, void *dst,
                      struct buf *error)
{
    static const struct str words[][2] = {
        {STR("off"), STR("on")}, {STR("false"), STR("true")}, {STR("no"), STR("yes")}};

    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        for (int value = 0; value < 2; value++) {
            if (!str_eq_nocase(text, words[i][value]))
                continue;
            *(bool *)dst = value;
            return 0;
        }
    }
    buf_add(error, STR("on or off"));
    return -1;
}

static int parse_string(struct arena *arena, struct str text, const struct conf_field *f, void *dst,
                        struct buf *error)
{
    int64_t n = (int64_t)text.n;
    struct str copy;

    if (n < limit_of(&lengths, f->min, 0) || n > limit_of(&lengths, f->max, INT64_MAX)) {
        buf_add(error, STR("text "));
        describe_range(f, error);
        buf_add(error, STR(" bytes"));
        return -1;
    }
    copy = arena_copy(arena, text);
    if (copy.p == NULL)
        return -1;
    *(struct str *)dst = copy;
    return 0;
}

static int parse_enum(struct arena *arena, struct str text, const struct conf_field *f, void *dst,
                      struct buf *error)
{
    assert(f->choices != NULL && f->choices[0] != NULL);
    for (int i = 0; f->choices[i] != NULL; i++) {
        if (str_eq(text, str_of(f->choices[i]))) {
            *(int *)dst = i;
            return 0;
        }
    }
    buf_add(error, STR("one of "));
    for (int i = 0; f->choices[i] != NULL; i++)
        buf_printf(error, "%s%s", i > 0 ? ", " : "", f->choices[i]);
    return -1;
}

const struct conf_type conf_bool = {"on or off", sizeof(bool), false, parse_bool};
const struct conf_type conf_int = {"number", sizeof(int64_t), false, parse_int};
const struct conf_type conf_duration = {"duration", sizeof(usec_t), false, parse_duration};
const struct conf_type conf_size = {"size", sizeof(uint64_t), false, parse_size};
const struct conf_type conf_memory = {"size or % of memory", sizeof(uint64_t), false, parse_memory};
const struct conf_type conf_string = {"text", sizeof(struct str), false, parse_string};
const struct conf_type conf_enum = {"word", sizeof(int), false, parse_enum};
const struct conf_type conf_path = {"path", sizeof(struct str), true, parse_string};
