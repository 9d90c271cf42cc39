/* settings.h — the parsed command line of regd-build: one struct for each group of options.
 *
 * Strings are as given, and null or empty if not given. Values that were parsed from them are the
 * last members of a struct.
 */
#pragma once

#include "builder/codec/compression.h"
#include "builder/image/image_draft.h"
#include "builder/ramdisk/ramdisk_compressor.h"
#include "builder/ramdisk/ramdisk_files.h"

#include "schema/base/options.h"

enum command_name {
    COMMAND_TREE,
    COMMAND_SQUASHFS,
    COMMAND_RAMDISK,
    COMMAND_IPXE,
    COMMAND_KEXEC,
    COMMAND_MANIFEST,
    COMMAND_INSPECT,
    COMMAND_VERIFY,
    COMMAND_PUBLISH,
    COMMAND_UNPACK,
    COMMAND_COUNT
};

/* The source of path information: at most one file, otherwise the database. */
struct closure_settings {
    const char *registration, *graph, *path_info;
    struct option_list added;
};

/* How a store image is created, and the images below it (bases). */
struct image_settings {
    const char *compression, *reuse, *verity, *root_hash;
    struct option_list bases;
    uint64_t max_size_bytes; /* 0: no limit */
    bool signatures, no_check, is_lower;

    struct compression method;
    enum verity_place verity_place;
    struct hash root; /* of --root-hash */
};

/* What goes into a ramdisk besides the new images. */
struct ramdisk_settings {
    const char *compressor;
    struct option_list prepends, files, stores;

    struct ramdisk_compression method; /* compression of the archive */
    struct ramdisk_files extras;
};

/* Options that replace what the system says. */
struct boot_settings {
    const char *specialisation, *kernel, *params, *init, *base_url;
};

struct tree_settings {
    const char *tarball, *stub, *dtb;
    uint64_t target_bytes; /* memory of the machine to boot; 0: unknown */
    bool separate_store, by_url, uki;
};

struct inspect_settings {
    const char *closure, *svg, *diff;
    struct option_pair why;
};

struct publish_settings {
    const char *into, *label, *keep_text, *grace_text;
    bool rollback;

    size_t keep; /* systems; 0: all */
    uint64_t grace_seconds;
};

struct unpack_settings {
    const char *profile; /* to be set; null: none */
    bool registers, optimises;
};

struct settings {
    enum command_name command;
    struct option_list arguments;
    const char *root, *store_dir, *state_dir, *output;
    unsigned jobs; /* threads; 0: not given */
    bool quiet, json;
    uint64_t unpacked_bytes; /* limit of bytes to be unpacked; 0: in proportion to the image */
    struct closure_settings closure;
    struct image_settings image;
    struct ramdisk_settings ramdisk;
    struct boot_settings boot;
    struct tree_settings tree;
    struct inspect_settings inspect;
    struct publish_settings publish;
    struct unpack_settings unpack;
    enum completion_shell shell; /* of --completion */
};

extern const struct program_spec settings_program;

/* Parses the command line. OPTIONS_WRONG covers all errors that can be found without opening a
 * file. */
enum options_answer settings_read(int argc, char **argv, struct arena *arena,
                                  struct settings *ret_settings, struct error *error);
