#include "schema/base/budget.h"

#include "schema/base/own.h"

#include <assert.h>
#include <fcntl.h>
#include <unistd.h>

enum { STATUS_BLOCK_BYTES = 512 };

uint64_t budget_real_bytes(const struct stat *status)
{
    uint64_t size_bytes = status->st_size > 0 ? (uint64_t)status->st_size : 0;
    uint64_t blocks = status->st_blocks > 0 ? (uint64_t)status->st_blocks : 0;
    return blocks < size_bytes / STATUS_BLOCK_BYTES ? blocks * STATUS_BLOCK_BYTES : size_bytes;
}

/* A file without holes starts with data; in a file that is one hole, SEEK_DATA finds none. */
static bool has_data(int directory, const char *name)
{
    cleanup(own_close) int fd =
        openat(directory, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    return fd >= 0 && lseek(fd, 0, SEEK_DATA) == 0;
}

uint64_t budget_share(int directory, const char *name, const struct stat *status)
{
    uint64_t real_bytes = budget_real_bytes(status);
    if (S_ISREG(status->st_mode) && status->st_size > 0 && status->st_blocks == 0)
        real_bytes = has_data(directory, name) ? (uint64_t)status->st_size : 0;
    return real_bytes / (status->st_nlink ? status->st_nlink : 1);
}

void budget_pay(struct budget *budget, uint64_t real_bytes)
{
    __atomic_add_fetch(&budget->real_bytes, real_bytes, __ATOMIC_RELAXED);
}

static uint64_t limit_of(const struct budget *budget)
{
    uint64_t limit, real_bytes = __atomic_load_n(&budget->real_bytes, __ATOMIC_RELAXED);
    if (budget->limit_bytes)
        return budget->limit_bytes;
    if (__builtin_mul_overflow(real_bytes, budget->factor, &limit) ||
        __builtin_add_overflow(limit, budget->floor_bytes, &limit))
        return UINT64_MAX;
    return limit;
}

static bool refuse(const struct budget *budget, struct error *error)
{
    uint64_t real_bytes = __atomic_load_n(&budget->real_bytes, __ATOMIC_RELAXED);
    return error_set(error, "%s: more than %llu bytes, the limit for %llu bytes of input%s%s",
                     budget->what, (unsigned long long)limit_of(budget),
                     (unsigned long long)real_bytes, budget->remedy ? "; " : "",
                     budget->remedy ? budget->remedy : "");
}

bool budget_spend(struct budget *budget, uint64_t bytes, struct error *error)
{
    uint64_t wanted, limit = limit_of(budget);
    uint64_t spent = __atomic_load_n(&budget->spent_bytes, __ATOMIC_RELAXED);
    assert(budget->what);
    do {
        if (__builtin_add_overflow(spent, bytes, &wanted) || wanted > limit) {
            __atomic_store_n(&budget->is_exceeded, true, __ATOMIC_RELAXED);
            return refuse(budget, error);
        }
    } while (!__atomic_compare_exchange_n(&budget->spent_bytes, &spent, wanted, false,
                                          __ATOMIC_RELAXED, __ATOMIC_RELAXED));
    return true;
}

bool budget_check(const struct budget *budget, struct error *error)
{
    return !__atomic_load_n(&budget->is_exceeded, __ATOMIC_RELAXED) || refuse(budget, error);
}
