/* service.h — reports to systemd: the state of the service, and entries of the journal.
 *
 * libsystemd is loaded when it is first needed (library.h). Where there is none, or no service
 * manager listens, nothing is reported here, and the caller prints instead.
 *
 * Source   systemd, sd_notify(3), and JOURNAL_STREAM in systemd.exec(5).
 */
#pragma once

#include "schema/base/journal.h"

/* Sends lines such as "READY=1" to the service manager, if there is one. */
void service_notify(const char *state);

/* Is standard error a stream of the journal? */
bool service_has_journal(void);

/* Sends an entry. Returns false if standard error is no stream of the journal, or if the journal
 * cannot take the entry. */
bool service_journal(const struct journal_entry *entry);
