/* budget.h — how much work an input may cause.
 *
 * A few hundred bytes can claim any size: by holes, by compression, by naming one thing again and
 * again. A claim is believed only as far as the input's real bytes pay for it.
 *
 * Limit    A floor, which every input may cost, and a factor times its real bytes. Each use names
 *          both as constants, with their reason.
 * Threads  Any number may spend from one budget.
 */
#pragma once

#include "schema/base/error.h"

#include <stdint.h>
#include <sys/stat.h>

struct budget {
    const char *what;   /* what the limit is of, as in "WHAT: more than 12 bytes" */
    const char *remedy; /* where a real input may need more; or null */
    uint64_t floor_bytes, factor;
    uint64_t limit_bytes; /* instead of floor and factor; 0: none was given */
    uint64_t real_bytes;  /* what was paid so far */
    uint64_t spent_bytes;
    bool is_exceeded; /* more was wanted at some time */
};

/* The bytes of a file that take room on its disk: all but its holes. File systems that do not know
 * say 0, which is why a floor must be enough for small files. */
uint64_t budget_real_bytes(const struct stat *status);

/* What one of a file's names pays: its real bytes, shared out over all its names. Where the file system says
 * that it takes no blocks, it is asked whether there is data: not all of them count. `name` is in the
 * directory, and `status` is its. */
uint64_t budget_share(int directory, const char *name, const struct stat *status);

/* The input has so many real bytes more. */
void budget_pay(struct budget *budget, uint64_t real_bytes);

/* Takes bytes that are about to be used. Refuses what goes beyond the limit; nothing is taken then. */
must_check bool budget_spend(struct budget *budget, uint64_t bytes, struct error *error);

/* Refuses, in the same words, where anything was refused before: for work whose parts may fail, but
 * which has to end when the budget does. */
must_check bool budget_check(const struct budget *budget, struct error *error);
