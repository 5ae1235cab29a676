/* A free slot's first bytes link it to the next one. */
#include "base/slots.h"

#include <pthread.h>
#include <stddef.h>
#include <sys/mman.h>

#include "base/panic.h"

struct free_slot {
    struct free_slot *next;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct free_slot *free_slots; /* under `lock`, as the next two */
static char *fresh;                  /* of the newest region: never used, so not in the list, */
static unsigned fresh_left;          /* which would touch them */

static void map_region(void)
{
    size_t n = (size_t)SLOT_BYTES * SLOTS_PER_REGION;
    void *p = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (p == MAP_FAILED)
        WRONG("no memory for a region of slots");
    (void)madvise(p, n, MADV_NOHUGEPAGE); /* one touch would fill two megabytes */
    fresh = p;
    fresh_left = SLOTS_PER_REGION;
}

static void *take_fresh(void)
{
    void *p;

    if (fresh_left == 0)
        map_region();
    p = fresh;
    fresh += SLOT_BYTES;
    fresh_left--;
    return p;
}

void *slot_alloc(void)
{
    struct free_slot *s;

    pthread_mutex_lock(&lock);
    s = free_slots;
    if (s != NULL)
        free_slots = s->next;
    else
        s = take_fresh();
    pthread_mutex_unlock(&lock);
    return s;
}

void slot_free(void *p)
{
    struct free_slot *s = p;

    pthread_mutex_lock(&lock);
    s->next = free_slots;
    free_slots = s;
    pthread_mutex_unlock(&lock);
}
