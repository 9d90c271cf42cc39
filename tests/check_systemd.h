/* check_systemd.h — a libsystemd that keeps what it is told.
 *
 * A test's own library_find, which stands in for schema/base/library.c, has to call check_systemd_find.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct check_systemd {
    char notified[512]; /* the last state for the manager */
    char entry[1024];   /* the last entry of the journal: a line for each field */
    size_t field_count; /* of the entry */
    int answer;         /* of the journal */
    bool is_missing;    /* the library */
};

extern struct check_systemd check_systemd;

/* As library_find. */
void *check_systemd_find(const char *soname, const char *symbol);

/* Begins a case: nothing is told yet, and neither a manager nor a journal listens. */
void check_systemd_begin(void);

/* A manager listens from now on. */
void check_systemd_manage(void);

/* Standard error, as it is now, is the journal's. */
void check_systemd_journal(void);
