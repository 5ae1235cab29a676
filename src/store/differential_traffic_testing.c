#include "store/differential_traffic_testing.h"

#include <stdio.h>

#include "base/hash.h"
#include "base/test.h"
#include "store/differential_testing.h"

static const char *const uids[] = {"u1", "u2", "a uid: with \n all kinds \377", "unknown"};
static const char *const kind_names[] = {"count", "take", "list traffic", "report"};

/* ---- making ---- */

/* The last batch again, now and then: nobody knew whether it had been done. */
static void make_batch(struct dice *d, struct traffic_call *c, int at)
{
    c->source = dice_below(d, COUNT_SOURCES);
    if (c->numbers[c->source] == 0 || dice_below(d, 4) > 0)
        c->numbers[c->source] += 1 + dice_below(d, 2);
    c->lines = 1 + dice_below(d, COUNT_LINES);
    for (unsigned i = 0; i < c->lines; i++)
        c->counted[i] = (struct count_line){
            .uid = uids[dice_below(d, ARRAY_LEN(uids))],
            .first = at - (int)dice_below(d, 3),
            .requests = dice_below(d, 3),
            .class = dice_below(d, TRAFFIC_CLASSES),
            .type = dice_below(d, TRAFFIC_TYPES),
            .things_from = dice_below(d, 200),
            .things = dice_below(d, 2) ? dice_below(d, 4) : dice_below(d, 90),
            .bytes = (uint64_t)dice_below(d, 3000) << (dice_below(d, 8) ? 0 : 24)};
}

static void make_taking(struct dice *d, struct traffic_call *c, int at)
{
    static const uint64_t least[] = {TRAFFIC_ALL, 1000, 5000, TRAFFIC_NONE};

    c->takes++;
    c->min_bytes = least[dice_below(d, ARRAY_LEN(least))];
    c->before = at - (int)dice_below(d, 60);
    c->discards = dice_below(d, 5) == 0;
}

struct traffic_call random_traffic(struct dice *d, const struct traffic_call *before, int at)
{
    static const enum traffic_kind kinds[] = {TRAFFIC_COUNT, TRAFFIC_COUNT,  TRAFFIC_COUNT,
                                              TRAFFIC_TAKE,  TRAFFIC_REPORT, TRAFFIC_LIST};
    struct traffic_call c = {.takes = before->takes,
                             .kind = kinds[dice_below(d, ARRAY_LEN(kinds))],
                             .limit = dice_below(d, 2) ? dice_below(d, 4) : EVERYTHING,
                             .acknowledged = dice_below(d, 3)};

    memcpy(c.numbers, before->numbers, sizeof c.numbers);
    if (c.kind == TRAFFIC_COUNT)
        make_batch(d, &c, at);
    if (c.kind == TRAFFIC_TAKE)
        make_taking(d, &c, at);
    return c;
}

/* ---- asking ---- */

static uint64_t thing(unsigned i)
{
    char text[16];

    return hash_content((struct str){text, (size_t)snprintf(text, sizeof text, "%u", i)}).a;
}

static void add_line(const struct count_line *l, int at, struct buf *lines)
{
    struct traffic_counts c = {.first = T0 + l->first, .last = T0 + at, .requests = l->requests};

    c.bytes[l->class] = c.types[l->type] = l->bytes;
    for (unsigned i = 0; i < l->things; i++) {
        sketch_add(&c.ips, thing(l->things_from + i));
        sketch_add(&c.sessions, thing(i));
    }
    traffic_add_line(lines, str_of(l->uid), &c);
    traffic_counts_done(&c);
}

static void do_count(struct world *w, const struct traffic_call *c, int at, struct buf *ret)
{
    struct traffic_add a = {.now = T0 + at, .number = c->numbers[c->source]};
    struct buf lines;

    buf_init(&lines, COUNT_LINES * TRAFFIC_LINE_MAX);
    for (unsigned i = 0; i < c->lines; i++)
        add_line(&c->counted[i], at, &lines);
    memset(a.source, 'a' + (int)c->source, sizeof a.source);
    a.lines = buf_str(&lines);
    world_op(&a.op);
    buf_printf(ret, "%d", world_wait(w, store_traffic_add(w->worker, &a)));
    buf_done(&lines);
}

static void do_take(struct world *w, const struct traffic_call *c, int at, struct buf *ret)
{
    struct traffic_take t = {.now = T0 + at,
                             .min_bytes = c->min_bytes,
                             .before = T0 + c->before,
                             .discards = c->discards};
    char id[REPORT_ID_LEN + 1];

    snprintf(id, sizeof id, "%0*u", REPORT_ID_LEN, c->takes);
    memcpy(t.id, id, REPORT_ID_LEN);
    world_op(&t.op);
    assert_int_equal(world_wait(w, store_traffic_take(w->worker, &t)), 0);
    buf_printf(ret, "%u taken%s%s", t.taken, t.has_more ? ", more" : "", t.is_held ? ", held" : "");
}

