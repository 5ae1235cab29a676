/* The history and what goes on now, for GET /api/history and the snapshots of the dashboard. A
 * figure that is not known is null. */
#ifndef ADMIN_HISTORY_JSON_H
#define ADMIN_HISTORY_JSON_H

#include <jansson.h>

#include "admin/history.h"
#include "admin/sampler.h"

json_t *json_of_history(enum history_range range, const struct history_point *points, unsigned n);

/* Of the last second; all rates are null before there is one. */
json_t *json_of_now(const struct gate *g, struct sampler *s);

/* The streams and users with the most bytes, AUDIENCE_TOP_MAX at most. */
json_t *json_of_audience(const struct gate *g);

#endif
