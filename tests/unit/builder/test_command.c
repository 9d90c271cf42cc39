#include "tests/check_image.h"
#include "tests/check_libraries.h"

#include "builder/command.h"
#include "builder/unpack/tree_remover.h"

#include <errno.h>
#include <unistd.h>

#define TOP CHECK_DIGEST "-system"

static void ramdisks_that_bios_cannot_load_are_reported(struct arena arena)
{
    static const uint64_t gibibyte = 1 << 30;
    static const struct {
        uint64_t bytes;
        const char *sentence;
    } rows[] = {
        { 0, "" },
        { 2 * gibibyte - 1, "" },
        { 2 * gibibyte,
          "regd-build: warning: the ramdisk is 2.0 GiB: iPXE on BIOS cannot load 2 GiB or more; boot "
          "with UEFI\n" },
        { 5 * gibibyte,
          "regd-build: warning: the ramdisk is 5.0 GiB: iPXE on BIOS cannot load 2 GiB or more; boot "
          "with UEFI\n" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct check_output output = check_keep(STDERR_FILENO);
        command_warn_large(rows[i].bytes);
        CHECK_STR(check_kept(&output, &arena), rows[i].sentence);
    }
}

/* A store of a small system, what lists it, and an image. */
static void make_store(struct arena *arena)
{
    static const char below[] = "/nix/store/" TOP;
    char bytes[16384];
    cleanup(own_close) int fd = check_image_file("zstd", arena);
    ssize_t size = pread(fd, bytes, sizeof bytes, 0);
    CHECK(size > 0);
    check_file("image", (struct str){ bytes, (size_t)size });
    check_file(arena_format(arena, "%s/kernel", below + 1).data, STR("kernel"));
    check_file(arena_format(arena, "%s/initrd", below + 1).data, STR("no ramdisk that is known"));
    check_file(arena_format(arena, "%s/init", below + 1).data, STR("#!/bin/sh\n"));
    CHECK(fchmodat(check_directory(), arena_format(arena, "%s/init", below + 1).data, 0555, 0) ==
          0);
    check_file(arena_format(arena, "%s/kernel-params", below + 1).data, STR("quiet"));
    check_file(arena_format(arena, "%s/system", below + 1).data, STR("x86_64-linux"));
    check_file(arena_format(arena, "%s/nixos-version", below + 1).data, STR("24.05"));
    check_file("graph", arena_format(arena, "%s\n\n0\n", below));
}

struct running {
    const struct settings *settings;
    bool (*run)(const struct command *command, struct error *error);
    int null, output, errors; /* descriptors */
    struct arena arena;
};

static bool run_command(const struct running *running, struct arena *arena)
{
    struct crew crew;
    struct store store;
    struct progress progress = PROGRESS_NONE;
    const struct settings *settings = running->settings;
    const struct command command = { settings, &store, &progress, &crew, arena };
    if (!crew_make(1, arena, &crew, check_error) ||
        !store_open(settings->root, settings->store_dir, settings->state_dir, arena, &store,
                    check_error))
        return false;
    bool is_done = running->run(&command, check_error);
    own_close(&store.root);
    return is_done;
}

/* What it prints goes nowhere. */
static bool run_failing(void *context)
{
    const struct running *running = context;
    struct arena arena = running->arena;
    fflush(stdout);
    dup2(running->null, STDOUT_FILENO);
    dup2(running->null, STDERR_FILENO);
    bool is_done = run_command(running, &arena);
    fflush(stdout);
    dup2(running->output, STDOUT_FILENO);
    dup2(running->errors, STDERR_FILENO);
    return is_done;
}

static void empty_outputs(void *context)
{
    (void)context;
    CHECK_DONE(tree_remove(check_directory(), "out", check_error));
    check_make_directory("out/machine");
}

/* Reads a command line whose words are separated by blanks; "@" is the kit's directory. */
static bool read_words(const char *words, struct settings *ret_settings, struct arena *arena)
{
    static char program[] = "regd-build";
    char *argv[32] = { program };
    int argc = 1;
    for (struct cut cut = { .tail = str_from(words), .found = true }; cut.found;) {
        cut = str_cut(cut.tail, ' ');
        struct cut at = str_cut(cut.head, '@');
        const char *word = arena_copy(arena, cut.head).data;
        argv[argc++] = (char *)(at.found ? arena_format(arena, "%.*s%s%.*s", STR_ARG(at.head),
                                                        check_directory_path(), STR_ARG(at.tail))
                                               .data
                                         : word);
    }
    return CHECK_NUMBER(settings_read(argc, argv, arena, ret_settings, check_error), OPTIONS_RUN);
}

static void try_words(const char *words,
                      bool (*run)(const struct command *command, struct error *error),
                      bool is_failing, struct arena arena)
{
    struct settings settings;
    cleanup(own_close) int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    cleanup(own_close) int output = dup(STDOUT_FILENO), errors = dup(STDERR_FILENO);
    struct running running = { &settings, run, null, output, errors, arena };
    check_about("%s", words);
    if (!read_words(words, &settings, &running.arena))
        return;
    if (!is_failing) {
        CHECK_DONE(run_failing(&running));
        return;
    }
    check_each_prepared(CHECK_CALLS, empty_outputs, run_failing, &running);
    CHECK(strstr(check_names("out", &arena).data, ".draft") == NULL);
}

#define CLOSURE " --graph @/graph --root @ "

static void each_call_that_fails_is_told(struct arena arena)
{
    static const struct {
        const char *words;
        bool (*run)(const struct command *command, struct error *error);
    } rows[] = {
        { "manifest" CLOSURE "-q", command_manifest },
        { "squashfs" CLOSURE "-o @/out/image --compression zstd:1 --verity file --json --base "
          "@/image",
          command_squashfs },
        { "ramdisk -o @/out/ramdisk --store @/image --prepend @/graph --file @/graph:x",
          command_ramdisk },
        { "ipxe /nix/store/" TOP " --root @", command_ipxe },
        { "kexec /nix/store/" TOP " --root @", command_kexec },
        { "inspect @/image", command_inspect },
        { "inspect @/image --json --closure package", command_inspect },
        { "inspect @/image --why package package", command_inspect },
        { "inspect @/image --diff @/image --json", command_inspect },
        { "inspect @/image --svg @/out/picture", command_inspect },
        { "unpack @/image --root @/out/machine", command_unpack },
    };
    make_store(&arena);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        try_words(rows[i].words, rows[i].run, true, arena);
}

/* "tree" and "root" are made by the commands themselves. */
static void so_it_is_with_what_is_published(struct arena arena)
{
    static const struct {
        const char *words;
        bool (*run)(const struct command *command, struct error *error);
    } rows[] = {
        { "publish @/tree --into @/out/root", command_publish },
        { "publish @/tree --into @/root --label b --keep 1 --grace 0", command_publish },
        { "publish --into @/root --rollback", command_publish },
    };
    make_store(&arena);
    try_words("tree /nix/store/" TOP CLOSURE "-o @/tree --compression zstd:1", command_tree, false,
              arena);
    try_words("publish @/tree --into @/root --label a", command_publish, false, arena);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        try_words(rows[i].words, rows[i].run, true, arena);
}

int main(void)
{
    return CHECK_ALL(CASE(ramdisks_that_bios_cannot_load_are_reported),
                     CASE(each_call_that_fails_is_told), CASE(so_it_is_with_what_is_published));
}
