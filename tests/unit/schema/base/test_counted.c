#include "tests/check.h"

#include "schema/base/counted.h"

static void one_is_the_exception(struct arena arena)
{
    (void)arena;
    CHECK_STR(counted(0, "path").text, "0 paths");
    CHECK_STR(counted(1, "path").text, "1 path");
    CHECK_STR(counted(2, "valid path").text, "2 valid paths");
    CHECK_STR(counted(1, "retry").text, "1 retry");
    CHECK_STR(counted(2, "retry").text, "2 retries");
    CHECK_STR(counted(2, "stray").text, "2 strays");
    CHECK_STR(counted(UINT64_MAX, "reference").text, "18446744073709551615 references");
}

int main(void)
{
    return CHECK_ALL(CASE(one_is_the_exception));
}
