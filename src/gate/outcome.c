/* The rows of outcome.h, with their words in lower case. */
#include "gate/outcome.h"

#include <pthread.h>

#include "base/mem.h"
#include "base/panic.h"

#define X(name, status, class, text) +sizeof #name
enum { WORDS_BYTES = 0 OUTCOMES(X) };
#undef X

static struct outcome_row rows[] = {
#define X(name, status, class, text) {STR(#name), status, class, STR(text)},
    OUTCOMES(X)
#undef X
};

static pthread_once_t words_once = PTHREAD_ONCE_INIT;

static void make_words(void)
{
    static char words[WORDS_BYTES];
    char *at = words;

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct str name = rows[i].word;

        for (size_t k = 0; k < name.n; k++)
            at[k] = ascii_lower(name.p[k]);
        rows[i].word.p = at;
        at += name.n + 1;
    }
}

const struct outcome_row *outcome_row(enum outcome o)
{
    pthread_once(&words_once, make_words);
    assert(o < OUTCOME_COUNT);
    return &rows[o];
}

bool outcome_is_denied(enum outcome o)
{
    return outcome_row(o)->class == DENIED;
}

bool outcome_is_failed(enum outcome o)
{
    return outcome_row(o)->class == FAILED;
}

bool outcome_is_replay(enum outcome o)
{
    return o == OUT_TOKEN_OTHER_VIEWER || o == OUT_TOKEN_USED_UP || o == OUT_BROWSER_LIMIT;
}
