/* regd-build — makes netboot and kexec artefacts from the closure of a Nix store path. */
#include "builder/check/verify.h"
#include "builder/command.h"
#include "builder/inspect/inspect.h"
#include "builder/output/tarball.h"

#include "schema/base/completion.h"
#include "schema/base/cpu.h"
#include "schema/base/own.h"
#include "schema/base/parallel.h"
#include "schema/base/show.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { TREE, SQUASHFS, RAMDISK, IPXE, KEXEC, MANIFEST, INSPECT, VERIFY, VERB_COUNT };

enum {
    ALL = (1 << VERB_COUNT) - 1,
    WITH_CLOSURE = 1 << TREE | 1 << SQUASHFS | 1 << MANIFEST,
    READING = 1 << INSPECT | 1 << VERIFY,
    WITH_STORE = ALL & ~(1 << RAMDISK | READING),
    WITH_IMAGE = 1 << TREE | 1 << SQUASHFS,
    WITH_OUTPUT = 1 << TREE | 1 << SQUASHFS | 1 << RAMDISK,
    WITH_SPEC = 1 << TREE | 1 << IPXE | 1 << KEXEC,
};

static const struct verb_spec verbs[VERB_COUNT] = {
    [TREE] = { "tree", "TOPLEVEL -o DIR",
               "everything that serves to netboot or kexec\ninto a system", 1, 1 },
    [SQUASHFS] = { "squashfs", "[PATH...] -o FILE",
                   "the store image of the closure of PATHs\n('-': one a line on standard input)",
                   0, SIZE_MAX },
    [RAMDISK] = { "ramdisk", "-o FILE", "an initial ramdisk from others and store\nimages", 0, 0 },
    [IPXE] = { "ipxe", "TOPLEVEL", "print the script for iPXE", 1, 1 },
    [KEXEC] = { "kexec", "TOPLEVEL", "print the script for kexec", 1, 1 },
    [MANIFEST] = { "manifest", "[PATH...]", "print the manifest of the closure", 0, SIZE_MAX },
    [INSPECT] = { "inspect", "IMAGE", "what is in a store image, and why", 1, 2 },
    [VERIFY] = { "verify", "IMAGE|DIR",
                 "check an image against its manifest, a tree\nagainst its boot.json", 1, 1 },
};

