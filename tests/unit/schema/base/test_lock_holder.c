#include "schema/base/lock_holder.h"
#include "schema/base/own.h"
#include "tests/check.h"

#include <signal.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/wait.h>

/* Another process that holds a lock on the file, on one byte of it; it ends when it is told to. */
static pid_t hold(int directory, const char *name, short type, off_t byte_locked)
{
    int ready[2];
    char byte;
    CHECK(pipe2(ready, O_CLOEXEC) == 0);
    pid_t child = fork();
    if (child == 0) {
        struct flock lock = {
            .l_type = type, .l_whence = SEEK_SET, .l_start = byte_locked, .l_len = 1
        };
        int fd = openat(directory, name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        prctl(PR_SET_NAME, type == F_WRLCK ? "lock holder" : "reader");
        if (fd < 0 || fcntl(fd, F_SETLK, &lock) < 0 || write(ready[1], "x", 1) != 1)
            _exit(1);
        pause();
        _exit(0);
    }
    close(ready[1]);
    CHECK(child > 0 && read(ready[0], &byte, 1) == 1);
    close(ready[0]);
    return child;
}

static void end(pid_t child)
{
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
}

static void the_holder_is_named_with_its_number(struct arena arena)
{
    int directory = check_directory();
    char text[64];
    pid_t child = hold(directory, "lock", F_WRLCK, 0);
    lock_holder_find(directory, "lock", text, sizeof text);
    CHECK_STR(text, arena_format(&arena, "lock holder (%d)", (int)child));
    end(child);
}

/* A database in WAL mode has readers all the time: each holds a byte of its -shm. */
static void the_writer_is_named_among_readers(struct arena arena)
{
    int directory = check_directory();
    char text[64];
    pid_t first = hold(directory, "shm", F_RDLCK, 123);
    lock_holder_find(directory, "shm", text, sizeof text);
    CHECK_STR(text, arena_format(&arena, "reader (%d)", (int)first));
    pid_t writer = hold(directory, "shm", F_WRLCK, 120);
    pid_t last = hold(directory, "shm", F_RDLCK, 124);
    lock_holder_find(directory, "shm", text, sizeof text);
    CHECK_STR(text, arena_format(&arena, "lock holder (%d)", (int)writer));
    end(first);
    end(writer);
    end(last);
}

static void nobody_is_another_process(void)
{
    int directory = check_directory();
    char text[64];
    lock_holder_find(directory, "missing", text, sizeof text);
    CHECK_STR(text, "another process");
    cleanup(own_close) int fd = openat(directory, "free", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    CHECK(fd >= 0);
    lock_holder_find(directory, "free", text, sizeof text);
    CHECK_STR(text, "another process");
}

static void ones_own_lock_is_not_waited_for(void)
{
    int directory = check_directory();
    char text[64];
    cleanup(own_close) int fd = openat(directory, "own", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    CHECK(fd >= 0 && flock(fd, LOCK_EX) == 0);
    lock_holder_find(directory, "own", text, sizeof text);
    CHECK_STR(text, "another process");
}

int main(void)
{
    return CHECK_ALL(CASE(the_holder_is_named_with_its_number),
                     CASE(the_writer_is_named_among_readers), CASE(nobody_is_another_process),
                     CASE(ones_own_lock_is_not_waited_for));
}
