/* Whole configurations: what good ones become, and word for word what is said of bad ones. */
#include "conf/conf.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/test.h"

struct tls {
    struct str certificate;
    struct conf_secret password;
};

struct disk {
    struct str path;
    uint64_t size;
};

struct server {
    struct str name;
    int64_t weight;
    bool has_disk;
    struct disk disk;
};

struct keyed {
    struct str id;
    struct conf_secret secret;
};

struct settings {
    usec_t max_age;
    int mode;
    bool is_strict;
    struct conf_list proxies, words, secrets, servers;
    struct str folder;
    bool has_tls;
    struct tls tls;
    struct disk cache;
};

static const char *const modes[] = {"bind", "count", NULL};

static const struct conf_field tls_fields[] = {
    CONF_F(struct tls, certificate, conf_path, .doc = "The certificate."),
    CONF_SECRET_FIELD(struct tls, password, .optional = true, .min = "4", .doc = "Opens the key."),
    CONF_END,
};

static const struct conf_field disk_fields[] = {
    CONF_F(struct disk, path, conf_path, .def = "", .doc = "Where."),
    CONF_F(struct disk, size, conf_size, .def = "1MiB", .min = "1KiB", .doc = "How much."),
    CONF_END,
};

static const struct conf_field server_fields[] = {
    CONF_F(struct server, name, conf_string, .min = "1", .max = "8", .doc = "Its name."),
    CONF_F(struct server, weight, conf_int, .def = "1", .min = "1", .max = "100", .doc = "Share."),
    CONF_OPTIONAL_SECTION(struct server, disk, has_disk, disk_fields, .doc = "A disk."),
    CONF_END,
};

static const struct conf_field keyed_fields[] = {
    CONF_F(struct keyed, id, conf_string, .doc = "Its name."),
    CONF_SECRET_INLINE(struct keyed, secret, .doc = "The secret."),
    CONF_END,
};

static const struct conf_field fields[] = {
    CONF_F(struct settings, max_age, conf_duration, .def = "6h", .min = "1s", .max = "30d",
           .reload = true, .doc = "Longest life."),
    CONF_F(struct settings, mode, conf_enum, .def = "bind", .choices = modes, .doc = "Mode."),
    CONF_F_AS(struct settings, is_strict, "strict", conf_bool, .def = "off", .doc = "Strict."),
    CONF_LIST_OF(struct settings, proxies, conf_string, .def = "::1, 127.0.0.1", .doc = "Proxies."),
    CONF_LIST_OF(struct settings, words, conf_enum, .def = "", .choices = modes, .doc = "Words."),
    CONF_F(struct settings, folder, conf_path, .def = "state", .doc = "Folder."),
    CONF_OPTIONAL_SECTION(struct settings, tls, has_tls, tls_fields, .doc = "TLS."),
    CONF_SECTION(struct settings, cache, disk_fields, .doc = "Cache."),
    CONF_SECTIONS(struct settings, servers, struct server, server_fields, .doc = "Servers."),
    CONF_SECTIONS(struct settings, secrets, struct keyed, keyed_fields, .optional = true,
                  .doc = "Secrets."),
    CONF_END,
};

enum { ARENA_CAP = 16 << 20, REPORT_CAP = 1 << 20, TEXT_CAP = 2 << 20 };

/* One load and all it needs. */
struct trial {
    struct arena arena, report_arena;
    struct conf_report report;
    struct conf_source *source;
    struct settings got;
    struct buf printed;
    int result;
};

static void trial_run_in(struct trial *t, struct str text, size_t arena_cap)
{
    *t = (struct trial){.report = {.arena = &t->report_arena}};
    arena_init(&t->arena, arena_cap);
    arena_init(&t->report_arena, REPORT_CAP);
    buf_init(&t->printed, TEXT_CAP);
    t->result =
        conf_load_text(text, "/etc/h/c.yaml", fields, &t->got, &t->arena, &t->report, &t->source);
    conf_report_print(&t->report, &t->printed);
    assert_int_equal(t->result<0, t->report.errors.count> 0);
    assert_int_equal(t->result < 0, t->source == NULL);
}

