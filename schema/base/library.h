/* library.h — shared libraries that are loaded when they are first needed.
 *
 * Loading libcrypto and libsystemd, with all they load in turn, takes longer than registering a
 * system's paths. What needs neither should not wait for them, so they are not linked but opened.
 */
#pragma once

/* The address of a symbol in a library of that soname; null if there is no such library or symbol.
 * The library stays open. */
void *library_find(const char *soname, const char *symbol);

/* Why this thread's last library_find gave nothing: the loader's sentence, which names the library. */
const char *library_reason(void);
