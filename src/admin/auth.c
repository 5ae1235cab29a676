/* A wrong key is told from a missing one: the first is an attempt, and both are logged as what they
 * are. */
#include "admin/auth.h"

/* Never stops at a match. */
const struct api_key_setting *auth_find(const struct api_settings *s, struct str presented)
{
    const struct api_key_setting *keys = s->keys.items, *found = NULL;

    for (size_t i = 0; i < s->keys.count; i++)
        if (api_key_matches(keys[i].sha256, presented))
            found = &keys[i];
    return found;
}

enum auth_verdict auth_judge(const struct api_key_setting *key, enum api_scope needed)
{
    if (key == NULL)
        return AUTH_UNKNOWN_KEY;
    return key->scope >= (int)needed ? AUTH_OK : AUTH_LOW_SCOPE;
}

enum auth_verdict auth_check(const struct api_settings *s, struct str field, enum api_scope needed)
{
    struct str presented = api_key_presented(field);

    if (presented.n == 0)
        return needed == SCOPE_NONE ? AUTH_OK : AUTH_NO_KEY;
    return auth_judge(auth_find(s, presented), needed);
}
