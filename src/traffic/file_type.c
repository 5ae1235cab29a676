#include "traffic/file_type.h"

#include <pthread.h>

#include "base/mem.h"
#include "base/panic.h"

enum { SUFFIX_MAX = 7, SUFFIXES_MAX = 64 };

static struct suffixes {
    unsigned count;
    struct {
        uint64_t text;
        uint8_t type;
    } of[SUFFIXES_MAX];
} known;
static pthread_once_t once = PTHREAD_ONCE_INIT;

/* In lower case, as one number. */
static uint64_t number_of(struct str suffix)
{
    uint64_t n = 0;

    for (size_t i = 0; i < suffix.n; i++)
        n = n << 8 | (uint8_t)ascii_lower(suffix.p[i]);
    return n;
}

static void learn(enum file_type type, struct str suffixes)
{
    struct str suffix;

    while (str_split(&suffixes, ' ', &suffix)) {
        assert(suffix.n <= SUFFIX_MAX && known.count < SUFFIXES_MAX);
        if (suffix.n > 0) {
            known.of[known.count].text = number_of(suffix);
            known.of[known.count++].type = (uint8_t)type;
        }
    }
}

static void learn_all(void)
{
#define X(word, suffixes) learn(FILE_TYPE_##word, STR(suffixes));
    FILE_TYPES(X)
#undef X
}

enum file_type file_type_of(struct str path)
{
    uint64_t text;
    size_t n = 0;

    pthread_once(&once, learn_all);
    while (n < path.n && n <= SUFFIX_MAX && path.p[path.n - 1 - n] != '.')
        n++;
    if (n == path.n || n > SUFFIX_MAX)
        return FILE_TYPE_default_;
    text = number_of(str_skip(path, path.n - n));
    for (unsigned i = 0; i < known.count; i++)
        if (known.of[i].text == text)
            return known.of[i].type;
    return FILE_TYPE_default_;
}

struct str file_type_word(enum file_type t)
{
    static const struct str words[] = {
#define X(word, suffixes) STR(#word),
        FILE_TYPES(X)
#undef X
    };

    return t == FILE_TYPE_default_ ? STR("default") : words[t];
}
