/* The rows of fact.h, and the sentence that is made of them: what came of it; what it was judged
 * by: how the request ended. */
#include "gate/fact.h"

#include <stdio.h>

#include "access/policy.h"
#include "base/panic.h"

static const struct str check_words[] = {
#define X(name, word) [FACT_CHECK_##name] = STR(word),
    FACT_CHECKS(X)
#undef X
};

struct phrase {
    struct str word, text;
};

static const struct phrase verdicts[] = {
#define X(name, word, text) [FACT_VERDICT_##name] = {STR(word), STR(text)},
    FACT_VERDICTS(X)
#undef X
};

static const struct phrase words[] = {
#define X(name, word, text) [FACT_WORD_##name] = {STR(word), STR(text)},
    FACT_WORDS(X)
#undef X
};

static const struct {
    struct str word;
    enum fact_type type;
    struct str glue, before, after;
} inputs[] = {
#define X(name, word, holds, glue, before, after) \
    [FACT_INPUT_##name] = {STR(word), FACT_##holds, STR(glue), STR(before), STR(after)},
    FACT_INPUTS(X)
#undef X
};

struct str fact_check_word(enum fact_check c)
{
    return check_words[c];
}

struct str fact_verdict_word(enum fact_verdict v)
{
    return verdicts[v].word;
}

struct str fact_input_word(enum fact_name n)
{
    return inputs[n].word;
}

enum fact_type fact_input_type(enum fact_name n)
{
    return inputs[n].type;
}

/* ---- inputs ---- */

static void put(struct fact *f, enum fact_type type, struct fact_input input)
{
    assert(f->input_count < FACT_INPUTS_MAX && inputs[input.name].type == type);
    f->inputs[f->input_count++] = input;
}

void fact_put_text(struct fact *f, enum fact_name name, struct str text)
{
    if (text.n > 0)
        put(f, FACT_TEXT, (struct fact_input){.name = name, .text = text});
}

void fact_put_word(struct fact *f, enum fact_name name, enum fact_word word)
{
    put(f, FACT_WORD,
        (struct fact_input){.name = name, .text = words[word].word, .said = words[word].text});
}

void fact_put_list(struct fact *f, enum fact_name name, const struct str *list, unsigned n)
{
    put(f, FACT_LIST, (struct fact_input){.name = name, .list = list, .list_n = n});
}

void fact_put_number(struct fact *f, enum fact_name name, int64_t number)
{
    put(f, FACT_NUMBER, (struct fact_input){.name = name, .number = number});
}

void fact_put_time(struct fact *f, enum fact_name name, unix_t time)
{
    if (time != 0)
        put(f, FACT_TIME, (struct fact_input){.name = name, .number = time});
}

/* ---- the sentence ---- */

enum {
    PIECES_OF_INPUT = 4, /* with its glue, and what stands on both sides */
    PIECES_MAX = 3 + FACT_INPUTS_MAX * PIECES_OF_INPUT + 2 * CHECK_COUNT,
    DIGITS_MAX = sizeof "-9223372036854775808",
};

struct sentence {
    struct str pieces[PIECES_MAX];
    unsigned n;
    char digits[FACT_INPUTS_MAX][DIGITS_MAX];
};

static void say(struct sentence *s, struct str piece)
{
    assert(s->n < PIECES_MAX);
    if (piece.n > 0)
        s->pieces[s->n++] = piece;
}

static void say_list(struct sentence *s, const struct fact_input *input)
{
    if (input->list_n == 0)
        say(s, STR("nothing"));
    for (unsigned i = 0; i < input->list_n; i++) {
        if (i > 0)
            say(s, STR(", "));
        say(s, input->list[i]);
    }
}

static void say_value(struct sentence *s, const struct fact_input *input, char digits[DIGITS_MAX])
{
    int n;

    switch (inputs[input->name].type) {
    case FACT_TEXT:
        say(s, input->text);
        break;
    case FACT_WORD:
        say(s, input->said);
        break;
    case FACT_LIST:
        say_list(s, input);
        break;
    case FACT_NUMBER:
    case FACT_TIME:
        n = snprintf(digits, DIGITS_MAX, "%lld", (long long)input->number);
        say(s, (struct str){digits, (size_t)n});
        break;
    default:
        WRONG("type of an input");
    }
}

static void say_input(struct sentence *s, const struct fact *f, unsigned i)
{
    const struct fact_input *input = &f->inputs[i];

    if (s->n > 0)
        say(s, inputs[input->name].glue);
    say(s, inputs[input->name].before);
    say_value(s, input, s->digits[i]);
    say(s, inputs[input->name].after);
}

struct str fact_sentence(const struct fact *f, struct arena *a, struct str outcome)
{
    struct sentence s = {.n = 0};

    say(&s, verdicts[f->verdict].text);
    for (unsigned i = 0; i < f->input_count; i++)
        say_input(&s, f, i);
    if (s.n > 0 && outcome.n > 0)
        say(&s, STR(": "));
    say(&s, outcome);
    return arena_join(a, s.pieces, s.n);
}
