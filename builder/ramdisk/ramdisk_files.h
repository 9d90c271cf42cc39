/* ramdisk_files.h — adds files of the build host to the ramdisk (--file).
 *
 * Shape    SRC:DST or SRC:DST:MODE, separated from the end, so that SRC may have ':'. DST is a path
 *          below the ramdisk's root, with or without a leading '/'. MODE is a zero and three octal
 *          digits. Without it, the mode is 0755 if the file's owner may execute it, otherwise 0644.
 *          In the ramdisk the file has owner 0:0. Its parent directories are created with mode 0755.
 * Order    Sorted by the bytes of DST, whatever the order of the options.
 */
#pragma once

#include "builder/ramdisk/ramdisk.h"

#include "schema/base/options.h"

struct ramdisk_file {
    const char *source;
    struct str target; /* without a leading '/', terminated */
    int fd;            /* owned */
    uint32_t mode;     /* permission bits, once it is open */
    bool has_mode;     /* that was given */
};

struct ramdisk_files {
    struct ramdisk_file *items;
    size_t count;
};

#define RAMDISK_FILES_NONE ((struct ramdisk_files){ .count = 0 })

/* Parses the options. Refuses a DST that is empty, given twice, or below another DST; one with a
 * control character, or with a component that is empty, '.', '..' or longer than NAME_MAX; and one
 * that begins with the name of a store image or of the archive's trailer. */
must_check bool ramdisk_files_parse(const struct option_list *options, struct arena *arena,
                                    struct ramdisk_files *files, struct error *error);

/* Opens the files. Refuses a SRC that is not a regular file, or is too large for a ramdisk. */
must_check bool ramdisk_files_open(const struct ramdisk_files *files, struct error *error);

/* Adds directories and files to a ramdisk. */
must_check bool ramdisk_files_write(const struct ramdisk_files *files, struct ramdisk *ramdisk,
                                    struct arena scratch, struct error *error);

/* For `cleanup`. */
void ramdisk_files_release(const struct ramdisk_files *files);
