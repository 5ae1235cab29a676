/*
 * The store in /stats and /health. An embedded store has one set of figures. Redis has two: those
 * of this instance, what happened on its way there, and in `shared` those that all instances see.
 */
#ifndef ADMIN_STORE_JSON_H
#define ADMIN_STORE_JSON_H

#include <jansson.h>

#include "store/store.h"

json_t *json_of_store(const struct store_stats *s);
json_t *json_of_store_health(const struct store_stats *s);

#endif
