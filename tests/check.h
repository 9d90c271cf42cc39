/* check.h — the test kit: runs the cases of a test program one after the other, and prints TAP.
 *
 * A case is a static function whose name is the claim. It takes no parameter, or an arena, which is
 * new for each case. `main` lists the cases; a case that is missing there is an unused function,
 * and does not compile:
 *
 *     static void a_sign_is_not_a_number(void) { … }
 *     static void manifest_refuses_a_cut_record(struct arena arena) { … }
 *
 *     int main(void)
 *     {
 *         return CHECK_ALL(CASE(a_sign_is_not_a_number), CASE(manifest_refuses_a_cut_record));
 *     }
 *
 * A failed check prints file, line and both values, and the case continues. A check returns its
 * result, for a case that cannot continue: `if (!CHECK(list.count == 2)) return;`.
 *
 * A case also fails if it leaves a descriptor open.
 */
#pragma once

#include "schema/base/arena.h"

struct check_case {
    const char *claim;
    void (*run)(void);
    void (*run_with)(struct arena arena);
};

#define CASE(function)                                           \
    {                                                            \
        .claim = #function,                                      \
        .run = _Generic(&(function), void (*)(void)              \
                        : &(function), default                   \
                        : NULL),                                 \
        .run_with = _Generic(&(function), void (*)(struct arena) \
                             : &(function), default              \
                             : NULL),                            \
    }

/* Runs the cases and returns main's status: 0 if all claims hold. */
#define CHECK_ALL(...)                                    \
    check_all((const struct check_case[]){ __VA_ARGS__ }, \
              sizeof((const struct check_case[]){ __VA_ARGS__ }) / sizeof(struct check_case))
int check_all(const struct check_case *cases, size_t count);

/* The error parameter for calls that may fail; see CHECK_DONE and CHECK_REFUSED. */
extern struct error *const check_error;

#define CHECK(condition) check_that((condition), #condition, __FILE__, __LINE__)

/* Compares texts; each may be a struct str or a terminated string. */
#define CHECK_STR(got, want) check_str(CHECK_TEXT(got), CHECK_TEXT(want), #got, __FILE__, __LINE__)
#define CHECK_TEXT(text) \
    _Generic((text), struct str : check_same, char * : str_from, const char * : str_from)(text)

#define CHECK_NUMBER(got, want) \
    check_number((long long)(got), (long long)(want), #got, __FILE__, __LINE__)

/* CHECK_DONE: the call succeeds. CHECK_REFUSED: it fails with exactly this sentence:
 *
 *     CHECK_REFUSED(store_path_check(STR("x"), check_error), "'x' is too short to be a store
 * path");
 */
#define CHECK_DONE(call) check_done((call), #call, __FILE__, __LINE__)
#define CHECK_REFUSED(call, sentence) \
    check_refused((call), CHECK_TEXT(sentence), #call, __FILE__, __LINE__)

/* Names the row of a table that the following checks are about. Printed if one of them fails. */
void check_about(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Reports the case as skipped, because it cannot run here. The case must return then. */
void check_skip(const char *reason);

/* Return an empty directory, as a descriptor and as a path. It is closed and removed after the
 * case. */
int check_directory(void);
const char *check_directory_path(void);

/* Removes all that is in it. */
void check_empty(void);

/* Fills memory with bytes that do not shrink: always the same ones for a seed. */
void check_noise(void *memory, size_t size_bytes, uint64_t seed);

/* Captures what the process prints to a stream: STDERR_FILENO, or STDOUT_FILENO, in which case no
 * check may fail meanwhile. check_kept stops capturing and returns the text. */
struct check_output {
    int stream, file, saved;
};

struct check_output check_keep(int stream);
struct str check_kept(struct check_output *output, struct arena *arena);

/* Returns the directory tests/data, or a path below it, terminated. */
const char *check_data(struct arena *arena, const char *below);

/* Called by the macros. */
bool check_that(bool holds, const char *what, const char *file, int line);
bool check_str(struct str got, struct str want, const char *what, const char *file, int line);
bool check_number(long long got, long long want, const char *what, const char *file, int line);
bool check_done(bool done, const char *what, const char *file, int line);
bool check_refused(bool done, struct str sentence, const char *what, const char *file, int line);
struct str check_same(struct str text);
