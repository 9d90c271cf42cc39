#include "tests/check_calls.h"
#include "tests/check_store.h"

#include "schema/base/own.h"
#include "units/initrd_generator.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define COUNT(table) (sizeof(table) / sizeof *(table))

/* An unpacked ramdisk in "root", and an empty directory "units". */
static struct initrd_generator prepare(const char *command_line, struct arena *arena)
{
    check_make_directory("units");
    check_file("root/etc/initrd-release", STR(""));
    check_file("root/proc/cmdline", str_from(command_line));
    return (struct initrd_generator){
        .root = arena_format(arena, "%s/root", check_directory_path()).data,
        .directory = arena_format(arena, "%s/units", check_directory_path()).data,
    };
}

static bool has(struct str text, struct str part)
{
    return memmem(text.data, text.len, part.data, part.len);
}

static void the_units_of_what_the_ramdisk_holds_are_written(struct arena arena)
{
    struct initrd_generator generator = prepare("quiet\n", &arena);
    check_file("root/nix-store.squashfs", STR(""));
    check_file("root/nix-store.1.squashfs", STR(""));
    CHECK_NUMBER(initrd_generator_run(&generator, &arena, check_error), INITRD_DONE);
    CHECK_STR(check_names("units", &arena),
              " initrd-fs.target.requires initrd-root-fs.target.requires "
              "regd-overlay-directories.service sysroot-nix-.ro\\x2dstore.1.mount "
              "sysroot-nix-.ro\\x2dstore.mount sysroot-nix-.rw\\x2dstore.mount "
              "sysroot-nix-store.mount sysroot.mount");
    CHECK_STR(check_names("units/initrd-fs.target.requires", &arena), " sysroot-nix-store.mount");
    struct str text = check_content("units/sysroot-nix-.ro\\x2dstore.1.mount", &arena);
    CHECK(has(text, STR("What=/nix-store.1.squashfs\n")));
}

static void the_command_line_may_name_other_layers(struct arena arena)
{
    struct initrd_generator generator = prepare("root=fstab regd.store=/dev/vda", &arena);
    check_file("root/nix-store.squashfs", STR(""));
    CHECK_NUMBER(initrd_generator_run(&generator, &arena, check_error), INITRD_DONE);
    CHECK_STR(check_names("units", &arena),
              " initrd-fs.target.requires regd-overlay-directories.service "
              "sysroot-nix-.ro\\x2dstore.mount "
              "sysroot-nix-.rw\\x2dstore.mount sysroot-nix-store.mount");
    struct str text = check_content("units/sysroot-nix-.ro\\x2dstore.mount", &arena);
    CHECK(has(text, STR("What=/dev/vda\n")));
}

static void without_a_store_that_is_said_and_nothing_is_written(struct arena arena)
{
    struct initrd_generator generator = prepare("", &arena);
    CHECK_NUMBER(initrd_generator_run(&generator, &arena, check_error), INITRD_NOTHING);
    CHECK_STR(
        check_error->sentence,
        "there is no store image to mount: neither /nix-store.squashfs nor "
        "/nix-store.layers.json in the ramdisk, nor regd.store= on the kernel's command line");
    CHECK_STR(check_names("units", &arena), "");
}

static void what_is_no_initial_ramdisk_gets_nothing(struct arena arena)
{
    struct initrd_generator generator = prepare("regd.store=/dev/vda", &arena);
    CHECK(unlinkat(check_directory(), "root/etc/initrd-release", 0) == 0);
    CHECK_NUMBER(initrd_generator_run(&generator, &arena, check_error), INITRD_DONE);
    /* What systemd says is of the running system. */
    setenv("SYSTEMD_IN_INITRD", "1", 1);
    CHECK_NUMBER(initrd_generator_run(&generator, &arena, check_error), INITRD_DONE);
    generator.root = NULL;
    setenv("SYSTEMD_IN_INITRD", "0", 1);
    CHECK_NUMBER(initrd_generator_run(&generator, &arena, check_error), INITRD_DONE);
    unsetenv("SYSTEMD_IN_INITRD");
    CHECK_STR(check_names("units", &arena), "");
}