static void trial_run(struct trial *t, const char *text)
{
    trial_run_in(t, str_of(text), ARENA_CAP);
}

static void trial_done(struct trial *t)
{
    buf_done(&t->printed);
    arena_done(&t->arena);
    arena_done(&t->report_arena);
}

#define ONE_SERVER "servers: [{ name: a }]\n"

static void test_defaults(void **state)
{
    struct trial t;
    struct server *server;
    struct str *proxy;

    trial_run(&t, ONE_SERVER "cache:\nmax_age: ~\nproxies:\n");
    assert_str(buf_str(&t.printed), "");
    assert_int_equal(t.got.max_age, 6 * 3600 * USEC_PER_SEC);
    assert_int_equal(t.got.mode, 0);
    assert_false(t.got.is_strict);
    assert_false(t.got.has_tls);
    assert_null(t.got.tls.password.bytes.p);
    assert_str(t.got.folder, "/etc/h/state");
    assert_str(t.got.cache.path, "");
    assert_int_equal(t.got.cache.size, 1 << 20);
    assert_int_equal(t.got.proxies.count, 2);
    proxy = t.got.proxies.items;
    assert_str(proxy[0], "::1");
    assert_str(proxy[1], "127.0.0.1");
    assert_int_equal(t.got.words.count, 0);
    assert_null(t.got.words.items);
    assert_int_equal(t.got.secrets.count, 0);
    server = t.got.servers.items;
    assert_int_equal(server->weight, 1);
    assert_false(server->has_disk);
    assert_int_equal(server->disk.size, 1 << 20);
    trial_done(&t);
}

static void test_values(void **state)
{
    struct trial t;
    struct server *server;
    int *word;

    trial_run(&t, "max_age: 90s\n"
                  "mode: count\n"
                  "strict: On\n"
                  "proxies: 10.0.0.1\n"
                  "words: [count, bind, count]\n"
                  "folder: /srv\n"
                  "tls: { certificate: a/b.pem, password: { key: 'pass # word' } }\n"
                  "cache: { size: 64KB, path: x }\n"
                  "servers:\n"
                  "  - name: \"null\"\n"
                  "    weight: 100\n"
                  "  - { name: b, disk: {} }\n");
    assert_str(buf_str(&t.printed), "");
    assert_int_equal(t.got.max_age, 90 * USEC_PER_SEC);
    assert_int_equal(t.got.mode, 1);
    assert_true(t.got.is_strict);
    assert_int_equal(t.got.proxies.count, 1);
    assert_str(*(struct str *)t.got.proxies.items, "10.0.0.1");
    word = t.got.words.items;
    assert_int_equal(t.got.words.count, 3);
    assert_int_equal(word[0] * 100 + word[1] * 10 + word[2], 101);
    assert_str(t.got.folder, "/srv");
    assert_true(t.got.has_tls);
    assert_str(t.got.tls.certificate, "/etc/h/a/b.pem");
    assert_str(t.got.tls.password.bytes, "pass # word");
    assert_str(t.got.tls.password.source, "key");
    assert_int_equal(t.got.cache.size, 64000);
    assert_str(t.got.cache.path, "/etc/h/x");
    server = t.got.servers.items;
    assert_int_equal(t.got.servers.count, 2);
    assert_str(server[0].name, "null");
    assert_int_equal(server[0].weight, 100);
    assert_false(server[0].has_disk);
    assert_true(server[1].has_disk);
    trial_done(&t);
}

