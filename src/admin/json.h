/*
 * Values of the API's answers. admin_api() has given jansson an allocator that cannot fail, so
 * these return no errors. Whatever bytes a peer sent can be shown: what is not UTF-8 comes out as
 * \xHH.
 */
#ifndef ADMIN_JSON_H
#define ADMIN_JSON_H

#include <jansson.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/ip.h"

void json_free(json_t **value); /* for AUTO() */

/* Sets a member of `object`; `value` is taken. */
void json_put(json_t *object, const char *name, json_t *value);
void json_put_at(json_t *object, struct str name, json_t *value);
void json_put_int(json_t *object, const char *name, int64_t value);
void json_put_str(json_t *object, const char *name, struct str value);
void json_put_bool(json_t *object, const char *name, bool value);

json_t *json_of_str(struct str s);
json_t *json_of_ip(const struct ip *ip);
json_t *json_of_net(const struct ip_net *net);
json_t *json_of_hex(const void *bytes, size_t n); /* at most JSON_HEX_MAX bytes */
json_t *json_of_time(usec_t unix_usec);           /* "2026-11-22T10:00:00.123Z" */

enum { JSON_HEX_MAX = 32 };

/* As a document in `a`, with a line feed at the end; STR_NONE when the arena is full. */
struct str json_text(struct arena *a, const json_t *value);

#endif
