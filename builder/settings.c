/* settings.c — the tables of regd-build's commands and options, and the parsing of their values. */
#include "builder/settings.h"

#include "builder/output/tarball.h"
#include "builder/publish/prune.h"

#include "schema/nix/store.h"

#include <stddef.h>
#include <string.h>

enum {
    ALL = (1 << COMMAND_COUNT) - 1,
    WITH_CLOSURE = 1 << COMMAND_TREE | 1 << COMMAND_SQUASHFS | 1 << COMMAND_MANIFEST,
    READING = 1 << COMMAND_INSPECT | 1 << COMMAND_VERIFY,
    WITH_STORE = ALL & ~(1 << COMMAND_RAMDISK | 1 << COMMAND_PUBLISH | READING),
    WITH_IMAGE = 1 << COMMAND_TREE | 1 << COMMAND_SQUASHFS,
    WITH_OUTPUT = 1 << COMMAND_TREE | 1 << COMMAND_SQUASHFS | 1 << COMMAND_RAMDISK,
    WITH_SPEC = 1 << COMMAND_TREE | 1 << COMMAND_IPXE | 1 << COMMAND_KEXEC,
};

static const struct verb_spec commands[COMMAND_COUNT] = {
    [COMMAND_TREE] = { "tree", "TOPLEVEL -o DIR",
                       "create a directory with all files needed to\nnetboot or kexec into a "
                       "system",
                       1, 1 },
    [COMMAND_SQUASHFS] = { "squashfs", "[PATH...] -o FILE",
                           "create a store image of the closure of PATHs\n('-': standard input)", 0,
                           SIZE_MAX },
    [COMMAND_RAMDISK] = { "ramdisk", "-o FILE",
                          "create an initial ramdisk from ramdisks, files\nand store images", 0,
                          0 },
    [COMMAND_IPXE] = { "ipxe", "TOPLEVEL", "print the script for iPXE", 1, 1 },
    [COMMAND_KEXEC] = { "kexec", "TOPLEVEL", "print the script for kexec", 1, 1 },
    [COMMAND_MANIFEST] = { "manifest", "[PATH...]", "print the manifest of the closure of PATHs", 0,
                           SIZE_MAX },
    [COMMAND_INSPECT] = { "inspect", "IMAGE", "print what is in a store image, and why", 1, 1 },
    [COMMAND_VERIFY] = { "verify", "IMAGE|DIR",
                         "check an image against its manifest, a tree\nagainst its boot.json", 1,
                         1 },
    [COMMAND_PUBLISH] = { "publish", "[TREE] --into ROOT",
                          "put a tree where a server serves it to a fleet,\nor go back with --rollback",
                          0, 1 },
    [COMMAND_UNPACK] = { "unpack", "IMAGE|TREE --root DIR [PATH...]",
                         "write the paths of an image or a tree to the store\nbelow DIR, each one checked",
                         1, SIZE_MAX },
};

