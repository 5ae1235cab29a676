/* Any text against a table with a row of every kind: it loads whole, or says why not. */
#include "conf/conf.h"

#include "base/panic.h"

struct leaf {
    struct str name, path;
    int64_t weight;
    struct conf_secret secret;
};

struct branch {
    uint64_t size, memory;
    struct conf_list leaves;
    bool has_leaf;
    struct leaf leaf;
};

struct tree {
    usec_t age;
    int mode;
    bool is_on;
    struct conf_list names, modes, branches;
    struct conf_secret secret;
    bool has_branch;
    struct branch branch;
};

static const char *const modes[] = {"bind", "count", NULL};

static const struct conf_field leaf_fields[] = {
    CONF_F(struct leaf, name, conf_string, .min = "1", .max = "9", .doc = "-"),
    CONF_F(struct leaf, path, conf_path, .def = "a", .doc = "-"),
    CONF_F(struct leaf, weight, conf_int, .def = "1", .min = "-1", .max = "100", .doc = "-"),
    CONF_SECRET_INLINE(struct leaf, secret, .optional = true, .doc = "-"),
    CONF_END,
};

static const struct conf_field branch_fields[] = {
    CONF_F(struct branch, size, conf_size, .def = "1MiB", .max = "1GiB", .doc = "-"),
    CONF_F(struct branch, memory, conf_memory, .def = "64MiB", .doc = "-"),
    CONF_SECTIONS(struct branch, leaves, struct leaf, leaf_fields, .optional = true, .doc = "-"),
    CONF_OPTIONAL_SECTION(struct branch, leaf, has_leaf, leaf_fields, .doc = "-"),
    CONF_END,
};

static const struct conf_field fields[] = {
    CONF_F(struct tree, age, conf_duration, .def = "6h", .min = "1s", .max = "30d", .doc = "-"),
    CONF_F(struct tree, mode, conf_enum, .def = "bind", .choices = modes, .doc = "-"),
    CONF_F_AS(struct tree, is_on, "on", conf_bool, .def = "off", .doc = "-"),
    CONF_LIST_OF(struct tree, names, conf_string, .def = "a, b", .doc = "-"),
    CONF_LIST_OF(struct tree, modes, conf_enum, .def = "", .choices = modes, .doc = "-"),
    CONF_SECRET_FIELD(struct tree, secret, .optional = true, .min = "4", .doc = "-"),
    CONF_OPTIONAL_SECTION(struct tree, branch, has_branch, branch_fields, .doc = "-"),
    CONF_SECTIONS(struct tree, branches, struct branch, branch_fields, .optional = true,
                  .doc = "-"),
    CONF_END,
};

static void check_leaf(const struct leaf *leaf)
{
    assert(leaf->name.n >= 1 && leaf->name.n <= 9 && leaf->name.p[leaf->name.n] == '\0');
    assert(leaf->weight >= -1 && leaf->weight <= 100);
    assert((leaf->secret.bytes.p == NULL) == (leaf->secret.source.p == NULL));
}

static void check_branch(const struct branch *branch)
{
    const struct leaf *leaves = branch->leaves.items;

    assert(branch->size <= 1 << 30);
    for (size_t i = 0; i < branch->leaves.count; i++)
        check_leaf(&leaves[i]);
    if (branch->has_leaf)
        check_leaf(&branch->leaf);
}

static void check_tree(const struct tree *tree)
{
    const struct branch *branches = tree->branches.items;
    const struct str *names = tree->names.items;
    const int *words = tree->modes.items;

    assert(tree->age >= USEC_PER_SEC && tree->age <= 30 * 86400 * USEC_PER_SEC);
    assert(tree->mode == 0 || tree->mode == 1);
    assert(tree->secret.bytes.p == NULL || tree->secret.bytes.n >= 4);
    for (size_t i = 0; i < tree->names.count; i++)
        assert(strlen(names[i].p) == names[i].n);
    for (size_t i = 0; i < tree->modes.count; i++)
        assert(words[i] == 0 || words[i] == 1);
    for (size_t i = 0; i < tree->branches.count; i++)
        check_branch(&branches[i]);
    check_branch(&tree->branch);
}

/* One line an error, with nothing on it that a terminal would obey. */
static void check_report(const struct conf_report *report)
{
    struct buf printed = {.cap = 4 << 20};
    size_t lines = 0;

    conf_report_print(report, &printed);
    assert(!printed.is_full);
    for (size_t i = 0; i < printed.n; i++) {
        assert((unsigned char)printed.p[i] >= ' ' || printed.p[i] == '\n');
        lines += printed.p[i] == '\n';
    }
    assert(lines == report->errors.count);
    buf_done(&printed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct arena arena, report_arena;
    struct conf_report report = {.arena = &report_arena};
    struct conf_source *source = NULL;
    struct tree tree = {0};
    int r;

    arena_init(&arena, 256 << 20);
    arena_init(&report_arena, 1 << 20);
    r = conf_load_text((struct str){(const char *)data, n}, "fuzz.yaml", fields, &tree, &arena,
                       &report, &source);
    assert((r < 0) == (report.errors.count > 0));
    assert((r < 0) == (source == NULL));
    if (r == 0) {
        check_tree(&tree);
        conf_complain(&report, source, "branches[1].leaves[0].name", "no");
        assert(report.errors.count == 1);
    }
    check_report(&report);
    arena_done(&arena);
    arena_done(&report_arena);
    return 0;
}
