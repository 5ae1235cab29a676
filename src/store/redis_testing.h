/* For tests: a real redis-server in a folder and with a socket of its own, ended with the test. */
#ifndef STORE_REDIS_TESTING_H
#define STORE_REDIS_TESTING_H

#include <sys/types.h>

#include "store/conformance.h"
#include "store/redis.h"

struct redis_server {
    pid_t pid;
    char folder[32];
    char address[64]; /* "unix:..." */
};

void redis_server_start(struct redis_server *s);
void redis_server_stop(struct redis_server *s);

/* On a connection of its own; the reply's text, or its number as text, in `ret`. */
void redis_server_say(const struct redis_server *s, const char *command, char ret[256]);

/* A store in it; `prefix` of its own each time, so that it is empty. */
struct store *redis_server_open(const struct redis_server *s, const struct store_rules *rules,
                                const struct store_redis_options *more);
/* What housekeeping does, until nothing is left to do at that time. */
void redis_server_sweep(struct store *s, unix_t now);

#endif
