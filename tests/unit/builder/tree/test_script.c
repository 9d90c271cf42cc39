#include "builder/tree/script.h"
#include "tests/check.h"

#include <stdlib.h>
#include <string.h>

static struct tree_file ramdisks[] = { { .name = "initrd" },
                                       { .name = "image.newc" },
                                       { .name = "image" } };

static struct tree_description make_tree(const char *command_line)
{
    return (struct tree_description){
        .toplevel = "/nix/store/x-system",
        .label = "a label",
        .system = "x86_64-linux",
        .init = "/init",
        .params = "",
        .command_line = command_line,
        .kernel = { .name = "bzImage" },
        .ramdisks = ramdisks,
        .ramdisk_count = 1,
        .unpacked_bytes = 10 << 20,
    };
}

enum script { IPXE, KEXEC };

static struct str write_script(enum script script, const struct tree_description *tree,
                               struct arena *arena)
{
    char *bytes = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&bytes, &size);
    struct arena scratch = arena_split(arena, 1 << 16);
    if (script == IPXE)
        CHECK_DONE(script_write_ipxe(stream, tree, scratch, check_error));
    else
        script_write_kexec(stream, tree, scratch);
    fclose(stream);
    struct str text = arena_copy(arena, (struct str){ bytes, size });
    free(bytes);
    return text;
}

#define IPXE_HEAD                                                                           \
    "#!ipxe\n"                                                                              \
    "# Set the variable cmdline before chaining to this script to add kernel parameters.\n" \
    "imgfree\n"

static void ipxe_loads_kernel_and_ramdisks(struct arena arena)
{
    struct tree_description tree = make_tree("init=/init quiet");
    CHECK_STR(write_script(IPXE, &tree, &arena),
              IPXE_HEAD "kernel bzImage initrd=initrd init=/init quiet ${cmdline}\n"
                        "initrd --name initrd initrd\nboot\n");
    tree.base_url = "http://host/dir";
    tree.ramdisk_count = 3;
    CHECK_STR(write_script(IPXE, &tree, &arena),
              IPXE_HEAD "kernel http://host/dir/bzImage initrd=initrd initrd=1 initrd=2 init=/init "
                        "quiet ${cmdline}\n"
                        "initrd --name initrd http://host/dir/initrd\n"
                        "initrd --name 1 http://host/dir/image.newc\n"
                        "initrd --name 2 http://host/dir/image\nboot\n");
}

/* The list of a tree by URL, whose images are the second and the third file. */
static const struct tree_image list = { .name = LAYERS_NAME, .file = "initrd" };

static void ipxe_passes_on_where_the_store_is(struct arena arena)
{
    struct tree_description tree = make_tree("init=/init");
    tree.layers = list;
    tree.piece_count = 2;
    struct str text = write_script(IPXE, &tree, &arena);
    CHECK(strstr(text.data, "\nisset ${cwduri} && set regd-from ${cwduri} ||\n") != NULL);
    CHECK(strstr(text.data, "\nkernel bzImage initrd=initrd init=/init regd.from=${regd-from} "
                            "${cmdline}\ninitrd --name initrd initrd\nboot\n") != NULL);
    tree.base_url = "http://host/dir";
    CHECK_STR(write_script(IPXE, &tree, &arena),
              IPXE_HEAD "kernel http://host/dir/bzImage initrd=initrd init=/init "
                        "regd.from=http://host/dir/ ${cmdline}\n"
                        "initrd --name initrd http://host/dir/initrd\nboot\n");
}

static void the_url_needs_room_on_the_command_line(struct arena arena)
{
    char *line = arena_alloc(&arena, 2048, 1);
    memset(line, 'x', 1850);
    struct tree_description tree = make_tree(line);
    CHECK_DONE(script_check_ipxe(&tree, arena, check_error));
    tree.layers = list;
    CHECK(!script_check_ipxe(&tree, arena, check_error));
    tree.base_url = "http://host";
    CHECK_DONE(script_check_ipxe(&tree, arena, check_error));
}

static void kexec_knows_the_images_of_a_tree_by_url(struct arena arena)
{
    struct tree_description tree = make_tree("init=/init");
    CHECK(strstr(write_script(KEXEC, &tree, &arena).data, "\nby_url=no\nstore_names=''\n") != NULL);
    tree.layers = list;
    tree.piece_count = 2;
    tree.layer_bytes = 5 << 20;
    struct str text = write_script(KEXEC, &tree, &arena);
    CHECK(strstr(text.data, "\nby_url=yes\nstore_names='image.newc image'\n") != NULL);
    CHECK(strstr(text.data, "\nstore_kib=5120\n") != NULL);
    CHECK(strstr(text.data, "\ninitrd_names='initrd'\n") != NULL);
}

