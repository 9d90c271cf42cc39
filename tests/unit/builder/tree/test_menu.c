#include "builder/tree/menu.h"
#include "tests/check.h"

#include <stdlib.h>
#include <string.h>

static struct tree_file ramdisks[] = { { .name = "initrd" }, { .name = "image.newc" } };

static struct tree_description make_tree(const char *command_line)
{
    return (struct tree_description){
        .toplevel = "/nix/store/x-system",
        .label = "a label",
        .system = "x86_64-linux",
        .command_line = command_line,
        .kernel = { .name = "bzImage" },
        .ramdisks = ramdisks,
        .ramdisk_count = 1,
    };
}

static struct str write_menu(enum menu menu, const struct tree_description *tree,
                             struct arena *arena)
{
    char *bytes = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&bytes, &size);
    struct arena scratch = arena_split(arena, 1 << 16);
    menu_write(menu, stream, tree, scratch);
    fclose(stream);
    struct str text = arena_copy(arena, (struct str){ bytes, size });
    free(bytes);
    return text;
}

/* --- GRUB --------------------------------------------------------------------------------------- */

static void grub_has_words_in_quotes(struct arena arena)
{
    struct tree_description tree = make_tree("init=/init $x ");
    tree.ramdisk_count = 2;
    tree.label = "it's";
    CHECK_STR(write_menu(MENU_GRUB, &tree, &arena),
              "# Read this file with `source`, wherever the tree is.\n"
              "menuentry 'it'\\''s' \"$config_directory\" {\n"
              "  linux \"$2/bzImage\" 'init=/init' '$x'\n"
              "  initrd \"$2/initrd\" \"$2/image.newc\"\n"
              "}\n");
}

static void images_are_loaded_unless_a_url_is_known(struct arena arena)
{
    struct tree_description tree = make_tree("quiet");
    tree.layers.name = LAYERS_NAME;
    CHECK_REFUSED(menu_check(MENU_GRUB, &tree, arena, check_error),
                  "a store image is too large for a ramdisk; give --base-url");
    tree.piece_count = 1;
    CHECK_DONE(menu_check(MENU_GRUB, &tree, arena, check_error));
    CHECK(strstr(write_menu(MENU_GRUB, &tree, &arena).data,
                 " 'quiet'\n  initrd \"$2/initrd\" \"$2/image.newc\"\n") != NULL);
    tree.base_url = "http://host/a;b";
    CHECK(strstr(write_menu(MENU_GRUB, &tree, &arena).data,
                 " 'quiet' 'regd.from=http://host/a;b/'\n  initrd \"$2/initrd\"\n") != NULL);
    CHECK(strstr(write_menu(MENU_PXELINUX, &tree, &arena).data,
                 "  INITRD initrd\n  APPEND quiet regd.from=http://host/a;b/\n") != NULL);
    tree.system = "aarch64-linux";
    CHECK_DONE(menu_check(MENU_EXTLINUX, &tree, arena, check_error));
    tree.base_url = NULL;
    CHECK_REFUSED(menu_check(MENU_EXTLINUX, &tree, arena, check_error),
                  "U-Boot loads one ramdisk, and this tree has 2 files of it; give --base-url");
}

static void a_label_that_is_no_title_gives_way(struct arena arena)
{
    static const char *const labels[] = { "", "--id", "a\nb", "a\x7f" };
    for (size_t i = 0; i < sizeof labels / sizeof *labels; i++) {
        struct tree_description tree = make_tree("");
        tree.label = labels[i];
        CHECK(strstr(write_menu(MENU_GRUB, &tree, &arena).data, "menuentry 'x-system' ") != NULL);
    }
}

/* GRUB puts a word with a space between double quotes. */
static void grub_gets_the_words_that_the_kernel_reads(struct arena arena)
{
    static const char *const lines[][2] = {
        { "k=\"a b\"", "'k=a b'" },
        { "\"k=a b\"", "'k=a b'" },
        { "k=\"a  b\" c", "'k=a  b' 'c'" },
        { "k=\"a=b\"", "'k=a=b'" },
        { "k=\"\"", "'k='" },
        { "k=", "'k='" },
        { "\"k\"", "'k'" },
        { "\"a b\"", "'a b'" },
        { "\"a b\"=c", "" },
        { "k=\"a b", "'k=a b'" },
        { "a  b   -- c", "'a' 'b' '--' 'c'" },
        { "k=\xc3\xa9", "'k=\xc3\xa9'" },
        { "k=\xc3\xa0", "'k=\xc3\xa0'" },
        { "k=\"\xc3\xa0 b\"", "'k=\xc3\xa0 b'" },
        { "$x $(y) # ; && | {z} ! *", "'$x' '$(y)' '#' ';' '&&' '|' '{z}' '!' '*'" },
    };
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        struct tree_description tree = make_tree(lines[i][0]);
        const char *space = lines[i][1][0] ? " " : "";
        const char *want =
            arena_format(&arena, "  linux \"$2/bzImage\"%s%s\n", space, lines[i][1]).data;
        check_about("%s", lines[i][0]);
        CHECK(strstr(write_menu(MENU_GRUB, &tree, &arena).data, want) != NULL);
        CHECK_NUMBER(menu_warnings(MENU_GRUB, &tree, &arena).count, lines[i][1][0] == '\0');
    }
}

