/* file.h — whole files: read with a limit; written beside their final name, then published.
 *
 * Nothing of ours is ever seen half-written: a draft is written under a temporary name in the same
 * directory, made durable, and renamed. Whoever looks, at whatever moment, sees the old file or
 * the new one.
 *
 * A file's temporary name is fixed (".NAME.draft"), so that what a killed run leaves behind is
 * reused by the next one instead of piling up; a lock on it keeps two runs from sharing it.
 */
#pragma once

#include "schema/base/arena.h"

#include <sys/stat.h>

/* Opens a regular file for reading, relative to `directory` (AT_FDCWD is fine); links are followed.
 * *ret_fd is -1 where there is none. Refuses what is not a regular file, without opening it, so that
 * neither a pipe nor a device makes it wait. */
must_check bool file_open(int directory, const char *path, int *ret_fd, struct error *error);

/* Reads everything that is left in fd into the arena, terminated. `name` is for the sentence.
 * Refuses more than limit_bytes, and a file that is hardly anything but holes: larger than 64 MiB and
 * than 64 times what it takes on its disk. Works on pipes and on files of /proc. */
must_check bool file_read_fd(int fd, const char *name, size_t limit_bytes, struct arena *arena,
                             struct str *ret_text, struct error *error);

/* The same for a path, which file_open opens and which has to be there. */
must_check bool file_read(int directory, const char *path, size_t limit_bytes, struct arena *arena,
                          struct str *ret_text, struct error *error);

/* What has that name in the directory, without following a link: its mode, or 0 where nothing has. What
 * could not be looked at is a failure. */
must_check bool file_look(int directory, const char *name, mode_t *ret_mode, struct error *error);

/* Opens a regular file of a directory; `name` is one component, O_CLOEXEC is added. Never follows a link,
 * waits for a FIFO, or opens a device on purpose: what else has that name is refused by its kind. Returns
 * the descriptor, or the negative errno value and a sentence. */
int file_open_regular(int directory, const char *name, int flags, mode_t mode, struct error *error);

/* Reads as many bytes from `offset` on; returns fewer only where the file ends, or -1 and errno. */
ssize_t file_pread(int fd, void *data, size_t size_bytes, uint64_t offset);

/* The same with a sentence, for which `name` is. The file's position is neither used nor changed. */
must_check bool file_read_at(int fd, const char *name, void *data, size_t size_bytes,
                             uint64_t offset, size_t *ret_size_bytes, struct error *error);

/* Copies all of a file to `offset` of another; neither position is used or changed. */
must_check bool file_copy(int source, const char *source_name, int target, const char *target_name,
                          uint64_t offset, struct arena scratch, uint64_t *ret_size_bytes,
                          struct error *error);

/* Is the open file the one of that name in the directory? A lock on a file is worth nothing once
 * the file has been renamed or removed. */
bool file_is_named(int fd, int directory, const char *name);

/* Writes all of it, at the file's position or at `offset`. `name` is for the sentence. */
must_check bool file_write(int fd, const char *name, const void *data, size_t size_bytes,
                           struct error *error);
must_check bool file_write_at(int fd, const char *name, const void *data, size_t size_bytes,
                              uint64_t offset, struct error *error);

/* A file under construction. `{ .fd = -1 }` is none. */
struct draft {
    int fd;               /* open for reading and writing; owned */
    int directory;        /* where both names are; borrowed */
    char final_name[256]; /* one component */
    char temporary_name[256];
};

/* Starts an empty draft of `name` (one component) in `directory`.
 * Refuses when another process is writing a draft of the same name, when something other than a
 * regular file has that name, when the draft's name is a link or one of several names of a file, or
 * the name is too long. */
must_check bool draft_open(int directory, const char *name, struct draft *ret_draft,
                           struct error *error);

/* Gives the file its mode and its final name, replacing what was there; durable when it returns
 * true. On failure nothing is visible under the final name that was not there before, but if it
 * is only the directory's names that could not be made durable. */
must_check bool draft_publish(struct draft *draft, mode_t mode, struct error *error);

/* Publishes two new files of one directory, the second being the sign that the first is there. On
 * failure neither is. Killed between the two renames, the first is there without the second. */
must_check bool draft_publish_pair(struct draft *first, struct draft *second, mode_t mode,
                                   struct error *error);

/* Removes what was not published; does nothing after draft_publish. For `cleanup`. */
void draft_release(struct draft *draft);

/* Publishes a whole small file. */
must_check bool file_publish(int directory, const char *name, struct str content, mode_t mode,
                             struct error *error);

/* Makes or atomically replaces the symbolic link `name` in `directory`; durable. The temporary
 * name starts with a dot, so that it never looks like a profile's generation.
 * Refuses to replace what is not a symbolic link. The caller holds a lock that keeps others from
 * publishing the same link: a link itself cannot be locked. */
must_check bool link_publish(int directory, const char *name, const char *target,
                             struct error *error);

/* Makes the names in a directory durable. */
must_check bool directory_sync(int directory, struct error *error);
