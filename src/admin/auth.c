/* A wrong key is told from a missing one: the first is an attempt, and both are logged as what they
 * are. */
#include "admin/auth.h"

/* NULL: none of ours. Never stops at a match. */
static const struct api_key_setting *find_key(const struct api_settings *s, struct str presented)
{
    const struct api_key_setting *keys = s->keys.items, *found = NULL;

    for (size_t i = 0; i < s->keys.count; i++)
        if (api_key_matches(keys[i].sha256, presented))
            found = &keys[i];
    return found;
}

enum auth_verdict auth_check(const struct api_settings *s, struct str field, enum api_scope needed)
{
    struct str presented = api_key_presented(field);
    const struct api_key_setting *key;

    if (presented.n == 0)
        return needed == SCOPE_NONE ? AUTH_OK : AUTH_NO_KEY;
    key = find_key(s, presented);
    if (key == NULL)
        return AUTH_UNKNOWN_KEY;
    return key->scope >= (int)needed ? AUTH_OK : AUTH_LOW_SCOPE;
}
