#include "base/map.h"

#include "base/list.h"
#include "base/test.h"

struct item {
    int key;
    struct map_node node;
};

static bool match(const struct map_node *node, const void *key)
{
    return MAP_ENTRY(node, const struct item, node)->key == *(const int *)key;
}

static void test_put_get_remove(void **state)
{
    static struct item items[1000];
    struct map m;
    int seen = 0;

    map_init(&m);
    for (int i = 0; i < 1000; i++) {
        items[i].key = i;
        map_put(&m, &items[i].node, (uint64_t)(i % 100)); /* long chains */
    }
    for (int i = 0; i < 1000; i++)
        assert_ptr_equal(map_get(&m, (uint64_t)(i % 100), match, &i), &items[i].node);
    MAP_FOREACH (node, &m) {
        seen++;
        if (MAP_ENTRY(node, struct item, node)->key % 2)
            map_remove(&m, node);
    }
    assert_int_equal(seen, 1000);
    assert_int_equal(m.count, 500);
    for (int i = 0; i < 1000; i++)
        assert_true((map_get(&m, (uint64_t)(i % 100), match, &i) != NULL) == (i % 2 == 0));
    map_done(&m);
}

struct member {
    int v;
    struct list link;
};

static void test_list(void **state)
{
    struct member m[4] = {{.v = 0}, {.v = 1}, {.v = 2}, {.v = 3}};
    struct list a, b;
    int want = 0;

    list_init(&a);
    list_init(&b);
    for (int i = 0; i < 4; i++)
        list_append(i < 2 ? &a : &b, &m[i].link);
    list_move_all(&a, &b);
    assert_true(list_is_empty(&b));
    LIST_FOREACH (link, &a)
        assert_int_equal(LIST_ENTRY(link, struct member, link)->v, want++);
    assert_int_equal(want, 4);
    list_remove(&m[1].link);
    list_remove(&m[1].link); /* harmless */
    assert_ptr_equal(list_take_first(&a), &m[0].link);
    assert_ptr_equal(list_take_first(&a), &m[2].link);
    assert_ptr_equal(list_take_first(&a), &m[3].link);
    assert_null(list_take_first(&a));
}

TEST_MAIN(cmocka_unit_test(test_put_get_remove), cmocka_unit_test(test_list))
