/* Words of the policy language, and the class of a path. */
#include "access/policy.h"

#include "base/panic.h"

static const struct str class_words[CLASS_COUNT] = {
#define X(name, word, suffixes, checks, cc) [CLASS_##name] = STR(word),
    PATH_CLASSES(X)
#undef X
};

static const struct str check_words[CHECK_COUNT] = {
#define X(name, word, doc) [CHECK_BIT_##name] = STR(word),
    CHECKS(X)
#undef X
};

static bool has_suffix(const struct class_rule *rule, struct str path)
{
    for (unsigned i = 0; i < rule->suffix_count; i++)
        if (str_ends_nocase(path, rule->suffixes[i]))
            return true;
    return false;
}

enum path_class class_of(const struct class_rules *rules, struct str path)
{
    for (enum path_class c = 0; c < CLASS_OTHER; c++)
        if (has_suffix(&rules->of[c], path))
            return c;
    return CLASS_OTHER;
}

struct str class_word(enum path_class c)
{
    assert((unsigned)c < CLASS_COUNT);
    return class_words[c];
}

checks_t check_parse(struct str word)
{
    for (unsigned bit = 0; bit < CHECK_COUNT; bit++)
        if (str_eq(word, check_words[bit]))
            return 1u << bit;
    return 0;
}

struct str check_word(enum check_bit bit)
{
    assert((unsigned)bit < CHECK_COUNT);
    return check_words[bit];
}
