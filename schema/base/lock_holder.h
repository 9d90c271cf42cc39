/* lock_holder.h — who holds a lock that one waits for.
 *
 * Source   /proc/locks, see proc(5): number, kind, "ADVISORY", READ or WRITE, process, device and inode.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* Writes "NAME (PID)" of another process that holds a lock on the file of that name in the
 * directory, the one that writes before those that read, or "another process" where it cannot
 * be found out: the kernel names no process for an open file description's lock. */
void lock_holder_find(int directory, const char *name, char *ret_text, size_t size);
