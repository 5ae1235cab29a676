/* Finding control characters eight bytes at a time: every head that comes or goes is seen through.
 */
#ifndef HTTP_SCAN_H
#define HTTP_SCAN_H

#include "base/str.h"

#define SCAN_EACH(byte) (UINT64_C(0x0101010101010101) * (byte))

/* Is one of these eight bytes below 0x20, or 0x7f? (Bit tricks by Mycroft: exact for "is there
 * one".) */
static inline bool scan_has_control(uint64_t eight)
{
    uint64_t del = eight ^ SCAN_EACH(0x7f);
    uint64_t below = (eight - SCAN_EACH(0x20)) & ~eight;

    return ((below | ((del - SCAN_EACH(1)) & ~del)) & SCAN_EACH(0x80)) != 0;
}

static inline bool scan_is_control(char c)
{
    return (unsigned char)c < 0x20 || c == 0x7f;
}

/* Where the first control character from `at` on stands; s.n when there is none. */
static inline size_t scan_control(struct str s, size_t at)
{
    uint64_t eight;

    for (; at + sizeof eight <= s.n; at += sizeof eight) {
        memcpy(&eight, s.p + at, sizeof eight);
        if (scan_has_control(eight))
            break;
    }
    if (s.n >= sizeof eight && at < s.n &&
        at > s.n - sizeof eight) { /* the rest, once more in part */
        memcpy(&eight, s.p + s.n - sizeof eight, sizeof eight);
        if (!scan_has_control(eight))
            return s.n;
    }
    while (at < s.n && !scan_is_control(s.p[at]))
        at++;
    return at;
}

/* The same, HTAB aside: the one control that a field's value may hold (RFC 9110 5.5). */
static inline size_t scan_control_but_tab(struct str s)
{
    size_t at = scan_control(s, 0);

    while (at < s.n && s.p[at] == '\t')
        at = scan_control(s, at + 1);
    return at;
}

#endif