static const struct option_spec options[] = {
    { "output", 'o', OPTION_TEXT, "PATH", "create this file or directory",
      offsetof(struct settings, output), WITH_OUTPUT },
    { "root", 0, OPTION_TEXT, "DIR", "use the store below DIR", offsetof(struct settings, root),
      WITH_STORE },
    { "store-dir", 0, OPTION_TEXT, "DIR",
      "use this store (default: NIX_STORE_DIR or\n" STORE_DIR_DEFAULT ")",
      offsetof(struct settings, store_dir), WITH_STORE | READING },
    { "state-dir", 0, OPTION_TEXT, "DIR",
      "use this Nix state (default: NIX_STATE_DIR or\n" STATE_DIR_DEFAULT ")",
      offsetof(struct settings, state_dir), WITH_STORE },
    { "registration", 0, OPTION_TEXT, "FILE",
      "read the closure from a manifest ('-': standard\ninput), not the store's database; without "
      "PATH,\n"
      "all that the manifest lists",
      offsetof(struct settings, closure.registration), WITH_CLOSURE },
    { "graph", 0, OPTION_TEXT, "FILE", "same, but from exportReferencesGraph, text or JSON",
      offsetof(struct settings, closure.graph), WITH_CLOSURE },
    { "path-info", 0, OPTION_TEXT, "FILE", "same, but from `nix path-info --json --recursive`",
      offsetof(struct settings, closure.path_info), WITH_CLOSURE },
    { "add", 0, OPTION_LIST, "PATH", "add one more root; may be repeated",
      offsetof(struct settings, closure.added), WITH_CLOSURE },
    { "signatures", 0, OPTION_FLAG, NULL,
      "add signatures, content addresses and the\n`ultimate` mark to the image",
      offsetof(struct settings, image.signatures), WITH_IMAGE },
    { "lower-store", 0, OPTION_FLAG, NULL,
      "let Nix use the image as a read-only store, or below\na local-overlay store",
      offsetof(struct settings, image.is_lower), WITH_IMAGE },
    { "base", 0, OPTION_LIST, "IMAGE",
      "leave the paths in this lower image to it; may be\nrepeated, topmost first",
      offsetof(struct settings, image.bases),
      WITH_IMAGE | 1 << COMMAND_VERIFY | 1 << COMMAND_UNPACK },
    { "max-size", 0, OPTION_SIZE, "SIZE", "split into images of at most SIZE bytes (or K, M, G)",
      offsetof(struct settings, image.max_size_bytes), WITH_IMAGE },
    { "verity", 0, OPTION_TEXT, "WHERE",
      "add a hash tree for dm-verity: append it to the\nimage, or write it to a file beside it",
      offsetof(struct settings, image.verity), 1 << COMMAND_SQUASHFS },
    { "separate-store", 0, OPTION_FLAG, NULL, "leave store images beside the ramdisk, not in it",
      offsetof(struct settings, tree.separate_store), 1 << COMMAND_TREE },
    { "by-url", 0, OPTION_FLAG, NULL,
      "let the machine fetch the store images by URL, each\npinned by its root hash",
      offsetof(struct settings, tree.by_url), 1 << COMMAND_TREE },
    { "tarball", 0, OPTION_TEXT, "FILE",
      "also write the tree as one file: .tar, .tar.gz,\n.tar.xz or .tar.zst",
      offsetof(struct settings, tree.tarball), 1 << COMMAND_TREE },
    { "uki", 0, OPTION_FLAG, NULL, "also write a unified kernel image for UEFI, boot.efi",
      offsetof(struct settings, tree.uki), 1 << COMMAND_TREE },
    { "stub", 0, OPTION_TEXT, "FILE", "use this stub in boot.efi (default: the system's)",
      offsetof(struct settings, tree.stub), 1 << COMMAND_TREE },
    { "dtb", 0, OPTION_TEXT, "NAME",
      "also copy this device tree of the system, or 'all',\nfor U-Boot",
      offsetof(struct settings, tree.dtb), 1 << COMMAND_TREE },
    { "target-ram", 0, OPTION_SIZE, "SIZE", "fail if booting needs more memory than SIZE",
      offsetof(struct settings, tree.target_bytes), 1 << COMMAND_TREE },
    { "reuse", 0, OPTION_TEXT, "OLD",
      "copy compressed blocks from an older image or tree;\nthe result is the same",
      offsetof(struct settings, image.reuse), WITH_IMAGE },
    { "no-check", 0, OPTION_FLAG, NULL, "do not compare files with their NAR hashes",
      offsetof(struct settings, image.no_check), WITH_IMAGE },
    { "compression", 0, OPTION_TEXT, "NAME[:LEVEL]",
      "compress with gzip, lz4, xz or zstd\n(default: " COMPRESSION_DEFAULT ")",
      offsetof(struct settings, image.compression), WITH_IMAGE },
    { "compressor", 0, OPTION_TEXT, "NAME[:LEVEL]",
      "compress the ramdisk's archive too: gzip, xz or zstd\n(default: none)",
      offsetof(struct settings, ramdisk.compressor), 1 << COMMAND_TREE | 1 << COMMAND_RAMDISK },
    { "jobs", 'j', OPTION_JOBS, "N", "compress and hash with N threads (default: number\nof CPUs)",
      offsetof(struct settings, jobs),
      WITH_CLOSURE | 1 << COMMAND_RAMDISK | 1 << COMMAND_VERIFY | 1 << COMMAND_PUBLISH |
          1 << COMMAND_UNPACK },
    { "prepend", 0, OPTION_LIST, "FILE",
      "start the ramdisk with this one (default of tree:\nthe system's initrd); may be repeated",
      offsetof(struct settings, ramdisk.prepends), 1 << COMMAND_TREE | 1 << COMMAND_RAMDISK },
    { "file", 0, OPTION_LIST, "SRC:DST[:MODE]",
      "put file SRC into the ramdisk as DST; may be\nrepeated",
      offsetof(struct settings, ramdisk.files), 1 << COMMAND_TREE | 1 << COMMAND_RAMDISK },
    { "store", 0, OPTION_LIST, "FILE", "add this store image; may be repeated, topmost first",
      offsetof(struct settings, ramdisk.stores), 1 << COMMAND_RAMDISK },
    { "specialisation", 0, OPTION_TEXT, "NAME", "build this specialisation of TOPLEVEL",
      offsetof(struct settings, boot.specialisation), WITH_SPEC },
    { "kernel", 0, OPTION_TEXT, "FILE", "use this kernel (default: the system's)",
      offsetof(struct settings, boot.kernel), WITH_SPEC },
    { "params", 0, OPTION_TEXT, "TEXT", "use these kernel parameters (default: the system's)",
      offsetof(struct settings, boot.params), WITH_SPEC },
    { "init", 0, OPTION_TEXT, "PATH", "use this init (default: the system's)",
      offsetof(struct settings, boot.init), WITH_SPEC },
    { "base-url", 0, OPTION_TEXT, "URL",
      "load the files of netboot.ipxe from URL (default:\nits own directory)",
      offsetof(struct settings, boot.base_url), 1 << COMMAND_TREE | 1 << COMMAND_IPXE },
    { "root-hash", 0, OPTION_TEXT, "HEX", "demand that the image has this root hash of\ndm-verity",
      offsetof(struct settings, image.root_hash), 1 << COMMAND_VERIFY | 1 << COMMAND_UNPACK },
    { "unpacked-limit", 0, OPTION_SIZE, "SIZE",
      "unpack and hash at most SIZE bytes (default: 4 GiB\nand 64 times the input)",
      offsetof(struct settings, unpacked_bytes), 1 << COMMAND_VERIFY | 1 << COMMAND_UNPACK },
    { "why", 0, OPTION_PAIR, "A B", "print a shortest chain of references from A to B",
      offsetof(struct settings, inspect.why), 1 << COMMAND_INSPECT },
    { "closure", 0, OPTION_TEXT, "PATH", "print the closure of a path, and its size",
      offsetof(struct settings, inspect.closure), 1 << COMMAND_INSPECT },
    { "diff", 0, OPTION_TEXT, "OLD", "print what changed since the image OLD",
      offsetof(struct settings, inspect.diff), 1 << COMMAND_INSPECT },
    { "svg", 0, OPTION_TEXT, "FILE", "draw where the bytes go",
      offsetof(struct settings, inspect.svg), 1 << COMMAND_INSPECT },
    { "into", 0, OPTION_TEXT, "ROOT", "publish in this directory; created if missing",
      offsetof(struct settings, publish.into), 1 << COMMAND_PUBLISH },
    { "label", 0, OPTION_TEXT, "NAME", "call the system NAME (default: as its store path)",
      offsetof(struct settings, publish.label), 1 << COMMAND_PUBLISH },
    { "keep", 0, OPTION_TEXT, "N",
      "remove all but the N latest systems, and images that\nno other has (default: keep all)",
      offsetof(struct settings, publish.keep_text), 1 << COMMAND_PUBLISH },
    { "grace", 0, OPTION_TEXT, "SECONDS",
      "with --keep: not what a machine may still be booting\n(default: 86400)",
      offsetof(struct settings, publish.grace_text), 1 << COMMAND_PUBLISH },
    { "rollback", 0, OPTION_FLAG, NULL, "exchange the current and the previous system",
      offsetof(struct settings, publish.rollback), 1 << COMMAND_PUBLISH },
    { "register", 0, OPTION_FLAG, NULL,
      "register the paths in the store's database, instead\nof leaving their manifest in DIR",
      offsetof(struct settings, unpack.registers), 1 << COMMAND_UNPACK },
    { "optimise", 0, OPTION_FLAG, NULL,
      "make equal files one, by hard links, as\n`nix-store --optimise` does",
      offsetof(struct settings, unpack.optimises), 1 << COMMAND_UNPACK },
    { "profile", 0, OPTION_TEXT, "PROFILE",
      "with --register: point this profile at the first\nPATH, or the tree's system, and tag DIR",
      offsetof(struct settings, unpack.profile), 1 << COMMAND_UNPACK },
    { "json", 0, OPTION_FLAG, NULL, "print the result as JSON", offsetof(struct settings, json),
      READING | WITH_IMAGE },
    { "quiet", 'q', OPTION_FLAG, NULL, "print only warnings and errors",
      offsetof(struct settings, quiet), ALL },
};