/* What is in the ramdisk's place of a file, and what is said. */
static void what_cannot_be_read_is_refused_and_nothing_is_written(struct arena arena)
{
    struct initrd_generator generator = prepare("regd.other=x regd.store=/dev/vda", &arena);
    CHECK_REFUSED(initrd_generator_run(&generator, &arena, check_error) != INITRD_FAILED,
                  "kernel parameter regd.other: unknown parameter");
    check_file("root/proc/cmdline", STR("regd.store=vda"));
    CHECK(initrd_generator_run(&generator, &arena, check_error) == INITRD_FAILED);
    CHECK(unlinkat(check_directory(), "root/proc/cmdline", 0) == 0);
    CHECK_REFUSED(initrd_generator_run(&generator, &arena, check_error) != INITRD_FAILED,
                  "open /proc/cmdline: No such file or directory");
    CHECK(mknodat(check_directory(), "root/proc/cmdline", S_IFIFO | 0644, 0) == 0);
    CHECK_REFUSED(initrd_generator_run(&generator, &arena, check_error) != INITRD_FAILED,
                  "/proc/cmdline is not a file");
    CHECK_STR(check_names("units", &arena), "");
    generator.root = "/nowhere";
    CHECK_REFUSED(initrd_generator_run(&generator, &arena, check_error) != INITRD_FAILED,
                  "open /nowhere: No such file or directory");
}

/* The empty directories of links, which may stay. */
static void remove_parents(void)
{
    unlinkat(check_directory(), "units/initrd-fs.target.requires", AT_REMOVEDIR);
    unlinkat(check_directory(), "units/initrd-root-fs.target.requires", AT_REMOVEDIR);
}

static void what_is_there_is_not_replaced_and_no_unit_stays(struct arena arena)
{
    static const char *const names[] = { "sysroot-nix-.ro\\x2dstore.mount", "sysroot.mount",
                                         "sysroot-nix-store.mount", "initrd-fs.target.requires" };
    struct initrd_generator generator = prepare("regd.store=/dev/vda", &arena);
    for (size_t i = 0; i < COUNT(names); i++) {
        const char *path = arena_format(&arena, "units/%s", names[i]).data;
        bool is_parent = i + 1 == COUNT(names);
        check_about("%s", names[i]);
        remove_parents();
        check_file(path, STR("mine"));
        CHECK_REFUSED(initrd_generator_run(&generator, &arena, check_error) != INITRD_FAILED,
                      arena_format(&arena, "write the units to %s: create %s%s: %s",
                                   generator.directory, names[i],
                                   is_parent ? "/sysroot-nix-store.mount" : "",
                                   is_parent ? "Not a directory" : "File exists"));
        CHECK_STR(check_content(path, &arena), "mine");
        remove_parents();
        CHECK_STR(check_names("units", &arena), arena_format(&arena, " %s", names[i]));
        CHECK(unlinkat(check_directory(), path, 0) == 0);
    }
    generator.directory = "/nowhere";
    CHECK_REFUSED(initrd_generator_run(&generator, &arena, check_error) != INITRD_FAILED,
                  "open /nowhere: No such file or directory");
}

static void each_call_that_fails_is_a_sentence_and_no_unit_stays(struct arena arena)
{
    static const char *const units[] = {
        "units/sysroot.mount",
        "units/sysroot-nix-.ro\\x2dstore.mount",
        "units/sysroot-nix-.rw\\x2dstore.mount",
        "units/sysroot-nix-store.mount",
        "units/regd-overlay-directories.service",
        "units/initrd-fs.target.requires/sysroot-nix-store.mount",
        "units/initrd-root-fs.target.requires/sysroot.mount",
    };
    struct initrd_generator generator = prepare("regd.store=/dev/vda", &arena);
    bool has_failed = true;
    for (size_t number = 1; has_failed; number++) {
        struct arena scratch = arena;
        check_about("call %zu", number);
        check_error->sentence[0] = '\0';
        check_calls_fail(number);
        enum initrd_answer answer = initrd_generator_run(&generator, &scratch, check_error);
        has_failed = check_calls_end();
        /* A call that need not succeed is one more that is DONE. */
        CHECK(answer == INITRD_DONE || (has_failed && check_error->sentence[0]));
        for (size_t i = 0; i < COUNT(units) && answer == INITRD_DONE; i++)
            CHECK(unlinkat(check_directory(), units[i], 0) == 0);
        remove_parents();
        if (!CHECK_STR(check_names("units", &arena), ""))
            return;
    }
}

