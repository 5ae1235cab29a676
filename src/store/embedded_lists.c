/* Lists of grants: read transactions, bounded by the caller's limit and by LIST_SCAN_MAX records
 * looked at. */
#include <errno.h>

#include "store/embedded.h"

static bool copy_keys(struct arena *arena, const struct grant_record *g, struct grant_info *ret)
{
    ret->key_count = g->count;
    ret->keys = arena_alloc(arena, MAX(g->count, 1u) * sizeof *ret->keys);
    if (ret->keys == NULL)
        return false;
    for (unsigned i = 0; i < g->count; i++)
        ret->keys[i] = arena_copy(arena, g->keys[i]);
    return !arena->is_full;
}

static int list_one(struct grant_list *list, struct str key, struct str value)
{
    struct grant_info *info = &list->grants[list->count];
    struct grant_record g;
    struct grant_name name;

    if (!grant_name_unpack(key, &name) || !grant_unpack(value, &g) || g.expires <= list->now)
        return 0;
    *info = (struct grant_info){.uid = arena_copy(list->arena, name.uid),
                                .net = name.net,
                                .is_static = name.kind != GRANT_KEYED,
                                .created = g.created,
                                .expires = g.expires};
    memcpy(info->ua_hash, name.ua_hash, STORE_UA_LEN);
    if (!copy_keys(list->arena, &g, info))
        return -ENOMEM;
    list->count++;
    return 0;
}

static int list_grants(struct db_tx *tx, struct grant_list *list)
{
    bool is_of_uid = list->uid.n > 0;
    struct key prefix = {0};
    struct str key, value;
    bool more;
    int r = 0;

    if (is_of_uid)
        grant_uid_key(&prefix, list->uid);
    more = db_seek(tx, DB_GRANTS, key_str(&prefix), &key, &value);
    for (int i = 0; r == 0 && more && i < LIST_SCAN_MAX && key_starts(key, &prefix); i++) {
        list->total += is_of_uid;
        if (list->count < list->limit)
            r = list_one(list, key, value);
        else if (!is_of_uid)
            break;
        more = db_next(tx, DB_GRANTS, &key, &value);
    }
    return r;
}

int embedded_grant_list(struct store_worker *worker, struct grant_list *list)
{
    struct embedded_worker *w = embedded_worker(worker);
    int end, r = db_begin_read(&w->reader);

    if (r < 0)
        return r;
    list->count = 0;
    list->limit = (unsigned)MIN((uint64_t)list->limit, db_count(&w->reader, DB_GRANTS));
    list->total = list->uid.n > 0 ? 0 : db_count(&w->reader, DB_GRANTS);
    list->grants = arena_alloc(list->arena, MAX(list->limit, 1u) * sizeof *list->grants);
    r = list->grants != NULL ? list_grants(&w->reader, list) : -ENOMEM;
    end = db_end_read(&w->reader);
    return end < 0 ? end : r < 0 ? r : 1;
}