static void what_grub_would_change_is_left_out_by_name(struct arena arena)
{
    static const char *const lines[][2] = {
        { "k=a\\b", "k" },         { "k='b'", "k" },     { "k=a\"b c\"", "k" },
        { "k=\"a\"b", "k" },       { "it's=1", "it's" }, { "\"\"", "\"\"" },
        { "k=\"\xc3\xa0\"", "k" }, { "k=\\x41", "k" },   { "k=\\", "k" },
    };
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        struct tree_description tree = make_tree(arena_format(&arena, "a %s c", lines[i][0]).data);
        struct option_list lacks = menu_warnings(MENU_GRUB, &tree, &arena);
        check_about("%s", lines[i][0]);
        CHECK(strstr(write_menu(MENU_GRUB, &tree, &arena).data,
                     "  linux \"$2/bzImage\" 'a' 'c'\n") != NULL);
        if (CHECK_NUMBER(lacks.count, 1))
            CHECK_STR(lacks.items[0],
                      arena_format(&arena,
                                   "grub.cfg lacks the kernel parameter '%s': GRUB would change it",
                                   lines[i][1]));
    }
}

static void the_quotes_of_grub_count(struct arena arena)
{
    char line[2100] = "k=\"a ";
    memset(line + strlen(line), 'a', 2047 - strlen("BOOT_IMAGE=(hd0)/bzImage k=\"a \""));
    struct tree_description tree = make_tree(line);
    CHECK_DONE(menu_check(MENU_GRUB, &tree, arena, check_error));
    strcat(line, "a");
    CHECK(!menu_check(MENU_GRUB, &tree, arena, check_error));
    CHECK(strstr(check_error->sentence, "2048 bytes long with what GRUB adds") != NULL);
}

/* --- Syslinux and U-Boot ------------------------------------------------------------------------ */

static void syslinux_has_a_label_that_is_the_default(struct arena arena)
{
    struct tree_description tree = make_tree("init=/init  k=\"a  b\" '$x' \\ ");
    tree.ramdisk_count = 2;
    CHECK_STR(write_menu(MENU_PXELINUX, &tree, &arena), "DEFAULT regd\n"
                                                        "LABEL regd\n"
                                                        "  MENU LABEL a label\n"
                                                        "  LINUX bzImage\n"
                                                        "  INITRD initrd,image.newc\n"
                                                        "  APPEND init=/init k=\"a  b\" '$x' \\\n");
    CHECK_STR(write_menu(MENU_EXTLINUX, &tree, &arena), "DEFAULT regd\n"
                                                        "LABEL regd\n"
                                                        "  MENU LABEL a label\n"
                                                        "  LINUX ../bzImage\n"
                                                        "  INITRD ../initrd,../image.newc\n"
                                                        "  APPEND init=/init k=\"a  b\" '$x' \\\n");
    CHECK_NUMBER(menu_warnings(MENU_PXELINUX, &tree, &arena).count, 0);
}

static void the_ramdisk_of_syslinux_is_not_named_twice(struct arena arena)
{
    struct tree_description tree = make_tree("a initrd=b c");
    CHECK(strstr(write_menu(MENU_PXELINUX, &tree, &arena).data, "  APPEND a c\n") != NULL);
    struct option_list lacks = menu_warnings(MENU_PXELINUX, &tree, &arena);
    if (CHECK_NUMBER(lacks.count, 1))
        CHECK_STR(lacks.items[0],
                  "pxelinux.cfg/default lacks the kernel parameter 'initrd': Syslinux would change "
                  "it");
}

static void what_syslinux_adds_counts(struct arena arena)
{
    char line[2100] = "";
    memset(line, 'a', 2047 - strlen("BOOT_IMAGE=bzImage  initrd=initrd"));
    struct tree_description tree = make_tree(line);
    CHECK_DONE(menu_check(MENU_PXELINUX, &tree, arena, check_error));
    strcat(line, "a");
    CHECK_REFUSED(menu_check(MENU_PXELINUX, &tree, arena, check_error),
                  "the kernel's command line is 2048 bytes long with what Syslinux adds, and the "
                  "kernel reads at most 2047; shorten it with --params");
}