static const struct {
    const char *text, *errors;
} mistakes[] = {
    /* missing */
    {"", "/etc/h/c.yaml:1: servers: is required (at least one)\n"},
    {"servers: []", "/etc/h/c.yaml:1: servers: is required (at least one)\n"},
    {ONE_SERVER "tls: {}", "/etc/h/c.yaml:2: tls.certificate: is required (path)\n"},
    {"mode: bind\nservers:\n  - weight: 2\n",
     "/etc/h/c.yaml:3: servers[0].name: is required (text)\n"},
    {"servers: [{ name: }]", "/etc/h/c.yaml:1: servers[0].name: is required (text)\n"},
    /* unknown and doubled keys */
    {ONE_SERVER "max_aeg: 1h\n",
     "/etc/h/c.yaml:2: max_aeg: unknown key; did you mean \"max_age\"?\n"},
    {ONE_SERVER "cache:\n  colour: red\n",
     "/etc/h/c.yaml:3: cache.colour: unknown key; known here: path, size\n"},
    {ONE_SERVER "cache:\n  pa: red\n",
     "/etc/h/c.yaml:3: cache.pa: unknown key; known here: path, size\n"},
    {ONE_SERVER "mode: bind\n\nmode: count\n",
     "/etc/h/c.yaml:4: mode: stands here twice, first in line 2\n"},
    {ONE_SERVER "\"mo\\e[1mde\": bind\n", "/etc/h/c.yaml:2: mo?[1mde: unknown key; known here: "
                                          "max_age, mode, strict, proxies, words, folder, "
                                          "tls, cache, servers, secrets\n"},
    /* of the wrong kind */
    {"- a\n", "/etc/h/c.yaml:1: wants a section of keys, not a list\n"},
    {"hello", "/etc/h/c.yaml:1: wants a section of keys, not one value\n"},
    {ONE_SERVER "cache: big\n", "/etc/h/c.yaml:2: cache: wants a section of keys, not one value\n"},
    {ONE_SERVER "tls: on\n", "/etc/h/c.yaml:2: tls: wants a section of keys, not one value\n"},
    {ONE_SERVER "mode: [bind]\n", "/etc/h/c.yaml:2: mode: wants one value (word), not a list\n"},
    {ONE_SERVER "mode: { a: b }\n",
     "/etc/h/c.yaml:2: mode: wants one value (word), not a section\n"},
    {ONE_SERVER "proxies: { a: b }\n",
     "/etc/h/c.yaml:2: proxies: wants a list (text), not a section\n"},
    {ONE_SERVER "proxies:\n  - a\n  - [b]\n  -\n",
     "/etc/h/c.yaml:4: proxies[1]: wants one value (text), not a list\n"
     "/etc/h/c.yaml:5: proxies[2]: wants one value (text), not nothing\n"},
    {"servers: { name: a }", "/etc/h/c.yaml:1: servers: wants a list of sections, not a section\n"},
    {"servers: [a]", "/etc/h/c.yaml:1: servers[0]: wants a section of keys, not one value\n"},
    /* values */
    {ONE_SERVER "max_age: 12x\n",
     "/etc/h/c.yaml:2: max_age: \"12x\" is not a duration such as 300ms, 30s, 5m, 2h or 7d\n"},
    {ONE_SERVER "max_age: 31d\n",
     "/etc/h/c.yaml:2: max_age: \"31d\" is not a duration from 1s to 30d\n"},
    {ONE_SERVER "cache:\n  size: 10\n",
     "/etc/h/c.yaml:3: cache.size: \"10\" is not a size of at least 1KiB\n"},
    {ONE_SERVER "mode: bnid\n", "/etc/h/c.yaml:2: mode: \"bnid\" is not one of bind, count\n"},
    {ONE_SERVER "words: [bind,\n  x]\n",
     "/etc/h/c.yaml:3: words[1]: \"x\" is not one of bind, count\n"},
    {ONE_SERVER "strict: maybe\n", "/etc/h/c.yaml:2: strict: \"maybe\" is not on or off\n"},
    {"servers: [{ name: \"\" }]",
     "/etc/h/c.yaml:1: servers[0].name: \"\" is not text from 1 to 8 bytes\n"},
    {ONE_SERVER "folder: \"a\\0b\"\n",
     "/etc/h/c.yaml:2: folder: \"a\" is not text without NUL characters\n"},
    {ONE_SERVER "mode: 0123456789012345678901234567890123456789012345678901234567890123456789\n",
     "/etc/h/c.yaml:2: mode: \"0123456789012345678901234567890123456789012345678901234567890123\" "
     "is not "
     "one of bind, count\n"},
    /* several, all of them said */
    {"mode: x\nservers:\n  - name: a\n    weight: 0\n  - wieght: 3\nstrict: 1\n",
     "/etc/h/c.yaml:1: mode: \"x\" is not one of bind, count\n"
     "/etc/h/c.yaml:6: strict: \"1\" is not on or off\n"
     "/etc/h/c.yaml:4: servers[0].weight: \"0\" is not a whole number from 1 to 100\n"
     "/etc/h/c.yaml:5: servers[1].wieght: unknown key; did you mean \"weight\"?\n"
     "/etc/h/c.yaml:5: servers[1].name: is required (text)\n"},
    /* YAML that is not taken, or is none */
    {"servers: &x [{ name: a }]\ncache: *x\n",
     "/etc/h/c.yaml:2: cache: aliases (*name) are not supported; write the value again\n"
     "/etc/h/c.yaml:1: servers: anchors (&name) are not supported\n"},
    {ONE_SERVER "mode: !!str bind\n", "/etc/h/c.yaml:2: mode: tags (!name) are not supported\n"},
    {ONE_SERVER "!x mode: bind\n", "/etc/h/c.yaml:2: mode: tags (!name) are not supported\n"},
    {ONE_SERVER "proxies: [&a x]\n",
     "/etc/h/c.yaml:2: proxies[0]: anchors (&name) are not supported\n"},
    {"--- &a\n" ONE_SERVER, "/etc/h/c.yaml:1: anchors (&name) are not supported\n"},
    {"servers: [ !s { name: a }]\n",
     "/etc/h/c.yaml:1: servers[0]: tags (!name) are not supported\n"},
    {ONE_SERVER "---\nmode: bind\n", "/etc/h/c.yaml:2: a second document (---) is not supported\n"},
    {ONE_SERVER "? [a, b]\n: c\n", "/etc/h/c.yaml:2: a key must be a plain word\n"},
    {ONE_SERVER "cache: {\n", "/etc/h/c.yaml:3: not YAML: while parsing a flow node: did not find "
                              "expected node content\n"},
    {ONE_SERVER "mode: \"\xff\"\n", "/etc/h/c.yaml:2: not YAML: invalid leading UTF-8 octet\n"},
    {"[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]", "/etc/h/c.yaml:1: nested too deeply\n"},
    /* secrets: never a word of what was written */
    {ONE_SERVER "secrets: [hunter2]\n",
     "/etc/h/c.yaml:2: secrets[0]: wants a section of keys, not one value\n"},
    {ONE_SERVER "secrets: [{ id: a, hunter2 }]\n",
     "/etc/h/c.yaml:2: secrets[0]: unknown key; known here: id, env, file, key\n"
     "/etc/h/c.yaml:2: secrets[0]: a secret is required: wants one of { env: NAME }, { file: PATH "
     "} and "
     "{ key: \"...\" }\n"},
    {ONE_SERVER "secrets: [{ id: a, env: 'hunter 2' }]\n",
     "/etc/h/c.yaml:2: secrets[0].env: not the name of an environment variable\n"},
    {ONE_SERVER "secrets: [{ id: a, env: hunter2 }]\n",
     "/etc/h/c.yaml:2: secrets[0].env: the environment variable named here is not set\n"},
    {ONE_SERVER "secrets: [{ id: a, env: CONF_TEST_UNSET }]\n",
     "/etc/h/c.yaml:2: secrets[0].env: the environment variable CONF_TEST_UNSET is not set\n"},
    {ONE_SERVER "secrets: [{ id: a, env: CONF_TEST_EMPTY }]\n",
     "/etc/h/c.yaml:2: secrets[0].env: the environment variable CONF_TEST_EMPTY is empty\n"},
    {ONE_SERVER "secrets: [{ id: a, env: '' }]\n",
     "/etc/h/c.yaml:2: secrets[0].env: is empty, but a secret is required here\n"},
    {ONE_SERVER "secrets: [{ id: a, file: hunter2 }]\n",
     "/etc/h/c.yaml:2: secrets[0].file: cannot read this file: No such file or directory\n"},
    {ONE_SERVER "secrets: [{ id: a, file: /dev/null }]\n",
     "/etc/h/c.yaml:2: secrets[0].file: this file is empty\n"},
    {ONE_SERVER "secrets: [{ id: a, file: /dev/zero }]\n",
     "/etc/h/c.yaml:2: secrets[0].file: cannot read this file: too long for a secret\n"},
    {ONE_SERVER "secrets: [{ id: a, key: ~ }]\n", "/etc/h/c.yaml:2: secrets[0].key: is empty\n"},
    {ONE_SERVER "secrets: [{ id: a, key: [hunter2] }]\n",
     "/etc/h/c.yaml:2: secrets[0].key: wants one text\n"},
    {ONE_SERVER "secrets: [{ id: a, key: \"hunter\\0\" }]\n",
     "/etc/h/c.yaml:2: secrets[0].key: may not hold a NUL character\n"},
    {ONE_SERVER "secrets: [{ id: a, key: !x hunter2 }]\n",
     "/etc/h/c.yaml:2: secrets[0].key: tags (!name) are not supported\n"},
    {ONE_SERVER "secrets:\n  - id: a\n    key: b\n    key: c\n",
     "/etc/h/c.yaml:5: secrets[0].key: stands here twice, first in line 4\n"
     "/etc/h/c.yaml:3: secrets[0]: wants one of { env: NAME }, { file: PATH } and { key: \"...\" "
     "}\n"},
    {ONE_SERVER "tls: { certificate: a, password: hunter2 }\n",
     "/etc/h/c.yaml:2: tls.password: wants one of { env: NAME }, { file: PATH } and { key: \"...\" "
     "}\n"},
    {ONE_SERVER "tls: { certificate: a, password: { hunter2 } }\n",
     "/etc/h/c.yaml:2: tls.password: wants one of { env: NAME }, { file: PATH } and { key: \"...\" "
     "}\n"},
    {ONE_SERVER "tls: { certificate: a, password: { key: b, hunter2: c } }\n",
     "/etc/h/c.yaml:2: tls.password: wants one of { env: NAME }, { file: PATH } and { key: \"...\" "
     "}\n"},
    {ONE_SERVER "tls: { certificate: a, password: { key: abc } }\n",
     "/etc/h/c.yaml:2: tls.password.key: is shorter than 4 bytes\n"},
};

