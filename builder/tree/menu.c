#include "builder/tree/menu.h"

#include "builder/tree/script.h"
#include "builder/tree/tree.h"
#include "schema/base/utf8.h"
#include "schema/boot/kernel_command_line.h"

#include <assert.h>
#include <string.h>

/* A parameter as it is on the system's command line, and as the kernel reads it. */
struct word {
    struct str source;
    struct kernel_parameter parameter;
};

struct loader {
    const char *name;
    /* Returns the text of a parameter for the loader, empty if it cannot pass the parameter on. */
    struct str (*text)(const struct word *word, struct arena *arena);
    /* Returns how many bytes the kernel gets for that text. */
    size_t (*length)(struct str text);
    /* Returns the number of bytes that the loader adds to the command line at least. */
    size_t (*added)(const struct tree_description *tree);
    void (*write)(FILE *stream, const struct tree_description *tree, const char *prefix,
                  struct arena scratch);
    bool takes_one_ramdisk, takes_device_tree;
};

/* The images of a tree by URL are fetched if there is a URL; otherwise they are beside the menu. */
static size_t menu_files(const struct tree_description *tree)
{
    return tree->ramdisk_count + (tree->base_url ? 0 : tree->piece_count);
}

static bool next_word(struct str *line, struct word *ret_word)
{
    struct str rest = *line;
    if (!kernel_command_line_next(line, &ret_word->parameter))
        return false;
    ret_word->source = (struct str){ rest.data, (size_t)(line->data - rest.data) };
    while (str_starts(ret_word->source, STR(" ")))
        ret_word->source = str_skip(ret_word->source, 1);
    return true;
}

static bool has_byte(struct str text, char byte)
{
    return text.len > 0 && memchr(text.data, (unsigned char)byte, text.len);
}

/* A title is one line that GRUB does not take for an option. */
static struct str title_of(const struct tree_description *tree)
{
    struct str label = str_from(tree->label);
    bool is_title = label.len > 0 && label.data[0] != '-' && utf8_control_from(label) == label.len;
    return is_title ? label : str_cut_last(str_from(tree->toplevel), '/').tail;
}

/* --- GRUB --------------------------------------------------------------------------------------- */

static bool grub_keeps(struct str text)
{
    return !has_byte(text, '"') && !has_byte(text, '\'') && !has_byte(text, '\\');
}

/* The kernel takes the byte 0xa0, which letters of UTF-8 have, for white space unless it is between
 * quotes. GRUB only looks for spaces. */
static bool needs_other_quotes(const struct word *word, struct str text)
{
    return has_byte(text, '\xa0') && !has_byte(text, ' ') && has_byte(word->source, '"');
}

static struct str grub_text(const struct word *word, struct arena *arena)
{
    const struct kernel_parameter *parameter = &word->parameter;
    struct str text = arena_format(arena, "%.*s%s%.*s", STR_ARG(parameter->name),
                                   parameter->has_value ? "=" : "", STR_ARG(parameter->value));
    return grub_keeps(text) && !needs_other_quotes(word, text) ? text : STR("");
}

static size_t grub_length(struct str text)
{
    return text.len + (has_byte(text, ' ') ? 2 : 0);
}

static size_t grub_added(const struct tree_description *tree)
{
    return strlen("BOOT_IMAGE=(hd0)/") + strlen(tree->kernel.name);
}

static void write_grub(FILE *stream, const struct tree_description *tree, const char *prefix,
                       struct arena scratch)
{
    (void)prefix;
    fputs("# Read this file with `source`, wherever the tree is.\n"
          "menuentry ",
          stream);
    script_write_word(stream, title_of(tree));
    fprintf(stream, " \"$config_directory\" {\n  linux \"$2/%s\"", tree->kernel.name);
    struct word word;
    for (struct str line = str_from(tree->command_line); next_word(&line, &word);) {
        struct str text = grub_text(&word, &scratch);
        if (text.len == 0)
            continue;
        fputc(' ', stream);
        script_write_word(stream, text);
    }
    struct str from = tree_from(tree, NULL, &scratch);
    if (from.len > 0) {
        fputc(' ', stream);
        script_write_word(stream, str_skip(from, 1));
    }
    fputs("\n  initrd", stream);
    for (size_t i = 0; i < menu_files(tree); i++)
        fprintf(stream, " \"$2/%s\"", tree->ramdisks[i].name);
    fputs("\n}\n", stream);
}