static void uboot_gets_what_it_does_not_change(struct arena arena)
{
    static const char *const lines[][2] = {
        { "a=b \"c  d\" # ; && $x *", "a=b \"c  d\" # ; && $x *" },
        { "a ${x} b", "a b" },
        { "a $(x) b", "a b" },
        { "a ${open b", "a b" },
        { "a x$ b", "a b" },
        { "a it's b", "a b" },
        { "a \\x2d b", "a b" },
    };
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        struct tree_description tree = make_tree(lines[i][0]);
        tree.system = "aarch64-linux";
        tree.kernel.name = "Image";
        check_about("%s", lines[i][0]);
        CHECK(strstr(write_menu(MENU_EXTLINUX, &tree, &arena).data,
                     arena_format(&arena, "  LINUX ../Image\n  INITRD ../initrd\n  APPEND %s\n",
                                  lines[i][1])
                         .data) != NULL);
        CHECK_NUMBER(menu_warnings(MENU_EXTLINUX, &tree, &arena).count, i > 0);
    }
}

static void uboot_takes_one_ramdisk(struct arena arena)
{
    struct tree_description tree = make_tree("a");
    tree.system = "aarch64-linux";
    CHECK_DONE(menu_check(MENU_EXTLINUX, &tree, arena, check_error));
    tree.ramdisk_count = 2;
    CHECK_REFUSED(menu_check(MENU_EXTLINUX, &tree, arena, check_error),
                  "U-Boot loads one ramdisk, and this tree has 2 files of it; leave out "
                  "--separate-store");
    CHECK_DONE(menu_check(MENU_GRUB, &tree, arena, check_error));
}

static void a_long_line_for_uboot_is_a_warning(struct arena arena)
{
    for (size_t length = 1023; length <= 1024; length++) {
        char *line = arena_new(&arena, char, length + 1);
        memset(line, 'a', length);
        line[length / 2] = ' ';
        struct tree_description tree = make_tree(line);
        tree.system = "aarch64-linux";
        struct option_list warnings = menu_warnings(MENU_EXTLINUX, &tree, &arena);
        CHECK_NUMBER(warnings.count, length > 1023);
        if (warnings.count > 0)
            CHECK_STR(
                str_from(warnings.items[0]),
                "extlinux/extlinux.conf has 1024 bytes of kernel parameters, and U-Boot refuses "
                "more than 1023 unless the CONFIG_SYS_CBSIZE of its board is larger; shorten "
                "them with --params");
        CHECK_DONE(menu_check(MENU_EXTLINUX, &tree, arena, check_error));
        tree.system = "x86_64-linux";
        CHECK_NUMBER(menu_warnings(MENU_EXTLINUX, &tree, &arena).count, 0);
    }
}

static void uboot_is_told_of_device_trees(struct arena arena)
{
    static const struct {
        const char *system, *device_tree, *line;
        enum menu menu;
    } rows[] = {
        { "aarch64-linux", NULL, "", MENU_EXTLINUX },
        { "aarch64-linux", "dtbs", "  FDTDIR ../dtbs\n", MENU_EXTLINUX },
        { "aarch64-linux", "dtbs/maker/board.dtb", "  FDT ../dtbs/maker/board.dtb\n",
          MENU_EXTLINUX },
        { "aarch64-linux", "dtbs/dtbs", "  FDT dtbs/dtbs\n", MENU_PXELINUX },
        { "x86_64-linux", "dtbs", "", MENU_PXELINUX },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct tree_description tree = make_tree("a");
        tree.system = rows[i].system;
        tree.device_tree = rows[i].device_tree;
        check_about("row %zu", i);
        CHECK(strstr(write_menu(rows[i].menu, &tree, &arena).data,
                     arena_format(&arena, "initrd\n%s  APPEND a\n", rows[i].line).data) != NULL);
    }
}

int main(void)
{
    return CHECK_ALL(
        CASE(grub_has_words_in_quotes), CASE(images_are_loaded_unless_a_url_is_known),
        CASE(a_label_that_is_no_title_gives_way), CASE(grub_gets_the_words_that_the_kernel_reads),
        CASE(what_grub_would_change_is_left_out_by_name), CASE(the_quotes_of_grub_count),
        CASE(syslinux_has_a_label_that_is_the_default),
        CASE(the_ramdisk_of_syslinux_is_not_named_twice), CASE(what_syslinux_adds_counts),
        CASE(uboot_gets_what_it_does_not_change), CASE(uboot_takes_one_ramdisk),
        CASE(a_long_line_for_uboot_is_a_warning), CASE(uboot_is_told_of_device_trees));
}
