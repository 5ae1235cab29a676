/*
 * The configuration language: YAML (through libyaml), read by tables. A module describes its settings as rows of
 * `struct conf_field` over a plain struct; types parse, options don't; defaults go through the same parser; `hlsgate check` and
 * docs/configuration.md come from the same rows.
 *
 * Errors name file, line, key and what would be right, all of them are collected, not only the first: unknown keys (with the
 * nearest known name), doubled keys, wrong types, values out of range, missing required keys.
 * YAML anchors, aliases, tags and several documents are refused; a file is at most CONF_MAX_BYTES.
 */
#ifndef CONF_CONF_H
#define CONF_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/mem.h"
#include "base/str.h"

struct conf_field;

enum { CONF_MAX_BYTES = 1 << 20, CONF_MAX_DEPTH = 16, CONF_MAX_ITEMS = 4096 };

/*
 * A type of scalar. parse() turns text into the value at `dst` (memory it needs comes from `arena`, which lives as long as
 * the snapshot) or answers -1 with what would be right in `error` ("a size such as 64MiB"). Modules bring types of their own:
 * CIDR, policy word, listen address ...
 */
struct conf_type {
    const char *name; /* for the reference: "duration", "size", "list of CIDR" */
    size_t size;
    int (*parse)(struct arena *arena, struct str text, const struct conf_field *field, void *dst, struct buf *error);
};

extern const struct conf_type conf_bool;     /* bool: on, off, true, false, yes, no */
extern const struct conf_type conf_int;      /* int64_t, min/max */
extern const struct conf_type conf_duration; /* usec_t: 300ms, 30s, 5m, 2h, 7d; a bare 0; min/max */
extern const struct conf_type conf_size;     /* uint64_t bytes: 10, 64KiB, 8MiB, 1GiB, also KB/MB/GB = powers of ten; min/max */
extern const struct conf_type conf_memory;   /* uint64_t bytes: a size, or "25%" of this machine's RAM (of the cgroup's limit when lower) */
extern const struct conf_type conf_string;   /* struct str, NUL-terminated */
extern const struct conf_type conf_enum;     /* int: index into field->choices */
extern const struct conf_type conf_path;     /* struct str, NUL-terminated; relative ones are taken from the configuration file's folder */

enum conf_kind { CONF_SCALAR, CONF_SECTION, CONF_LIST, CONF_SECTION_LIST, CONF_SECRET };

struct conf_field {
    const char *name;
    enum conf_kind kind;
    size_t offset; /* of the value in the struct that holds it */
    const struct conf_type *type; /* scalar, or of a list's items */
    const char *def;              /* text as it would stand in the file; for lists a comma-separated text, "" = empty; NULL = required */
    const char *min, *max;        /* text */
    const char *const *choices;   /* conf_enum; NULL-terminated */
    const struct conf_field *fields; /* of a section, or of a section list's items */
    size_t item_size;             /* sizeof of a section list's item */
    size_t presence_offset;       /* optional section: offset of a bool that says "it stands in the file"; with .optional */
    bool optional;                /* a section that may be absent: its defaults are filled in all the same */
    bool reload;                  /* SIGHUP takes a new value over; false: needs a restart, said in the reference */
    const char *doc;              /* one or two sentences; a field without is a bug (asserted) */
};

/* Lists: `struct conf_list { void *items; size_t count; }` at `offset`, items contiguous in the arena. */
struct conf_list {
    void *items;
    size_t count;
};

/*
 * A secret: { env: NAME } or { file: PATH } or { key: "literal" } in the file, or `env: NAME` keys among others in a section list's items (secrets: [ {
 * id: k1, env: X } ]) by giving the field an empty name "": the three keys then stand directly in the section. Read once, at load; a trailing newline of a
 * file is taken off. An unset variable or an unreadable file is an error, an empty `env: ""` means "no secret". Never printed.
 */
struct conf_secret {
    struct str bytes;  /* STR_NONE: none given */
    struct str source; /* "env:NAME", "file:PATH", "key": for messages */
};

struct conf_error {
    struct str file, key; /* key: dotted, "origins[0].filesystem.root"; "" for the file itself */
    unsigned line;        /* 1-based; 0: none */
    struct str text;      /* what is wrong and what would be right */
};

struct conf_report {
    struct arena *arena;
    struct conf_list errors; /* struct conf_error */
};

/* Where a value stood, for checks that come after loading (conf_complain()). */
struct conf_source;

/*
 * Reads `path` into `dst` (a struct described by `fields`). 0, or -1 with at least one error in `report`. Everything `dst`
 * points to lives in `arena`. `ret_source` may be NULL.
 */
int conf_load_file(const char *path, const struct conf_field *fields, void *dst, struct arena *arena,
                   struct conf_report *report, struct conf_source **ret_source) MUST_CHECK;
int conf_load_text(struct str text, const char *name, const struct conf_field *fields, void *dst, struct arena *arena,
                   struct conf_report *report, struct conf_source **ret_source) MUST_CHECK;

/* Adds an error at the key's place: "origins[0].filesystem.root". The line is the nearest one known. */
void conf_complain(struct conf_report *report, const struct conf_source *source, const char *key,
                   const char *format, ...) PRINTF_LIKE(4, 5);

/* "hlsgate.yaml:12: origins[0].filesystem.root: no such folder: /srv/video", one line each. */
void conf_report_print(const struct conf_report *report, struct buf *ret);

/* The reference manual in Markdown: a table per section, in the order of the fields. */
void conf_reference(const struct conf_field *fields, struct buf *ret);

#endif
