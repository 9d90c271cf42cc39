#include "tests/check_calls.h"

#include "schema/base/own.h"

#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

/* Runs it in a process of its own, and returns how that ended: its exit status is 1 if the claim does not hold. */
static int run_apart(bool (*holds)(void))
{
    int status = -1;
    fflush(NULL);
    pid_t child = fork();
    if (child == 0)
        _exit(!holds());
    CHECK(child > 0 && waitpid(child, &status, 0) == child);
    return status;
}

static bool is_null(int fd)
{
    struct stat there, null;
    return fstat(fd, &there) == 0 && stat("/dev/null", &null) == 0 && S_ISCHR(there.st_mode) &&
           there.st_rdev == null.st_rdev;
}

static bool opens_all(void)
{
    for (int fd = 0; fd < 16; fd++)
        close(fd);
    own_standard_streams();
    return is_null(0) && is_null(1) && is_null(2) && fcntl(3, F_GETFD) < 0;
}

static bool keeps_those_that_are_open(void)
{
    struct stat before, after;
    bool was_there = fstat(STDERR_FILENO, &before) == 0;
    close(STDOUT_FILENO);
    own_standard_streams();
    return was_there && is_null(STDOUT_FILENO) && fstat(STDERR_FILENO, &after) == 0 &&
           before.st_ino == after.st_ino && before.st_dev == after.st_dev;
}

static void no_file_becomes_a_standard_stream(void)
{
    CHECK_NUMBER(run_apart(opens_all), 0);
    CHECK_NUMBER(run_apart(keeps_those_that_are_open), 0);
}

/* Writes where nobody reads. */
static bool is_told_of_a_broken_pipe(void)
{
    int ends[2];
    own_standard_streams();
    if (pipe(ends) < 0)
        return false;
    close(ends[0]);
    return write(ends[1], "x", 1) < 0 && errno == EPIPE && signal(SIGXFSZ, SIG_DFL) == SIG_IGN;
}

static bool ends_by_pipe(void)
{
    own_standard_streams();
    own_end_by_pipe();
    return false;
}

static bool asks_for_the_signal(void)
{
    sigset_t set, pending;
    own_standard_streams();
    sigemptyset(&set);
    sigaddset(&set, SIGPIPE);
    sigprocmask(SIG_BLOCK, &set, NULL);
    own_end_by_pipe();
    return sigpending(&pending) == 0 && sigismember(&pending, SIGPIPE);
}

static bool goes_on_for_a_caller_that_ignores_it(void)
{
    signal(SIGPIPE, SIG_IGN);
    own_standard_streams();
    own_end_by_pipe();
    return true;
}

static void a_pipe_that_nobody_reads_is_an_error_or_an_end(void)
{
    CHECK_NUMBER(run_apart(is_told_of_a_broken_pipe), 0);
    CHECK_NUMBER(run_apart(ends_by_pipe), SIGPIPE);
    CHECK_NUMBER(run_apart(asks_for_the_signal), 0);
    CHECK_NUMBER(run_apart(goes_on_for_a_caller_that_ignores_it), 0);
}

static size_t count_entries(int directory)
{
    size_t count = 0;
    cleanup(own_close_directory) DIR *entries = own_open_entries(directory);
    while (entries && own_next_entry(entries))
        count++;
    CHECK_NUMBER(errno, 0);
    return count;
}

static void entries_start_from_the_first_each_time(void)
{
    cleanup(own_close) int file =
        openat(check_directory(), "one", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    CHECK(file >= 0);
    CHECK_NUMBER(count_entries(check_directory()), 1);
    CHECK_NUMBER(count_entries(check_directory()), 1);
}

/* The kit looks whether a descriptor is left. */
static void entries_that_cannot_be_had_say_why(void)
{
    CHECK(!own_open_entries(-1));
    CHECK_NUMBER(errno, EBADF);
    for (size_t number = 1; number <= 2; number++) {
        check_about("call %zu", number);
        check_calls_fail(number);
        CHECK(!own_open_entries(check_directory()));
        CHECK_NUMBER(errno, EIO);
        CHECK(check_calls_end());
    }
}

static void what_is_null_is_not_closed(void)
{
    cleanup(own_close) int fd = -1;
    cleanup(own_close_file) FILE *file = NULL;
    cleanup(own_close_directory) DIR *directory = NULL;
    int other = dup(STDERR_FILENO), taken = own_take(&other);
    CHECK(taken >= 0 && other == -1 && fd == -1 && !file && !directory);
    own_close(&taken);
    CHECK(fcntl(taken, F_GETFD) < 0);
}

int main(void)
{
    return CHECK_ALL(CASE(no_file_becomes_a_standard_stream),
                     CASE(a_pipe_that_nobody_reads_is_an_error_or_an_end),
                     CASE(entries_start_from_the_first_each_time),
                     CASE(entries_that_cannot_be_had_say_why), CASE(what_is_null_is_not_closed));
}
