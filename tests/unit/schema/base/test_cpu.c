#include "schema/base/cpu.h"
#include "tests/check.h"

#include <errno.h>
#include <sched.h>
#include <string.h>

/* What the kernel here is like: its sets have so many CPUs, of which so many may be used; 0: it fails. */
static size_t cpus_known, cpus_allowed;

/* Stands in for the library's. */
int sched_getaffinity(pid_t pid, size_t size_bytes, cpu_set_t *set)
{
    (void)pid;
    if (cpus_known == 0 || size_bytes * 8 < cpus_known) {
        errno = EINVAL;
        return -1;
    }
    memset(set, 0, size_bytes);
    for (size_t i = 0; i < cpus_allowed; i++)
        CPU_SET_S(i, size_bytes, set);
    return 0;
}

static void every_cpu_that_may_be_used_counts(void)
{
    static const size_t rows[][2] = {
        { 64, 1 }, { 64, 64 }, { 1024, 1024 }, { 1025, 1025 }, { 8192, 3 }, { 8192, 5000 },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        cpus_known = rows[i][0];
        cpus_allowed = rows[i][1];
        CHECK_NUMBER(cpu_count(), cpus_allowed);
    }
}

static void where_nothing_is_told_it_is_one(void)
{
    cpus_known = 0;
    CHECK_NUMBER(cpu_count(), 1);
}

int main(void)
{
    return CHECK_ALL(CASE(every_cpu_that_may_be_used_counts),
                     CASE(where_nothing_is_told_it_is_one));
}
