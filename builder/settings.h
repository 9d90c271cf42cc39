/* settings.h — what the command line of regd-build says: a struct for what several commands have in
 * common, and one for what a command has for itself.
 *
 * Words are as they were given, null or empty where they were not. What was read from them stands behind
 * them.
 */
#pragma once

#include "builder/codec/compression.h"
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
    COMMAND_COUNT
};

/* Where path information comes from: one file at most, else the database. */
struct closure_settings {
    const char *registration, *graph, *path_info;
    struct option_list added;
};

/* How a store image is made, and (bases) what lies below one. */
struct image_settings {
    const char *compression, *reuse;
    struct option_list bases;
    uint64_t max_size_bytes; /* 0: no limit */
    bool signatures, no_check;

    struct compression method;
};

/* What goes into a ramdisk besides. */
struct ramdisk_settings {
    const char *compressor;
    struct option_list prepends, files, stores;

    struct ramdisk_compression method; /* of the archive */
    struct ramdisk_files extras;
};

/* What is said instead of the system. */
struct boot_settings {
    const char *specialisation, *kernel, *params, *init, *base_url;
};

struct tree_settings {
    const char *tarball;
    uint64_t target_bytes; /* memory of the machine to boot; 0: unknown */
    bool separate_store;
};

struct inspect_settings {
    const char *closure, *svg;
    struct option_pair why;
};

struct settings {
    enum command_name command;
    struct option_list arguments;
    const char *root, *store_dir, *state_dir, *output;
    unsigned jobs; /* threads; 0: not said */
    bool quiet, json;
    uint64_t
        unpacked_bytes; /* that may be unpacked to verify; 0: in proportion to what is verified */
    struct closure_settings closure;
    struct image_settings image;
    struct ramdisk_settings ramdisk;
    struct boot_settings boot;
    struct tree_settings tree;
    struct inspect_settings inspect;
    enum completion_shell shell; /* of --completion */
};

extern const struct program_spec settings_program;

/* Reads the command line. OPTIONS_WRONG is all that can be seen of its words alone. */
enum options_answer settings_read(int argc, char **argv, struct arena *arena,
                                  struct settings *ret_settings, struct error *error);
