/* budget.h — a limit on the work that an input may cause.
 *
 * A file of a few hundred bytes can claim to hold any amount of data: by holes, by compression, or
 * by referring to the same data many times. Such a claim is accepted only in proportion to the
 * bytes that the input really has on disk.
 *
 * Limit    A floor that every input is granted, plus a factor times its real bytes. Each user of a
 *          budget defines both as constants and gives the reason.
 * Threads  Any number of threads may use one budget.
 */
#pragma once

#include "schema/base/error.h"

#include <stdint.h>
#include <sys/stat.h>

struct budget {
    const char *what;   /* what is limited, as in "WHAT: more than 12 bytes" */
    const char *remedy; /* what to do if a genuine input needs more; or null */
    uint64_t floor_bytes, factor;
    uint64_t limit_bytes; /* a fixed limit instead of floor and factor; 0: none */
    uint64_t real_bytes;  /* counted so far */
    uint64_t spent_bytes;
    bool is_exceeded; /* a call of budget_spend was refused */
};

/* Returns how many bytes of a file are stored on disk, that is, without its holes. Some file
 * systems report 0; for this reason a floor must be large enough for small files. */
uint64_t budget_real_bytes(const struct stat *status);

/* Returns what one name of a file adds to a budget: the file's real bytes divided by its number of
 * hard links. If the file system reports no blocks, the file is searched for data (SEEK_DATA),
 * because some file systems do not count blocks. `status` is that of `name` in the directory. */
uint64_t budget_share(int directory, const char *name, const struct stat *status);

/* Raises the limit: the input has `real_bytes` more. */
void budget_pay(struct budget *budget, uint64_t real_bytes);

/* Spends bytes that are about to be used. Fails if that would exceed the limit; then spends
 * nothing. */
must_check bool budget_spend(struct budget *budget, uint64_t bytes, struct error *error);

/* Fails, with the same sentence, if a call of budget_spend has failed before. For work that
 * continues after the failure of a part, but must stop when its budget is exceeded. */
must_check bool budget_check(const struct budget *budget, struct error *error);
