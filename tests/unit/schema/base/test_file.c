#include "tests/check_calls.h"
#include "tests/check_store.h"

#include "schema/base/file.h"
#include "schema/base/own.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

enum { NO_LIMIT = 1 << 20 };

static void make_file(const char *name, const char *content)
{
    cleanup(own_close) int fd =
        openat(check_directory(), name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    CHECK_DONE(file_write((struct file){ fd, name }, content, strlen(content), check_error));
}

static void a_file_is_read_whole_and_terminated(struct arena arena)
{
    struct str text;
    make_file("f", "line\nline");
    CHECK_DONE(file_read(check_directory(), "f", NO_LIMIT, &arena, &text, check_error));
    CHECK_STR(text, "line\nline");
    CHECK_NUMBER(text.data[text.len], 0);
    make_file("empty", "");
    CHECK_DONE(file_read(check_directory(), "empty", NO_LIMIT, &arena, &text, check_error));
    CHECK_STR(text, "");
    CHECK_NUMBER(text.data[0], 0);
}

static void only_what_is_left_is_read(struct arena arena)
{
    struct str text;
    make_file("f", "0123456789");
    cleanup(own_close) int fd = openat(check_directory(), "f", O_RDONLY | O_CLOEXEC);
    CHECK(lseek(fd, 4, SEEK_SET) == 4);
    CHECK_DONE(file_read_fd((struct file){ fd, "f" }, NO_LIMIT, &arena, &text, check_error));
    CHECK_STR(text, "456789");
}

static void the_limit_itself_is_allowed_and_one_byte_more_is_not(struct arena arena)
{
    struct str text = STR("before");
    make_file("f", "01234");
    CHECK_REFUSED(file_read(check_directory(), "f", 4, &arena, &text, check_error),
                  "read f: larger than the limit of 4 bytes");
    CHECK_REFUSED(file_read(check_directory(), "f", 0, &arena, &text, check_error),
                  "read f: larger than the limit of 0 bytes");
    CHECK_STR(text, "before");
    CHECK_DONE(file_read(check_directory(), "f", 5, &arena, &text, check_error));
    CHECK_STR(text, "01234");
    make_file("empty", "");
    CHECK_DONE(file_read(check_directory(), "empty", 0, &arena, &text, check_error));
    CHECK_STR(text, "");
}

static void a_file_of_holes_is_refused_before_it_is_read(struct arena arena)
{
    struct str text = { 0 };
    make_file("f", "text");
    cleanup(own_close) int fd = openat(check_directory(), "f", O_RDWR);
    CHECK(ftruncate(fd, (off_t)64 << 20) == 0);
    CHECK_DONE(file_read_fd((struct file){ fd, "f" }, SIZE_MAX, &arena, &text, check_error));
    CHECK(ftruncate(fd, (off_t)1 << 40) == 0);
    CHECK(!file_read_fd((struct file){ fd, "f" }, SIZE_MAX, &arena, &text, check_error));
    /* What the text takes on the disk is a block of the file system, or a page of memory. */
    struct stat status;
    CHECK(fstat(fd, &status) == 0);
    struct str expected = arena_format(&arena, "read f: its size: more than %lld",
                                       (64LL << 20) + 64LL * 512 * status.st_blocks);
    CHECK(strstr(check_error->sentence, expected.data));
}

static void what_cannot_be_read_is_named(struct arena arena)
{
    struct str text = STR("before");
    CHECK_REFUSED(file_read(check_directory(), "absent", 9, &arena, &text, check_error),
                  "open absent: No such file or directory");
    CHECK(mkdirat(check_directory(), "sub", 0755) == 0);
    CHECK_REFUSED(file_read(check_directory(), "sub", 9, &arena, &text, check_error),
                  "sub is not a file");
    CHECK(mkfifoat(check_directory(), "pipe", 0600) == 0);
    CHECK_REFUSED(file_read(check_directory(), "pipe", 9, &arena, &text, check_error),
                  "pipe is not a file");
    CHECK_REFUSED(file_read_fd((struct file){ -1, "nothing" }, 9, &arena, &text, check_error),
                  "read nothing: Bad file descriptor");
    CHECK_STR(text, "before");
}

static void files_of_proc_that_say_no_size_are_read(struct arena arena)
{
    struct str text;
    CHECK_DONE(file_read(AT_FDCWD, "/proc/self/status", NO_LIMIT, &arena, &text, check_error));
    CHECK(str_starts(text, STR("Name:")));
}

/* A pipe that a child fills with `count` bytes, the number of each modulo 251. */
static int open_pipe(size_t count, pid_t *ret_child)
{
    int ends[2];
    if (!CHECK(pipe2(ends, O_CLOEXEC) == 0))
        return -1;
    fflush(NULL);
    *ret_child = fork();
    if (*ret_child == 0) {
        close(ends[0]);
        for (size_t i = 0; i < count; i++) {
            char byte = (char)(i % 251);
            if (write(ends[1], &byte, 1) != 1)
                _exit(1);
        }
        _exit(0);
    }
    close(ends[1]);
    return ends[0];
}

static void a_pipe_is_read_to_its_end(struct arena arena)
{
    enum { COUNT = 300000 };
    pid_t child;
    struct str text = { 0 };
    cleanup(own_close) int fd = open_pipe(COUNT, &child);
    CHECK_DONE(file_read_fd((struct file){ fd, "a pipe" }, NO_LIMIT, &arena, &text, check_error));
    CHECK_NUMBER(text.len, COUNT);
    size_t wrong = 0;
    for (size_t i = 0; i < text.len; i++)
        wrong += (unsigned char)text.data[i] != i % 251;
    CHECK_NUMBER(wrong, 0);
    CHECK(waitpid(child, NULL, 0) == child);
}

static void a_pipe_is_not_read_beyond_the_limit(struct arena arena)
{
    pid_t child;
    struct str text = { 0 };
    cleanup(own_close) int fd = open_pipe(300000, &child);
    CHECK_REFUSED(file_read_fd((struct file){ fd, "a pipe" }, 200000, &arena, &text, check_error),
                  "read a pipe: larger than the limit of 200000 bytes");
    CHECK(text.data == NULL);
    close(own_take(&fd));
    CHECK(waitpid(child, NULL, 0) == child);
}

static atomic_bool is_exchanging;

static void *exchange(void *context)
{
    int directory = check_directory();
    (void)context;
    while (atomic_load(&is_exchanging))
        renameat2(directory, "file", directory, "other", RENAME_EXCHANGE);
    return NULL;
}

/* Opens the file very often, and then until it was exchanged between the look and the opening, which the system refuses. */
static void open_exchanged(ino_t file, const char *late)
{
    enum { LEAST = 20000, MOST = 3000000 };
    struct stat status;
    size_t wrong = 0, met = 0;
    for (size_t i = 0; i < MOST && (i < LEAST || (late && met == 0)); i++) {
        cleanup(own_close) int fd =
            file_open_regular(check_directory(), "file", O_RDONLY, 0, check_error);
        if (fd < 0)
            met += late && strstr(check_error->sentence, late);
        else
            wrong += fstat(fd, &status) < 0 || status.st_ino != file;
    }
    CHECK_NUMBER(wrong, 0);
}

static void what_takes_its_place_meanwhile_is_not_opened(void)
{
    for (int is_link = 0; is_link < 2; is_link++) {
        pthread_t exchanger;
        struct stat file;
        check_about("%s", is_link ? "a link" : "a FIFO");
        make_file("file", "inside");
        make_file("secret", "outside");
        CHECK(fstatat(check_directory(), "file", &file, 0) == 0);
        CHECK((is_link ? symlinkat("secret", check_directory(), "other")
                       : mkfifoat(check_directory(), "other", 0644)) == 0);
        atomic_store(&is_exchanging, true);
        if (!CHECK(pthread_create(&exchanger, NULL, exchange, NULL) == 0))
            return;
        open_exchanged(file.st_ino, is_link ? "Too many levels of symbolic links" : NULL);
        atomic_store(&is_exchanging, false);
        CHECK(pthread_join(exchanger, NULL) == 0);
        CHECK(unlinkat(check_directory(), "file", 0) == 0);
        CHECK(unlinkat(check_directory(), "other", 0) == 0);
    }
}

static void bytes_are_written_at_the_position_or_at_an_offset(struct arena arena)
{
    struct str text;
    cleanup(own_close) int fd = openat(check_directory(), "f", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    CHECK_DONE(file_write((struct file){ fd, "f" }, "abc", 3, check_error));
    CHECK_DONE(file_write_at((struct file){ fd, "f" }, "XY", 2, 6, check_error));
    CHECK_DONE(file_write((struct file){ fd, "f" }, "def", 3, check_error));
    CHECK_DONE(file_write((struct file){ fd, "f" }, NULL, 0, check_error));
    CHECK_DONE(file_read(check_directory(), "f", NO_LIMIT, &arena, &text, check_error));
    CHECK(str_equal(text, STR("abcdefXY")));
    CHECK_DONE(file_write_at((struct file){ fd, "f" }, "!", 1, 9, check_error));
    CHECK_DONE(file_read(check_directory(), "f", NO_LIMIT, &arena, &text, check_error));
    CHECK(str_equal(text, STR("abcdefXY\0!")));
    CHECK_REFUSED(file_write((struct file){ -1, "f" }, "a", 1, check_error),
                  "write f: Bad file descriptor");
    CHECK_REFUSED(file_write_at((struct file){ -1, "f" }, "a", 1, 0, check_error),
                  "write f: Bad file descriptor");
}

static void what_has_a_name_is_told_from_what_cannot_be_looked_at(void)
{
    static const char long_name[300] = { [0 ... 298] = 'x' };
    mode_t mode;
    make_file("f", "");
    CHECK(symlinkat("f", check_directory(), "l") == 0);
    CHECK_DONE(file_look(check_directory(), "f", &mode, check_error));
    CHECK(S_ISREG(mode));
    CHECK_DONE(file_look(check_directory(), "l", &mode, check_error));
    CHECK(S_ISLNK(mode));
    CHECK_DONE(file_look(check_directory(), "nothing", &mode, check_error));
    CHECK_NUMBER(mode, 0);
    CHECK_REFUSED(file_look(-1, "f", &mode, check_error), "look at f: Bad file descriptor");
    CHECK(!file_look(check_directory(), long_name, &mode, check_error));
}

static void bytes_are_read_at_an_offset_and_the_position_stays(void)
{
    char bytes[8] = "-------";
    size_t got;
    make_file("f", "0123456789");
    cleanup(own_close) int fd = openat(check_directory(), "f", O_RDONLY | O_CLOEXEC);
    CHECK_DONE(file_read_at((struct file){ fd, "f" }, bytes, 3, 2, &got, check_error));
    CHECK_NUMBER(got, 3);
    CHECK_STR(bytes, "234----");
    CHECK_DONE(file_read_at((struct file){ fd, "f" }, bytes, 7, 8, &got, check_error));
    CHECK_NUMBER(got, 2);
    CHECK_STR(bytes, "894----");
    CHECK_DONE(file_read_at((struct file){ fd, "f" }, bytes, 7, 10, &got, check_error));
    CHECK_NUMBER(got, 0);
    CHECK(lseek(fd, 0, SEEK_CUR) == 0);
    CHECK_REFUSED(file_read_at((struct file){ -1, "f" }, bytes, 7, 0, &got, check_error),
                  "read f: Bad file descriptor");
}

static void files_of_any_size_are_copied_behind_what_is_there(struct arena arena)
{
    static const size_t sizes[] = { 0, 1, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, 3 << 20 };
    struct str copy;
    uint64_t size;
    char *text = arena_new(&arena, char, (3 << 20) + 1);
    memset(text, 'x', 3 << 20);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        text[sizes[i]] = '\0';
        make_file("source", text);
        make_file("target", "before");
        cleanup(own_close) int source = openat(check_directory(), "source", O_RDONLY | O_CLOEXEC);
        cleanup(own_close) int target = openat(check_directory(), "target", O_RDWR | O_CLOEXEC);
        CHECK_DONE(file_copy((struct file){ source, "source" }, (struct file){ target, "target" },
                             6, arena, &size, check_error));
        CHECK_NUMBER(size, sizes[i]);
        struct arena scratch = arena;
        CHECK_DONE(file_read(check_directory(), "target", 4 << 20, &scratch, &copy, check_error));
        CHECK_NUMBER(copy.len, sizes[i] + 6);
        CHECK(str_starts(copy, STR("before")) && strcmp(copy.data + 6, text) == 0);
        text[sizes[i]] = 'x';
        unlinkat(check_directory(), "target", 0);
        unlinkat(check_directory(), "source", 0);
    }
}

static void a_directory_is_synced_or_the_reason_said(void)
{
    CHECK_DONE(directory_sync(check_directory(), check_error));
    CHECK_REFUSED(directory_sync(-1, check_error), "sync the directory: Bad file descriptor");
}

static void what_signals_interrupt_goes_on(struct arena arena)
{
    struct str text = { 0 };
    uint64_t size_bytes = 0;
    char part[4] = "";
    size_t got = 0;
    make_file("copy", "");
    cleanup(own_close) int fd = openat(check_directory(), "f", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    cleanup(own_close) int copy = openat(check_directory(), "copy", O_RDWR | O_CLOEXEC);
    const struct file f = { fd, "f" }, target = { copy, "copy" };
    check_calls_interrupt();
    bool done = file_write(f, "0123", 4, check_error) &&
                file_write_at(f, "4567", 4, 4, check_error) &&
                file_read_at(f, part, 4, 2, &got, check_error) &&
                file_copy(f, target, 0, arena, &size_bytes, check_error) &&
                file_read(check_directory(), "copy", NO_LIMIT, &arena, &text, check_error);
    CHECK(check_calls_end());
    CHECK_DONE(done);
    CHECK_STR(((struct str){ part, got }), "2345");
    CHECK_NUMBER(size_bytes, 8);
    CHECK_STR(text, "01234567");
}

int main(void)
{
    return CHECK_ALL(
        CASE(a_file_is_read_whole_and_terminated), CASE(only_what_is_left_is_read),
        CASE(the_limit_itself_is_allowed_and_one_byte_more_is_not),
        CASE(a_file_of_holes_is_refused_before_it_is_read), CASE(what_cannot_be_read_is_named),
        CASE(files_of_proc_that_say_no_size_are_read), CASE(a_pipe_is_read_to_its_end),
        CASE(a_pipe_is_not_read_beyond_the_limit),
        CASE(what_takes_its_place_meanwhile_is_not_opened),
        CASE(bytes_are_written_at_the_position_or_at_an_offset),
        CASE(bytes_are_read_at_an_offset_and_the_position_stays),
        CASE(files_of_any_size_are_copied_behind_what_is_there),
        CASE(what_has_a_name_is_told_from_what_cannot_be_looked_at),
        CASE(a_directory_is_synced_or_the_reason_said), CASE(what_signals_interrupt_goes_on));
}
