#include "tests/check_calls.h"
#include "tests/check_store.h"

#include "schema/base/file.h"
#include "schema/base/own.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/wait.h>

enum { NO_LIMIT = 1 << 20 };

/* The test directory's file as text; "(absent)" if it is not there. */
static struct str content_of(const char *name, struct arena *arena)
{
    struct str text = STR("(unreadable)");
    if (faccessat(check_directory(), name, F_OK, AT_SYMLINK_NOFOLLOW) < 0)
        return STR("(absent)");
    CHECK_DONE(file_read(check_directory(), name, NO_LIMIT, arena, &text, check_error));
    return text;
}

static void make_file(const char *name, const char *content)
{
    cleanup(own_close) int fd =
        openat(check_directory(), name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    CHECK_DONE(file_write((struct file){ fd, name }, content, strlen(content), check_error));
}

static size_t entry_count(void)
{
    cleanup(own_close_directory) DIR *directory = opendir(check_directory_path());
    size_t count = 0;
    while (directory && readdir(directory))
        count++;
    return count - 2;
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
    CHECK(strstr(check_error->sentence, "read f: its size: more than 67"));
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

static void bytes_are_written_at_the_position_or_at_an_offset(struct arena arena)
{
    cleanup(own_close) int fd = openat(check_directory(), "f", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    CHECK_DONE(file_write((struct file){ fd, "f" }, "abc", 3, check_error));
    CHECK_DONE(file_write_at((struct file){ fd, "f" }, "XY", 2, 6, check_error));
    CHECK_DONE(file_write((struct file){ fd, "f" }, "def", 3, check_error));
    CHECK_DONE(file_write((struct file){ fd, "f" }, NULL, 0, check_error));
    CHECK(str_equal(content_of("f", &arena), STR("abcdefXY")));
    CHECK_DONE(file_write_at((struct file){ fd, "f" }, "!", 1, 9, check_error));
    CHECK(str_equal(content_of("f", &arena), STR("abcdefXY\0!")));
    CHECK_REFUSED(file_write((struct file){ -1, "f" }, "a", 1, check_error),
                  "write f: Bad file descriptor");
    CHECK_REFUSED(file_write_at((struct file){ -1, "f" }, "a", 1, 0, check_error),
                  "write f: Bad file descriptor");
}

static void a_draft_is_invisible_until_it_is_published(struct arena arena)
{
    struct stat status;
    struct draft draft;
    make_file("f", "old");
    CHECK_DONE(draft_open(check_directory(), "f", &draft, check_error));
    CHECK_DONE(file_write((struct file){ draft.fd, "f" }, "new", 3, check_error));
    CHECK_STR(content_of("f", &arena), "old");
    CHECK_STR(content_of(".f.draft", &arena), "new");
    CHECK_DONE(draft_publish(&draft, 0640, check_error));
    CHECK_NUMBER(draft.fd, -1);
    CHECK_STR(content_of("f", &arena), "new");
    CHECK_NUMBER(entry_count(), 1);
    CHECK(fstatat(check_directory(), "f", &status, 0) == 0);
    CHECK_NUMBER(status.st_mode, S_IFREG | 0640);
    draft_release(&draft);
    CHECK_STR(content_of("f", &arena), "new");
}

static void a_released_draft_leaves_nothing(struct arena arena)
{
    struct draft draft;
    make_file("f", "old");
    CHECK_DONE(draft_open(check_directory(), "f", &draft, check_error));
    CHECK_DONE(file_write((struct file){ draft.fd, "f" }, "new", 3, check_error));
    draft_release(&draft);
    CHECK_NUMBER(draft.fd, -1);
    draft_release(&draft);
    CHECK_STR(content_of("f", &arena), "old");
    CHECK_NUMBER(entry_count(), 1);
    struct draft none = { .fd = -1 };
    draft_release(&none);
}

static void a_second_draft_of_one_name_is_refused(struct arena arena)
{
    cleanup(draft_release) struct draft first = { .fd = -1 };
    cleanup(draft_release) struct draft other = { .fd = -1 };
    struct draft second = { .fd = -7 };
    CHECK_DONE(draft_open(check_directory(), "f", &first, check_error));
    CHECK_DONE(file_write((struct file){ first.fd, "f" }, "first", 5, check_error));
    CHECK_REFUSED(draft_open(check_directory(), "f", &second, check_error),
                  "create f: another process is writing it");
    CHECK_NUMBER(second.fd, -7);
    CHECK_STR(content_of(".f.draft", &arena), "first");
    CHECK_DONE(draft_open(check_directory(), "other", &other, check_error));
    draft_release(&first);
    CHECK_DONE(draft_open(check_directory(), "f", &first, check_error));
}

static void a_draft_that_was_left_over_is_emptied_and_used(struct arena arena)
{
    make_file(".f.draft", "a long text of a run that was killed");
    CHECK_DONE(file_publish(check_directory(), "f", STR("new"), 0644, check_error));
    CHECK_STR(content_of("f", &arena), "new");
    CHECK_NUMBER(entry_count(), 1);
}

static void a_draft_is_not_written_through_a_link(struct arena arena)
{
    struct draft draft;
    make_file("precious", "kept");
    CHECK(symlinkat("precious", check_directory(), ".f.draft") == 0);
    CHECK_REFUSED(draft_open(check_directory(), "f", &draft, check_error),
                  "create f: .f.draft exists, and no earlier run left it; remove it");
    CHECK_STR(content_of("precious", &arena), "kept");
}

static void a_draft_of_another_kind_is_refused(struct arena arena)
{
    struct draft draft;
    static const mode_t kinds[] = { S_IFDIR, S_IFIFO, S_IFSOCK };
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        check_about("mode %o", kinds[i]);
        CHECK((S_ISDIR(kinds[i])
                   ? mkdirat(check_directory(), ".f.draft", 0755)
                   : mknodat(check_directory(), ".f.draft", kinds[i] | 0644, 0)) == 0);
        CHECK_REFUSED(draft_open(check_directory(), "f", &draft, check_error),
                      "create f: .f.draft exists, and no earlier run left it; remove it");
        CHECK_STR(check_names(".", &arena), " .f.draft");
        CHECK(unlinkat(check_directory(), ".f.draft", S_ISDIR(kinds[i]) ? AT_REMOVEDIR : 0) == 0);
    }
}

static void a_draft_is_not_a_second_name_of_a_file(struct arena arena)
{
    struct draft draft;
    make_file("victim", "precious");
    CHECK(linkat(check_directory(), "victim", check_directory(), ".f.draft", 0) == 0);
    CHECK_REFUSED(draft_open(check_directory(), "f", &draft, check_error),
                  "create f: .f.draft exists, and no earlier run left it; remove it");
    CHECK_STR(content_of("victim", &arena), "precious");
}

/* Before the work, and without leaving anything. */
static void a_name_is_tried_as_its_draft_will_be(struct arena arena)
{
    int directory = check_directory();
    struct draft draft;
    CHECK_DONE(draft_try(directory, "f", check_error));
    CHECK(faccessat(directory, ".f.draft", F_OK, 0) < 0);
    make_file(".f.draft", "left by a run that was killed");
    CHECK_DONE(draft_try(directory, "f", check_error));
    CHECK(faccessat(directory, ".f.draft", F_OK, 0) < 0);
    CHECK(symlinkat("elsewhere", directory, ".f.draft") == 0);
    CHECK_REFUSED(draft_try(directory, "f", check_error),
                  "create f: .f.draft exists, and no earlier run left it; remove it");
    CHECK(unlinkat(directory, ".f.draft", 0) == 0);
    if (!CHECK_DONE(draft_open(directory, "f", &draft, check_error)))
        return;
    CHECK_REFUSED(draft_try(directory, "f", check_error),
                  "create f: another process is writing it");
    draft_release(&draft);
    char *name = arena_alloc(&arena, 1, 250);
    memset(name, 'n', 249);
    CHECK_REFUSED(draft_try(directory, name, check_error),
                  arena_format(&arena, "the name '%s' is too long", name));
}

static void a_draft_of_another_user_is_refused(struct arena arena)
{
    struct draft draft;
    make_file(".f.draft", "a stranger's");
    if (fchownat(check_directory(), ".f.draft", 65534, 65534, 0) < 0) {
        check_skip("only root gives files away");
        return;
    }
    CHECK_REFUSED(draft_open(check_directory(), "f", &draft, check_error),
                  "create f: .f.draft exists, and no earlier run left it; remove it");
    CHECK_STR(content_of(".f.draft", &arena), "a stranger's");
}

static void only_a_regular_file_is_replaced_by_a_draft(struct arena arena)
{
    struct draft draft;
    make_file("f", "kept");
    CHECK(symlinkat("f", check_directory(), "link") == 0);
    CHECK(mkdirat(check_directory(), "directory", 0755) == 0);
    CHECK_REFUSED(draft_open(check_directory(), "link", &draft, check_error),
                  "create link: it exists and is not a regular file");
    CHECK_REFUSED(draft_open(check_directory(), "directory", &draft, check_error),
                  "create directory: it exists and is not a regular file");
    CHECK_STR(content_of("f", &arena), "kept");
    CHECK_NUMBER(entry_count(), 3);
}

static void a_draft_that_cannot_be_published_is_still_a_draft(struct arena arena)
{
    struct draft draft;
    CHECK_DONE(draft_open(check_directory(), "f", &draft, check_error));
    CHECK(mkdirat(check_directory(), "f", 0755) == 0);
    CHECK_REFUSED(draft_publish(&draft, 0644, check_error), "publish f: Is a directory");
    CHECK(draft.fd >= 0);
    CHECK_STR(content_of(".f.draft", &arena), "");
    draft_release(&draft);
    CHECK_NUMBER(entry_count(), 1);
}

static void a_name_too_long_for_its_draft_is_refused(struct arena arena)
{
    struct draft draft;
    char name[250] = { 0 };
    memset(name, 'n', 249);
    const char *sentence = arena_format(&arena, "the name '%s' is too long", name).data;
    CHECK_REFUSED(draft_open(check_directory(), name, &draft, check_error), sentence);
    CHECK_REFUSED(link_publish(check_directory(), name, "x", check_error), sentence);
    name[248] = '\0';
    CHECK_DONE(file_publish(check_directory(), name, STR("x"), 0644, check_error));
    CHECK_STR(content_of(name, &arena), "x");
}

static void a_file_is_published_with_its_mode_whatever_the_umask(struct arena arena)
{
    struct stat status;
    mode_t before = umask(0077);
    CHECK_DONE(file_publish(check_directory(), "f", STR("a\0b"), 0664, check_error));
    umask(before);
    CHECK(str_equal(content_of("f", &arena), STR("a\0b")));
    CHECK(fstatat(check_directory(), "f", &status, 0) == 0);
    CHECK_NUMBER(status.st_mode, S_IFREG | 0664);
    CHECK_REFUSED(file_publish(-1, "f", STR(""), 0644, check_error),
                  "create f: look at f: Bad file descriptor");
}

static void check_link(const char *name, const char *target)
{
    char room[64];
    ssize_t length = readlinkat(check_directory(), name, room, sizeof room);
    if (CHECK(length >= 0))
        CHECK_STR(((struct str){ room, (size_t)length }), target);
}

static void a_link_is_made_and_replaced(void)
{
    CHECK_DONE(link_publish(check_directory(), "l", "first", check_error));
    check_link("l", "first");
    CHECK_DONE(link_publish(check_directory(), "l", "/second", check_error));
    check_link("l", "/second");
    CHECK_NUMBER(entry_count(), 1);
}

static void a_link_to_a_directory_is_replaced_not_entered(void)
{
    CHECK(mkdirat(check_directory(), "d", 0755) == 0);
    CHECK_DONE(link_publish(check_directory(), "l", "d", check_error));
    CHECK_DONE(link_publish(check_directory(), "l", "e", check_error));
    check_link("l", "e");
    CHECK_NUMBER(entry_count(), 2);
}

static void a_link_that_was_left_over_does_not_hinder(void)
{
    CHECK(symlinkat("old", check_directory(), ".l.draft") == 0);
    CHECK_DONE(link_publish(check_directory(), "l", "new", check_error));
    check_link("l", "new");
    CHECK_NUMBER(entry_count(), 1);
}

static void what_is_not_a_link_is_not_replaced_by_one(struct arena arena)
{
    make_file("f", "kept");
    CHECK_REFUSED(link_publish(check_directory(), "f", "x", check_error),
                  "'f' is not a symbolic link");
    CHECK_STR(content_of("f", &arena), "kept");
    CHECK(mkdirat(check_directory(), "d", 0755) == 0);
    CHECK_REFUSED(link_publish(check_directory(), "d", "x", check_error),
                  "'d' is not a symbolic link");
    CHECK_NUMBER(entry_count(), 2);
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
    CHECK_REFUSED(link_publish(-1, "l", "x", check_error), "look at l: Bad file descriptor");
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

static void a_link_that_cannot_be_made_leaves_the_old_one(void)
{
    CHECK_DONE(link_publish(check_directory(), "l", "old", check_error));
    CHECK_REFUSED(link_publish(check_directory(), "l", "", check_error),
                  "create the link l: No such file or directory");
    check_link("l", "old");
    CHECK_NUMBER(entry_count(), 1);
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
        CASE(bytes_are_written_at_the_position_or_at_an_offset),
        CASE(bytes_are_read_at_an_offset_and_the_position_stays),
        CASE(files_of_any_size_are_copied_behind_what_is_there),
        CASE(a_draft_is_invisible_until_it_is_published), CASE(a_released_draft_leaves_nothing),
        CASE(a_second_draft_of_one_name_is_refused),
        CASE(a_draft_that_was_left_over_is_emptied_and_used),
        CASE(a_draft_is_not_written_through_a_link), CASE(a_draft_of_another_kind_is_refused),
        CASE(a_draft_is_not_a_second_name_of_a_file), CASE(a_draft_of_another_user_is_refused),
        CASE(a_name_is_tried_as_its_draft_will_be),
        CASE(only_a_regular_file_is_replaced_by_a_draft),
        CASE(a_draft_that_cannot_be_published_is_still_a_draft),
        CASE(a_name_too_long_for_its_draft_is_refused),
        CASE(a_file_is_published_with_its_mode_whatever_the_umask),
        CASE(a_link_is_made_and_replaced), CASE(a_link_to_a_directory_is_replaced_not_entered),
        CASE(a_link_that_was_left_over_does_not_hinder),
        CASE(what_is_not_a_link_is_not_replaced_by_one),
        CASE(what_has_a_name_is_told_from_what_cannot_be_looked_at),
        CASE(a_link_that_cannot_be_made_leaves_the_old_one),
        CASE(a_directory_is_synced_or_the_reason_said), CASE(what_signals_interrupt_goes_on));
}
