#include "tests/check.h"

#include "schema/base/library.h"

#include <dlfcn.h>

static void a_function_is_found(void)
{
    void *found = library_find("libc.so.6", "gnu_get_libc_version");
    CHECK(found && found == dlsym(RTLD_DEFAULT, "gnu_get_libc_version"));
}

static void what_is_not_there_is_null(void)
{
    CHECK(!library_find("libc.so.6", "no_such_function"));
    CHECK(!library_find("libno-such-library.so.0", "gnu_get_libc_version"));
}

static void the_reason_names_the_library_or_the_function(void)
{
    library_find("libno-such-library.so.0", "gnu_get_libc_version");
    CHECK_STR(library_reason(), "libno-such-library.so.0: cannot open shared object file: No such "
                                "file or directory");
    library_find("libc.so.6", "no_such_function");
    CHECK(str_ends(str_from(library_reason()), STR("undefined symbol: no_such_function")));
    CHECK_STR(library_reason(), "a shared library lacks a function");
}

int main(void)
{
    return CHECK_ALL(CASE(a_function_is_found), CASE(what_is_not_there_is_null),
                     CASE(the_reason_names_the_library_or_the_function));
}
