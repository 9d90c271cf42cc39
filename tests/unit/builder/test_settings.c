#include "tests/check.h"

#include "builder/settings.h"

#include <string.h>

/* Reads a command line whose words are separated by blanks. */
static enum options_answer read_words(const char *words, struct settings *ret_settings,
                                      struct arena *arena)
{
    static char program[] = "regd-build";
    char *argv[32] = { program };
    int argc = 1;
    for (struct cut cut = { .tail = str_from(words), .found = *words != '\0' }; cut.found;) {
        cut = str_cut(cut.tail, ' ');
        argv[argc++] = (char *)arena_copy(arena, cut.head).data;
    }
    return settings_read(argc, argv, arena, ret_settings, check_error);
}

static void words_become_values(struct arena arena)
{
    struct settings settings = { 0 };
    CHECK_NUMBER(read_words("tree TOP -o out --compression xz:3 --max-size 2G --file a:b "
                            "--compressor gzip:4 --base-url http://x/y --tarball t.tar.zst",
                            &settings, &arena),
                 OPTIONS_RUN);
    CHECK_NUMBER(settings.command, COMMAND_TREE);
    CHECK_STR(settings.arguments.items[0], "TOP");
    CHECK_STR(settings.output, "out");
    CHECK_NUMBER(settings.image.method.kind, COMPRESSION_XZ);
    CHECK_NUMBER(settings.image.method.level, 3);
    CHECK(settings.image.max_size_bytes == (uint64_t)2 << 30);
    CHECK_NUMBER(settings.ramdisk.method.kind, COMPRESSION_GZIP);
    CHECK_NUMBER(settings.ramdisk.extras.count, 1);
    CHECK_STR(settings.ramdisk.extras.items[0].target, "b");
}

static void what_is_not_said_is_the_default(struct arena arena)
{
    struct settings settings = { 0 };
    CHECK_NUMBER(read_words("squashfs P -o f", &settings, &arena), OPTIONS_RUN);
    CHECK_NUMBER(settings.image.method.kind, COMPRESSION_ZSTD);
    CHECK_NUMBER(settings.image.method.level, 19);
    CHECK_NUMBER(settings.image.max_size_bytes, 0);
    CHECK(!settings.ramdisk.method.is_on && !settings.output[1] && !settings.quiet);
    CHECK_NUMBER(settings.jobs, 0);
}

