#include "tests/check.h"

#include "builder/publish/published.h"
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

int main(void)
{
    return CHECK_ALL(CASE(a_label_is_a_plain_word),
                     CASE(a_system_is_named_by_its_store_path_and_its_sums),
                     CASE(netboot_ipxe_leads_to_the_system), CASE(a_root_is_created_and_read));
}
