#include "tests/check_tree.h"

#include "schema/base/own.h"
#include "schema/nix/findings.h"

#include <string.h>
#include <unistd.h>

#define D CHECK_DIGEST
#define P "/nix/store/" D

/* What is found in a tree with that init, or with links on the way to it. */
static struct str verify_init(const char *init, struct arena *arena)
{
    struct tree_result result;
    struct str found = STR("(none)");
    cleanup(check_tree_release) struct check_tree tree;
    if (!check_tree_start(arena, &tree))
        return found;
    tree.spec.init = str_from(init);
    tree.spec.command_line = boot_spec_command_line(tree.spec.init, tree.spec.params, arena);
    if (CHECK_DONE(check_tree_write(&tree, arena, &result)))
        found = check_tree_verify(&tree, arena);
    check_tree_empty();
    return found;
}

static void the_init_is_followed_through_the_images(struct arena arena)
{
    static const struct {
        const char *init, *wrong; /* null: nothing */
    } rows[] = {
        { P "-system/init", NULL },
        { P "-system/../" D "-system/./init", NULL },
        { P "-links/init", NULL },
        { P "-links/direct/init", NULL },
        { P "-links/absolute", NULL },
        { "/elsewhere/init", NULL },
        { P "-system/none", "it is in none of the images" },
        { P "-system/init/below", "it is not an executable file" },
        { P "-system", "it is not an executable file" },
        { P "-b", "it is not an executable file" },
        { P "-links/out", "it leads out of the store" },
        { P "-links/loop", "there are too many links on the way to it" },
    };
    check_make_directory("nix/store/" D "-links");
    CHECK(symlinkat("../" D "-system/init", check_directory(), "nix/store/" D "-links/init") == 0);
    CHECK(symlinkat("../" D "-system", check_directory(), "nix/store/" D "-links/direct") == 0);
    CHECK(symlinkat(P "-system/init", check_directory(), "nix/store/" D "-links/absolute") == 0);
    CHECK(symlinkat("/bin/init", check_directory(), "nix/store/" D "-links/out") == 0);
    CHECK(symlinkat("loop", check_directory(), "nix/store/" D "-links/loop") == 0);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct arena scratch = arena;
        check_about("%s", rows[i].init);
        struct str want = rows[i].wrong ? arena_format(&scratch, "\n%d %s: %s", FINDING_MISSING,
                                                       rows[i].init, rows[i].wrong)
                                        : STR("");
        CHECK_STR(verify_init(rows[i].init, &scratch), want);
    }
}

static void the_manifest_lists_the_system(struct arena arena)
{
    struct tree_result result;
    cleanup(check_tree_release) struct check_tree tree;
    if (!check_tree_start(&arena, &tree))
        return;
    tree.spec.toplevel = STR(D "-other");
    if (CHECK_DONE(check_tree_write(&tree, &arena, &result)))
        CHECK_STR(check_tree_verify(&tree, &arena),
                  arena_format(&arena, "\n%d " P "-other: the manifest does not list the system",
                               FINDING_MISSING));
}

/* What is found where the ramdisk's first `text` is another one. */
static struct str verify_damaged(struct str text, struct arena *arena)
{
    struct tree_result result;
    struct str found = STR("(none)");
    cleanup(check_tree_release) struct check_tree tree;
    if (!check_tree_start(arena, &tree))
        return found;
    if (CHECK_DONE(check_tree_write(&tree, arena, &result))) {
        struct str ramdisk = check_content("tree/initrd", arena);
        char *at = memmem(ramdisk.data, ramdisk.len, text.data, text.len);
        if (CHECK(at))
            *at ^= 1;
        check_file("tree/initrd", ramdisk);
        found = check_tree_verify(&tree, arena);
    }
    check_tree_empty();
    return found;
}

static bool has(struct str text, const char *part)
{
    if (memmem(text.data, text.len, part, strlen(part)))
        return true;
    printf("# %.*s\n", STR_ARG(text));
    return false;
}

static void an_image_without_its_header_is_told(struct arena arena)
{
    CHECK(has(verify_damaged(STR("nix-store.squashfs"), &arena),
              "nix-store.squashfs: its header is not in front of it in the ramdisk"));
}

static void an_image_that_cannot_be_opened_is_a_finding(struct arena arena)
{
    CHECK(has(verify_damaged(STR("hsqs"), &arena),
              "the store images: nix-store.squashfs: it is not a squashfs image"));
}

int main(void)
{
    return CHECK_ALL(CASE(the_init_is_followed_through_the_images),
                     CASE(the_manifest_lists_the_system), CASE(an_image_without_its_header_is_told),
                     CASE(an_image_that_cannot_be_opened_is_a_finding));
}
