#include "tests/check.h"

#include "schema/base/file.h"
#include "schema/base/own.h"

#include <assert.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>

enum { ABOUT_BYTES = 256, PLACE_BYTES = 256 };
static const size_t check_arena_bytes = (size_t)4 << 30;

static struct error last_error;
struct error *const check_error = &last_error;

/* Of the case that is running. */
static bool failed;
static char about[ABOUT_BYTES];
static char place_path[PLACE_BYTES];
static int place = -1;

struct str check_same(struct str text)
{
    return text;
}

void check_about(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(about, sizeof about, format, arguments);
    va_end(arguments);
}

/* Prints text on one line, in quotes. */
static void print_quoted(struct str text)
{
    putchar('\'');
    for (size_t i = 0; i < text.len; i++) {
        unsigned char byte = (unsigned char)text.data[i];
        if (byte == '\n')
            fputs("\\n", stdout);
        else if (byte < 0x20 || byte == 0x7f)
            printf("\\x%02x", byte);
        else
            putchar(byte);
    }
    puts("'");
}

/* Starts the lines about a check that failed; returns false, the check's answer. */
static bool report(const char *what, const char *file, int line)
{
    failed = true;
    printf("# %s:%d: ", file, line);
    print_quoted(str_from(what));
    if (about[0] != '\0') {
        fputs("#   about ", stdout);
        print_quoted(str_from(about));
    }
    return false;
}

static void print_value(const char *title, struct str value)
{
    printf("#   %-5s ", title);
    print_quoted(value);
}

bool check_that(bool holds, const char *what, const char *file, int line)
{
    return holds || report(what, file, line);
}

bool check_str(struct str got, struct str want, const char *what, const char *file, int line)
{
    if (str_equal(got, want))
        return true;
    report(what, file, line);
    print_value("got", got);
    print_value("want", want);
    return false;
}

bool check_number(long long got, long long want, const char *what, const char *file, int line)
{
    if (got == want)
        return true;
    report(what, file, line);
    printf("#   got   %lld\n#   want  %lld\n", got, want);
    return false;
}

bool check_done(bool done, const char *what, const char *file, int line)
{
    if (!done) {
        report(what, file, line);
        print_value("said", str_from(last_error.sentence));
    }
    last_error = (struct error){ 0 };
    return done;
}

bool check_refused(bool done, struct str sentence, const char *what, const char *file, int line)
{
    bool right = !done && str_equal(str_from(last_error.sentence), sentence);
    if (!right) {
        report(what, file, line);
        print_value("got", done ? STR("(no refusal)") : str_from(last_error.sentence));
        print_value("want", sentence);
    }
    last_error = (struct error){ 0 };
    return right;
}

static void give_up(const char *what)
{
    printf("Bail out! %s: %m\n", what);
    exit(EXIT_FAILURE);
}

int check_directory(void)
{
    if (place >= 0)
        return place;
    const char *parent = getenv("TMPDIR");
    snprintf(place_path, sizeof place_path, "%s/check-XXXXXX", parent ? parent : "/tmp");
    if (!mkdtemp(place_path) || chmod(place_path, 0755) < 0)
        give_up(place_path);
    place = open(place_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (place < 0)
        give_up(place_path);
    return place;
}

const char *check_directory_path(void)
{
    check_directory();
    return place_path;
}

/* Marsaglia's xorshift64. */
void check_noise(void *memory, size_t size_bytes, uint64_t seed)
{
    unsigned char *bytes = memory;
    uint64_t state = seed + 88172645463325252;
    for (size_t i = 0; i < size_bytes; i++) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes[i] = (unsigned char)state;
    }
}

struct check_output check_keep(int stream)
{
    struct check_output output = { .stream = stream };
    fflush(NULL);
    output.file = memfd_create("output", MFD_CLOEXEC);
    output.saved = fcntl(stream, F_DUPFD_CLOEXEC, 0);
    if (output.file < 0 || output.saved < 0 || dup2(output.file, stream) < 0)
        give_up("keep the output");
    return output;
}

struct str check_kept(struct check_output *output, struct arena *arena)
{
    enum { KEPT_BYTES_MAX = 16 << 20 };
    struct str text = { 0 };
    struct error unread;
    fflush(NULL);
    dup2(output->saved, output->stream);
    close(output->saved);
    lseek(output->file, 0, SEEK_SET);
    if (!file_read_fd((struct file){ output->file, "the output" }, KEPT_BYTES_MAX, arena, &text,
                      &unread))
        give_up(unread.sentence);
    close(output->file);
    return text;
}

const char *check_data(struct arena *arena, const char *below)
{
    const char *data = getenv("TEST_DATA");
    if (!data)
        give_up("TEST_DATA, the directory tests/data, is not in the environment");
    return arena_format(arena, "%s/%s", data, below).data;
}

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *walk)
{
    (void)status, (void)type, (void)walk;
    return remove(path);
}

enum { DESCRIPTORS = 16 };

static int remove_below(const char *path, const struct stat *status, int type, struct FTW *walk)
{
    return walk->level == 0 ? 0 : remove_entry(path, status, type, walk);
}

void check_empty(void)
{
    if (nftw(check_directory_path(), remove_below, DESCRIPTORS, FTW_DEPTH | FTW_PHYS) != 0)
        give_up(place_path);
}

static void remove_place(void)
{
    if (place < 0)
        return;
    close(place);
    place = -1;
    if (nftw(place_path, remove_entry, DESCRIPTORS, FTW_DEPTH | FTW_PHYS) != 0)
        give_up(place_path);
}

static size_t open_descriptors(void)
{
    cleanup(own_close_directory) DIR *directory = opendir("/proc/self/fd");
    if (!directory)
        give_up("/proc/self/fd");
    size_t count = 0;
    while (readdir(directory))
        count++;
    return count;
}

static bool run_case(const struct check_case *one, struct arena arena)
{
    failed = false;
    about[0] = '\0';
    last_error = (struct error){ 0 };
    size_t before = open_descriptors();
    assert(one->run || one->run_with);
    if (one->run)
        one->run();
    else
        one->run_with(arena);
    remove_place();
    about[0] = '\0';
    CHECK_NUMBER(open_descriptors(), before);
    return !failed;
}

static const char *skip_reason;

void check_skip(const char *reason)
{
    skip_reason = reason;
}

int check_all(const struct check_case *cases, size_t count)
{
    struct arena arena;
    setvbuf(stdout, NULL, _IOLBF, 0);
    /* A case that does its work a thousand times touches little of each arena: whole huge pages would be cleared for it. */
    prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0);
    if (!arena_reserve(&arena, check_arena_bytes, check_error))
        give_up(check_error->sentence);
    printf("1..%zu\n", count);
    size_t failures = 0;
    for (size_t i = 0; i < count; i++) {
        skip_reason = NULL;
        bool passed = run_case(&cases[i], arena);
        failures += !passed;
        printf("%sok %zu - ", passed ? "" : "not ", i + 1);
        for (const char *at = cases[i].claim; *at; at++)
            putchar(*at == '_' ? ' ' : *at);
        if (passed && skip_reason)
            printf(" # SKIP %s", skip_reason);
        putchar('\n');
    }
    return failures == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