static void the_directories_for_overlayfs_are_made_once(struct arena arena)
{
    const char *path = check_directory_path();
    CHECK_DONE(initrd_generator_overlay(path, check_error));
    CHECK_STR(check_names(".", &arena), " store work");
    CHECK_DONE(initrd_generator_overlay(path, check_error));
    CHECK(unlinkat(check_directory(), "work", AT_REMOVEDIR) == 0);
    CHECK(symlinkat("store", check_directory(), "work") == 0);
    CHECK_REFUSED(initrd_generator_overlay(path, check_error),
                  arena_format(&arena, "use %s/work: Not a directory", path));
    CHECK_REFUSED(initrd_generator_overlay("/nowhere", check_error),
                  "open /nowhere: No such file or directory");
    CHECK(unlinkat(check_directory(), "work", 0) == 0);
    check_calls_fail(1);
    CHECK_REFUSED(initrd_generator_overlay(path, check_error),
                  arena_format(&arena, "open %s: Input/output error", path));
    check_calls_fail(2);
    CHECK_REFUSED(initrd_generator_overlay(path, check_error),
                  arena_format(&arena, "create %s/store: Input/output error", path));
    CHECK(check_calls_end());
}

static void the_command_line_is_interpreted(void)
{
    static const struct {
        const char *arguments[8];
        struct initrd_generator want;
        const char *sentence;
    } rows[] = {
        { { "x", "units" }, { .directory = "units" }, NULL },
        { { "x", "units", "early", "late" }, { .directory = "units" }, NULL },
        { { "x", "--root", "r", "units" }, { .root = "r", .directory = "units" }, NULL },
        { { "x", "--overlay", "o" }, { .overlay = "o" }, NULL },
        { { "x" }, { 0 }, "expected one directory for units, or three; try --help" },
        { { "x", "a", "b" }, { 0 }, "expected one directory for units, or three; try --help" },
        { { "x", "a", "b", "c", "d" },
          { 0 },
          "expected one directory for units, or three; try --help" },
        { { "x", "--root", "r" }, { 0 }, "expected one directory for units, or three; try --help" },
        { { "x", "--root" }, { 0 }, "--root expects a DIR" },
        { { "x", "--overlay" }, { 0 }, "--overlay expects a DIR" },
        { { "x", "--other", "units" }, { 0 }, "unknown option '--other'" },
        { { "x", "-", "units" }, { 0 }, "unknown option '-'" },
        { { "x", "--overlay", "o", "units" }, { 0 }, "--overlay takes no other argument" },
        { { "x", "--overlay", "o", "--root", "r" }, { 0 }, "--overlay takes no other argument" },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        int count = 0;
        struct initrd_generator got = { .root = "untouched" };
        while (rows[i].arguments[count])
            count++;
        check_about("row %zu", i);
        bool done =
            initrd_generator_interpret(count, (char **)rows[i].arguments, &got, check_error);
        if (rows[i].sentence) {
            CHECK_REFUSED(done, rows[i].sentence);
            CHECK_STR(got.root, "untouched");
            continue;
        }
        CHECK(done && !got.root == !rows[i].want.root && !got.overlay == !rows[i].want.overlay &&
              !got.directory == !rows[i].want.directory);
        CHECK_STR(got.root ? got.root : "", rows[i].want.root ? rows[i].want.root : "");
        CHECK_STR(got.overlay ? got.overlay : "", rows[i].want.overlay ? rows[i].want.overlay : "");
        CHECK_STR(got.directory ? got.directory : "",
                  rows[i].want.directory ? rows[i].want.directory : "");
    }
}

int main(void)
{
    return CHECK_ALL(CASE(the_units_of_what_the_ramdisk_holds_are_written),
                     CASE(the_command_line_may_name_other_layers),
                     CASE(without_a_store_that_is_said_and_nothing_is_written),
                     CASE(what_is_no_initial_ramdisk_gets_nothing),
                     CASE(what_cannot_be_read_is_refused_and_nothing_is_written),
                     CASE(what_is_there_is_not_replaced_and_no_unit_stays),
                     CASE(each_call_that_fails_is_a_sentence_and_no_unit_stays),
                     CASE(the_directories_for_overlayfs_are_made_once),
                     CASE(the_command_line_is_interpreted));
}
