#include "builder/tree/script.h"

#include "builder/tree/boot_memory.h"

#include <assert.h>
#include <string.h>

static const char kexec_template[] =
#include "kexec-boot.sh.inc"
    ;

static const char kexec_run[] =
#include "kexec-run.sh.inc"
    ;

/* A character that iPXE accepts only as the value of a setting. */
struct ipxe_setting {
    const char *name;
    char character;
    bool used;
};

enum { HASH, BLANK, BAR, AMPERSAND, SEMICOLON, SETTING_COUNT };

/* iPXE takes some words for a comment or for the end of the command. Returns the setting that must
 * replace the first character of such a word, or SETTING_COUNT for a plain word. */
static size_t syntax_of(struct str word)
{
    if (str_starts(word, STR("#")))
        return HASH;
    if (str_equal(word, STR("||")))
        return BAR;
    if (str_equal(word, STR("&&")))
        return AMPERSAND;
    if (str_equal(word, STR(";")))
        return SEMICOLON;
    return SETTING_COUNT;
}

static bool check_word(struct str word, struct error *error)
{
    const char *start = word.len ? memmem(word.data, word.len, "${", 2) : NULL;
    if (!start || !memchr(start, '}', (size_t)(word.data + word.len - start)))
        return true;
    return error_set(
        error, "iPXE would expand ${…} in the kernel parameter '%.*s'; change it with --params",
        STR_ARG(word));
}

/* Writes the parameters as words of iPXE and marks the settings that they need. With a null stream,
 * only marks the settings. Several spaces in a row are significant inside quotes: all but the first
 * are written as settings before the next word. Spaces at the end are dropped. */
static bool write_words(FILE *stream, struct str params, struct ipxe_setting *settings,
                        struct error *error)
{
    for (struct cut cut = { .tail = params, .found = true }; cut.found;) {
        size_t blanks = 0;
        do {
            cut = str_cut(cut.tail, ' ');
            blanks += cut.head.len == 0;
        } while (cut.head.len == 0 && cut.found);
        if (cut.head.len == 0)
            break;
        if (!check_word(cut.head, error))
            return false;
        size_t syntax = syntax_of(cut.head);
        bool replaced = syntax != SETTING_COUNT;
        if (blanks > 0)
            settings[BLANK].used = true;
        if (replaced)
            settings[syntax].used = true;
        if (!stream)
            continue;
        fputc(' ', stream);
        for (; blanks > 0; blanks--)
            fprintf(stream, "${%s:string}", settings[BLANK].name);
        if (replaced)
            fprintf(stream, "${%s:string}", settings[syntax].name);
        struct str rest = str_skip(cut.head, replaced ? 1 : 0);
        fwrite(rest.data, 1, rest.len, stream);
    }
    return true;
}

/* Writes the file's name, after the base URL if there is one. */
static void write_place(FILE *stream, const struct tree_description *tree, const char *name)
{
    if (tree->base_url)
        fprintf(stream, "%s/", tree->base_url);
    fputs(name, stream);
}

/* Returns the name of a ramdisk file on the command line. It is short because the length of the
 * command line is limited. */
static const char *piece_name(size_t index, struct arena *scratch)
{
    return index == 0 ? "initrd" : arena_format(scratch, "%zu", index).data;
}

/* An iPXE without cwduri may have found the script by DHCP, whose file name is then its URL. After a
 * command that fails, `||` keeps the script going; the last line ends it. */
static const char find_from[] =
    "clear regd-from ||\n"
    "isset ${filename} && set regd-from ${filename} ||\n"
    "isset ${cwduri} && set regd-from ${cwduri} ||\n"
    "isset ${regd-from} || echo This iPXE does not know the URL of its script. Build the tree with "
    "--base-url URL.\n"
    "isset ${regd-from}\n";

bool script_check_ipxe(const struct tree_description *tree, struct arena scratch,
                       struct error *error)
{
    struct ipxe_setting settings[SETTING_COUNT] = { 0 };
    struct str command_line = str_from(tree->command_line);
    /* On UEFI, iPXE puts the kernel's name before the parameters, as for any program. */
    size_t length = strlen(tree->kernel.name) + strlen(" ") + command_line.len, i = 0;
    size_t length_max = boot_spec_command_line_max(str_from(tree->system));
    do
        length += strlen(" initrd=") + strlen(piece_name(i, &scratch));
    while (++i < tree->ramdisk_count);
    struct str from = tree_from(tree, "", &scratch);
    length += from.len + (from.len > 0 && !tree->base_url ? SCRIPT_FROM_BYTES : 0);
    if (length > length_max)
        return error_set(
            error,
            "the kernel's command line is %zu bytes long with iPXE's initrd=, and the kernel reads "
            "at most %zu; shorten it with --params",
            length, length_max);
    return write_words(NULL, command_line, settings, error);
}

bool script_write_ipxe(FILE *stream, const struct tree_description *tree, struct arena scratch,
                       struct error *error)
{
    struct str command_line = str_from(tree->command_line);
    struct ipxe_setting settings[SETTING_COUNT] = {
        [HASH] = { "regd-hash", '#', false },      [BLANK] = { "regd-blank", ' ', false },
        [BAR] = { "regd-bar", '|', false },        [AMPERSAND] = { "regd-and", '&', false },
        [SEMICOLON] = { "regd-semi", ';', false },
    };
    if (!script_check_ipxe(tree, scratch, error) ||
        !write_words(NULL, command_line, settings, error))
        return false;
    fputs("#!ipxe\n"
          "# Set the variable cmdline before chaining to this script to add kernel parameters.\n"
          "imgfree\n",
          stream);
    if (tree_is_by_url(tree) && !tree->base_url)
        fputs(find_from, stream);
    for (size_t i = 0; i < SETTING_COUNT; i++)
        if (settings[i].used)
            fprintf(stream, "set %s:hex %02x\n", settings[i].name, (unsigned)settings[i].character);
    fputs("kernel ", stream);
    write_place(stream, tree, tree->kernel.name);
    for (size_t i = 0; i < tree->ramdisk_count; i++)
        fprintf(stream, " initrd=%s", piece_name(i, &scratch));
    if (!write_words(stream, command_line, settings, error))
        return false;
    fprintf(stream, "%s ${cmdline}\n", tree_from(tree, "${regd-from}", &scratch).data);
    for (size_t i = 0; i < tree->ramdisk_count; i++) {
        fprintf(stream, "initrd --name %s ", piece_name(i, &scratch));
        write_place(stream, tree, tree->ramdisks[i].name);
        fputc('\n', stream);
    }
    fputs("boot\n", stream);
    return true;
}

