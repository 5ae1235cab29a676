/*
 * A viewer's copy of a playlist: the scanned text with this viewer's credentials spliced in while
 * it is sent. One scoped gate token is computed for all that lies under the stream's folder; keys
 * and what lies elsewhere get their own.
 */
#include "gate/steps.h"

#include "base/codec.h"
#include "gate/scanned.h"

/*
 * What one scoped gate token opens. For a playlist in the root there is no such folder: a token for
 * "/" would open everything, so each of its URIs gets a token of its own.
 */
struct str scope_folder(const struct req *r)
{
    struct str folder = stream_folder_of(r->rules->stream_key, r->url.path);

    return folder.n > 1 ? folder : STR("");
}

/* E of the gate tokens: the end of the session; without one, of the token that let this request in,
 * so a gate token hands its own on. Equal at every reload. */
static unix_t gate_expires(const struct req *r)
{
    return r->admission.has_session ? r->admission.session.ends : r->token.expires;
}

static struct str scoped_credential(struct req *r, unix_t expires)
{
    struct str scope = r->token.kind == GATE_SCOPE ? r->token.scope : scope_folder(r);
    char mac[BASE64URL_LEN(GATE_MAC_LEN)];

    if (scope.n == 0)
        return STR("");
    gate_sign_scope(r->rules->keyring, r->worker->scratch, r->uid, scope, expires, &r->viewer, mac);
    return token_query(&r->arena, r->uid, expires, scope, STR("gate"),
                       (struct str){mac, sizeof mac});
}

static struct str own_credential(struct req *r, struct str path, unix_t expires)
{
    char mac[BASE64URL_LEN(GATE_MAC_LEN)];

    gate_sign_path(r->rules->keyring, r->worker->scratch, r->uid, path, expires, &r->viewer, mac);
    return token_query(&r->arena, r->uid, expires, STR_NONE, STR("gate"),
                       (struct str){mac, sizeof mac});
}

/* The cached scan, or one of this request's own when the playlist names hosts and this viewer came
 * by another name. NULL when that fails: the other scan would send credentials to another host. */
static const struct playlist *playlist_for(struct req *r)
{
    const struct scanned_playlist *s = r->entry->derived;
    struct playlist *own;

    if (!s->playlist->depends_on_authority ||
        str_eq_nocase(str_of(s->authority), r->head.authority))
        return s->playlist;
    if (playlist_scan(blob_str(r->entry->blob), r->url.path, scope_folder(r), r->head.authority,
                      &own) != PLAYLIST_OK)
        return NULL;
    r->own_scan = own;
    return own;
}

/* All that makes one copy differ from another. A MAC stands for the whole of its credential, and
 * the first of the own ones for all of them: but for their paths, which are the text's, they say
 * the same. */
struct copy_identity {
    struct hash_wide text, authority;
    char scoped[BASE64URL_LEN(GATE_MAC_LEN)], own[BASE64URL_LEN(GATE_MAC_LEN)];
};

static void copy_mac(char to[BASE64URL_LEN(GATE_MAC_LEN)], struct str query)
{
    size_t n = BASE64URL_LEN(GATE_MAC_LEN);

    if (query.n >= n)
        memcpy(to, query.p + query.n - n, n); /* token_query() ends with it */
}

/* Strong (RFC 9110 8.8.1), and there before a byte has been rendered. */
static struct str copy_etag(struct req *r, const struct splicing *of)
{
    const struct scanned_playlist *s = r->entry->derived;
    struct copy_identity id;
    struct hash_wide hash;
    char text[2 + BASE64URL_LEN(sizeof hash)] = "\"";

    memset(&id, 0, sizeof id); /* its padding is hashed, too */
    id.text = s->digest;
    if (of->playlist->depends_on_authority)
        id.authority = hash_content(r->head.authority);
    copy_mac(id.scoped, of->scoped);
    if (of->playlist->target_count > 0)
        copy_mac(id.own, of->own[0]);
    hash = hash_content((struct str){(const char *)&id, sizeof id});
    base64url_encode(&hash, sizeof hash, text + 1);
    text[sizeof text - 1] = '"';
    return arena_copy(&r->arena, (struct str){text, sizeof text});
}

static const struct step *splice(struct req *r, const struct playlist *p)
{
    unix_t expires = gate_expires(r);
    struct str scoped = scoped_credential(r, expires);
    struct str *own = arena_alloc(&r->arena, p->target_count * sizeof *own);

    for (uint32_t i = 0; own != NULL && i < p->target_count; i++)
        own[i] = own_credential(r, p->targets[i], expires);
    r->splicing = (struct splicing){.playlist = p, .scoped = scoped, .own = own};
    r->splice = splice_body_new(&r->arena, p, scoped, own);
    if (r->arena.is_full || r->splice == NULL)
        return req_fail(r, OUT_INTERNAL);
    r->splicing.etag = copy_etag(r, &r->splicing);
    r->body = splice_body_get(r->splice);
    gate_count(r->worker, STAT_PLAYLISTS_REWRITTEN, 1);
    return STEP(respond);
}

struct body *req_copy_part(struct req *r, uint64_t first, uint64_t length)
{
    struct splicing *of = &r->splicing;
    struct splice_body *s = splice_body_new(&r->arena, of->playlist, of->scoped, of->own);

    if (s == NULL)
        return NULL;
    splice_body_seek(s, first, length);
    return splice_body_get(s);
}

const struct step *step_rewrite(struct req *r)
{
    const struct playlist *p;

    if (r->class != CLASS_PLAYLIST || !req_holds_token(r) || r->entry->derived == NULL)
        return STEP(respond);
    p = playlist_for(r);
    return p != NULL ? splice(r, p) : req_fail(r, OUT_PLAYLIST_TOO_LARGE);
}
