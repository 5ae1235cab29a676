/* What all links of a process share. Links write under the lock when they connect or fail, never
 * for a call that goes well. */
#include "store/redis_shared.h"

#include <stdio.h>

#include "base/panic.h"

/* The configuration's own strings: they have caps of their own. */
enum { OPTIONS_MAX = 1 << 20 };

static struct str copy(struct redis_shared *s, struct str text)
{
    struct str copied = arena_copy(&s->arena, text);

    assert(!s->arena.is_full);
    return copied;
}

static void copy_options(struct redis_shared *s, const struct store_redis_options *o)
{
    struct store_redis_options *mine = &s->o;

    *mine = *o;
    mine->server = copy(s, o->server);
    mine->primary = copy(s, o->primary);
    mine->sentinel_user = copy(s, o->sentinel_user);
    mine->sentinel_password = copy(s, o->sentinel_password);
    mine->user = copy(s, o->user);
    mine->password = copy(s, o->password);
    mine->prefix = copy(s, o->prefix);
    mine->sentinels = arena_zalloc(&s->arena, (o->sentinel_count + 1) * sizeof *mine->sentinels);
    assert(mine->sentinels != NULL);
    for (unsigned i = 0; i < o->sentinel_count; i++)
        mine->sentinels[i] = copy(s, o->sentinels[i]);
}

void redis_shared_init(struct redis_shared *s, const struct store_redis_options *o)
{
    *s = (struct redis_shared){0};
    arena_init(&s->arena, OPTIONS_MAX);
    pthread_mutex_init(&s->lock, NULL);
    copy_options(s, o);
}

void redis_shared_done(struct redis_shared *s)
{
    assert(atomic_load(&s->links) == 0);
    pthread_mutex_destroy(&s->lock);
    arena_done(&s->arena);
}

void redis_say_server(struct redis_shared *s, const char *server)
{
    pthread_mutex_lock(&s->lock);
    if (s->server[0] != '\0' && strcmp(s->server, server) != 0)
        redis_count(&s->counters.switches);
    snprintf(s->server, sizeof s->server, "%s", server);
    pthread_mutex_unlock(&s->lock);
}

void redis_say_trouble(struct redis_shared *s, const char *trouble)
{
    pthread_mutex_lock(&s->lock);
    snprintf(s->trouble, sizeof s->trouble, "%s", trouble);
    pthread_mutex_unlock(&s->lock);
}
