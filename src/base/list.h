/*
 * Doubly linked list threaded through its members: the owner of a member embeds a `struct list`, a
 * list's head is a `struct list` too. Nothing is allocated. A member that is in no list points to
 * itself, so list_remove() may be called at any time, twice too.
 */
#ifndef BASE_LIST_H
#define BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

#include "base/mem.h"

struct list {
    struct list *next, *prev;
};

#define LIST_ENTRY(link, type, member) container_of(link, type, member)

#define LIST_FOREACH(link, head) \
    for (struct list *link = (head)->next; link != (head); link = link->next)

/* The body may remove `link` (and nothing else). */
#define LIST_FOREACH_SAFE(link, head)                                                 \
    for (struct list *link = (head)->next, *link##_next = link->next; link != (head); \
         link = link##_next, link##_next = link->next)

static inline void list_init(struct list *l)
{
    l->next = l->prev = l;
}

static inline bool list_is_empty(const struct list *l)
{
    return l->next == l;
}

static inline void list_append(struct list *head, struct list *member)
{
    member->prev = head->prev;
    member->next = head;
    head->prev->next = member;
    head->prev = member;
}

static inline void list_prepend(struct list *head, struct list *member)
{
    list_append(head->next, member);
}

static inline void list_remove(struct list *member)
{
    member->prev->next = member->next;
    member->next->prev = member->prev;
    list_init(member);
}

static inline struct list *list_first(const struct list *head)
{
    return list_is_empty(head) ? NULL : head->next;
}

static inline struct list *list_take_first(struct list *head)
{
    struct list *first = list_first(head);

    if (first != NULL)
        list_remove(first);
    return first;
}

/* All members of `from` move to the end of `to`. */
static inline void list_move_all(struct list *to, struct list *from)
{
    if (list_is_empty(from))
        return;
    from->next->prev = to->prev;
    to->prev->next = from->next;
    from->prev->next = to;
    to->prev = from->prev;
    list_init(from);
}

#endif
