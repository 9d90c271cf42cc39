/* journal.h — an entry of systemd's journal, as its fields.
 *
 * Shape    "NAME=value" each, as sd_journal_sendv takes them: by length, so that a value can have any
 *          bytes and is still one field. MESSAGE is for people, who read it on a terminal: it is shown
 *          (show.h). The others are for programs and exact.
 * Source   systemd, sd_journal_print(3) and "Native Journal Protocol".
 */
#pragma once

#include "schema/base/arena.h"

#include <sys/uio.h>

/* More than an entry of ours has. */
enum { JOURNAL_FIELDS_MAX = 16 };

struct journal_entry {
    struct arena *arena; /* holds the fields */
    struct iovec fields[JOURNAL_FIELDS_MAX];
    size_t count;
};

/* Adds a field; the name is one of ours. Values of ERROR_SENTENCE_MAX bytes and more are cut. */
void journal_add(struct journal_entry *entry, const char *name, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

void journal_add_message(struct journal_entry *entry, struct str sentence);