static void ipxe_is_given_its_syntax_by_settings(struct arena arena)
{
    static const char *const lines[][2] = {
        { "a #b", "a ${regd-hash:string}b" },
        { "a || b", "a ${regd-bar:string}| b" },
        { "a && b", "a ${regd-and:string}& b" },
        { "a ; b", "a ${regd-semi:string} b" },
        { "a  b", "a ${regd-blank:string}b" },
        { "a   b", "a ${regd-blank:string}${regd-blank:string}b" },
        { "a b  ", "a b" },
        { "a#b ;c |", "a#b ;c |" },
        { "${open", "${open" },
    };
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        struct tree_description tree = make_tree(lines[i][0]);
        struct str text = write_script(IPXE, &tree, &arena);
        check_about("%s", lines[i][0]);
        CHECK(strstr(text.data,
                     arena_format(&arena, "initrd=initrd %s ${cmdline}\n", lines[i][1]).data) !=
              NULL);
    }
    struct tree_description tree = make_tree("#");
    CHECK(strstr(write_script(IPXE, &tree, &arena).data, "set regd-hash:hex 23\n") != NULL);
}

static void what_ipxe_would_expand_is_refused(struct arena arena)
{
    struct tree_description tree = make_tree("a x${net0/mac}y");
    CHECK_REFUSED(
        script_check_ipxe(&tree, arena, check_error),
        "iPXE would expand ${…} in the kernel parameter 'x${net0/mac}y'; change it with --params");
    CHECK_REFUSED(
        script_write_ipxe(stdout, &tree, arena, check_error),
        "iPXE would expand ${…} in the kernel parameter 'x${net0/mac}y'; change it with --params");
}

static void a_line_that_the_kernel_would_cut_is_refused(struct arena arena)
{
    char line[2100] = "";
    memset(line, 'a', 2047 - 8 - 14);
    struct tree_description tree = make_tree(line);
    CHECK_DONE(script_check_ipxe(&tree, arena, check_error));
    strcat(line, "a");
    CHECK(!script_check_ipxe(&tree, arena, check_error));
    CHECK(strstr(check_error->sentence, "2048 bytes long with iPXE's initrd=") != NULL);
}

static void kexec_has_no_mark_left(struct arena arena)
{
    struct tree_description tree = make_tree("a='b' $HOME `x`");
    tree.ramdisk_count = 3;
    struct str text = write_script(KEXEC, &tree, &arena);
    CHECK(str_starts(text, STR("#!/bin/sh")));
    CHECK(strstr(text.data, "'a='\\''b'\\'' $HOME `x`'") != NULL);
    CHECK(strstr(text.data, "'initrd image.newc image'") != NULL);
    CHECK(strstr(text.data, "10240") != NULL);
    CHECK(strstr(text.data, "2047") != NULL);
    CHECK(!strstr(text.data, "@KERNEL@") && !strstr(text.data, "@INITRDS@") &&
          !strstr(text.data, "@COMMAND_LINE") && !strstr(text.data, "@DIGESTS@"));
}

static void kexec_knows_the_digests_of_a_tree(struct arena arena)
{
    struct tree_file files[] = { ramdisks[0], ramdisks[1] };
    files[0].hash.bytes[0] = 0x1a;
    files[1].hash.bytes[HASH_BYTES - 1] = 0x2b;
    struct tree_description tree = make_tree("");
    tree.ramdisks = files;
    tree.ramdisk_count = 2;
    CHECK(strstr(write_script(KEXEC, &tree, &arena).data, "\nknown_digests=''\n") != NULL);
    tree.kernel.size_bytes = 1;
    tree.kernel.hash.bytes[0] = 0xc3;
    const char *want =
        arena_format(&arena, "\nknown_digests='c3%062d 1a%062d %062d2b'\n", 0, 0, 0).data;
    CHECK(strstr(write_script(KEXEC, &tree, &arena).data, want) != NULL);
}

int main(void)
{
    return CHECK_ALL(
        CASE(ipxe_loads_kernel_and_ramdisks), CASE(ipxe_passes_on_where_the_store_is),
        CASE(the_url_needs_room_on_the_command_line), CASE(kexec_knows_the_images_of_a_tree_by_url),
        CASE(ipxe_is_given_its_syntax_by_settings), CASE(what_ipxe_would_expand_is_refused),
        CASE(a_line_that_the_kernel_would_cut_is_refused), CASE(kexec_has_no_mark_left),
        CASE(kexec_knows_the_digests_of_a_tree));
}