const struct program_spec settings_program = {
    .name = "regd-build",
    .summary = "Builds netboot and kexec images of NixOS systems.",
    .closing = "See regd-build(1).",
    .verbs = commands,
    .verb_count = COMMAND_COUNT,
    .options = options,
    .option_count = sizeof options / sizeof *options,
};

static size_t count_dashes(const struct option_list *list)
{
    size_t count = 0;
    for (size_t i = 0; i < list->count; i++)
        count += strcmp(list->items[i], "-") == 0;
    return count;
}

/* A base URL has a scheme and is a word of iPXE that needs no quotes. '?' and '#' are refused: a
 * file name after them would not be a part of the path. */
static bool check_base_url(const char *url, struct error *error)
{
    static const char plain[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                "-._~:/[]@!&()*+,;=%";
    struct str text = str_from(url);
    if (!url || (strspn(url, plain) == text.len && strstr(url, "://") && !str_ends(text, STR("/"))))
        return true;
    return error_set(
        error,
        "--base-url expects a URL without spaces, quotes, '?', '#', '$' or a final '/', not '%s'",
        url);
}

/* regd-fetch knows no other schemes. */
static bool check_from(const char *url, struct error *error)
{
    struct str text = str_from(url);
    return !url || str_starts(text, STR("http://")) || str_starts(text, STR("https://")) ||
           error_set(error, "--by-url needs a --base-url of http or https, not '%s'", url);
}

/* The closure has at most one source file, and standard input can be read only once. */
static bool check_sources(const struct settings *settings, struct error *error)
{
    const struct closure_settings *closure = &settings->closure;
    const char *const files[] = { closure->registration, closure->graph, closure->path_info };
    size_t given = 0;
    size_t dashes = count_dashes(&settings->arguments) + count_dashes(&closure->added);
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        given += files[i] != NULL;
        dashes += files[i] && strcmp(files[i], "-") == 0;
    }
    if (given > 1)
        return error_set(error, "--registration, --graph and --path-info cannot be combined");
    if (dashes > 1)
        return error_set(error, "'-' (standard input) can be given only once");
    if ((WITH_CLOSURE >> settings->command & 1) && given == 0 && settings->arguments.count == 0)
        return error_set(error, "%s: missing PATH; or give --registration, --graph or --path-info",
                         commands[settings->command].name);
    return true;
}

