/* Weights are thousandths; one pass over the field, then one over the codings. */
#include "http/coding.h"

#include "base/mem.h"
#include "http/field.h"

enum { UNSAID = -1, WEIGHT_MAX = 1000 };

static const struct str words[CODING_COUNT] = {
    [CODING_IDENTITY] = STR("identity"),
    [CODING_GZIP] = STR("gzip"),
    [CODING_BR] = STR("br"),
};

struct str http_coding_word(enum http_coding c)
{
    return words[c];
}

/* RFC 9110 12.4.2: "0", "0.8", "1.000"; -1 for anything else. */
static int weight_parse(struct str s)
{
    int weight = 0, digit = WEIGHT_MAX / 10;

    if (s.n == 0 || s.n > strlen("0.000") || (s.p[0] != '0' && s.p[0] != '1') ||
        (s.n > 1 && s.p[1] != '.'))
        return -1;
    weight = (s.p[0] - '0') * WEIGHT_MAX;
    for (size_t i = 2; i < s.n; i++, digit /= 10) {
        if (!ascii_is_digit(s.p[i]))
            return -1;
        weight += (s.p[i] - '0') * digit;
    }
    return weight <= WEIGHT_MAX ? weight : -1;
}

/* "gzip", "gzip;q=0.8", "gzip ; Q=1": the weight, and what it is of; -1: malformed. */
static int element_parse(struct str element, struct str *ret_coding)
{
    ptrdiff_t semicolon = str_find_char(element, ';');
    struct str param;

    if (semicolon < 0) {
        *ret_coding = element;
        return WEIGHT_MAX;
    }
    *ret_coding = str_trim(str_first(element, (size_t)semicolon));
    param = str_trim(str_skip(element, (size_t)semicolon + 1));
    return str_eq_nocase(str_first(param, 2), STR("q=")) ? weight_parse(str_skip(param, 2)) : -1;
}

/* CODING_COUNT: one that we don't know. */
static enum http_coding coding_of(struct str word)
{
    if (str_eq_nocase(word, STR("x-gzip"))) /* RFC 9110 8.4.1.3 */
        return CODING_GZIP;
    for (int c = 0; c < CODING_COUNT; c++)
        if (str_eq_nocase(word, words[c]))
            return (enum http_coding)c;
    return CODING_COUNT;
}

static void read_weights(struct str field, int weights[CODING_COUNT])
{
    int of_others = UNSAID;
    struct str element, word;

    for (int c = 0; c < CODING_COUNT; c++)
        weights[c] = UNSAID;
    while (http_list_next(&field, &element)) {
        int weight = element_parse(element, &word);
        enum http_coding c = coding_of(word);

        if (weight < 0)
            continue;
        if (c != CODING_COUNT)
            weights[c] = MAX(weights[c], weight);
        else if (str_eq(word, STR("*")))
            of_others = weight;
    }
    for (int c = 0; c < CODING_COUNT; c++)
        if (weights[c] == UNSAID)
            weights[c] = of_others;
}

struct http_accepted http_accept_encoding(struct str field, unsigned offered)
{
    struct http_accepted ret = {CODING_IDENTITY, false};
    int weights[CODING_COUNT], best = 0;

    if (field.n == 0)
        return ret;
    read_weights(field, weights);
    ret.refuses_identity = weights[CODING_IDENTITY] == 0;
    for (int c = CODING_GZIP; c < CODING_COUNT; c++) {
        if (!(offered & 1u << c) || weights[c] <= 0 || weights[c] < best ||
            weights[c] < weights[CODING_IDENTITY])
            continue;
        best = weights[c];
        ret.best = (enum http_coding)c;
    }
    return ret;
}
