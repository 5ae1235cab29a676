/*
 * Answers in a content coding, gzip or brotli, for those who take one (RFC 9110 12.5.3): playlists,
 * JSON and text, never media or keys; what is in memory as a whole and of a size that the
 * configuration allows; not for a request with Range, whose parts are of the plain bytes. Whatever
 * depends on Accept-Encoding says so in Vary, coded or not.
 *
 * Done on the worker's own thread, once for equal bytes as long as they are remembered (coded.h):
 * 200 KB of a playlist take about 0.4 ms, and `compression.max_size` says where it ends.
 *
 * What one page of another site could learn from lengths (BREACH) is nothing: beside the secrets of
 * a playlist, the viewer's own credentials, stands nothing that somebody else has chosen.
 */
#ifndef GATE_COMPRESS_H
#define GATE_COMPRESS_H

#include "gate/req.h"

/* One worker's: encoders, room to work in, what is remembered. */
struct compressor;
struct compressor *compressor_new(void);
void compressor_free(struct compressor **c);

/*
 * Would this request's object be coded, if its bytes were in memory? Then it is worth having them
 * there. `type` is what its origin says, or STR_NONE.
 */
bool compress_wants(const struct req *r, struct str type, uint64_t length);

/* Vary: Accept-Encoding (RFC 9110 12.5.5), in one field with what CORS has said there
 * (http/cors.h), the only other thing that answers depend on. */
void compress_add_vary(struct req *r);

/* Adds Vary, where r->media could be coded: whatever this request takes. Could it? */
bool compress_vary(struct req *r);

/*
 * To be called once length, validators and media type of the plain bytes are known:
 * compress_vary(), and where a coding is chosen sets r->coding and r->coded, and makes length and
 * ETag ("...-gzip") those of the coded bytes. A viewer whose If-None-Match names them has them:
 * then they are not made, and r->coded stays NULL.
 */
void compress_choose(struct req *r);

/* As req_reply(), coded where the client likes that. */
const struct step *compress_reply(struct req *r, enum outcome o, struct str type, struct str bytes);

#endif