/* Checks that the options and arguments that the command requires are given. */
static bool check_needs(const struct settings *settings, struct error *error)
{
    const struct ramdisk_settings *ramdisk = &settings->ramdisk;
    enum command_name command = settings->command;
    if ((WITH_OUTPUT >> command & 1) && !settings->output)
        return error_set(error, "%s: missing -o PATH", commands[command].name);
    if (command == COMMAND_UNPACK && !settings->root)
        return error_set(error, "unpack: missing --root DIR; '/' is this system");
    if (command == COMMAND_RAMDISK &&
        ramdisk->prepends.count + ramdisk->stores.count + ramdisk->files.count == 0)
        return error_set(error, "ramdisk: missing --prepend FILE, --file SRC:DST or --store FILE");
    return true;
}

static bool check_unpack(const struct unpack_settings *unpack, struct error *error)
{
    return !unpack->profile || unpack->registers ||
           error_set(error, "--profile is used only with --register");
}

static bool check_root_hash(struct image_settings *image, struct error *error)
{
    struct error unused;
    return !image->root_hash || hash_parse(str_from(image->root_hash), &image->root, &unused) ||
           error_set(error, "--root-hash expects 64 hex digits, not '%s'", image->root_hash);
}

static bool check_inspect(const struct inspect_settings *inspect, struct error *error)
{
    if ((inspect->why.first != NULL) + (inspect->closure != NULL) + (inspect->diff != NULL) > 1)
        return error_set(error, "--why, --closure and --diff cannot be combined");
    return true;
}

