/* draft.h — files and links that are made under a temporary name, then published.
 *
 * No other process ever sees a half-written file: a draft is written under a temporary name in the
 * same directory, synced, and renamed. At any moment the final name has either the old file or the
 * new one.
 *
 * The temporary name is fixed (".NAME.draft"), so that the next run reuses what a killed run has
 * left. A lock on the draft keeps two runs from writing the same one.
 *
 * In a directory where others may write, a name can lead to another file at any moment. So what
 * exists under the name of a draft is used only if nobody else can have put it there, and what was
 * renamed is looked at again.
 */
#pragma once

#include "schema/base/file.h"

/* A file that is being written. `{ .fd = -1 }` stands for none. */
enum { DRAFT_NAME_BYTES = 256 };

struct draft {
    int fd;               /* open for reading and writing; owned */
    int directory;        /* which holds both names; borrowed */
    char final_name[256]; /* one component */
    char temporary_name[256];
};

/* Starts an empty draft of `name` (one component) in `directory`. Fails if another process is
 * writing a draft of the same name; if `name` exists and is not a regular file; if the temporary
 * name exists and draft_check_left fails; and if the name is too long. */
must_check bool draft_open(int directory, const char *name, struct draft *ret_draft,
                           struct error *error);

/* Fails if draft_open would fail, without creating a draft. Removes a draft that an earlier run
 * left. */
must_check bool draft_try(int directory, const char *name, struct error *error);

/* Makes the temporary name of `name`. Fails if that is too long for a file name. */
must_check bool draft_name(const char *name, char ret_name[static DRAFT_NAME_BYTES],
                           struct error *error);

/* Is it such a temporary name? *ret_name is a slice of it. */
bool draft_name_parse(struct str temporary_name, struct str *ret_name);

/* Refuses what exists under the name of a draft. `code` is why it could not be opened, an errno value;
 * 0: it was opened, and is not ours. */
bool draft_refuse_left(const char *name, const char *temporary_name, int code, struct error *error);

/* Has an earlier run left this file or directory under the name of a draft? Another user can have
 * created it, and his file would be published as ours. Or he can have given the name to a file of
 * ours, which would be emptied: by a hard link, or by renaming. So it must belong to this user,
 * have no other name, and lie in a directory of this user or of root in which nobody else may
 * rename it: not writable by others, or sticky. (A draft just created may belong to somebody else:
 * file servers map root to nobody.) */
must_check bool draft_check_left(int fd, int directory, const char *name,
                                 const char *temporary_name, struct error *error);

/* Gives the file its mode and its final name, replacing any file of that name. When it returns
 * true, the result is on disk. On failure the final name is as before, unless another process
 * renamed the draft meanwhile, or only the sync of the directory failed: then the new file has its
 * name, but may lose it in a power cut. */
must_check bool draft_publish(struct draft *draft, mode_t mode, struct error *error);

/* Publishes two new files in one directory, the first one first, so that the second is never there
 * alone. On failure neither is there. If the process is killed between the two renames, only the
 * first is. */
must_check bool draft_publish_pair(struct draft *first, struct draft *second, mode_t mode,
                                   struct error *error);

/* Removes a draft that was not published; does nothing after draft_publish. For `cleanup`. */
void draft_release(struct draft *draft);

/* Writes and publishes a file whose content is in memory. */
must_check bool file_publish(int directory, const char *name, struct str content, mode_t mode,
                             struct error *error);

/* Creates the symbolic link `name` in `directory`, or replaces it atomically, and syncs the
 * directory. The temporary name starts with a dot, so that it cannot be taken for a profile's
 * generation. Fails if `name` exists and is not a symbolic link. The caller must hold a lock that
 * keeps other processes from publishing the same link, because a link itself cannot be locked. */
must_check bool link_publish(int directory, const char *name, const char *target,
                             struct error *error);
