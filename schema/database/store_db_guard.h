/* store_db_guard.h — what SQLite may do for a database that nobody vouches for.
 *
 * A database is more than rows: its schema is SQL that SQLite parses, and, if allowed to, runs. Here
 * none of it runs, whatever it says, and no database can make SQLite work or remember without end.
 *
 * Never runs   Triggers, views, functions of the schema that are not pure, CHECK constraints, loaded
 *              extensions. Nothing can be attached, what is sorted of a database
 *              stays in memory, the file is never mapped, and no statement changes the schema behind SQLite's back.
 *              Nix's own trigger, DeleteSelfRefs, serves deleting, which regd does not do.
 * Work         is counted in units: a step of SQLite's virtual machine, a page looked at; a page read
 *              from the file counts for 16 more. Units, unlike seconds, are the same on every
 *              machine, however busy.
 *                reading the schema   20 000: some 2 000 objects; Nix makes 13
 *                afterwards           4 million, and 2 for each byte of the database. Reading all of
 *                                     1 600 000 paths, their references one by one, takes 0.4
 *                for each row         that is looked up or added, 2 000; it takes some 30, and 300
 *                                     where each page of a large database has to be read
 * Memory       32 MiB, and as much as the database has bytes; 512 bytes for each row that is added.
 * Text         read from rows: 16 MiB, and twice the bytes of the database: a row's text is in it.
 * Source       https://sqlite.org/security.html; the limits of https://sqlite.org/limits.html.
 */
#pragma once

#include "schema/database/store_db.h"

/* Sets all of it on a connection that was just opened; looks at no file. */
must_check bool store_db_guard(struct store_db *db, struct error *error);

/* Reads the schema and measures the database, inside a transaction that was begun: from now on it may
 * take what belongs to its size. */
must_check bool store_db_measure(const struct store_db *db, struct error *error);