/* --- Syslinux and U-Boot ------------------------------------------------------------------------ */

static size_t plain_length(struct str text)
{
    return text.len;
}

/* Syslinux loads what the parameter initrd= names. */
static struct str syslinux_text(const struct word *word, struct arena *arena)
{
    (void)arena;
    return str_equal(word->parameter.name, STR("initrd")) ? STR("") : word->source;
}

static size_t syslinux_added(const struct tree_description *tree)
{
    size_t length = strlen("BOOT_IMAGE= initrd") + strlen(tree->kernel.name);
    for (size_t i = 0; i < menu_files(tree); i++)
        length += strlen(",") + strlen(tree->ramdisks[i].name);
    return length;
}

/* U-Boot drops quotes and backslashes, expands ${…} and $(…), and loses a '$' at the end. */
static struct str uboot_text(const struct word *word, struct arena *arena)
{
    (void)arena;
    struct str text = word->source;
    bool is_kept = !has_byte(text, '\'') && !has_byte(text, '\\') &&
                   !memmem(text.data, text.len, "$(", 2) && !memmem(text.data, text.len, "${", 2) &&
                   !str_ends(text, STR("$"));
    return is_kept ? text : STR("");
}

/* CONFIG_SYS_CBSIZE is 1024 for most boards (u-boot 2025.01, cmd/Kconfig), with the zero at the end. */
#define UBOOT_PARAMETERS_MAX 1023

static size_t uboot_added(const struct tree_description *tree)
{
    (void)tree;
    return 0;
}

static const struct loader *label_loader(const struct tree_description *tree);

/* File names follow `prefix`, the way to them. */
static void write_label(FILE *stream, const struct tree_description *tree, const char *prefix,
                        struct arena scratch)
{
    const struct loader *loader = label_loader(tree);
    struct str title = title_of(tree);
    fprintf(stream,
            "DEFAULT regd\n"
            "LABEL regd\n"
            "  MENU LABEL %.*s\n"
            "  LINUX %s%s\n"
            "  INITRD ",
            STR_ARG(title), prefix, tree->kernel.name);
    for (size_t i = 0; i < menu_files(tree); i++)
        fprintf(stream, "%s%s%s", i > 0 ? "," : "", prefix, tree->ramdisks[i].name);
    fputc('\n', stream);
    if (tree->device_tree && loader->takes_device_tree)
        fprintf(stream, "  %s %s%s\n",
                strcmp(tree->device_tree, TREE_DTBS_NAME) == 0 ? "FDTDIR" : "FDT", prefix,
                tree->device_tree);
    fputs("  APPEND", stream);
    struct word word;
    for (struct str line = str_from(tree->command_line); next_word(&line, &word);) {
        struct str text = loader->text(&word, &scratch);
        if (text.len > 0)
            fprintf(stream, " %.*s", STR_ARG(text));
    }
    fprintf(stream, "%s\n", tree_from(tree, NULL, &scratch).data);
}

/* --- All ---------------------------------------------------------------------------------------- */

enum loader_kind { GRUB, SYSLINUX, UBOOT };

static const struct loader loaders[] = {
    [GRUB] = { "GRUB", grub_text, grub_length, grub_added, write_grub, false, false },
    [SYSLINUX] = { "Syslinux", syslinux_text, plain_length, syslinux_added, write_label, false,
                   false },
    [UBOOT] = { "U-Boot", uboot_text, plain_length, uboot_added, write_label, true, true },
};

