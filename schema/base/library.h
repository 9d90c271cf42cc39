/* library.h — shared libraries that are loaded only when they are needed.
 *
 * Loading libcrypto and libsystemd, with the libraries that they need, takes longer than
 * registering the paths of a system. So the programs are not linked with them but open them by
 * dlopen(3), and a run that needs neither loads neither.
 */
#pragma once

/* Returns the address of a symbol in the library of that soname; null if there is no such library
 * or symbol. The library stays open. */
void *library_find(const char *soname, const char *symbol);

/* Returns why this thread's last library_find failed: dlerror's text, which names the library. */
const char *library_reason(void);