static void test_mistakes(void **state)
{
    setenv("CONF_TEST_EMPTY", "", 1);
    unsetenv("CONF_TEST_UNSET");
    for (size_t i = 0; i < ARRAY_LEN(mistakes); i++) {
        struct trial t;

        trial_run(&t, mistakes[i].text);
        if (!str_eq(buf_str(&t.printed), str_of(mistakes[i].errors)))
            fail_msg("of\n%s\nwe said\n%.*swant\n%s", mistakes[i].text,
                     STR_FMT(buf_str(&t.printed)), mistakes[i].errors);
        trial_done(&t);
    }
}

static void test_secret_from_variable(void **state)
{
    struct trial t;
    struct keyed *keyed;

    setenv("CONF_TEST_SECRET", "from the variable", 1);
    trial_run(&t,
              ONE_SERVER "secrets: [{ id: a, env: CONF_TEST_SECRET }, { key: literal, id: b }]\n"
                         "tls: { certificate: a, password: { env: \"\" } }\n");
    assert_str(buf_str(&t.printed), "");
    keyed = t.got.secrets.items;
    assert_str(keyed[0].secret.bytes, "from the variable");
    assert_str(keyed[0].secret.source, "env:CONF_TEST_SECRET");
    assert_str(keyed[1].id, "b");
    assert_str(keyed[1].secret.bytes, "literal");
    assert_null(t.got.tls.password.bytes.p);
    trial_done(&t);
}

