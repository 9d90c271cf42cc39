#include "tests/check_calls.h"

#include "schema/base/own.h"
#include "schema/boot/boot_spec.h"

#include <string.h>
#include <sys/stat.h>

#define BASE  CHECK_DIGEST "-system"
#define TOP   "/nix/store/" BASE
#define BELOW "nix/store/" BASE

static const struct boot_spec_override none;

/* A system of plain files. */
static void make_system(void)
{
    check_file(BELOW "/bzImage", STR("kernel"));
    check_file(BELOW "/initrd", STR("initrd"));
    check_file(BELOW "/kernel-params", STR("quiet loglevel=4\n"));
    check_file(BELOW "/system", STR("x86_64-linux\n"));
    check_file(BELOW "/init", STR("#!"));
    CHECK(fchmodat(check_directory(), BELOW "/init", 0755, 0) == 0);
    CHECK(symlinkat("bzImage", check_directory(), BELOW "/kernel") == 0);
}

static bool read_spec(const struct boot_spec_override *override, struct arena *arena,
                      struct boot_spec *ret_spec)
{
    cleanup(check_store_close) struct store store = check_store(arena);
    return boot_spec_read(&store, STR(BASE), override, arena, ret_spec, check_error);
}

static void a_system_of_plain_files_is_read(struct arena arena)
{
    cleanup(boot_spec_release) struct boot_spec spec = BOOT_SPEC_NONE;
    char bytes[8] = "";
    make_system();
    if (!CHECK_DONE(read_spec(&none, &arena, &spec)))
        return;
    CHECK_STR(spec.toplevel, BASE);
    CHECK_STR(spec.kernel_name, "bzImage");
    CHECK_STR(spec.system, "x86_64-linux");
    CHECK_STR(spec.label, "");
    CHECK_STR(spec.params, "quiet loglevel=4");
    CHECK_STR(spec.command_line, "init=" TOP "/init quiet loglevel=4");
    CHECK_NUMBER(read(spec.kernel, bytes, sizeof bytes), 6);
    CHECK_STR((const char *)bytes, "kernel");
    CHECK_NUMBER(read(spec.initrd, bytes, sizeof bytes), 6);
    CHECK_STR((const char *)bytes, "initrd");
}

static void what_is_given_by_option_is_not_read(struct arena arena)
{
    cleanup(boot_spec_release) struct boot_spec spec = BOOT_SPEC_NONE;
    const char *kernel = arena_format(&arena, "%s/Image", check_directory_path()).data;
    make_system();
    check_file("Image", STR("other"));
    static const char *const parts[] = { BELOW "/bzImage", BELOW "/initrd", BELOW "/kernel-params",
                                         BELOW "/init" };
    for (size_t i = 0; i < 4; i++)
        CHECK(unlinkat(check_directory(), parts[i], 0) == 0);
    const struct boot_spec_override override = {
        .kernel = kernel, .params = "", .init = "/other", .without_initrd = true
    };
    if (!CHECK_DONE(read_spec(&override, &arena, &spec)))
        return;
    CHECK_STR(spec.kernel_name, "Image");
    CHECK_STR(spec.command_line, "init=/other");
    CHECK_NUMBER(spec.initrd, -1);
}

/* The sentence with which the system is refused, without its path in front. */
static void check_refused_because(const struct boot_spec_override *override, const char *why,
                                  struct arena arena)
{
    struct boot_spec spec;
    CHECK_REFUSED(read_spec(override, &arena, &spec), arena_format(&arena, TOP ": %s", why));
}

