/*
 * The configuration language: YAML (through libyaml), read by tables. A module describes its
 * settings as rows of `struct conf_field` over a plain struct; types parse, options don't; defaults
 * go through the same parser; `hlsgate check` and docs/configuration.md come from the same rows.
 *
 *     struct tls_settings { struct str certificate; struct conf_secret password; };
 *     struct server_settings { struct str name; int64_t weight; };
 *     struct settings {
 *         usec_t max_age;
 *         int replay, static_mode;
 *         struct conf_list proxies;         // struct str
 *         bool has_tls;
 *         struct tls_settings tls;
 *         struct conf_list servers;         // struct server_settings
 *     };
 *
 *     static const char *const replay_modes[] = {"bind", "count", NULL};
 *
 *     static const struct conf_field tls_fields[] = {
 *         // no .def: required
 *         CONF_F(struct tls_settings, certificate, conf_path, .doc = "..."),
 *         CONF_SECRET_FIELD(struct tls_settings, password, .optional = true, .doc = "..."),
 *         CONF_END,
 *     };
 *     static const struct conf_field server_fields[] = {
 *         CONF_F(struct server_settings, name, conf_string, .min = "1", .doc = "..."),
 *         CONF_F(struct server_settings, weight, conf_int, .def = "1", .max = "9", .doc = "..."),
 *         CONF_END,
 *     };
 *     static const struct conf_field fields[] = {
 *         CONF_F(struct settings, max_age, conf_duration, .def = "6h", .min = "1s", .max = "30d",
 *                .reload = true, .doc = "Longest life a signed URL may claim."),
 *         CONF_F(struct settings, replay, conf_enum, .def = "bind", .choices = replay_modes,
 *                .doc = "..."),
 *         // _AS: the key is not its member's name
 *         CONF_F_AS(struct settings, static_mode, "static", conf_enum, .def = "bind",
 *                   .choices = replay_modes, .doc = "..."),
 *         CONF_LIST_OF(struct settings, proxies, conf_string, .def = "::1, 127.0.0.1",
 *                      .doc = "..."),
 *         CONF_OPTIONAL_SECTION(struct settings, tls, has_tls, tls_fields, .doc = "..."),
 *         CONF_SECTIONS(struct settings, servers, struct server_settings, server_fields,
 *                       .doc = "..."),
 *         CONF_END,
 *     };
 *
 *     struct settings s = {0};
 *     struct conf_report report = {.arena = &report_arena};
 *     if (conf_load_file("hlsgate.yaml", fields, &s, &arena, &report, NULL) < 0)
 *         conf_report_print(&report, &text);
 *
 * Errors name file, line, key and what would be right. All of them are collected, not only the
 * first: unknown keys (with the nearest known name), doubled keys, wrong types, values out of
 * range, missing required keys. A key with nothing behind it (`key:`) is as if absent. A single
 * value where a list is wanted is a list of one. YAML anchors, aliases, tags and several documents
 * are refused; the caps below stop files made to eat memory.
 */
#ifndef CONF_CONF_H
#define CONF_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"

struct conf_field;

enum {
    CONF_MAX_BYTES = 1 << 20,  /* of a file */
    CONF_MAX_DEPTH = 16,       /* of sections and lists inside each other */
    CONF_MAX_VALUES = 1 << 16, /* of a file: scalars, sections and lists together */
    CONF_MAX_ERRORS = 100,     /* collected; one more line says that there were more */
    CONF_MAX_SECRET_BYTES = 4096
};

/*
 * A type of scalar. parse() turns text (without NUL inside) into the value at `dst` (memory it
 * needs comes from `arena`, which lives as long as the snapshot) or answers -1 with what would be
 * right in `error`, as it follows "is not": "a size such as 64MiB". -1 without a text when the
 * arena is full. Modules bring types of their own: CIDR, policy word, listen address ...
 */
struct conf_type {
    const char *name; /* for the reference and for messages: "duration", "size", "CIDR" */
    size_t size;
    bool is_path; /* parse() gets a relative text with the file's folder before it; "" as it is */
    int (*parse)(struct arena *arena, struct str text, const struct conf_field *field, void *dst,
                 struct buf *error);
};

