/*
 * Content that nobody wants, read to its end because that saves a connection: the transfer gets
 * another sink, which counts. A stream of HTTP/2 is reset without harm to its connection.
 */
#include "client/client_internal.h"

static bool on_unwanted(void *arg, struct client_transfer *t, struct str bytes)
{
    t->drop_left -= MIN(t->drop_left, bytes.n);
    if (t->drop_left == 0 && t->got != t->length)
        client_cancel(&(struct client_transfer *){t});
    return true;
}

static void on_unwanted_end(void *arg, struct client_transfer *t, int err)
{
    (void)err; /* whole or not */
}

static bool is_worth_reading(const struct client_transfer *t)
{
    bool has_head = t->state == TRANSFER_CONTENT || t->state == TRANSFER_REST;

    return has_head && !t->is_http2 &&
           (t->length == HTTP_LENGTH_UNKNOWN || t->length - t->got <= CLIENT_DROP_MAX);
}

void client_drop(struct client_transfer **t)
{
    static const struct client_sink sink = {NULL, on_unwanted, on_unwanted_end};
    struct client_transfer *transfer = TAKE(*t);

    if (transfer == NULL)
        return;
    if (!is_worth_reading(transfer)) {
        client_cancel(&transfer);
        return;
    }
    transfer->sink = &sink;
    transfer->drop_left = CLIENT_DROP_MAX;
    transfer->stall_timeout = CLIENT_DROP_TIME;
    transfer_note_progress(transfer);
    transfer->is_dropped = true;
    list_append(&transfer->client->dropped, &transfer->dropped);
    client_proceed(transfer);
    transfer_set_alarm(transfer);
}

void drop_cancel_all(struct client *c)
{
    struct list *link;

    while ((link = list_take_first(&c->dropped)) != NULL)
        client_cancel(
            &(struct client_transfer *){LIST_ENTRY(link, struct client_transfer, dropped)});
}