static void parts_that_are_missing_or_no_files_are_refused(struct arena arena)
{
    static const struct {
        const char *part, *missing, *other;
    } rows[] = {
        { "initrd", "the system's initrd, " TOP "/initrd: No such file or directory",
          "the system's initrd is not a file: " TOP "/initrd" },
        { "bzImage", "the system's kernel, " TOP "/kernel: No such file or directory",
          "the system's kernel is not a file: " TOP "/kernel" },
        { "kernel-params",
          "the system's kernel-params, " TOP "/kernel-params: No such file or directory",
          TOP "/kernel-params is not a file" },
        { "init", "the system's init, " TOP "/init: No such file or directory",
          "the system's init, " TOP "/init, is not an executable file" },
    };
    make_system();
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char *path = arena_format(&arena, BELOW "/%s", rows[i].part).data;
        check_about("%s", rows[i].part);
        CHECK(renameat(check_directory(), path, check_directory(), "away") == 0);
        check_refused_because(&none, rows[i].missing, arena);
        CHECK(mkfifoat(check_directory(), path, 0700) == 0);
        check_refused_because(&none, rows[i].other, arena);
        CHECK(renameat(check_directory(), "away", check_directory(), path) == 0);
    }
}

static void an_empty_part_is_refused(struct arena arena)
{
    make_system();
    check_file(BELOW "/initrd", STR(""));
    check_refused_because(&none, "the system's initrd is empty: " TOP "/initrd", arena);
}

static void an_init_that_is_none_is_refused(struct arena arena)
{
    static const char *const wrong[] = { "relative", "/a b", "", "/a\"b", "\"/a\"", "/\xc3\xa0" };
    make_system();
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        const struct boot_spec_override override = { .init = wrong[i] };
        check_refused_because(
            &override,
            arena_format(&arena, "init '%s' is not an absolute path without spaces and quotes",
                         wrong[i])
                .data,
            arena);
    }
    CHECK(fchmodat(check_directory(), BELOW "/init", 0644, 0) == 0);
    check_refused_because(&none, "the system's init, " TOP "/init, is not an executable file",
                          arena);
}

/* "init=/i " takes 8 bytes of the line. */
static void a_line_that_the_kernel_would_cut_is_refused(struct arena arena)
{
    make_system();
    for (size_t bytes = 2047; bytes <= 2048; bytes++) {
        cleanup(boot_spec_release) struct boot_spec spec = BOOT_SPEC_NONE;
        char *params = arena_new(&arena, char, bytes);
        memset(params, 'x', bytes - 8);
        const struct boot_spec_override override = { .init = "/i", .params = params };
        if (bytes == 2047)
            CHECK_DONE(read_spec(&override, &arena, &spec));
        else
            check_refused_because(&override,
                                  "the kernel's command line is 2048 bytes long, and the kernel "
                                  "reads at most 2047; shorten it with --params",
                                  arena);
    }
}

static void a_line_with_control_characters_or_other_bytes_is_refused(struct arena arena)
{
    static const struct {
        const char *params, *sentence;
    } rows[] = {
        { "a\nb", "the kernel's command line has a control character at byte 10" },
        { "\x7f", "the kernel's command line has a control character at byte 9" },
        { "a \xc2\x9b"
          "2J",
          "the kernel's command line has a control character at byte 11" },
        { "a\n", NULL },
        { "\xc3\xa4", NULL },
        { "\xff",
          "the kernel's command line: byte 9 is 0xff, which JSON cannot hold; only UTF-8 is "
          "possible" },
    };
    make_system();
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        cleanup(boot_spec_release) struct boot_spec spec = BOOT_SPEC_NONE;
        const struct boot_spec_override override = { .init = "/i", .params = rows[i].params };
        check_about("row %zu", i);
        if (rows[i].sentence)
            check_refused_because(&override, rows[i].sentence, arena);
        else
            CHECK_DONE(read_spec(&override, &arena, &spec));
    }
}

static void the_longest_line_is_the_platforms(void)
{
    CHECK_NUMBER(boot_spec_command_line_max(STR("x86_64-linux")), 2047);
    CHECK_NUMBER(boot_spec_command_line_max(STR("aarch64-linux")), 2047);
    CHECK_NUMBER(boot_spec_command_line_max(STR("armv7l-linux")), 1023);
    CHECK_NUMBER(boot_spec_command_line_max(STR("riscv64-linux")), 1023);
    CHECK_NUMBER(boot_spec_command_line_max(STR("")), 2047);
}

