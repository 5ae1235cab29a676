/*
 * Playlists (RFC 8216, draft-pantos-hls-rfc8216bis): scanned once for the places where credentials
 * go, then spliced for each viewer. Everything else of the text stays byte for byte.
 *
 * A URI gets credentials when it points to this very host: relative, absolute-path, or absolute
 * with the request's own scheme-less authority; other hosts, "data:", "skd:" and the like stay
 * untouched. Its target is the decoded path that a player would ask for, so the gate can sign it.
 */
#ifndef HLS_PLAYLIST_H
#define HLS_PLAYLIST_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/body.h"
#include "base/mem.h"
#include "base/str.h"

enum playlist_kind { PLAYLIST_MASTER, PLAYLIST_MEDIA };

/* How a URI's credential is made. */
enum splice_kind {
    SPLICE_SCOPED, /* under the stream's folder: the one scoped gate token */
    SPLICE_OWN,    /* elsewhere on this host: a gate token for its own path */
    SPLICE_KEY,    /* EXT-X-KEY / EXT-X-SESSION-KEY: always its own path */
};

/* Where credentials are inserted, in the order of the text. */
struct splice_point {
    uint32_t offset; /* into the text: behind path and query, before a fragment or the quote */
    uint8_t kind;    /* enum splice_kind */
    bool has_query;  /* joined by '&', else by '?' */
    uint32_t target; /* index into `targets` for SPLICE_OWN and SPLICE_KEY */
};

struct playlist {
    struct str text; /* borrowed: belongs to the blob it was scanned from */
    enum playlist_kind kind;
    bool has_endlist;
    bool depends_on_authority;   /* holds absolute http(s) URIs: rescan for another authority */
    uint32_t target_duration;    /* seconds; 0 when absent */
    uint32_t part_target_msec;   /* EXT-X-PART-INF; 0 when absent */
    struct splice_point *points; /* owned */
    uint32_t point_count;
    struct str *targets; /* owned; decoded absolute paths, distinct */
    uint32_t target_count;
    uint32_t scoped_count; /* points that are SPLICE_SCOPED */
};

enum {
    PLAYLIST_MAX_TARGETS = 4096,   /* each costs every viewer a signature */
    PLAYLIST_MAX_POINTS = 1 << 20, /* two-byte lines would take six times the text's memory */
};

enum playlist_error {
    PLAYLIST_OK = 0,
    PLAYLIST_NOT_HLS = -1,  /* no #EXTM3U at its begin (after a BOM): pass it through untouched */
    PLAYLIST_TOO_MANY = -2, /* over PLAYLIST_MAX_TARGETS or PLAYLIST_MAX_POINTS */
};

/*
 * `path` is the decoded path of the playlist (base of relative URIs, begins with "/"), `folder` the
 * stream's folder ("/.../", see stream_folder_of()), `authority` the host[:port] under which
 * viewers ask ("" = none known: absolute URIs stay untouched). `text` is below 4 GiB and must
 * outlive the playlist.
 *
 * Left as they are: lines with unbalanced quotes, missing values or a URI attribute given twice;
 * URIs that the gate would refuse, that hold a variable (EXT-X-DEFINE), that have a credential
 * parameter already (uid, expires, scope, token, gate), or that are a fragment only.
 */
enum playlist_error playlist_scan(struct str text, struct str path, struct str folder,
                                  struct str authority, struct playlist **ret) MUST_CHECK;
void playlist_free(struct playlist **p);

/* Bytes of memory it takes beside the text, for the cache's accounts. */
size_t playlist_footprint(const struct playlist *p);

/*
 * A viewer's copy, as a body (base/body.h): spliced piece by piece into a window of SPLICE_WINDOW
 * bytes while it is sent, so that a 2 000-segment playlist costs neither thousands of iovecs nor a
 * copy of the whole in memory. Content-Length is known before. `scoped` and `own[target]` are
 * queries without "?" ("uid=..&expires=..&scope=..&gate=.."), and must live as long as the body, as
 * must the playlist. STR_NONE in own[]: that URI stays as it is.
 */
struct splice_body;

enum { SPLICE_WINDOW = 64 * 1024 };

/* Allocated in `a`; NULL when it is full. splice_body_get()->left is the whole length. */
struct splice_body *splice_body_new(struct arena *a, const struct playlist *p, struct str scoped,
                                    const struct str *own);
struct body *splice_body_get(struct splice_body *s);

/* Starts at `first` instead (Range): may be called once, before the first peek. */
void splice_body_seek(struct splice_body *s, uint64_t first, uint64_t length);

#endif
