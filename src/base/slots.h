/*
 * Large buffers of which little is used: memory by the page, of which only those pages exist that
 * somebody has written to. malloc() would hand out what others have used before, all of it
 * resident. For what a library insists on for each connection.
 *
 * One size. Slots come from regions of SLOTS_PER_REGION, are kept for the next who asks, with the
 * few pages they have, and never go back to the system. Thread-safe.
 */
#ifndef BASE_SLOTS_H
#define BASE_SLOTS_H

enum {
    SLOT_BYTES = 20 * 1024, /* an HTTP/2 frame of 16 KiB and what belongs to it, in whole pages */
    SLOTS_PER_REGION = 256,
};

/* Page-aligned, with anything in it. Aborts when there is no memory. */
void *slot_alloc(void);
void slot_free(void *p);

#endif
