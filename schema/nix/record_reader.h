/* record_reader.h — the records, line by line, in which Nix tells store paths as text: those of a
 * manifest (manifest.h) and those of a references graph (reference_graph.h).
 *
 * A field stands on a line of its own, '\n' behind it. Each call takes the next field off; what it
 * refuses, it refuses with the number of the line.
 *
 * Names wait until there are many of them, and are then looked up together, which is faster. So a
 * path may be refused some lines late, at the latest by record_reader_end; of all that is refused
 * the sentence tells what stands first in the text.
 */
#pragma once

#include "schema/nix/path_info.h"

#include <sys/types.h>

struct record_reader {
    struct str rest;    /* of what is in memory */
    size_t line_number; /* of the line that was taken last, from 1 */

    int fd; /* where more of the text comes from; -1: there is no more */
    const char *name;
    char *buffer;
    size_t bytes_read, bytes_max;
    off_t offset; /* of a piece: where to read on; else -1 */
    bool failed;  /* to read; the sentence is whole */
    bool refused; /* a name; there is a sentence */

    struct waiting_name *waiting; /* in the order of the text */
    size_t waiting_count;
    size_t named;      /* the list's items up to here have their names */
    uint32_t *numbers; /* where the next reference's number goes */
    size_t numbers_left;

    struct str store_dir;
    struct arena *arena;
    struct path_list *list;
    struct error *error;
};

/* Starts at the first line of a text. Names join the list's, everything else is copied into the
 * arena: nothing refers to the text. */
struct record_reader record_reader_of_text(struct str text, struct str store_dir,
                                           struct arena *arena, struct path_list *list,
                                           struct error *error);

/* Lets the reader of an empty text go on with an open file or pipe, which is never in memory as a
 * whole. `name` is what sentences call it. Refused are lines of 256 KiB and more, and more than
 * bytes_max in all. */
void record_reader_follow(struct record_reader *reader, int fd, const char *name, size_t bytes_max);

/* The same with the piece of a file from `offset` on that has `size_bytes`; the file's position is
 * neither used nor changed. */
void record_reader_follow_piece(struct record_reader *reader, int fd, const char *name,
                                off_t offset, size_t size_bytes);

/* Is there one more record? False at the end, and where reading failed. */
bool record_reader_more(struct record_reader *reader);

/* Adds an item to the list and takes its path off. The item's names and numbers are set once the
 * reader has ended. Refuses more than PATH_COUNT_MAX. */
must_check bool record_reader_path(struct record_reader *reader, struct path_info **ret_item);

/* Takes a line off, which is there until the next call. `field` names it in the sentence. */
must_check bool record_reader_line(struct record_reader *reader, const char *field,
                                   struct str *ret_line);

/* Takes a decimal number off. */
must_check bool record_reader_number(struct record_reader *reader, const char *field, uint64_t max,
                                     uint64_t *ret_number);

/* Takes a path or an empty line off. */
must_check bool record_reader_deriver(struct record_reader *reader, struct str *ret_base);

/* Takes the count of references and them off. */
must_check bool record_reader_references(struct record_reader *reader, struct path_info *item);

/* Puts the number of the last line before the sentence; returns false. */
bool record_reader_wrong(const struct record_reader *reader);

/* Looks up the names that still wait; `complete` is false where a record was refused. True if all
 * is in order. */
must_check bool record_reader_end(struct record_reader *reader, bool complete);
