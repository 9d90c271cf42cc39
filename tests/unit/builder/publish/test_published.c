#include "tests/check_libraries.h"
#include "tests/check_published.h"

#include "builder/publish/published.h"
#include "builder/unpack/tree_remover.h"
#include "schema/base/own.h"
#include "schema/nix/digest.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DIGEST "00000000000000000000000000000000"

static void a_label_is_a_plain_word(struct arena arena)
{
    static const char *const plain[] = { "a", "nixos-system-x-24.05", "A_1.b", "0" };
    static const char *const others[] = { "",    ".a",  "-a",  "a b", "a/b",
                                          "a?b", "a+b", "a\n", "..",  "\xc3\xa4" };
    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++)
        CHECK(published_label_is_plain(str_from(plain[i])));
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        CHECK(!published_label_is_plain(str_from(others[i])));
    CHECK(!published_label_is_plain((struct str){ "a\0b", 3 }));
    char *text = arena_room(&arena, PUBLISHED_LABEL_MAX + 1);
    memset(text, 'x', PUBLISHED_LABEL_MAX + 1);
    CHECK(published_label_is_plain((struct str){ text, PUBLISHED_LABEL_MAX }));
    CHECK(!published_label_is_plain((struct str){ text, PUBLISHED_LABEL_MAX + 1 }));
}