/* A grace time beyond this could not be added to a clock's time. */
enum { KEEP_MAX = 1000000, GRACE_SECONDS_MAX = 1000000000 };

/* Parses an option's number into *value, which is its default. */
static bool read_number(const char *option, const char *text, uint64_t least, uint64_t most,
                        uint64_t *value, struct error *error)
{
    uint64_t number;
    if (!text)
        return true;
    if (!str_to_number(str_from(text), most, &number) || number < least)
        return error_set(error, "%s expects a number from %ju to %ju, not '%s'", option,
                         (uintmax_t)least, (uintmax_t)most, text);
    *value = number;
    return true;
}

static bool check_publish(const struct settings *settings, struct publish_settings *publish,
                          struct error *error)
{
    uint64_t keep = 0;
    bool has_tree = settings->arguments.count > 0;
    if (settings->command != COMMAND_PUBLISH)
        return true;
    publish->grace_seconds = PRUNE_GRACE_SECONDS;
    if (!publish->into)
        return error_set(error, "publish: missing --into ROOT");
    if (publish->rollback && (has_tree || publish->label || publish->keep_text))
        return error_set(error, "--rollback cannot be combined with TREE, --label or --keep");
    if (!publish->rollback && !has_tree)
        return error_set(error, "publish: missing TREE; or give --rollback");
    if (publish->grace_text && !publish->keep_text)
        return error_set(error, "--grace is used only with --keep");
    if (publish->label && !published_label_is_plain(str_from(publish->label)))
        return error_set(error,
                         "--label expects 1 to %d letters, digits, '.', '_' or '-', not '%s'",
                         PUBLISHED_LABEL_MAX, publish->label);
    if (!read_number("--keep", publish->keep_text, 1, KEEP_MAX, &keep, error) ||
        !read_number("--grace", publish->grace_text, 0, GRACE_SECONDS_MAX, &publish->grace_seconds,
                     error))
        return false;
    publish->keep = keep;
    return true;
}

/* Parses the values of the options. */
static bool read_values(struct settings *settings, struct arena *arena, struct error *error)
{
    struct image_settings *image = &settings->image;
    struct ramdisk_settings *ramdisk = &settings->ramdisk;
    struct tree_settings *tree = &settings->tree;
    if (!check_base_url(settings->boot.base_url, error) || !check_root_hash(image, error) ||
        (tree->tarball && !tarball_check_name(tree->tarball, error)) ||
        !ramdisk_files_parse(&ramdisk->files, arena, &ramdisk->extras, error) ||
        !ramdisk_compression_parse(str_from(ramdisk->compressor), &ramdisk->method, error))
        return false;
    if (ramdisk->method.is_on && tree->separate_store)
        return error_set(error, "--compressor and --separate-store cannot be combined");
    if (tree->by_url && tree->separate_store)
        return error_set(error, "--by-url and --separate-store cannot be combined");
    if (tree->by_url && !check_from(settings->boot.base_url, error))
        return false;
    if (tree->stub && !tree->uki)
        return error_set(error, "--stub is used only with --uki");
    return compression_parse(str_from(image->compression), &image->method, error) &&
           image_verity_parse(str_from(image->verity), &image->verity_place, error);
}

enum options_answer settings_read(int argc, char **argv, struct arena *arena,
                                  struct settings *ret_settings, struct error *error)
{
    struct settings settings = {
        .image.compression = COMPRESSION_DEFAULT,
        .ramdisk.compressor = "none",
    };
    struct options_result result =
        options_parse(&settings_program, argc, argv, &settings, arena, error);
    settings.command = (enum command_name)result.verb;
    settings.arguments = result.arguments;
    settings.shell = result.shell;
    if (result.answer == OPTIONS_RUN &&
        !(check_sources(&settings, error) && check_needs(&settings, error) &&
          check_inspect(&settings.inspect, error) && check_unpack(&settings.unpack, error) &&
          check_publish(&settings, &settings.publish, error) &&
          read_values(&settings, arena, error)))
        return OPTIONS_WRONG;
    *ret_settings = settings;
    return result.answer;
}
