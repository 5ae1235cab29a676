/* What errors of Redis mean for the call and for the connection, and what of them may be shown. */
#include "store/redis_internal.h"

struct meaning {
    struct str code;
    enum redis_error error;
};

/* Everything else leaves the connection as it is: NOPERM, MISCONF, WRONGTYPE, NOREPLICAS, an error
 * of the script. A new connection would hear the same. */
static const struct meaning meanings[] = {
    {{"NOSCRIPT", 8}, REDIS_ERROR_NO_SCRIPT}, {{"OOM", 3}, REDIS_ERROR_FULL},
    {{"READONLY", 8}, REDIS_ERROR_UNFIT},    /* it has become a replica */
    {{"MASTERDOWN", 10}, REDIS_ERROR_UNFIT}, /* the same, and it has lost its primary */
    {{"LOADING", 7}, REDIS_ERROR_UNFIT},     /* it has started anew */
    {{"NOAUTH", 6}, REDIS_ERROR_UNFIT},      /* its password was changed */
    {{"BUSY", 4}, REDIS_ERROR_UNFIT},        /* somebody's script does not end */
};

/* Up to version 6 Redis puts words of its own before the error of a command in a script:
 * "ERR Error running script (call to f_..): @user_script:7: -READONLY You can't write ..." */
static struct str unwrap(struct str said)
{
    ptrdiff_t at;

    if (!str_starts(said, STR("ERR Error running script")))
        return said;
    at = str_find(said, STR(": -"));
    return at < 0 ? said : str_skip(said, (size_t)at + 3);
}

static bool has_code(struct str said, struct str code)
{
    return str_starts(said, code) && (said.n == code.n || said.p[code.n] == ' ');
}

enum redis_error redis_error_of(struct str said)
{
    said = unwrap(said);
    for (size_t i = 0; i < ARRAY_LEN(meanings); i++) {
        if (has_code(said, meanings[i].code))
            return meanings[i].error;
    }
    return REDIS_ERROR_OTHER;
}

static bool is_letter(char c)
{
    return ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z';
}

/* The apostrophe of "can't" begins no quotation. */
static bool is_quote(struct str s, size_t i)
{
    return s.p[i] == '"' || s.p[i] == '`' || (s.p[i] == '\'' && (i == 0 || !is_letter(s.p[i - 1])));
}

void redis_error_show(struct str said, char ret[REDIS_WHY_MAX])
{
    size_t n = 0;

    said = str_first(unwrap(said), REDIS_WHY_MAX - 1);
    for (; n < said.n && !is_quote(said, n); n++)
        ret[n] = said.p[n] >= ' ' && said.p[n] < 127 ? said.p[n] : '?';
    while (n > 0 && ret[n - 1] == ' ')
        n--;
    ret[n] = '\0';
}

bool redis_is_string(const redisReply *r, struct str is)
{
    return r->type == REDIS_REPLY_STRING && str_eq(redis_str(r), is);
}