static void a_system_is_named_by_its_store_path_and_its_sums(struct arena arena)
{
    static const struct {
        const char *toplevel, *label, *name;
    } rows[] = {
        { "/nix/store/" DIGEST "-nixos-system-x-24.05", NULL, "nixos-system-x-24.05-e3b0c44298fc" },
        { "/other/" DIGEST "-a+b?c=d", NULL, "a-b-c-d-e3b0c44298fc" },
        { "/nix/store/" DIGEST "-+a", NULL, "_a-e3b0c44298fc" },
        { "/nix/store/x", NULL, "system-e3b0c44298fc" },
        { "/nix/store/" DIGEST "-x", "my.label", "my.label-e3b0c44298fc" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct published_tree tree = { .toplevel = rows[i].toplevel,
                                       .hash = digest_sha256(STR("")) };
        const char *name = published_name(&tree, rows[i].label, &arena);
        check_about("%s", rows[i].toplevel);
        CHECK_STR(name, rows[i].name);
        CHECK(published_label_is_plain(published_label(name)));
    }
    CHECK_STR(published_label("a-b-e3b0c44298fc"), "a-b");
}

static void netboot_ipxe_leads_to_the_system(struct arena arena)
{
    struct str text = published_ipxe("x-e3b0c44298fc", &arena);
    CHECK(str_starts(text, STR("#!ipxe\n")));
    CHECK(str_ends(text, STR("\nchain systems/x-e3b0c44298fc/netboot.ipxe\n")));
}

static void a_root_is_created_and_read(struct arena arena)
{
    struct published published;
    const char *path = arena_format(&arena, "%s/root", check_directory_path()).data;
    CHECK_REFUSED(published_open(path, PUBLISHED_READ, &published, check_error),
                  arena_format(&arena, "open %s: No such file or directory", path));
    if (!CHECK_DONE(published_open(path, PUBLISHED_CREATE, &published, check_error)))
        return;
    CHECK(mkdirat(published.systems, "x-e3b0c44298fc", 0755) == 0);
    CHECK(mkdirat(published.systems, ".x.draft", 0755) == 0);
    CHECK(symlinkat("systems/x-e3b0c44298fc", published.root, "current") == 0);
    CHECK_DONE(published_read(&published, &arena, check_error));
    CHECK_NUMBER(published.count, 0);
    CHECK_STR(published.current, "x-e3b0c44298fc");
    CHECK(!published.previous && !published_find(&published, published.current));
    if (CHECK_NUMBER(published.stray_count, 1))
        CHECK_STR(published.strays[0].name, "x-e3b0c44298fc");
    CHECK_STR(published_why_stray(&published, "x-e3b0c44298fc"),
              "open SHA256SUMS: No such file or directory");
    published_release(&published);
}

/* What is in systems/ under the names of a system, and is none. */
static void what_is_no_system_is_told(struct arena arena)
{
    static const char *const links[] = { "x", "systems/x", "systems/a-0123456789aX",
                                         "systems/.a-0123456789ab", "stores/a-0123456789ab" };
    cleanup(check_published_release) struct check_published check;
    struct published *root = &check.published;
    if (!check_published_layers(&arena, &check) ||
        !CHECK_DONE(check_published_put(&check, "a", &arena)))
        return;
    struct store_names names = store_names_of(&check.read.roots[0]);
    const char *name = published_name(&check.read, "a", &arena);
    CHECK(renameat(root->systems, name, root->systems, "a-000000000000") == 0);
    CHECK(mkdirat(root->systems, "mine", 0755) == 0 &&
          symlinkat("mine", root->systems, "b-000000000000") == 0);
    CHECK_DONE(published_read(root, &arena, check_error));
    CHECK_NUMBER(root->count, 0);
    CHECK_NUMBER(root->stray_count, 3);
    CHECK_STR(published_why_stray(root, "a-000000000000"),
              "its SHA256SUMS is not the one that its name says");
    CHECK_STR(published_why_stray(root, "b-000000000000"), "open it: Not a directory");
    CHECK_STR(published_why_stray(root, "mine"), "no earlier run made it");
    CHECK_STR(published_why_stray(root, "other"), "it is gone");
    CHECK(renameat(root->systems, "a-000000000000", root->systems, name) == 0);
    CHECK(renameat(root->stores, names.verity, root->stores, "aside") == 0);
    CHECK_DONE(published_read(root, &arena, check_error));
    CHECK_STR(published_why_stray(root, name),
              arena_format(&arena, "stores/%s: No such file or directory", names.verity));
    CHECK(symlinkat("aside", root->stores, names.verity) == 0);
    CHECK_DONE(published_read(root, &arena, check_error));
    CHECK_STR(published_why_stray(root, name),
              arena_format(&arena, "stores/%s is not a regular file", names.verity));
    for (size_t i = 0; i < sizeof links / sizeof *links; i++) {
        check_about("%s", links[i]);
        CHECK(unlinkat(root->root, "current", 0) == 0 &&
              symlinkat(links[i], root->root, "current") == 0);
        CHECK_REFUSED(
            published_read(root, &arena, check_error),
            arena_format(
                &arena,
                "%s/current is not a link to a system in systems; remove it, or name another directory",
                check.path));
    }
    CHECK(unlinkat(root->root, "current", 0) == 0 && mkdirat(root->root, "current", 0755) == 0);
    CHECK(!published_read(root, &arena, check_error));
}

struct opening {
    const char *path;
    enum published_access access;
    size_t count;
    struct arena arena;
};

static bool open_and_read(void *context)
{
    const struct opening *opening = context;
    struct arena arena = opening->arena;
    cleanup(published_release) struct published published = PUBLISHED_NONE;
    bool is_done = published_open(opening->path, opening->access, &published, check_error) &&
                   published_read(&published, &arena, check_error);
    if (is_done && published.stray_count > 0)
        return error_set(check_error, "%s", published.strays[0].reason);
    return is_done && published.count == opening->count;
}

static void remove_root(void *context)
{
    (void)context;
    CHECK_DONE(tree_remove(check_directory(), "root", check_error));
}

static void each_call_that_fails_is_told(struct arena arena)
{
    cleanup(check_published_release) struct check_published check;
    if (!check_published_layers(&arena, &check) ||
        !CHECK_DONE(check_published_put(&check, "a", &arena)))
        return;
    published_release(&check.published);
    check.published = PUBLISHED_NONE;
    struct opening opening = { check.path, PUBLISHED_READ, 1, arena };
    CHECK(check_each(CHECK_CALLS, open_and_read, &opening) > 15);
    opening = (struct opening){ check.path, PUBLISHED_CREATE, 0, arena };
    CHECK(check_each_prepared(CHECK_CALLS, remove_root, open_and_read, &opening) > 8);
}

static void a_directory_of_the_root_is_no_link(struct arena arena)
{
    struct published published;
    const char *path = arena_format(&arena, "%s/root", check_directory_path()).data;
    check_make_directory("root/other");
    CHECK(symlinkat("other", check_directory(), "root/stores") == 0);
    CHECK_REFUSED(
        published_open(path, PUBLISHED_CREATE, &published, check_error),
        arena_format(&arena, "%s: stores is not a directory, or a link to one; remove it", path));
    CHECK(unlinkat(check_directory(), "root/stores", 0) == 0);
    CHECK_REFUSED(published_open(path, PUBLISHED_WRITE, &published, check_error),
                  arena_format(&arena, "%s: open stores: No such file or directory", path));
    CHECK_REFUSED(published_open("/dev/null/x", PUBLISHED_CREATE, &published, check_error),
                  "create /dev/null/x: Not a directory");
}

/* One file of 1 MiB, as the list of many systems. */
static void lists_of_all_systems_share_a_limit(struct arena arena)
{
    enum { LINES = 12000, SYSTEMS = 40 };
    struct published published;
    struct str hash = STR("0000000000000000000000000000000000000000000000000000000000000000");
    const char *path = arena_format(&arena, "%s/root", check_directory_path()).data;
    char *text = arena_room(&arena, CHECKSUMS_BYTES_MAX), *end = text;
    for (int i = 0; i < LINES; i++)
        end += sprintf(end, "%.*s  file-%06d\n", STR_ARG(hash), i);
    if (!CHECK_DONE(published_open(path, PUBLISHED_CREATE, &published, check_error)))
        return;
    check_file("list", (struct str){ text, (size_t)(end - text) });
    for (int i = 0; i < SYSTEMS; i++) {
        const char *name = arena_format(&arena, "x%d-e3b0c44298fc", i).data;
        const char *list = arena_format(&arena, "%s/SHA256SUMS", name).data;
        CHECK(mkdirat(published.systems, name, 0755) == 0);
        CHECK(linkat(check_directory(), "list", published.systems, list, 0) == 0);
        if (i == 0)
            CHECK_DONE(published_read(&published, &arena, check_error));
    }
    CHECK(!published_read(&published, &arena, check_error));
    CHECK(strstr(check_error->sentence, "/root/systems: memory for the lists of its systems: more "
                                        "than "));
    published_release(&published);
}

int main(void)
{
    return CHECK_ALL(CASE(a_label_is_a_plain_word),
                     CASE(a_system_is_named_by_its_store_path_and_its_sums),
                     CASE(netboot_ipxe_leads_to_the_system), CASE(a_root_is_created_and_read),
                     CASE(lists_of_all_systems_share_a_limit), CASE(what_is_no_system_is_told),
                     CASE(each_call_that_fails_is_told), CASE(a_directory_of_the_root_is_no_link));
}