static void write_file(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");

    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
}

/* A configuration in a folder of its own, with its secret beside it. */
static void test_file_and_secret_file(void **state)
{
    char folder[] = "/tmp/hlsgate-conf-XXXXXX", config[64], secret[64];
    struct trial t = {.report = {.arena = &t.report_arena}};

    assert_non_null(mkdtemp(folder));
    snprintf(config, sizeof config, "%s/c.yaml", folder);
    snprintf(secret, sizeof secret, "%s/secret", folder);
    write_file(config, ONE_SERVER "secrets: [{ id: a, file: secret }]\n");
    write_file(secret, "two\nlines\r\n");
    arena_init(&t.arena, ARENA_CAP);
    arena_init(&t.report_arena, REPORT_CAP);
    t.result = conf_load_file(config, fields, &t.got, &t.arena, &t.report, NULL);
    unlink(config);
    unlink(secret);
    rmdir(folder);
    assert_int_equal(t.result, 0);
    assert_str(((struct keyed *)t.got.secrets.items)->secret.bytes, "two\nlines");
    assert_str(((struct keyed *)t.got.secrets.items)->secret.source, "file:secret");
    trial_done(&t);
}

static void test_unreadable_files(void **state)
{
    static const struct {
        const char *path, *error;
    } cases[] = {
        {"/nonexistent/c.yaml", "/nonexistent/c.yaml: cannot be read: No such file or directory\n"},
        {"/tmp", "/tmp: cannot be read: Is a directory\n"},
        {"/dev/zero", "/dev/zero: cannot be read: too long for a configuration\n"},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct trial t = {.report = {.arena = &t.report_arena}, .printed = {.cap = TEXT_CAP}};

        arena_init(&t.arena, ARENA_CAP);
        arena_init(&t.report_arena, REPORT_CAP);
        assert_int_equal(conf_load_file(cases[i].path, fields, &t.got, &t.arena, &t.report, NULL),
                         -1);
        conf_report_print(&t.report, &t.printed);
        assert_str(buf_str(&t.printed), cases[i].error);
        trial_done(&t);
    }
}