/* All there is, the sketches too, byte for byte. */
static char *text_of_line(const struct traffic_line *l)
{
    uint8_t record[TRAFFIC_RECORD_MAX];
    size_t n = traffic_pack(&l->counts, record);
    struct buf text;

    buf_init(&text, 4096);
    buf_printf(&text, "%.*s %llu bytes, %llu requests, %lld to %lld, %llu ips, %llx",
               STR_FMT(l->uid), (unsigned long long)traffic_total(&l->counts),
               (unsigned long long)l->counts.requests, (long long)l->counts.first - T0,
               (long long)l->counts.last - T0, (unsigned long long)sketch_count(&l->counts.ips),
               (unsigned long long)hash_content((struct str){(char *)record, n}).a);
    return buf_take_cstr(&text);
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* In any order. */
static void print_lines(struct traffic_line *lines, unsigned count, struct buf *ret)
{
    char **texts = xmalloc((count + 1) * sizeof *texts);

    for (unsigned i = 0; i < count; i++)
        texts[i] = text_of_line(&lines[i]);
    qsort(texts, count, sizeof *texts, by_text);
    for (unsigned i = 0; i < count; i++) {
        buf_printf(ret, "\n        %s", texts[i]);
        free(texts[i]);
    }
    free(texts);
    traffic_lines_done(lines, count);
}

/* Of a part of it no more than the bytes, the most first: who comes first of equals is open. */
static void print_most(struct traffic_line *lines, unsigned count, struct buf *ret)
{
    for (unsigned i = 0; i < count; i++)
        buf_printf(ret, " %llu", (unsigned long long)traffic_total(&lines[i].counts));
    traffic_lines_done(lines, count);
}

static void do_list(struct world *w, const struct traffic_call *c, struct buf *ret)
{
    struct traffic_list l = {.arena = &w->arena, .limit = c->limit};

    world_op(&l.op);
    assert_int_equal(world_wait(w, store_traffic_list(w->worker, &l)), 0);
    buf_printf(ret, "%llu uids, %llu bytes, %llu requests, %llu wait, %llu acknowledged:",
               (unsigned long long)l.uids, (unsigned long long)l.bytes,
               (unsigned long long)l.requests, (unsigned long long)l.waiting,
               (unsigned long long)l.acknowledged);
    (c->limit == EVERYTHING ? print_lines : print_most)(l.lines, l.count, ret);
}

static void acknowledge(struct world *w, const struct report_next *n)
{
    struct report_done d = {.made = n->made};

    memcpy(d.id, n->id, sizeof d.id);
    world_op(&d.op);
    assert_int_equal(world_wait(w, store_report_done(w->worker, &d)), 0);
}

static void do_report(struct world *w, const struct traffic_call *c, struct buf *ret)
{
    struct report_next n = {.arena = &w->arena};

    world_op(&n.op);
    assert_int_equal(world_wait(w, store_report_next(w->worker, &n)), 0);
    buf_printf(ret, "%llu wait", (unsigned long long)n.waiting);
    if (!n.is_there)
        return;
    buf_printf(ret, ", %.*s of %lld:", REPORT_ID_LEN, n.id, (long long)n.made - T0);
    print_lines(n.lines, n.count, ret);
    for (unsigned i = 0; i < c->acknowledged; i++)
        acknowledge(w, &n);
}

void ask_traffic(struct world *w, const struct traffic_call *c, int at, struct buf *ret)
{
    switch (c->kind) {
    case TRAFFIC_COUNT:
        do_count(w, c, at, ret);
        break;
    case TRAFFIC_TAKE:
        do_take(w, c, at, ret);
        break;
    case TRAFFIC_LIST:
        do_list(w, c, ret);
        break;
    case TRAFFIC_REPORT:
        do_report(w, c, ret);
        break;
    default:
        fail_msg("no call");
    }
}

/* ---- the story ---- */

static void format_batch(const struct traffic_call *c, struct buf *ret)
{
    buf_printf(ret, " batch %llu of %c", (unsigned long long)c->numbers[c->source],
               'a' + (int)c->source);
    for (unsigned i = 0; i < c->lines; i++) {
        const struct count_line *l = &c->counted[i];

        buf_printf(ret, " {%s from %d, %u requests, class %u type %u, %u things from %u, %llu}",
                   l->uid, l->first, l->requests, l->class, l->type, l->things, l->things_from,
                   (unsigned long long)l->bytes);
    }
}

void traffic_format(const struct traffic_call *c, struct buf *ret)
{
    buf_printf(ret, ": %s", kind_names[c->kind]);
    switch (c->kind) {
    case TRAFFIC_COUNT:
        format_batch(c, ret);
        break;
    case TRAFFIC_TAKE:
        buf_printf(ret, " of %llu bytes or before %d%s", (unsigned long long)c->min_bytes,
                   c->before, c->discards ? ", to forget" : "");
        break;
    case TRAFFIC_LIST:
        buf_printf(ret, " limit %u", c->limit);
        break;
    default:
        buf_printf(ret, " acknowledged %u times", c->acknowledged);
    }
}