static const struct option_spec options[] = {
    { "output", 'o', OPTION_TEXT, "PATH", "the file or directory to make",
      offsetof(struct settings, output), WITH_OUTPUT },
    { "root", 0, OPTION_TEXT, "DIR", "look for the store below DIR",
      offsetof(struct settings, root), WITH_STORE },
    { "store-dir", 0, OPTION_TEXT, "DIR", "the store (" STORE_DIR_DEFAULT " or NIX_STORE_DIR)",
      offsetof(struct settings, store_dir), WITH_STORE | READING },
    { "state-dir", 0, OPTION_TEXT, "DIR", "Nix's state (" STATE_DIR_DEFAULT " or\nNIX_STATE_DIR)",
      offsetof(struct settings, state_dir), WITH_STORE },
    { "registration", 0, OPTION_TEXT, "FILE",
      "a manifest to take the closure from instead\nof the store's database ('-': standard input);\n"
      "all of it where no PATH is given",
      offsetof(struct settings, registration), WITH_CLOSURE },
    { "graph", 0, OPTION_TEXT, "FILE", "likewise what exportReferencesGraph makes,\ntext or JSON",
      offsetof(struct settings, graph), WITH_CLOSURE },
    { "path-info", 0, OPTION_TEXT, "FILE", "likewise what `nix path-info --json -r` prints",
      offsetof(struct settings, path_info), WITH_CLOSURE },
    { "add", 0, OPTION_LIST, "PATH", "one more root; may be repeated",
      offsetof(struct settings, added), WITH_CLOSURE },
    { "signatures", 0, OPTION_FLAG, NULL,
      "carry what the source says of signatures,\ncontent addresses and `ultimate` too",
      offsetof(struct settings, signatures), WITH_IMAGE },
    { "base", 0, OPTION_LIST, "IMAGE",
      "an image that will lie below: what it holds\nis left out; may be repeated",
      offsetof(struct settings, bases), WITH_IMAGE | 1 << VERIFY },
    { "max-size", 0, OPTION_TEXT, "SIZE",
      "split into several images of at most that many\nbytes (or K, M, G)",
      offsetof(struct settings, max_size), WITH_IMAGE },
    { "separate-store", 0, OPTION_FLAG, NULL, "store images beside the ramdisk, not in it",
      offsetof(struct settings, separate_store), 1 << TREE },
    { "tarball", 0, OPTION_TEXT, "FILE",
      "the tree as one file besides: .tar, .tar.gz,\n.tar.xz or .tar.zst",
      offsetof(struct settings, tarball), 1 << TREE },
    { "target-ram", 0, OPTION_TEXT, "SIZE", "refuse what does not boot in that much memory",
      offsetof(struct settings, target_ram), 1 << TREE },
    { "reuse", 0, OPTION_TEXT, "OLD",
      "take blocks over from an older image or tree;\nthe result is the same",
      offsetof(struct settings, reuse), WITH_IMAGE },
    { "no-check", 0, OPTION_FLAG, NULL, "do not compare the files with their NAR hashes",
      offsetof(struct settings, no_check), WITH_IMAGE },
    { "compression", 0, OPTION_TEXT, "NAME[:LEVEL]",
      "gzip, lz4, xz or zstd\n(" COMPRESSION_DEFAULT ")", offsetof(struct settings, compression),
      WITH_IMAGE },
    { "compressor", 0, OPTION_TEXT, "NAME[:LEVEL]",
      "compress the ramdisk's archive by gzip, xz or\nzstd too (none)",
      offsetof(struct settings, compressor), 1 << TREE | 1 << RAMDISK },
    { "jobs", 'j', OPTION_TEXT, "N", "compressing and hashing threads (as many as\nCPUs)",
      offsetof(struct settings, jobs), WITH_CLOSURE | 1 << RAMDISK | 1 << VERIFY },
    { "prepend", 0, OPTION_LIST, "FILE",
      "an initial ramdisk to start with (the\nsystem's initrd); may be repeated",
      offsetof(struct settings, prepends), 1 << TREE | 1 << RAMDISK },
    { "file", 0, OPTION_LIST, "SRC:DST", "a file for the ramdisk; may be repeated",
      offsetof(struct settings, files), 1 << TREE | 1 << RAMDISK },
    { "store", 0, OPTION_LIST, "FILE", "a store image; may be repeated, the upper\nlayer first",
      offsetof(struct settings, stores), 1 << RAMDISK },
    { "specialisation", 0, OPTION_TEXT, "NAME", "instead of TOPLEVEL the system it calls so",
      offsetof(struct settings, specialisation), WITH_SPEC },
    { "kernel", 0, OPTION_TEXT, "FILE", "the kernel (the one of TOPLEVEL)",
      offsetof(struct settings, kernel), WITH_SPEC },
    { "params", 0, OPTION_TEXT, "TEXT", "the kernel parameters (those of TOPLEVEL)",
      offsetof(struct settings, params), WITH_SPEC },
    { "init", 0, OPTION_TEXT, "PATH", "what stage 1 starts (TOPLEVEL/init)",
      offsetof(struct settings, init), WITH_SPEC },
    { "base-url", 0, OPTION_TEXT, "URL", "where netboot.ipxe loads from (beside itself)",
      offsetof(struct settings, base_url), 1 << TREE | 1 << IPXE },
    { "why", 0, OPTION_TEXT, "A B", "a shortest chain of references from A to B",
      offsetof(struct settings, why), 1 << INSPECT },
    { "closure", 0, OPTION_TEXT, "PATH", "the closure of a path, with its size",
      offsetof(struct settings, closure), 1 << INSPECT },
    { "svg", 0, OPTION_TEXT, "FILE", "draw where the bytes go", offsetof(struct settings, svg),
      1 << INSPECT },
    { "json", 0, OPTION_FLAG, NULL, "print JSON", offsetof(struct settings, json),
      READING | WITH_IMAGE },
    { "quiet", 'q', OPTION_FLAG, NULL, "only print warnings and errors",
      offsetof(struct settings, quiet), ALL },
};

static const struct program_spec program = {
    .name = "regd-build",
    .summary = "Makes netboot and kexec artefacts from the closure of a Nix store path.",
    .closing = "See regd-build(1).",
    .verbs = verbs,
    .verb_count = VERB_COUNT,
    .options = options,
    .option_count = sizeof options / sizeof *options,
};

static bool (*const commands[VERB_COUNT])(struct command *, struct error *) = {
    [TREE] = command_tree,       [SQUASHFS] = command_squashfs, [RAMDISK] = command_ramdisk,
    [IPXE] = command_ipxe,       [KEXEC] = command_kexec,       [MANIFEST] = command_manifest,
    [INSPECT] = command_inspect, [VERIFY] = command_verify,
};

static size_t count_dashes(const struct option_list *list)
{
    size_t count = 0;
    for (size_t i = 0; i < list->count; i++)
        count += strcmp(list->items[i], "-") == 0;
    return count;
}

/* "N", or "NK", "NM", "NG" with powers of 1024; not 0. Without a text *ret_bytes stays. */
static bool parse_size(const char *option, const char *text, uint64_t *ret_bytes,
                       struct error *error)
{
    static const char units[] = "KMG";
    struct str digits = str_from(text);
    if (!text)
        return true;
    const char *unit = digits.len > 0 ? strchr(units, digits.data[digits.len - 1]) : NULL;
    unsigned shift = unit ? 10 * (unsigned)(unit - units + 1) : 0;
    digits.len -= unit != NULL;
    if (!str_to_number(digits, UINT64_MAX >> shift, ret_bytes) || *ret_bytes == 0)
        return error_set(error, "%s wants a number of bytes, or of K, M or G, not '%s'", option,
                         text);
    *ret_bytes <<= shift;
    return true;
}