/* bool: on, off, true, false, yes, no */
extern const struct conf_type conf_bool;
/* int64_t; min/max */
extern const struct conf_type conf_int;
/* usec_t: 300ms, 30s, 5m, 2h, 7d; a bare 0; min/max */
extern const struct conf_type conf_duration;
/* uint64_t bytes: 10, 64KiB, 8MiB, 1GiB; KB, MB, GB are powers of ten; min/max */
extern const struct conf_type conf_size;
/* uint64_t bytes: a size, or "25%" of conf_machine_memory(); min/max */
extern const struct conf_type conf_memory;
/* struct str, NUL-terminated; min/max: its length in bytes */
extern const struct conf_type conf_string;
/* int: index into field->choices */
extern const struct conf_type conf_enum;
/* struct str, NUL-terminated; relative ones are taken from the configuration file's folder */
extern const struct conf_type conf_path;

/* This machine's RAM, or the limit of this process's control group, when that is lower. */
uint64_t conf_machine_memory(void);

enum conf_kind { CONF_SCALAR, CONF_SECTION, CONF_LIST, CONF_SECTION_LIST, CONF_SECRET };

/* Written with the macros below. Texts (def, min, max) are as they would stand in the file. */
struct conf_field {
    const char *name;
    enum conf_kind kind;
    size_t offset;                   /* of the value in the struct that holds it */
    size_t item_size;                /* of a scalar, or of an item of a section list */
    const struct conf_type *type;    /* of a scalar, or of a list's items */
    const struct conf_field *fields; /* of a section, or of a section list's items */
    size_t presence_offset;          /* has_presence: of a bool, "the section stands in the file" */
    bool has_presence;
    /*
     * Section: may be absent; its defaults are filled in all the same, what is required in it
     * stays zero. Section list: may be empty. Secret: there may be none.
     */
    bool optional;
    bool reload;                /* SIGHUP takes a new value over; false: needs a restart */
    const char *def;            /* of a list: split at commas, "" = empty; NULL = required */
    const char *min, *max;      /* of a secret: `min` alone, in bytes */
    const char *const *choices; /* conf_enum; NULL-terminated */
    const char *doc;            /* one or two sentences; a field without is a bug (asserted) */
};

/* Lists: at `offset`, items contiguous in the arena; `items` is NULL when there are none. */
struct conf_list {
    void *items;
    size_t count;
};

/*
 * A secret: { env: NAME } or { file: PATH } or { key: "literal" } in the file. Inline
 * (CONF_SECRET_INLINE), the three keys stand among others in a section, as in
 * `secrets: [{ id: k1, env: X }]`. Read once, at load; one trailing newline of a file is taken off.
 * An unset or empty variable and an unreadable or empty file are errors; an empty `env: ""` means
 * "no secret" and is an error, too, unless the field is optional. Never printed: messages about
 * secrets quote neither values nor keys that somebody may have typed in the wrong place.
 */
struct conf_secret {
    struct str bytes;  /* STR_NONE: none given */
    struct str source; /* "env:NAME", "file:PATH", "key": for messages */
};

