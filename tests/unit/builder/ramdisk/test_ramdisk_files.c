#include "builder/ramdisk/ramdisk_files.h"
#include "schema/base/draft.h"
#include "schema/base/own.h"
#include "tests/check.h"
#include "tests/check_libraries.h"

#include <string.h>
#include <sys/mman.h>

static bool parse(const char *const *options, size_t count, struct arena *arena,
                  struct ramdisk_files *files, struct error *error)
{
    struct option_list list = { 0 };
    for (size_t i = 0; i < count; i++)
        option_list_add(&list, options[i], arena);
    *files = RAMDISK_FILES_NONE;
    return ramdisk_files_parse(&list, arena, files, error);
}

static void files_stand_in_the_order_of_their_places(struct arena arena)
{
    static const char *const options[] = { "src:b", "with:colon:/a/b", "x:///a.b" };
    struct ramdisk_files files;
    CHECK_DONE(parse(options, 3, &arena, &files, check_error));
    CHECK_NUMBER(files.count, 3);
    CHECK_STR(files.items[0].target, "a.b");
    CHECK_STR(files.items[1].target, "a/b");
    CHECK_STR(files.items[1].source, "with:colon");
    CHECK_STR(files.items[2].target, "b");
}

static void a_mode_stands_behind_the_place(struct arena arena)
{
    static const struct {
        const char *option, *source, *target;
        uint32_t mode;
        bool has_mode;
    } cases[] = {
        { "src:etc/key:0600", "src", "etc/key", 0600, true },
        { "a:b:c:0000", "a:b", "c", 0, true },
        { "src:x:0777", "src", "x", 0777, true },
        { "src:0600", "src", "0600", 0, false },
        { "src:/0600", "src", "0600", 0, false },
        { "src:x:600", "src:x", "600", 0, false },
        { "src:x:4755", "src:x", "4755", 0, false },
        { "src:x:06-0", "src:x", "06-0", 0, false },
        { "src:x:0680", "src:x", "0680", 0, false },
        { "src:x:00600", "src:x", "00600", 0, false },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct ramdisk_files files;
        check_about("%s", cases[i].option);
        CHECK_DONE(parse(&cases[i].option, 1, &arena, &files, check_error));
        CHECK_STR(files.items[0].source, cases[i].source);
        CHECK_STR(files.items[0].target, cases[i].target);
        CHECK_NUMBER(files.items[0].mode, cases[i].mode);
        CHECK_NUMBER(files.items[0].has_mode, cases[i].has_mode);
    }
}

static void places_that_cannot_be_are_refused(struct arena arena)
{
    static const char *const wrong[][2] = {
        { "a", "--file expects SRC:DST or SRC:DST:MODE, not 'a'" },
        { ":a", "--file expects SRC:DST or SRC:DST:MODE, not ':a'" },
        { "s:", "--file s: destination '': it is not a plain path" },
        { "s:/", "--file s: destination '': it is not a plain path" },
        { "s:a//b", "--file s: destination 'a//b': it is not a plain path" },
        { "s:a/..", "--file s: destination 'a/..': it is not a plain path" },
        { "s:./a", "--file s: destination './a': it is not a plain path" },
        { "s:nix-store.squashfs",
          "--file s: destination 'nix-store.squashfs': that is the name of a store image" },
        { "s:nix-store.7.squashfs/x",
          "--file s: destination 'nix-store.7.squashfs/x': that is the name of a store image" },
        { "s:nix-store.layers.json",
          "--file s: destination 'nix-store.layers.json': that is the name of the list of store images" },
        { "s:nix-store.img/\n",
          "--file s: destination 'nix-store.img/\n': it has a control character" },
        { "s:TRAILER!!!", "--file s: destination 'TRAILER!!!': that name ends an archive" },
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct ramdisk_files files;
        check_about("%s", wrong[i][0]);
        CHECK_REFUSED(parse(&wrong[i][0], 1, &arena, &files, check_error), wrong[i][1]);
    }
}

static void names_that_are_too_long_are_refused(struct arena arena)
{
    struct ramdisk_files files;
    char option[5000] = "s:";
    memset(option + 2, 'a', 256);
    const char *const options[] = { option };
    CHECK(!parse(options, 1, &arena, &files, check_error));
    CHECK(str_ends(str_from(check_error->sentence), STR("a name in it is longer than 255 bytes")));
    memset(option + 2, 'a', 4096);
    CHECK(!parse(options, 1, &arena, &files, check_error));
    CHECK(str_ends(str_from(check_error->sentence), STR("it is longer than a path can be")));
}