/* On x86 it is mostly Syslinux that reads these files, elsewhere U-Boot. */
static const struct loader *label_loader(const struct tree_description *tree)
{
    struct str processor = str_cut(str_from(tree->system), '-').head;
    bool is_x86 = str_equal(processor, STR("x86_64")) || str_equal(processor, STR("i686"));
    return &loaders[is_x86 ? SYSLINUX : UBOOT];
}

static const struct loader *loader_of(enum menu menu, const struct tree_description *tree)
{
    return menu == MENU_GRUB ? &loaders[GRUB] : label_loader(tree);
}

const char *menu_name(enum menu menu)
{
    static const char *const names[MENU_COUNT] = {
        [MENU_GRUB] = TREE_GRUB_NAME,
        [MENU_EXTLINUX] = TREE_EXTLINUX_NAME,
        [MENU_PXELINUX] = TREE_PXELINUX_NAME,
    };
    assert(menu < MENU_COUNT);
    return names[menu];
}

/* Returns how many bytes of parameters the loader's file has. */
static size_t parameters_length(const struct loader *loader, const struct tree_description *tree,
                                struct arena scratch)
{
    size_t length = tree_from(tree, NULL, &scratch).len;
    struct word word;
    for (struct str line = str_from(tree->command_line); next_word(&line, &word);) {
        struct arena rest = scratch;
        struct str text = loader->text(&word, &rest);
        length += text.len > 0 ? loader->length(text) + strlen(" ") : 0;
    }
    return length > 0 ? length - strlen(" ") : 0;
}

bool menu_check(enum menu menu, const struct tree_description *tree, struct arena scratch,
                struct error *error)
{
    const struct loader *loader = loader_of(menu, tree);
    size_t length_max = boot_spec_command_line_max(str_from(tree->system));
    size_t length = loader->added(tree) + strlen(" ") + parameters_length(loader, tree, scratch);
    if (tree_is_by_url(tree) && !tree->base_url && tree->piece_count == 0)
        return error_set(error, "a store image is too large for a ramdisk; give --base-url");
    if (loader->takes_one_ramdisk && menu_files(tree) > 1)
        return error_set(error, "%s loads one ramdisk, and this tree has %zu files of it; %s",
                         loader->name, menu_files(tree),
                         tree_is_by_url(tree) ? "give --base-url" : "leave out --separate-store");
    return length <= length_max ||
           error_set(
               error,
               "the kernel's command line is %zu bytes long with what %s adds, and the kernel "
               "reads at most %zu; shorten it with --params",
               length, loader->name, length_max);
}

struct option_list menu_warnings(enum menu menu, const struct tree_description *tree,
                                 struct arena *arena)
{
    const struct loader *loader = loader_of(menu, tree);
    struct option_list sentences = { 0 };
    size_t length = parameters_length(loader, tree, *arena);
    if (loader == &loaders[UBOOT] && length > UBOOT_PARAMETERS_MAX)
        option_list_add(
            &sentences,
            arena_format(arena,
                         "%s has %zu bytes of kernel parameters, and U-Boot refuses more "
                         "than %d unless the CONFIG_SYS_CBSIZE of its board is larger; "
                         "shorten them with --params",
                         menu_name(menu), length, UBOOT_PARAMETERS_MAX)
                .data,
            arena);
    struct word word;
    for (struct str line = str_from(tree->command_line); next_word(&line, &word);) {
        if (loader->text(&word, arena).len > 0)
            continue;
        struct str name = word.parameter.name.len > 0 ? word.parameter.name : word.source;
        option_list_add(&sentences,
                        arena_format(arena,
                                     "%s lacks the kernel parameter '%.*s': %s would change it",
                                     menu_name(menu), STR_ARG(name), loader->name)
                            .data,
                        arena);
    }
    return sentences;
}

void menu_write(enum menu menu, FILE *stream, const struct tree_description *tree,
                struct arena scratch)
{
    const char *prefix = menu == MENU_EXTLINUX ? "../" : "";
    loader_of(menu, tree)->write(stream, tree, prefix, scratch);
}