static void test_complaints_find_their_line(void **state)
{
    static const struct {
        const char *key, *error;
    } cases[] = {
        {"max_age", "/etc/h/c.yaml:1: max_age: no 7\n"},
        {"servers[1].name", "/etc/h/c.yaml:4: servers[1].name: no 7\n"},
        {"servers[1].weight", "/etc/h/c.yaml:5: servers[1].weight: no 7\n"},
        {"servers[0].weight", "/etc/h/c.yaml:3: servers[0].weight: no 7\n"},
        {"servers[7].weight", "/etc/h/c.yaml:2: servers[7].weight: no 7\n"},
        {"servers[x", "/etc/h/c.yaml:2: servers[x: no 7\n"},
        {"cache.path", "/etc/h/c.yaml:1: cache.path: no 7\n"},
        {"", "/etc/h/c.yaml:1: no 7\n"},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct trial t;

        trial_run(&t, "max_age: 1h\nservers:\n  - name: a\n  - name: b\n    weight: 2\n");
        assert_int_equal(t.result, 0);
        conf_complain(&t.report, t.source, cases[i].key, "no %d", 7);
        arena_done(&t.arena); /* a report outlives the snapshot */
        conf_report_print(&t.report, &t.printed);
        assert_str(buf_str(&t.printed), cases[i].error);
        arena_init(&t.arena, 0);
        trial_done(&t);
    }
}

