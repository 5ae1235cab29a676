/* What kind of file a path names, by its suffix: `file_types` of a report. */
#ifndef TRAFFIC_FILE_TYPE_H
#define TRAFFIC_FILE_TYPE_H

#include "base/str.h"

/* clang-format off */
/*    word        suffixes, each of at most 7 characters */
#define FILE_TYPES(X) \
    X(default_,   "") \
    X(m3u8,       "m3u8") \
    X(key,        "key") \
    X(ts,         "ts") \
    X(m4s,        "m4s") \
    X(mp4,        "mp4 m4v") \
    X(audio,      "m4a aac mp3 ac3 ec3") \
    X(vtt,        "vtt webvtt") \
    X(image,      "jpg jpeg png gif svg webp ico") \
    X(js,         "js") \
    X(css,        "css") \
    X(font,       "woff woff2 ttf") \
    X(txt,        "txt")
/* clang-format on */

enum file_type {
#define X(word, suffixes) FILE_TYPE_##word,
    FILE_TYPES(X)
#undef X
        FILE_TYPE_COUNT
};

/* Whatever its case; FILE_TYPE_default_ for any other suffix, and for none. Costs no more for a
 * long path than for a short one. */
enum file_type file_type_of(struct str path);
struct str file_type_word(enum file_type t);

#endif
