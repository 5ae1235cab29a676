/* What was delivered to a uid, in bytes and back. */
#include <endian.h>

#include "base/panic.h"
#include "store/traffic.h"

#define WHOLE_MAX 9007199254740992.0 /* up to here a double is exact */

void traffic_counts_done(struct traffic_counts *c)
{
    sketch_done(&c->ips);
    sketch_done(&c->sessions);
}

void traffic_lines_done(struct traffic_line *lines, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        traffic_counts_done(&lines[i].counts);
}

void traffic_counts_merge(struct traffic_counts *c, const struct traffic_counts *more)
{
    c->first = c->first == 0 ? more->first : MIN(c->first, more->first);
    c->last = MAX(c->last, more->last);
    c->requests += more->requests;
    for (int i = 0; i < TRAFFIC_CLASSES; i++)
        c->bytes[i] += more->bytes[i];
    for (int i = 0; i < TRAFFIC_TYPES; i++)
        c->types[i] += more->types[i];
    sketch_merge(&c->ips, &more->ips);
    sketch_merge(&c->sessions, &more->sessions);
}

uint64_t traffic_total(const struct traffic_counts *c)
{
    uint64_t n = 0;

    for (int i = 0; i < TRAFFIC_CLASSES; i++)
        n += c->bytes[i];
    return n;
}

/* ---- records ---- */

static uint8_t *put_number(uint8_t *at, uint64_t n)
{
    double d = (double)n;
    uint64_t bits;

    memcpy(&bits, &d, sizeof bits);
    bits = htobe64(bits);
    memcpy(at, &bits, sizeof bits);
    return at + sizeof bits;
}

static bool take_number(const char **at, uint64_t *ret)
{
    uint64_t bits;
    double d;

    memcpy(&bits, *at, sizeof bits);
    *at += sizeof bits;
    bits = be64toh(bits);
    memcpy(&d, &bits, sizeof d);
    if (!(d >= 0 && d <= WHOLE_MAX)) /* NaN is not, either */
        return false;
    *ret = (uint64_t)d;
    return (double)*ret == d;
}

size_t traffic_pack(const struct traffic_counts *c, uint8_t room[TRAFFIC_RECORD_MAX])
{
    uint8_t *at = put_number(room, (uint64_t)c->first);

    at = put_number(at, (uint64_t)c->last);
    at = put_number(at, c->requests);
    for (int i = 0; i < TRAFFIC_CLASSES; i++)
        at = put_number(at, c->bytes[i]);
    for (int i = 0; i < TRAFFIC_TYPES; i++)
        at = put_number(at, c->types[i]);
    at += sketch_pack(&c->ips, at);
    at += sketch_pack(&c->sessions, at);
    return (size_t)(at - room);
}

static bool take_numbers(const char *at, struct traffic_counts *ret)
{
    uint64_t first, last;
    bool ok =
        take_number(&at, &first) && take_number(&at, &last) && take_number(&at, &ret->requests);

    for (int i = 0; ok && i < TRAFFIC_CLASSES; i++)
        ok = take_number(&at, &ret->bytes[i]);
    for (int i = 0; ok && i < TRAFFIC_TYPES; i++)
        ok = take_number(&at, &ret->types[i]);
    if (ok) {
        ret->first = (unix_t)first;
        ret->last = (unix_t)last;
    }
    return ok;
}

bool traffic_unpack(struct str record, struct traffic_counts *ret)
{
    struct traffic_counts c = {0};
    struct str rest = str_skip(record, TRAFFIC_NUMBERS * sizeof(double));

    if (record.n < TRAFFIC_NUMBERS * sizeof(double) || !take_numbers(record.p, &c) ||
        !sketch_unpack(&rest, &c.ips) || !sketch_unpack(&rest, &c.sessions) || rest.n > 0) {
        traffic_counts_done(&c);
        return false;
    }
    *ret = c;
    return true;
}

bool traffic_peek(struct str record, unix_t *ret_first, uint64_t *ret_bytes)
{
    struct traffic_counts c = {0};

    if (record.n < TRAFFIC_NUMBERS * sizeof(double) || record.n > TRAFFIC_RECORD_MAX ||
        !take_numbers(record.p, &c))
        return false;
    *ret_first = c.first;
    *ret_bytes = traffic_total(&c);
    return true;
}

/* ---- lines ---- */

void traffic_add_line(struct buf *lines, struct str uid, const struct traffic_counts *c)
{
    uint8_t record[TRAFFIC_RECORD_MAX];
    size_t n = traffic_pack(c, record);
    uint16_t length = htobe16((uint16_t)n);

    assert(uid.n <= STORE_UID_MAX);
    buf_add_char(lines, (char)uid.n);
    buf_add(lines, uid);
    buf_add(lines, (struct str){(const char *)&length, sizeof length});
    buf_add(lines, (struct str){(const char *)record, n});
}

bool traffic_next_line(struct str *lines, struct str *ret_uid, struct str *ret_record)
{
    struct str rest = *lines;
    uint16_t length;

    if (rest.n == 0 || (uint8_t)rest.p[0] > STORE_UID_MAX ||
        rest.n < 1 + (size_t)(uint8_t)rest.p[0] + sizeof length)
        return false;
    *ret_uid = str_first(str_skip(rest, 1), (uint8_t)rest.p[0]);
    rest = str_skip(rest, 1 + ret_uid->n);
    memcpy(&length, rest.p, sizeof length);
    length = be16toh(length);
    rest = str_skip(rest, sizeof length);
    if (rest.n < length)
        return false;
    *ret_record = str_first(rest, length);
    *lines = str_skip(rest, length);
    return true;
}

bool traffic_is_report_id(struct str id)
{
    for (size_t i = 0; i < id.n; i++)
        if (id.p[i] <= ' ' || id.p[i] >= 0x7f || id.p[i] == '"' || id.p[i] == '\\')
            return false;
    return id.n == REPORT_ID_LEN;
}