/* The rows. What follows are designated initializers: .def, .min, .max, .choices, .reload, .doc. */
#define CONF_F(S, member, value_type, ...) CONF_F_AS(S, member, #member, value_type, __VA_ARGS__)
#define CONF_LIST_OF(S, member, value_type, ...) \
    CONF_LIST_OF_AS(S, member, #member, value_type, __VA_ARGS__)
#define CONF_SECTION(S, member, table, ...) CONF_SECTION_AS(S, member, #member, table, __VA_ARGS__)

/* The same for keys that are not their member's name, such as C's keywords. */
#define CONF_F_AS(S, member, key, value_type, ...)                                \
    {                                                                             \
        .name = (key), .kind = CONF_SCALAR, .offset = offsetof(S, member),        \
        .item_size = sizeof(((S *)0)->member), .type = &(value_type), __VA_ARGS__ \
    }
#define CONF_LIST_OF_AS(S, member, key, value_type, ...)                                      \
    {                                                                                         \
        .name = (key), .kind = CONF_LIST, .offset = CONF_OFFSET(S, member, struct conf_list), \
        .type = &(value_type), __VA_ARGS__                                                    \
    }
#define CONF_SECTION_AS(S, member, key, table, ...)                                            \
    {                                                                                          \
        .name = (key), .kind = CONF_SECTION, .offset = offsetof(S, member), .fields = (table), \
        __VA_ARGS__                                                                            \
    }

/* `flag`: a bool of S, true when the section stands in the file. */
#define CONF_OPTIONAL_SECTION(S, member, flag, table, ...)                                       \
    {                                                                                            \
        .name = #member, .kind = CONF_SECTION, .offset = offsetof(S, member), .fields = (table), \
        .optional = true, .has_presence = true, .presence_offset = CONF_OFFSET(S, flag, bool),   \
        __VA_ARGS__                                                                              \
    }
/* `member`: a struct conf_list of `Item`. */
#define CONF_SECTIONS(S, member, Item, table, ...) \
    CONF_SECTIONS_AS(S, member, #member, Item, table, __VA_ARGS__)
#define CONF_SECTIONS_AS(S, member, key, Item, table, ...)                             \
    {                                                                                  \
        .name = (key), .kind = CONF_SECTION_LIST,                                      \
        .offset = CONF_OFFSET(S, member, struct conf_list), .item_size = sizeof(Item), \
        .fields = (table), __VA_ARGS__                                                 \
    }
#define CONF_SECRET_FIELD(S, member, ...)                                 \
    {                                                                     \
        .name = #member, .kind = CONF_SECRET,                             \
        .offset = CONF_OFFSET(S, member, struct conf_secret), __VA_ARGS__ \
    }
/* env, file and key stand directly in the section; one row of this kind a section. */
#define CONF_SECRET_INLINE(S, member, ...)                                                     \
    {                                                                                          \
        .name = "", .kind = CONF_SECRET, .offset = CONF_OFFSET(S, member, struct conf_secret), \
        __VA_ARGS__                                                                            \
    }
#define CONF_END     \
    {                \
        .name = NULL \
    }

/* offsetof() that does not compile when the member is of another type. */
#define CONF_OFFSET(S, member, type) \
    (offsetof(S, member) +           \
     0 * sizeof(char[__builtin_types_compatible_p(__typeof__(((S *)0)->member), type) ? 1 : -1]))

struct conf_error {
    struct str file, key; /* key: dotted, "origins[0].filesystem.root"; "" for the file itself */
    unsigned line;        /* 1-based; of the section, for a missing key; 0: none */
    struct str text;      /* what is wrong and what would be right */
};

/*
 * Begins as {.arena = ...}: an arena of its own, so that it outlives a failed snapshot; a cap of
 * 1 MiB is plenty.
 */
struct conf_report {
    struct arena *arena;
    unsigned mistakes;       /* found; more than errors.count when CONF_MAX_ERRORS is reached */
    struct conf_list errors; /* struct conf_error; in the order of the tables, section by section */
};

/* Where values stood, for checks after loading (conf_complain()). Lives in the snapshot's arena. */
struct conf_source;

/*
 * Reads `path` into `dst` (a zeroed struct described by `fields`). 0, or -1 with at least one error
 * in `report`; `dst` is then half filled and of no use. Everything `dst` points to lives in
 * `arena`. `ret_source` may be NULL. Relative paths inside a text are taken from the folder of
 * `name`.
 */
int conf_load_file(const char *path, const struct conf_field *fields, void *dst,
                   struct arena *arena, struct conf_report *report,
                   struct conf_source **ret_source) MUST_CHECK;
int conf_load_text(struct str text, const char *name, const struct conf_field *fields, void *dst,
                   struct arena *arena, struct conf_report *report,
                   struct conf_source **ret_source) MUST_CHECK;

/* Adds an error at the key's place: "origins[0].filesystem.root". The line is the nearest one
 * known. */
void conf_complain(struct conf_report *report, const struct conf_source *source, const char *key,
                   const char *format, ...) PRINTF_LIKE(4, 5);

/* "hlsgate.yaml:12: origins[0].filesystem.root: no such folder: /srv/video", one line each. */
void conf_report_print(const struct conf_report *report, struct buf *ret);

/* The reference manual in Markdown: a heading and a table per section, in the order of the fields.
 */
void conf_reference(const struct conf_field *fields, struct buf *ret);

#endif
