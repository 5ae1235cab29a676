/* Attribute lists by RFC 8216 4.2: what is cut out of them, and which are none. */
#include "base/test.h"

#include "base/buf.h"
#include "hls/attr.h"

/* The list as "name=value|name=<quoted value>|", with "!" where it breaks. */
static void render(struct str list, struct buf *out)
{
    struct attr attr;
    int r;

    while ((r = attr_next(&list, &attr)) > 0)
        buf_printf(out, attr.is_quoted ? "%.*s=<%.*s>|" : "%.*s=%.*s|", STR_FMT(attr.name),
                   STR_FMT(attr.value));
    if (r < 0)
        buf_add_char(out, '!');
}

static void test_lists(void **state)
{
    static const struct {
        const char *list, *want;
    } cases[] = {
        {"", ""},
        {"  ", ""},
        {"A=1", "A=1|"},
        {"A=1,B=2", "A=1|B=2|"},
        {"A=\"x\"", "A=<x>|"},
        {"A=\"\"", "A=<>|"},
        {"A=\"x,y=z\",B=1", "A=<x,y=z>|B=1|"},
        {"A=\"x\" , B = \"y\" ", "A=<x>|B=<y>|"},
        {" A = 1 , B = 2 ", "A=1|B=2|"},
        {"A=1=2", "A=1=2|"},
        {"A=1,", "A=1|"},
        {"A=\"x\",", "A=<x>|"},
        {"A=1,,B=2", "A=1|!"},
        {",A=1", "!"},
        {"A", "!"},
        {"A=", "!"},
        {"A=,B=1", "!"},
        {"=1", "!"},
        {"A=1,B", "A=1|!"},
        {"A,B=1", "!"},
        {"A=\"x", "!"},
        {"A=\"x\"y", "!"},
        {"A=x\"y\"", "!"},
        {"A=\"x\"\"y\"", "!"},
        {"\"A\"=1", "!"},
        {"A=\"x\",B=\"", "A=<x>|!"},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct str list = str_of(cases[i].list);
        char *copy = xmemdup(list.p, list.n + 1);
        struct buf got;

        buf_init(&got, 1024);
        render((struct str){copy, list.n}, &got);
        assert_str(buf_str(&got), cases[i].want);
        buf_done(&got);
        free(copy);
    }
}

TEST_MAIN(cmocka_unit_test(test_lists))
