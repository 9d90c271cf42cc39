/* record_reader.h — parses Nix's text records of store paths, line by line: those of a manifest
 * (manifest.h) and of a references graph (reference_graph.h).
 *
 * Each field is a line that ends with '\n'. Each call reads the next field. A sentence has the
 * number of the line.
 *
 * Paths are collected and then looked up together in the table of names, which is faster. So a
 * wrong path may be reported some lines later, at the latest by record_reader_end. If there are
 * several faults, the sentence is about the first in the text.
 */
#pragma once

#include "schema/base/file.h"
#include "schema/nix/path_info.h"

#include <sys/types.h>

struct record_reader {
    struct str rest;    /* what is in memory and not read yet */
    size_t line_number; /* of the last line read, from 1 */

    struct file file; /* where the text continues; fd -1: nowhere */
    char *buffer;
    size_t bytes_read, bytes_max;
    off_t offset; /* where to read on in a piece of a file; otherwise -1 */
    bool failed;  /* reading failed; the sentence is complete */
    bool refused; /* a name is wrong; the sentence is set */

    struct waiting_name *waiting; /* names to be looked up, in the order of the text */
    size_t waiting_count;
    size_t named;      /* the list's items before this one have their names */
    uint32_t *numbers; /* where the number of the next reference will be stored */
    size_t numbers_left;

    struct str store_dir;
    struct arena *arena;
    struct path_list *list;
    struct error *error;
};

/* Starts to read a text. Names are added to the list's table, and all else is copied into the
 * arena: nothing refers to the text. */
struct record_reader record_reader_of_text(struct str text, struct str store_dir,
                                           struct arena *arena, struct path_list *list,
                                           struct error *error);

/* Makes the reader of an empty text continue with an open file or pipe, which is never held in
 * memory as a whole. Lines of 256 KiB or more are refused, and more than bytes_max in total. */
void record_reader_follow(struct record_reader *reader, struct file file, size_t bytes_max);

/* The same for a piece of a file: `size_bytes` from `offset` on. The file's position is neither
 * used nor changed. */
void record_reader_follow_piece(struct record_reader *reader, struct file file, off_t offset,
                                size_t size_bytes);

/* Is there another record? False at the end, and if reading failed. */
bool record_reader_more(struct record_reader *reader);

/* Reads a path and adds an item for it to the list. The item's names and numbers are set only after
 * record_reader_end. Refuses more than PATH_COUNT_MAX paths. */
must_check bool record_reader_path(struct record_reader *reader, struct path_info **ret_item);

/* Reads a line, which is valid until the next call. `field` is its name in error sentences. */
must_check bool record_reader_line(struct record_reader *reader, const char *field,
                                   struct str *ret_line);

/* Reads a decimal number. */
must_check bool record_reader_number(struct record_reader *reader, const char *field, uint64_t max,
                                     uint64_t *ret_number);

/* Reads a path or an empty line. */
must_check bool record_reader_deriver(struct record_reader *reader, struct str *ret_base);

/* Reads the number of references, then the references. */
must_check bool record_reader_references(struct record_reader *reader, struct path_info *item);

/* Puts the number of the last line before the sentence. Returns false. */
bool record_reader_wrong(const struct record_reader *reader);

/* Looks up the remaining names. `complete` is false if a record was refused. Returns true if all
 * went well. */
must_check bool record_reader_end(struct record_reader *reader, bool complete);
