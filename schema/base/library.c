#include "schema/base/library.h"

#include <dlfcn.h>
#include <stddef.h>

void *library_find(const char *soname, const char *symbol)
{
    void *library = dlopen(soname, RTLD_LAZY | RTLD_LOCAL);
    return library ? dlsym(library, symbol) : NULL;
}

const char *library_reason(void)
{
    const char *reason = dlerror();
    return reason ? reason : "a shared library lacks a function";
}
