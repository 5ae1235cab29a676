#include "store/notes.h"

#include <stdlib.h>

#include "base/hash.h"
#include "base/mem.h"

void notes_init(struct notes *n)
{
    map_init(&n->by_place);
    list_init(&n->oldest_first);
}

void notes_drop(struct notes *n, struct note *note)
{
    map_remove(&n->by_place, &note->node);
    list_remove(&note->link);
    free(note);
}

void notes_done(struct notes *n)
{
    LIST_FOREACH_SAFE (link, &n->oldest_first)
        notes_drop(n, LIST_ENTRY(link, struct note, link));
    map_done(&n->by_place);
}

static bool match(const struct map_node *node, const void *key)
{
    return str_eq(note_place(MAP_ENTRY(node, const struct note, node)), *(const struct str *)key);
}

void notes_add(struct notes *n, struct str place, usec_t since, unix_t now)
{
    uint64_t h = hash_bytes(hash_process_key(), place);
    struct map_node *node = map_get(&n->by_place, h, match, &place);
    struct note *note;

    if (node != NULL) {
        note = MAP_ENTRY(node, struct note, node);
        note->now = MAX(note->now, now);
        return;
    }
    if (n->by_place.count == NOTES_MAX)
        return;
    note = xmalloc(sizeof *note + place.n);
    note->since = since;
    note->now = now;
    note->n = place.n;
    memcpy(note->place, place.p, place.n);
    list_append(&n->oldest_first, &note->link);
    map_put(&n->by_place, &note->node, h);
}

bool note_is_due(const struct note *note, usec_t at, usec_t age)
{
    return note->since + age <= at;
}

struct note *notes_due(const struct notes *n, usec_t at, usec_t age)
{
    struct list *first = list_first(&n->oldest_first);
    struct note *note = first != NULL ? LIST_ENTRY(first, struct note, link) : NULL;

    return note != NULL && note_is_due(note, at, age) ? note : NULL;
}