static void a_plain_name_needs_no_quotes(void)
{
    static const char *const plain[] = { "bzImage", "a", "0", "Image-6.1_rc+2", "a." };
    static const char *const others[] = { "", "-a", ".a", "a b", "a/b", "a'", "\xc3\xa4", "a\n" };
    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++)
        CHECK(boot_spec_is_plain_name(str_from(plain[i])));
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        CHECK(!boot_spec_is_plain_name(str_from(others[i])));
    CHECK(!boot_spec_is_plain_name(STR("a\0")));
}

static void a_kernel_with_an_odd_name_is_refused(struct arena arena)
{
    const char *kernel = arena_format(&arena, "%s/my kernel", check_directory_path()).data;
    const struct boot_spec_override override = { .kernel = kernel };
    make_system();
    check_file("my kernel", STR("x"));
    check_refused_because(&override,
                          "the kernel's file name 'my kernel' is not plain; rename the "
                          "kernel, or give --kernel",
                          arena);
}

/* --- boot.json ------------------------------------------------------------------------------------ */

#define OTHER CHECK_DIGEST "-special"
#define JSON(members)                                 \
    "{\"org.nixos.bootspec.v1\":{\"toplevel\":\"" TOP \
    "\",\"label\":\"a label\",\"system\":\"riscv64-"  \
    "linux\"" members "}}"

static void boot_json_says_all(struct arena arena)
{
    cleanup(boot_spec_release) struct boot_spec spec = BOOT_SPEC_NONE;
    make_system();
    check_file(BELOW "/boot.json",
               STR(JSON(",\"init\":\"" TOP "/init\",\"kernel\":\"" TOP "/kernel\",\"initrd\":\"" TOP
                        "/initrd\",\"kernelParams\":[\"one\",\"two\"]")));
    if (!CHECK_DONE(read_spec(&none, &arena, &spec)))
        return;
    CHECK_STR(spec.label, "a label");
    CHECK_STR(spec.system, "riscv64-linux");
    CHECK_STR(spec.command_line, "init=" TOP "/init one two");
}

static void what_boot_json_lacks_is_named_with_its_option(struct arena arena)
{
    make_system();
    check_file(BELOW "/boot.json", STR(JSON("")));
    check_refused_because(&none, "the system has no init; give it with --init PATH", arena);
    struct boot_spec_override override = { .init = "/i" };
    check_refused_because(&override, "the system has no kernelParams; give it with --params TEXT",
                          arena);
    override.params = "";
    check_refused_because(&override, "the system has no kernel; give it with --kernel FILE", arena);
    override.kernel = arena_format(&arena, "%s/" BELOW "/bzImage", check_directory_path()).data;
    check_refused_because(&override,
                          "the system has no initrd; give it with --prepend "
                          "FILE",
                          arena);
    override.without_initrd = true;
    cleanup(boot_spec_release) struct boot_spec spec = BOOT_SPEC_NONE;
    CHECK_DONE(read_spec(&override, &arena, &spec));
}

static void a_boot_json_of_another_system_is_refused(struct arena arena)
{
    make_system();
    check_file(BELOW "/boot.json", STR("{\"org.nixos.bootspec.v1\":{\"toplevel\":\"/other\","
                                       "\"label\":\"\",\"system\":\"\"}}"));
    check_refused_because(&none, "its boot.json belongs to /other", arena);
    check_file(BELOW "/boot.json", STR("{"));
    check_refused_because(&none, TOP "/boot.json: it is not JSON, from byte 1 on", arena);
}

static bool find_special(const char *name, struct str *ret_base, struct arena *arena)
{
    cleanup(check_store_close) struct store store = check_store(arena);
    return boot_spec_find_specialisation(&store, STR(BASE), name, arena, ret_base, check_error);
}

