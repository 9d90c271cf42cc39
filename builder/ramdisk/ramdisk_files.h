/* ramdisk_files.h — files of the build host for the root of the booted system's ramdisk (--file).
 *
 * Shape    SRC:DST. The last ':' separates; DST is a path below the ramdisk's root, with or without
 *          '/' in front. In the ramdisk the file is 0:0, 0755 if its owner may execute it and 0644
 *          if not; the directories on its way are made, 0755.
 * Order    By the bytes of DST, whatever the order of the options.
 */
#pragma once

#include "builder/ramdisk/ramdisk.h"

#include "schema/base/options.h"

struct ramdisk_file {
    const char *source;
    struct str target; /* without '/' in front, terminated */
    int fd;            /* owned */
    bool is_executable;
};

struct ramdisk_files {
    struct ramdisk_file *items;
    size_t count;
};

#define RAMDISK_FILES_NONE ((struct ramdisk_files){ .count = 0 })

/* Reads the options.
 * Refuses a DST that is empty, is given twice, lies below another one, has a component '.' or '..'
 * or an empty one or one of more than NAME_MAX bytes, a control character, or begins with the name of
 * a store image or of the archive's trailer. */
must_check bool ramdisk_files_parse(const struct option_list *options, struct arena *arena,
                                    struct ramdisk_files *files, struct error *error);

/* Opens the files. Refuses a SRC that is not a file or too large for a ramdisk. */
must_check bool ramdisk_files_open(const struct ramdisk_files *files, struct error *error);

/* Adds directories and files to a ramdisk. */
must_check bool ramdisk_files_write(const struct ramdisk_files *files, struct ramdisk *ramdisk,
                                    struct arena scratch, uint64_t *ret_size_bytes,
                                    struct error *error);

/* For `cleanup`. */
void ramdisk_files_release(const struct ramdisk_files *files);
