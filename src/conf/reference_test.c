/* The manual of a small table, word for word. */
#include "conf/conf.h"

#include "base/test.h"

struct inner {
    struct str id;
    int64_t weight;
    struct conf_secret secret;
};

struct outer {
    usec_t max_age;
    int mode;
    struct conf_list names, inners;
    struct conf_secret password;
    bool has_tls;
    struct inner tls, plain;
};

static const char *const modes[] = {"a|b", "c", NULL};

static const struct conf_field plain_fields[] = {
    CONF_F(struct inner, weight, conf_int, .def = "1", .max = "9", .doc = "Share."),
    CONF_END,
};

static const struct conf_field inner_fields[] = {
    CONF_F(struct inner, id, conf_string, .min = "1", .doc = "Its name."),
    CONF_SECRET_INLINE(struct inner, secret, .min = "16", .doc = "The key."),
    CONF_SECTION_AS(struct inner, id, "deeper", plain_fields, .doc = "Deeper."),
    CONF_END,
};

static const struct conf_field fields[] = {
    CONF_F(struct outer, max_age, conf_duration, .def = "6h", .min = "1s", .max = "30d",
           .reload = true, .doc = "Longest life."),
    CONF_F(struct outer, mode, conf_enum, .def = "c", .choices = modes, .doc = "One | other."),
    CONF_LIST_OF_AS(struct outer, names, "static", conf_string, .def = "", .doc = "Names."),
    CONF_SECRET_FIELD(struct outer, password, .optional = true, .doc = "Password."),
    CONF_SECTION(struct outer, plain, plain_fields, .doc = "Plain."),
    CONF_SECTIONS(struct outer, inners, struct inner, inner_fields, .doc = "Inner ones."),
    CONF_END,
};

#define HEAD                                                             \
    "\n| key | type | default | range or choices | reload | meaning |\n" \
    "| --- | --- | --- | --- | --- | --- |\n"

static const char manual[] =
    "## Top level\n" HEAD
    "| `max_age` | duration | `6h` | from `1s` to `30d` | yes | Longest life. |\n"
    "| `mode` | word | `c` | `a\\|b`, `c` | restart | One \\| other. |\n"
    "| `static` | list: text | `[]` |  | restart | Names. |\n"
    "| `password` | secret | none |  | restart | Password. |\n"
    "| `plain` | section |  |  |  | Plain. |\n"
    "| `inners` | list of sections | **required** |  |  | Inner ones. |\n"
    "\n## `plain`\n\nPlain.\n" HEAD "| `weight` | number | `1` | at most `9` | restart | Share. |\n"
    "\n## `inners[]`\n\nInner ones.\n" HEAD
    "| `id` | text | **required** | at least `1` bytes | restart | Its name. |\n"
    "| `env`, `file` or `key` | secret | **required** | at least `16` bytes | restart | The key. "
    "|\n"
    "| `deeper` | section |  |  |  | Deeper. |\n"
    "\n## `inners[].deeper`\n\nDeeper.\n" HEAD
    "| `weight` | number | `1` | at most `9` | restart | Share. |\n";

static void test_manual(void **state)
{
    struct buf text = {.cap = 1 << 20};

    conf_reference(fields, &text);
    assert_str(buf_str(&text), manual);
    buf_done(&text);
}

TEST_MAIN(cmocka_unit_test(test_manual))
