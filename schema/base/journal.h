/* journal.h — an entry of systemd's journal, as its fields.
 *
 * Shape    Each field is "NAME=value" with a length, as sd_journal_sendv takes it, so that a value
 *          can contain any byte, even a newline. MESSAGE is read on a terminal and therefore
 *          escaped (show.h). The other fields are for programs and exact.
 * Source   systemd, sd_journal_print(3) and "Native Journal Protocol".
 */
#pragma once

#include "schema/base/arena.h"

#include <sys/uio.h>

/* More than any of our entries has. */
enum { JOURNAL_FIELDS_MAX = 16 };

struct journal_entry {
    struct arena *arena; /* holds the fields */
    struct iovec fields[JOURNAL_FIELDS_MAX];
    size_t count;
};

/* Adds a field. The name must be a constant of ours. A value of ERROR_SENTENCE_MAX bytes or more is
 * cut. */
void journal_add(struct journal_entry *entry, const char *name, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

void journal_add_message(struct journal_entry *entry, struct str sentence);
