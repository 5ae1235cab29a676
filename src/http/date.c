/*
 * HTTP dates without libc: gmtime() and strptime() follow locales and accept too much. Days are
 * counted in the proleptic Gregorian calendar from 0000-03-01, so that the leap day ends a year
 * (Hinnant's days_from_civil).
 */
#include "http/date.h"

#include <stdbool.h>

#include "base/mem.h"

enum { DAY = 86400, DAYS_TO_1970 = 719468, DAYS_PER_ERA = 146097 };

#define LAST_SECOND INT64_C(253402300799) /* of the year 9999: the format has four digits */

struct civil {
    int year, month, day; /* month: 0 to 11 */
    int hour, minute, second;
};

static const char short_days[7][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
static const char *const long_days[7] = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                         "Thursday", "Friday", "Saturday"};
static const char months[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                   "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

static int64_t days_from_civil(const struct civil *c)
{
    int64_t month = (c->month + 10) % 12; /* March is 0 */
    int64_t year = c->year - (month >= 10);
    int64_t era = year / 400;
    int64_t of_era = year - era * 400;
    int64_t of_year = (153 * month + 2) / 5 + c->day - 1;

    return era * DAYS_PER_ERA + of_era * 365 + of_era / 4 - of_era / 100 + of_year - DAYS_TO_1970;
}

static struct civil civil_from_unix(int64_t t)
{
    int64_t days = t / DAY + DAYS_TO_1970, rest = t % DAY;
    int64_t era = days / DAYS_PER_ERA;
    int64_t of_era = days - era * DAYS_PER_ERA;
    int64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / (DAYS_PER_ERA - 1)) / 365;
    int64_t of_year = of_era - (365 * year + year / 4 - year / 100);
    int64_t month = (5 * of_year + 2) / 153;

    return (struct civil){
        .year = (int)(year + era * 400 + (month >= 10)),
        .month = (int)((month + 2) % 12),
        .day = (int)(of_year - (153 * month + 2) / 5 + 1),
        .hour = (int)(rest / 3600),
        .minute = (int)(rest / 60 % 60),
        .second = (int)(rest % 60),
    };
}

static void put_two(char *at, int v)
{
    at[0] = (char)('0' + v / 10);
    at[1] = (char)('0' + v % 10);
}

void http_date_format(unix_t t, char ret[HTTP_DATE_LEN])
{
    int64_t in_range = MAX(INT64_C(0), MIN(t, LAST_SECOND));
    struct civil c = civil_from_unix(in_range);

    memcpy(ret, "Sun, 06 Nov 1994 08:49:37 GMT", HTTP_DATE_LEN);
    memcpy(ret, short_days[(in_range / DAY + 4) % 7], 3); /* 1970 began on a Thursday */
    put_two(ret + 5, c.day);
    memcpy(ret + 8, months[c.month], 3);
    put_two(ret + 12, c.year / 100);
    put_two(ret + 14, c.year % 100);
    put_two(ret + 17, c.hour);
    put_two(ret + 20, c.minute);
    put_two(ret + 23, c.second);
}

struct str http_date_now(unix_t now)
{
    static _Thread_local char text[] = "Thu, 01 Jan 1970 00:00:00 GMT";
    static _Thread_local unix_t shown;

    if (shown != now)
        http_date_format(now, text);
    shown = now;
    return (struct str){text, HTTP_DATE_LEN};
}

/* Each take_ function cuts its text off the front of `s`. */
static bool take_text(struct str *s, const char *text)
{
    if (!str_starts(*s, str_of(text)))
        return false;
    *s = str_skip(*s, strlen(text));
    return true;
}

static bool take_number(struct str *s, size_t digits, int *ret)
{
    uint64_t v;

    if (s->n < digits || str_parse_u64(str_first(*s, digits), 9999, &v) < 0)
        return false;
    *s = str_skip(*s, digits);
    *ret = (int)v;
    return true;
}

static bool take_day_name(struct str *s, bool is_long)
{
    for (int i = 0; i < 7; i++)
        if (take_text(s, is_long ? long_days[i] : short_days[i]))
            return true;
    return false;
}

static bool take_month(struct str *s, struct civil *c)
{
    for (c->month = 0; c->month < 12; c->month++)
        if (take_text(s, months[c->month]))
            return true;
    return false;
}

static bool take_time(struct str *s, struct civil *c)
{
    return take_number(s, 2, &c->hour) && take_text(s, ":") && take_number(s, 2, &c->minute) &&
           take_text(s, ":") && take_number(s, 2, &c->second);
}

/* RFC 9110 5.6.7: more than 50 years ahead is the last century that ended like that. */
static bool take_short_year(struct str *s, unix_t now, struct civil *c)
{
    int this_year = civil_from_unix(MAX(INT64_C(0), MIN(now, LAST_SECOND))).year;

    if (!take_number(s, 2, &c->year))
        return false;
    c->year += this_year - this_year % 100;
    if (c->year > this_year + 50)
        c->year -= 100;
    return true;
}

static bool take_conversion(struct str *s, char what, unix_t now, struct civil *c)
{
    switch (what) {
    case 'a':
        return take_day_name(s, false);
    case 'A':
        return take_day_name(s, true);
    case 'd':
        return take_number(s, 2, &c->day);
    case 'e':
        return take_text(s, " ") ? take_number(s, 1, &c->day) : take_number(s, 2, &c->day);
    case 'b':
        return take_month(s, c);
    case 'Y':
        return take_number(s, 4, &c->year);
    case 'y':
        return take_short_year(s, now, c);
    default:
        return take_time(s, c);
    }
}

static bool matches(struct str s, const char *format, unix_t now, struct civil *c)
{
    for (; *format != 0; format++) {
        if (*format == '%') {
            if (!take_conversion(&s, *++format, now, c))
                return false;
        } else if (!take_text(&s, (char[]){*format, 0})) {
            return false;
        }
    }
    return s.n == 0;
}

static bool exists(const struct civil *c)
{
    static const int days[12] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool is_leap = c->year % 4 == 0 && (c->year % 100 != 0 || c->year % 400 == 0);

    return c->day >= 1 && c->day <= days[c->month] + (is_leap && c->month == 1) && c->hour < 24 &&
           c->minute < 60 && c->second <= 60; /* leap second */
}

int http_date_parse(struct str s, unix_t now, unix_t *ret)
{
    /* RFC 9110 5.6.7: IMF-fixdate, RFC 850, asctime() */
    static const char *const formats[] = {"%a, %d %b %Y %T GMT", "%A, %d-%b-%y %T GMT",
                                          "%a %b %e %T %Y"};

    for (size_t i = 0; i < ARRAY_LEN(formats); i++) {
        struct civil c = {0};

        if (!matches(s, formats[i], now, &c))
            continue;
        if (!exists(&c))
            return -1;
        *ret = days_from_civil(&c) * DAY + c.hour * 3600 + c.minute * 60 + c.second;
        return 0;
    }
    return -1;
}
