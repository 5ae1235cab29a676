#include "gate/scanned.h"

#include <stdlib.h>

#include "gate/steps.h"

char *cstr_of(struct str s)
{
    char *p = xmalloc(s.n + 1);

    if (s.n > 0)
        memcpy(p, s.p, s.n);
    p[s.n] = '\0';
    return p;
}

void playlist_place_init(struct playlist_place *p, struct req *r)
{
    p->path = cstr_of(r->url.path);
    p->folder = cstr_of(scope_folder(r));
    p->authority = cstr_of(r->head.authority);
}

void playlist_place_done(struct playlist_place *p)
{
    free(p->path);
    free(p->folder);
    free(p->authority);
    *p = (struct playlist_place){0};
}

static void scanned_free(void *derived)
{
    struct scanned_playlist *s = derived;

    playlist_free(&s->playlist);
    free(s->authority);
    free(s);
}

static void keep(struct cache_entry *what, struct playlist *p, char *authority)
{
    struct scanned_playlist *s = xzalloc(sizeof *s);

    s->playlist = p;
    s->authority = authority;
    s->digest = hash_content(p->text);
    what->derived = s;
    what->derived_free = scanned_free;
    what->derived_bytes = sizeof *s + playlist_footprint(p);
}

enum playlist_error scanned_add(struct gate_worker *w, struct str text, struct playlist_place *p,
                                struct cache_entry *what)
{
    struct playlist *list = NULL;
    enum playlist_error e =
        playlist_scan(text, str_of(p->path), str_of(p->folder), str_of(p->authority), &list);

    gate_count(w, e == PLAYLIST_NOT_HLS ? STAT_PLAYLISTS_NOT_HLS : STAT_PLAYLISTS_SCANNED, 1);
    if (e == PLAYLIST_OK)
        keep(what, list, xstrdup(p->authority));
    return e;
}