/* A word of iPXE that needs no quoting, with a scheme and without '/' at the end. */
static bool check_base_url(const char *url, struct error *error)
{
    static const char plain[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                "-._~:/?[]@!&()*+,;=%";
    struct str text = str_from(url);
    if (!url || (strspn(url, plain) == text.len && strstr(url, "://") && !str_ends(text, STR("/"))))
        return true;
    return error_set(
        error,
        "--base-url wants a URL without blanks, quotes, '#', '$' and a '/' at its end, "
        "not '%s'",
        url);
}

/* Is there one thing to take the closure from, and one on standard input at most? */
static bool check_sources(const struct command *command, size_t verb, struct error *error)
{
    const struct settings *settings = &command->settings;
    const char *const files[] = { settings->registration, settings->graph, settings->path_info };
    size_t given = 0;
    size_t dashes = count_dashes(&command->arguments) + count_dashes(&settings->added);
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        given += files[i] != NULL;
        dashes += files[i] && strcmp(files[i], "-") == 0;
    }
    if (given > 1)
        return error_set(error, "--registration, --graph and --path-info exclude each other");
    if (dashes > 1)
        return error_set(error, "standard input can be given only once as '-'");
    if ((WITH_CLOSURE >> verb & 1) && given == 0 && command->arguments.count == 0)
        return error_set(error, "'%s' wants a PATH, or a file to take all paths of",
                         verbs[verb].name);
    return true;
}

/* Turns words of the command line into values; what it refuses is a wrong command line. */
static bool interpret(struct command *command, size_t verb, struct error *error)
{
    const struct settings *settings = &command->settings;
    uint64_t jobs = cpu_count();
    if (!check_sources(command, verb, error))
        return false;
    if ((WITH_OUTPUT >> verb & 1) && !settings->output)
        return error_set(error, "'%s' wants -o PATH", verbs[verb].name);
    if (verb == RAMDISK &&
        settings->prepends.count + settings->stores.count + settings->files.count == 0)
        return error_set(error, "'ramdisk' wants --prepend FILE, --file SRC:DST or --store FILE");
    if (verb == INSPECT && !settings->why != (command->arguments.count == 1))
        return error_set(error, "'inspect' wants one IMAGE, and --why two paths: IMAGE --why A B");
    if (settings->jobs &&
        (!str_to_number(str_from(settings->jobs), PARALLEL_JOBS_MAX, &jobs) || jobs == 0))
        return error_set(error, "--jobs wants a number from 1 to %d, not '%s'", PARALLEL_JOBS_MAX,
                         settings->jobs);
    if (!parse_size("--max-size", settings->max_size, &command->max_size_bytes, error) ||
        !parse_size("--target-ram", settings->target_ram, &command->target_bytes, error) ||
        !check_base_url(settings->base_url, error) ||
        (settings->tarball && !tarball_check_name(settings->tarball, error)) ||
        !ramdisk_files_parse(&settings->files, command->arena, &command->files, error))
        return false;
    if (!ramdisk_compression_parse(str_from(settings->compressor), &command->compressor, error))
        return false;
    if (command->compressor.is_on && settings->separate_store)
        return error_set(error, "--compressor and --separate-store exclude each other");
    command->squashfs.jobs = (unsigned)jobs;
    command->progress.is_shown = !settings->quiet && isatty(STDERR_FILENO);
    command->squashfs.progress = &command->progress;
    return compression_parse(str_from(settings->compression), &command->squashfs.compression,
                             error);
}

static bool run(struct command *command, size_t verb, struct error *error)
{
    const struct settings *settings = &command->settings;
    if (!store_open(settings->root, settings->store_dir, settings->state_dir, command->arena,
                    &command->store, error))
        return false;
    bool done = commands[verb](command, error);
    own_close(&command->store.root);
    return done && options_flush_output(error);
}

/* The exit status; a failure is told here and nowhere else. */
static int finish(bool done, const struct error *error)
{
    if (done)
        return EXIT_SUCCESS;
    error_print(stderr, program.name, error);
    return EXIT_FAILURE;
}

int main(int argc, char **argv)
{
    struct error error;
    struct arena arena;
    struct command command = { .settings = { .compression = COMPRESSION_DEFAULT,
                                             .compressor = "none" },
                               .progress = PROGRESS_NONE,
                               .arena = &arena };
    own_standard_streams();
    if (!arena_reserve(&arena, (size_t)16 << 30, &error))
        return finish(false, &error);
    struct options_result result =
        options_parse(&program, argc, argv, &command.settings, &arena, &error);
    command.arguments = result.arguments;
    switch (result.answer) {
    case OPTIONS_HELP:
        options_print_help(stdout, &program, result.verb);
        return finish(options_flush_output(&error), &error);
    case OPTIONS_VERSION:
        show_line(stdout, "regd-build %s", REGD_VERSION);
        return finish(options_flush_output(&error), &error);
    case OPTIONS_COMPLETION:
        completion_write(stdout, &program, result.shell);
        return finish(options_flush_output(&error), &error);
    case OPTIONS_WRONG:
        break;
    case OPTIONS_RUN:
        if (!interpret(&command, result.verb, &error))
            break;
        return finish(run(&command, result.verb, &error), &error);
    }
    error_print(stderr, program.name, &error);
    return 2;
}
