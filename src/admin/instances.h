/*
 * The processes that share the store, as the dashboard shows them: each says every second what it
 * is about (store/instances.h), one worker for all of it, and keeps what the others have said last.
 * A store that does not answer leaves this one alone in the list: nobody is shown as alive who may
 * be gone.
 */
#ifndef ADMIN_INSTANCES_H
#define ADMIN_INSTANCES_H

#include <jansson.h>

#include "admin/sampler.h"
#include "gate/gate.h"

enum { INSTANCE_NAME_LEN = 8 };

/* The process's. */
struct instances;
struct instances *instances_new(void);
/* How it is called, for people; of chance. Lives as long as `i`. */
struct str instances_own_name(const struct instances *i);

/* What the one worker has for it. */
struct heart;
struct heart *heart_new(struct instances *i, struct gate_worker *w, struct sampler *s);
void heart_free(struct heart **h);
/* Once a second; nothing while the last beat is under way. */
void heart_beat(struct heart *h);

/* All of them, this one first. Any thread. */
json_t *json_of_instances(struct instances *i, const struct gate_worker *w, struct sampler *s);

#endif
