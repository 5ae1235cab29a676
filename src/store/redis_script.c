/* The sources are put in by scripts/embed.py at build time, see meson.build. */
#include "store/redis_script.h"

#define X(name)                                    \
    extern const unsigned char redis_lua_##name[]; \
    extern const size_t redis_lua_##name##_len;
REDIS_SCRIPTS(X)
#undef X

const char *redis_script_name(enum redis_script s)
{
    static const char *const names[] = {
#define X(name) #name,
        REDIS_SCRIPTS(X)
#undef X
    };

    return names[s];
}

struct str redis_script_source(enum redis_script s)
{
    const struct str sources[] = {
#define X(name) {(const char *)redis_lua_##name, redis_lua_##name##_len},
        REDIS_SCRIPTS(X)
#undef X
    };

    return sources[s];
}