static void what_cannot_be_is_a_wrong_command_line(struct arena arena)
{
    static const struct {
        const char *words, *sentence;
    } rows[] = {
        { "tree TOP", "tree: missing -o PATH" },
        { "squashfs -o "
          "f",
          "squashfs: missing PATH; or give --registration, --graph or --path-info" },
        { "manifest", "manifest: missing PATH; or give --registration, --graph or --path-info" },
        { "manifest --graph a --path-info b",
          "--registration, --graph and --path-info cannot be combined" },
        { "manifest - --graph -", "'-' (standard input) can be given only once" },
        { "manifest - --add -", "'-' (standard input) can be given only once" },
        { "ramdisk -o f", "ramdisk: missing --prepend FILE, --file SRC:DST or --store FILE" },
        { "inspect a b", "inspect: unexpected argument 'b'; usage: regd-build inspect IMAGE" },
        { "inspect a --why b", "option --why expects A B, not only 'b'" },
        { "inspect a --why b c --diff d", "--why, --closure and --diff cannot be combined" },
        { "inspect a --closure b --diff d", "--why, --closure and --diff cannot be combined" },
        { "inspect a --why b c --closure d", "--why, --closure and --diff cannot be combined" },
        { "ipxe TOP --base-url x",
          "--base-url expects a URL without spaces, quotes, '?', '#', '$' or a final '/', not 'x'" },
        { "ipxe TOP --base-url http://x/",
          "--base-url expects a URL without spaces, quotes, '?', '#', '$' or a final '/', not "
          "'http://x/'" },
        { "ipxe TOP --base-url http://x/y?z=1",
          "--base-url expects a URL without spaces, quotes, '?', '#', '$' or a final '/', not "
          "'http://x/y?z=1'" },
        { "ipxe TOP --base-url http://x/y#z",
          "--base-url expects a URL without spaces, quotes, '?', '#', '$' or a final '/', not "
          "'http://x/y#z'" },
        { "ipxe TOP --base-url http://x/${y}",
          "--base-url expects a URL without spaces, quotes, '?', '#', '$' or a final '/', not "
          "'http://x/${y}'" },
        { "tree TOP -o d --compressor xz:1 --separate-store",
          "--compressor and --separate-store cannot be combined" },
        { "tree TOP -o d --by-url --separate-store",
          "--by-url and --separate-store cannot be combined" },
        { "tree TOP -o d --by-url --base-url tftp://x/y",
          "--by-url needs a --base-url of http or https, not 'tftp://x/y'" },
        { "tree TOP -o d --stub s", "--stub is used only with --uki" },
        { "manifest --registration - --graph a",
          "--registration, --graph and --path-info cannot be combined" },
        { "manifest --registration - --add -", "'-' (standard input) can be given only once" },
        { "unpack i", "unpack: missing --root DIR; '/' is this system" },
        { "unpack i --root d --profile p", "--profile is used only with --register" },
        { "verify i --root-hash 00", "--root-hash expects 64 hex digits, not '00'" },
        { "publish t", "publish: missing --into ROOT" },
        { "publish --into r", "publish: missing TREE; or give --rollback" },
        { "publish t --into r --rollback",
          "--rollback cannot be combined with TREE, --label or --keep" },
        { "publish --into r --rollback --label l",
          "--rollback cannot be combined with TREE, --label or --keep" },
        { "publish --into r --rollback --keep 1",
          "--rollback cannot be combined with TREE, --label or --keep" },
        { "publish t --into r --grace 1", "--grace is used only with --keep" },
        { "publish t --into r --label .l",
          "--label expects 1 to 200 letters, digits, '.', '_' or '-', not '.l'" },
        { "publish t --into r --keep 0", "--keep expects a number from 1 to 1000000, not '0'" },
        { "publish t --into r --keep 1000001",
          "--keep expects a number from 1 to 1000000, not '1000001'" },
        { "publish t --into r --keep 1 --grace -1",
          "--grace expects a number from 0 to 1000000000, not '-1'" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct settings settings;
        check_about("%s", rows[i].words);
        CHECK_REFUSED(read_words(rows[i].words, &settings, &arena) != OPTIONS_WRONG,
                      rows[i].sentence);
    }
}

/* What their own parsers refuse is refused here, before any work. */
static void wrong_values_are_a_wrong_command_line(struct arena arena)
{
    static const char *const rows[] = { "squashfs P -o f --compression none",
                                        "squashfs P -o f --max-size 0",
                                        "tree TOP -o d --tarball t.zip",
                                        "tree TOP -o d --compressor lz4",
                                        "ramdisk -o f --file a",
                                        "squashfs P -o f -j 0",
                                        "squashfs P -o f --verity z",
                                        "tree",
                                        "unknown",
                                        "tree TOP -o d --why x" };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct settings settings;
        check_about("%s", rows[i]);
        CHECK_NUMBER(read_words(rows[i], &settings, &arena), OPTIONS_WRONG);
        CHECK(check_error->sentence[0] != '\0');
    }
}

static void right_ones_are_run(struct arena arena)
{
    static const char *const rows[] = { "manifest -",
                                        "manifest --graph -",
                                        "inspect a",
                                        "inspect i --why a b",
                                        "inspect i --diff old --svg f --json",
                                        "verify d",
                                        "kexec TOP",
                                        "ramdisk -o f --store s",
                                        "ramdisk -o f --prepend p",
                                        "tree TOP -o d --by-url --base-url https://x",
                                        "tree TOP -o d --by-url --base-url http://x",
                                        "tree TOP -o d --by-url",
                                        "tree TOP -o d --uki --stub s",
                                        "unpack i --root d --register --profile p",
                                        "publish t --into r --label l --keep 1000000 --grace 0",
                                        "publish --into r --rollback",
                                        "ipxe TOP --base-url tftp://[::1]:69/a%20b" };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct settings settings;
        check_about("%s", rows[i]);
        if (!CHECK_NUMBER(read_words(rows[i], &settings, &arena), OPTIONS_RUN))
            CHECK_STR(check_error->sentence, "");
    }
    struct settings settings;
    CHECK_NUMBER(read_words("--help", &settings, &arena), OPTIONS_HELP);
    CHECK_NUMBER(read_words("--version", &settings, &arena), OPTIONS_VERSION);
}

int main(void)
{
    return CHECK_ALL(CASE(words_become_values), CASE(what_is_not_said_is_the_default),
                     CASE(what_cannot_be_is_a_wrong_command_line),
                     CASE(wrong_values_are_a_wrong_command_line), CASE(right_ones_are_run));
}
