/* Invariant: the hand is a member or the list's head, so removing the member under it moves it on
 * to the next younger. */
#include "cache/sieve.h"

void sieve_init(struct sieve *s)
{
    list_init(&s->members);
    s->hand = &s->members;
}

void sieve_add(struct sieve *s, struct sieve_node *n)
{
    n->was_hit = false;
    list_prepend(&s->members, &n->link);
}

void sieve_remove(struct sieve *s, struct sieve_node *n)
{
    if (s->hand == &n->link)
        s->hand = n->link.prev;
    list_remove(&n->link);
}

struct sieve_node *sieve_evict(struct sieve *s)
{
    struct sieve_node *n;

    if (list_is_empty(&s->members))
        return NULL;
    for (;; s->hand = s->hand->prev) { /* ends in the second lap at the latest: the first cleared
                                          every bit */
        if (s->hand == &s->members)
            continue;
        n = LIST_ENTRY(s->hand, struct sieve_node, link);
        if (!n->was_hit)
            break;
        n->was_hit = false;
    }
    sieve_remove(s, n);
    return n;
}