static void one_place_cannot_hold_two(struct arena arena)
{
    static const char *const twice[] = { "s:a", "t:/a" }, *const below[] = { "s:a/b", "t:a.b",
                                                                             "u:a" };
    struct ramdisk_files files;
    CHECK_REFUSED(parse(twice, 2, &arena, &files, check_error),
                  "--file: 'a' and 'a' cannot both be in the ramdisk");
    CHECK_REFUSED(parse(below, 3, &arena, &files, check_error),
                  "--file: 'a' and 'a/b' cannot both be in the ramdisk");
}

static void directories_are_made_once(struct arena arena)
{
    int directory = check_directory();
    cleanup(ramdisk_files_release) struct ramdisk_files files = RAMDISK_FILES_NONE;
    cleanup(own_close) int target = memfd_create("ramdisk", MFD_CLOEXEC);
    struct ramdisk ramdisk = { .fd = target };
    CHECK_DONE(file_publish(directory, "s", STR("12345"), 0755, check_error));
    const char *source = arena_format(&arena, "%s/s", check_directory_path()).data;
    const char *const options[] = { arena_format(&arena, "%s:etc/a", source).data,
                                    arena_format(&arena, "%s:etc/ssh/b", source).data,
                                    arena_format(&arena, "%s:etc/ssh/c", source).data };
    CHECK_DONE(parse(options, 3, &arena, &files, check_error));
    CHECK_DONE(ramdisk_files_open(&files, check_error));
    CHECK_NUMBER(files.items[0].mode, 0755);
    CHECK_DONE(ramdisk_files_write(&files, &ramdisk, arena, check_error));
    CHECK_NUMBER(ramdisk.unpacked_bytes,
                 3 * ramdisk_member_memory(5) + 2 * ramdisk_member_memory(0));
    CHECK_NUMBER(ramdisk.member_count, 5);
}

static void a_source_has_to_be_a_file(struct arena arena)
{
    const char *const missing[] = { "/nowhere/x:a" };
    const char *const wrong[] = { arena_format(&arena, "%s:a", check_directory_path()).data };
    cleanup(ramdisk_files_release) struct ramdisk_files first = RAMDISK_FILES_NONE;
    cleanup(ramdisk_files_release) struct ramdisk_files second = RAMDISK_FILES_NONE;
    CHECK_DONE(parse(missing, 1, &arena, &first, check_error));
    CHECK_REFUSED(ramdisk_files_open(&first, check_error),
                  "open /nowhere/x: No such file or directory");
    CHECK_DONE(parse(wrong, 1, &arena, &second, check_error));
    CHECK_REFUSED(ramdisk_files_open(&second, check_error),
                  arena_format(&arena, "%s is not a file", check_directory_path()));
}

struct failing {
    const char *options[3];
    struct arena arena;
};

static bool write_failing(void *context)
{
    struct failing *failing = context;
    struct arena arena = failing->arena;
    cleanup(ramdisk_files_release) struct ramdisk_files files = RAMDISK_FILES_NONE;
    cleanup(own_close) int target = memfd_create("ramdisk", MFD_CLOEXEC);
    struct ramdisk ramdisk = { .fd = target };
    return parse(failing->options, 3, &arena, &files, check_error) &&
           ramdisk_files_open(&files, check_error) &&
           ramdisk_files_write(&files, &ramdisk, arena, check_error);
}

static void each_call_that_fails_is_a_sentence(struct arena arena)
{
    struct failing failing = { .arena = arena };
    CHECK_DONE(file_publish(check_directory(), "s", STR("12345"), 0755, check_error));
    for (size_t i = 0; i < 3; i++)
        failing.options[i] =
            arena_format(&failing.arena, "%s/s:etc/%zu/a:0600", check_directory_path(), i).data;
    CHECK(check_each(CHECK_CALLS, write_failing, &failing) > 10);
}

int main(void)
{
    return CHECK_ALL(CASE(files_stand_in_the_order_of_their_places),
                     CASE(a_mode_stands_behind_the_place), CASE(places_that_cannot_be_are_refused),
                     CASE(names_that_are_too_long_are_refused), CASE(one_place_cannot_hold_two),
                     CASE(directories_are_made_once), CASE(a_source_has_to_be_a_file),
                     CASE(each_call_that_fails_is_a_sentence));
}