void script_write_word(FILE *stream, struct str text)
{
    fputc('\'', stream);
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] == '\'')
            fputs("'\\''", stream);
        else
            fputc(text.data[i], stream);
    }
    fputc('\'', stream);
}

/* --- kexec -------------------------------------------------------------------------------------- */

/* Of some files of the ramdisk. */
static struct str file_names(const struct tree_file *files, size_t count, struct arena *arena)
{
    size_t room = 1, length = 0;
    for (size_t i = 0; i < count; i++)
        room += strlen(files[i].name) + 1;
    char *names = arena_room(arena, room);
    for (size_t i = 0; i < count; i++) {
        struct str name = str_from(files[i].name);
        if (i > 0)
            names[length++] = ' ';
        memcpy(names + length, name.data, name.len);
        length += name.len;
    }
    return (struct str){ names, length };
}

/* Returns the digest of `first`, unless it is null, then those of the files in order. Returns "" if
 * the files are not known. */
static struct str file_digests(const struct tree_file *first, const struct tree_file *files,
                               size_t count, struct arena *arena)
{
    if (first && first->size_bytes == 0)
        return STR("");
    size_t length = 0;
    char *digests = arena_room(arena, (count + 1) * (HASH_HEX_LENGTH + 1));
    for (size_t i = first ? 0 : 1; i <= count; i++) {
        const struct tree_file *file = i == 0 ? first : &files[i - 1];
        if (length > 0)
            digests[length++] = ' ';
        hash_format_hex(file->hash.bytes, HASH_BYTES, digests + length);
        length += HASH_HEX_LENGTH;
    }
    return (struct str){ digests, length };
}

static struct str number_text(uint64_t number, struct arena *arena)
{
    return arena_format(arena, "%llu", (unsigned long long)number);
}

void script_write_kexec(FILE *stream, const struct tree_description *tree, struct arena scratch)
{
    const struct tree_file *stores = tree->ramdisks + tree->ramdisk_count;
    struct str names = file_names(tree->ramdisks, tree->ramdisk_count, &scratch);
    struct str store_names = file_names(stores, tree->piece_count, &scratch);
    struct str digests = file_digests(&tree->kernel, tree->ramdisks, tree->ramdisk_count, &scratch);
    struct str store_digests = file_digests(NULL, stores, tree->piece_count, &scratch);
    const struct {
        struct str mark, value;
        bool is_number;
    } marks[] = {
        { STR("@KERNEL@"), str_from(tree->kernel.name), false },
        { STR("@INITRDS@"), names, false },
        { STR("@DIGESTS@"), digests, false },
        { STR("@BY_URL@"), tree_is_by_url(tree) ? STR("yes") : STR("no"), true },
        { STR("@STORES@"), store_names, false },
        { STR("@STORE_DIGESTS@"), store_digests, false },
        { STR("@STORE_KIB@"), number_text(tree->layer_bytes / 1024, &scratch), true },
        { STR("@FETCH_KIB@"), number_text(BOOT_MEMORY_FETCH_BYTES / 1024, &scratch), true },
        { STR("@HUGE_FROM_KIB@"), number_text(BOOT_MEMORY_HUGE_FROM_BYTES / 1024, &scratch), true },
        { STR("@HUGE_KIB@"), number_text(BOOT_MEMORY_HUGE_BYTES / 1024, &scratch), true },
        { STR("@COMMAND_LINE@"), str_from(tree->command_line), false },
        { STR("@COMMAND_LINE_MAX@"),
          number_text(boot_spec_command_line_max(str_from(tree->system)), &scratch), true },
        { STR("@UNPACKED_KIB@"), number_text(tree->unpacked_bytes / 1024, &scratch), true },
        { STR("@LIMITED_KIB@"), number_text(BOOT_MEMORY_LIMITED_REPORTED_BYTES / 1024, &scratch),
          true },
        { STR("@FREE_PART@"), number_text(BOOT_MEMORY_FREE_REPORTED_PART, &scratch), true },
        { STR("@FREE_KIB@"), number_text(BOOT_MEMORY_FREE_REPORTED_BYTES / 1024, &scratch), true },
    };
    struct str rest = { kexec_template, sizeof kexec_template - 1 };
    while (rest.len > 0) {
        size_t i = 0;
        while (i < sizeof marks / sizeof *marks && !str_starts(rest, marks[i].mark))
            i++;
        if (i == sizeof marks / sizeof *marks) {
            fputc(rest.data[0], stream);
            rest = str_skip(rest, 1);
            continue;
        }
        if (marks[i].is_number)
            fwrite(marks[i].value.data, 1, marks[i].value.len, stream);
        else
            script_write_word(stream, marks[i].value);
        rest = str_skip(rest, marks[i].mark.len);
    }
}

void script_write_kexec_run(FILE *stream)
{
    fputs(kexec_run, stream);
}
