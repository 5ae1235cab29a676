/*
 * The scripts that Redis runs: store/lua/NAME.lua, each behind store/lua/common.lua, put into the
 * binary at build time. ARGV[1] is the prefix of all keys.
 */
#ifndef STORE_REDIS_SCRIPT_H
#define STORE_REDIS_SCRIPT_H

#include "base/str.h"

#define REDIS_SCRIPTS(X) \
    X(hello)             \
    X(admit)             \
    X(touch)             \
    X(grant_put)         \
    X(grant_revoke)      \
    X(grant_list)        \
    X(session_list)      \
    X(session_end)       \
    X(revocations)       \
    X(sweep)             \
    X(traffic_add)       \
    X(traffic_list)      \
    X(traffic_take)      \
    X(report_next)       \
    X(report_done)       \
    X(traffic_lead)      \
    X(instance_beat)

#define X(name) SCRIPT_##name,
enum redis_script { REDIS_SCRIPTS(X) REDIS_SCRIPT_COUNT };
#undef X

const char *redis_script_name(enum redis_script s);
struct str redis_script_source(enum redis_script s); /* whole */

#endif
