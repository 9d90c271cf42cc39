/* store_db_guard.h — limits what SQLite does for a database that is not trusted.
 *
 * A database is more than rows: its schema is SQL, which SQLite parses and, if allowed to, runs.
 * Here none of it runs, and no database can make SQLite use unlimited time or memory.
 *
 * Never runs   Triggers, views, impure functions in the schema, CHECK constraints, loaded
 *              extensions. No database can be attached, sorting is done in memory, the file is not
 *              mapped, and no statement can change the schema table directly (SQLite's defensive
 *              mode). Nix's own trigger, DeleteSelfRefs, does not run either: vanished.c deletes the
 *              references of a path itself.
 * Work         is counted in units: 1 for each step of SQLite's virtual machine and for each page
 *              used, and 16 more for a page that is read from the file. Unlike seconds, units are
 *              the same on every machine.
 *                to read the schema 20 000: some 2 000 objects; Nix makes 13
 *                afterwards           4 million, plus 2 for each byte of the database. To read all
 *                                     of 1 600 000 paths, with their references one by one, takes
 *                                     0.4
 *                for each row         2 000 for a row that is looked up or added; it takes about
 *                                     30, or 300 if each page of a large database must be read
 * Memory       32 MiB, plus the size of the database, plus 512 bytes for each row that is added.
 * Text         read from rows: 16 MiB, plus twice the size of the database, which contains the
 *              text.
 * Source       https://sqlite.org/security.html; the limits of https://sqlite.org/limits.html.
 */
#pragma once

#include "schema/database/store_db.h"

/* Sets all limits on a connection that was just opened. Does not read the file. */
must_check bool store_db_guard(struct store_db *db, struct error *error);

/* Reads the schema and the size of the database, and raises the limits accordingly. A transaction
 * must have been begun. */
must_check bool store_db_measure(const struct store_db *db, struct error *error);