static void a_specialisation_is_found_by_link_or_boot_json(struct arena arena)
{
    struct str base = STR("");
    make_system();
    check_make_directory(BELOW "/specialisation");
    CHECK(symlinkat("/nix/store/" OTHER, check_directory(), BELOW "/specialisation/one") == 0);
    CHECK_DONE(find_special("one", &base, &arena));
    CHECK_STR(base, OTHER);
    check_file(BELOW "/boot.json",
               STR("{\"org.nixos.specialisation.v1\":{\"two\":{\"org.nixos.bootspec.v1\":{"
                   "\"toplevel\":\"/nix/store/" OTHER "2\",\"label\":\"\",\"system\":\"\"}}}}"));
    CHECK_DONE(find_special("two", &base, &arena));
    CHECK_STR(base, OTHER "2");
    CHECK_REFUSED(find_special("three", &base, &arena),
                  TOP ": it has no specialisation 'three'; its boot.json has: two");
    CHECK_REFUSED(find_special("../specialisation/one", &base, &arena),
                  TOP ": it has no specialisation '../specialisation/one'; its boot.json has: two");
    CHECK_STR(base, OTHER "2");
}

static void a_specialisation_outside_the_store_is_refused(struct arena arena)
{
    struct str base;
    make_system();
    check_make_directory(BELOW "/specialisation");
    CHECK(symlinkat("/etc/passwd", check_directory(), BELOW "/specialisation/one") == 0);
    CHECK(!find_special("one", &base, &arena));
    CHECK(str_starts(str_from(check_error->sentence), STR(TOP ": its specialisation 'one': ")));
}

/* From plain files and from boot.json. Nothing that cannot be read counts as missing. */
static void whichever_call_fails_nothing_else_is_booted(struct arena arena)
{
    static const char json[] =
        JSON(",\"init\":\"" TOP "/init\",\"kernel\":\"" TOP "/kernel\",\"initrd\":\"" TOP
             "/initrd\",\"kernelParams\":[\"one\"]");
    make_system();
    check_file(BELOW "/append-initrd-secrets", STR("#!/bin/sh\n"));
    check_make_directory(BELOW "/specialisation");
    CHECK(symlinkat("/nix/store/" OTHER, check_directory(), BELOW "/specialisation/one") == 0);
    for (unsigned with_json = 0; with_json < 2; with_json++) {
        bool has_failed = true;
        if (with_json)
            check_file(BELOW "/boot.json", str_from(json));
        for (size_t number = 1; has_failed; number++) {
            struct arena scratch = arena;
            struct str base;
            cleanup(boot_spec_release) struct boot_spec spec = BOOT_SPEC_NONE;
            check_about("%s, call %zu", with_json ? "boot.json" : "files", number);
            cleanup(check_store_close) struct store store = check_store(&scratch);
            check_calls_fail(number);
            bool is_done = boot_spec_read(&store, STR(BASE), &none, &scratch, &spec, check_error) &&
                           boot_spec_find_specialisation(&store, STR(BASE), "one", &scratch, &base,
                                                         check_error);
            has_failed = check_calls_end();
            CHECK(is_done || (has_failed && check_error->sentence[0]));
            if (!is_done)
                continue;
            CHECK_STR(base, OTHER);
            CHECK_STR(spec.kernel_name, "bzImage");
            CHECK_STR(spec.command_line,
                      with_json ? "init=" TOP "/init one" : "init=" TOP "/init quiet loglevel=4");
        }
    }
}

int main(void)
{
    return CHECK_ALL(
        CASE(a_system_of_plain_files_is_read), CASE(what_is_given_by_option_is_not_read),
        CASE(parts_that_are_missing_or_no_files_are_refused), CASE(an_empty_part_is_refused),
        CASE(an_init_that_is_none_is_refused), CASE(a_line_that_the_kernel_would_cut_is_refused),
        CASE(a_line_with_control_characters_or_other_bytes_is_refused),
        CASE(the_longest_line_is_the_platforms), CASE(a_plain_name_needs_no_quotes),
        CASE(a_kernel_with_an_odd_name_is_refused), CASE(boot_json_says_all),
        CASE(what_boot_json_lacks_is_named_with_its_option),
        CASE(a_boot_json_of_another_system_is_refused),
        CASE(a_specialisation_is_found_by_link_or_boot_json),
        CASE(a_specialisation_outside_the_store_is_refused),
        CASE(whichever_call_fails_nothing_else_is_booted));
}
