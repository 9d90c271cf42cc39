/* lock_holder.h — finds out which process holds a lock that we wait for.
 *
 * Source   /proc/locks, see proc(5): number, kind, "ADVISORY", READ or WRITE, process, device and inode.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* Writes "NAME (PID)" of a process that holds a lock on the file `name` in the directory: one that
 * holds a write lock if there is one, otherwise one with a read lock. Writes "another process" if
 * none can be found: for a lock of an open file description the kernel names no process. */
void lock_holder_find(int directory, const char *name, char *ret_text, size_t size);
