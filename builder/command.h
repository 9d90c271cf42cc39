/* command.h — the commands of regd-build, one function each.
 */
#pragma once

#include "builder/closure/closure.h"
#include "builder/image/squashfs.h"
#include "builder/ramdisk/ramdisk_compressor.h"
#include "builder/ramdisk/ramdisk_files.h"
#include "schema/boot/boot_spec.h"

struct settings {
    const char *root, *store_dir, *state_dir;
    const char *registration, *graph, *path_info;
    const char *output, *compression, *compressor, *jobs, *reuse, *max_size, *tarball;
    const char *specialisation, *kernel, *params, *init, *base_url, *target_ram;
    const char *closure, *svg, *why;
    struct option_list added, prepends, files, stores, bases;
    bool signatures, no_check, separate_store, quiet, json;
};

/* What every command works on. */
struct command {
    struct settings settings;
    struct option_list arguments;
    struct store store;
    struct squashfs_options squashfs;
    struct ramdisk_compression compressor; /* of a ramdisk's archive */
    struct ramdisk_files files;            /* for a ramdisk */
    struct progress progress;
    uint64_t max_size_bytes; /* of an image; 0: no limit */
    uint64_t target_bytes;   /* memory of the machine to boot; 0: unknown */
    struct arena *arena;
};

must_check bool command_tree(struct command *command, struct error *error);
must_check bool command_squashfs(struct command *command, struct error *error);
must_check bool command_ramdisk(struct command *command, struct error *error);
must_check bool command_ipxe(struct command *command, struct error *error);
must_check bool command_kexec(struct command *command, struct error *error);
must_check bool command_manifest(struct command *command, struct error *error);
