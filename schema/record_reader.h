/* record_reader.h — the records, line by line, in which Nix tells store paths as text: those of a
 * manifest (manifest.h) and those of a references graph (reference_graph.h).
 *
 * A field stands on a line of its own, '\n' behind it. Each call takes the next field off; what it
 * refuses, it refuses with the number of the line.
 */
#pragma once

#include "schema/path_info.h"

struct record_reader {
    struct str rest;    /* of what is in memory */
    size_t line_number; /* of the line that was taken last, from 1 */

    int fd; /* where more of the text comes from; -1: there is no more */
    const char *name;
    char *buffer;
    size_t bytes_read, bytes_max;
    bool failed; /* to read; the sentence is whole */

    uint32_t *numbers; /* a record's references while they are read */
    size_t number_capacity;

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

/* Is there one more record? False at the end, and where reading failed. */
bool record_reader_more(struct record_reader *reader);

/* Takes a path off, whose name joins the list's. */
must_check bool record_reader_path(struct record_reader *reader, uint32_t *ret_name);

/* Takes a line off, which is there until the next call. `field` names it in the sentence. */
must_check bool record_reader_line(struct record_reader *reader, const char *field,
                                   struct str *ret_line);

/* Takes a decimal number off. */
must_check bool record_reader_number(struct record_reader *reader, const char *field, uint64_t max,
                                     uint64_t *ret_number);

/* Takes a path or an empty line off. */
must_check bool record_reader_deriver(struct record_reader *reader, struct str *ret_base);

/* Takes the count of references and them off. */
must_check bool record_reader_references(struct record_reader *reader, struct path_info *info);

/* Adds the record whose name, and what else there is, was taken off. Refuses more than
 * PATH_COUNT_MAX. */
must_check bool record_reader_add(struct record_reader *reader, const struct path_info *info);

/* Puts the number of the last line before the sentence; returns false. */
bool record_reader_wrong(const struct record_reader *reader);