/* From no memory at all to enough: never a crash, never a success that lacks something. */
static void test_small_arenas(void **state)
{
    const char *text =
        ONE_SERVER "tls: { certificate: a, password: { key: abcd } }\nproxies: [a, b]\n";
    bool is_loaded = false;

    for (size_t cap = 0; !is_loaded && cap < 1 << 16; cap += 16) {
        struct trial t;

        trial_run_in(&t, str_of(text), cap);
        is_loaded = t.result == 0;
        if (!is_loaded)
            assert_str(buf_str(&t.printed),
                       "/etc/h/c.yaml: does not fit into the memory set aside for it\n");
        trial_done(&t);
    }
    assert_true(is_loaded);
}

static void test_report_without_memory(void **state)
{
    struct arena arena, none;
    struct conf_report report = {.arena = &none};
    struct settings got = {0};
    struct buf printed = {.cap = TEXT_CAP};

    arena_init(&arena, ARENA_CAP);
    arena_init(&none, 0);
    assert_int_equal(conf_load_text(STR("a: b\nc: d"), "c", fields, &got, &arena, &report, NULL),
                     -1);
    conf_report_print(&report, &printed);
    assert_str(buf_str(&printed), ": no memory left to say what is wrong\n");
    assert_int_equal(report.mistakes, 3);
    buf_done(&printed);
    arena_done(&arena);
    arena_done(&none);
}

/* `piece` again and again behind `head`. */
static void fill_text(struct buf *text, const char *head, const char *piece, size_t times)
{
    buf_init(text, TEXT_CAP);
    buf_add(text, str_of(head));
    for (size_t i = 0; i < times; i++)
        buf_add(text, str_of(piece));
    assert_false(text->is_full);
}

static void test_caps(void **state)
{
    static const struct {
        const char *head, *piece;
        size_t times;
        const char *error;
    } cases[] = {
        {ONE_SERVER, "#234567\n", CONF_MAX_BYTES / 8, "/etc/h/c.yaml: longer than 1048576 bytes\n"},
        {ONE_SERVER "proxies:\n", "- a\n", CONF_MAX_VALUES,
         "/etc/h/c.yaml:65534: too many values in one file\n"},
        {ONE_SERVER "proxies:\n", "- a\n", CONF_MAX_VALUES - 5, ""},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct trial t;
        struct buf text;

        fill_text(&text, cases[i].head, cases[i].piece, cases[i].times);
        trial_run_in(&t, buf_str(&text), ARENA_CAP);
        assert_str(buf_str(&t.printed), cases[i].error);
        buf_done(&text);
        trial_done(&t);
    }
}

static void test_too_many_mistakes(void **state)
{
    struct conf_error *errors;
    struct trial t;
    struct buf text;

    fill_text(&text, ONE_SERVER, "wrong: 1\n", CONF_MAX_ERRORS * 2);
    trial_run_in(&t, buf_str(&text), ARENA_CAP);
    errors = t.report.errors.items;
    assert_int_equal(t.report.errors.count, CONF_MAX_ERRORS + 1);
    assert_int_equal(t.report.mistakes, CONF_MAX_ERRORS * 2);
    assert_str(errors[CONF_MAX_ERRORS].text, "and more mistakes, left out here");
    assert_int_equal(conf_load_text(STR("x: y"), "c", fields, &t.got, &t.arena, &t.report, NULL),
                     -1);
    buf_done(&text);
    trial_done(&t);
}

TEST_MAIN(cmocka_unit_test(test_defaults), cmocka_unit_test(test_values),
          cmocka_unit_test(test_mistakes), cmocka_unit_test(test_secret_from_variable),
          cmocka_unit_test(test_file_and_secret_file), cmocka_unit_test(test_unreadable_files),
          cmocka_unit_test(test_complaints_find_their_line), cmocka_unit_test(test_small_arenas),
          cmocka_unit_test(test_report_without_memory), cmocka_unit_test(test_caps),
          cmocka_unit_test(test_too_many_mistakes))
