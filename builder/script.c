#include "builder/script.h"

#include <assert.h>
#include <string.h>

static const char kexec_template[] =
#include "kexec-boot.sh.inc"
    ;

/* A character that iPXE can only be given through a setting. */
struct ipxe_setting {
    const char *name;
    char character;
    bool used;
};

enum { HASH, BLANK, BAR, AMPERSAND, SEMICOLON, SETTING_COUNT };

/* Does iPXE take the word for a comment or for the end of the command? Which setting then stands
 * for its first character; SETTING_COUNT if it is a plain word. */
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
    return error_set(error,
                     "the kernel parameter '%.*s' cannot be given to iPXE, which expands ${…}",
                     STR_ARG(word));
}

/* Writes the parameters as words of iPXE, or with a null stream only finds the settings they
 * need. Of several blanks in a row (they count inside quotes) all but the first are settings in
 * front of the next word; blanks at the end mean nothing and are dropped. */
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

bool script_check_ipxe(const struct boot_spec *spec, struct error *error)
{
    struct ipxe_setting settings[SETTING_COUNT] = { 0 };
    return write_words(NULL, spec->command_line, settings, error);
}

bool script_write_ipxe(FILE *stream, const struct boot_spec *spec, const char *kernel,
                       const char *initrd, struct error *error)
{
    struct ipxe_setting settings[SETTING_COUNT] = {
        [HASH] = { "regd-hash", '#', false },      [BLANK] = { "regd-blank", ' ', false },
        [BAR] = { "regd-bar", '|', false },        [AMPERSAND] = { "regd-and", '&', false },
        [SEMICOLON] = { "regd-semi", ';', false },
    };
    if (!write_words(NULL, spec->command_line, settings, error))
        return false;
    fputs("#!ipxe\n"
          "# Set the variable cmdline before chaining to this script to add kernel parameters.\n"
          "imgfree\n",
          stream);
    for (size_t i = 0; i < SETTING_COUNT; i++)
        if (settings[i].used)
            fprintf(stream, "set %s:hex %02x\n", settings[i].name, (unsigned)settings[i].character);
    fprintf(stream, "kernel %s initrd=initrd", kernel);
    if (!write_words(stream, spec->command_line, settings, error))
        return false;
    fprintf(stream, " ${cmdline}\ninitrd --name initrd %s\nboot\n", initrd);
    return true;
}

/* Writes one word of the shell. */
static void write_shell_word(FILE *stream, struct str text)
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

void script_write_kexec(FILE *stream, const struct boot_spec *spec, const char *kernel,
                        const char *initrd, uint64_t unpacked_kib)
{
    const struct {
        struct str mark, value;
    } words[] = {
        { STR("@KERNEL@"), str_from(kernel) },
        { STR("@INITRD@"), str_from(initrd) },
        { STR("@COMMAND_LINE@"), spec->command_line },
    };
    static const struct str number = STR("@UNPACKED_KIB@");
    struct str rest = { kexec_template, sizeof kexec_template - 1 };
    while (rest.len > 0) {
        struct str value = { 0 };
        size_t mark = 0;
        if (rest.data[0] == '@')
            for (size_t i = 0; i < sizeof words / sizeof *words; i++)
                if (str_starts(rest, words[i].mark)) {
                    mark = words[i].mark.len;
                    value = words[i].value;
                }
        if (mark > 0) {
            write_shell_word(stream, value);
        } else if (str_starts(rest, number)) {
            fprintf(stream, "%llu", (unsigned long long)unpacked_kib);
            mark = number.len;
        } else {
            fputc(rest.data[0], stream);
            mark = 1;
        }
        rest = str_skip(rest, mark);
    }
}
