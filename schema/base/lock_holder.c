#include "schema/base/lock_holder.h"

#include "schema/base/own.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

/* Returns the process of a line that is about the file; 0 if the line is about another. */
static int parse_line(const char *line, const struct stat *file, bool *ret_writes)
{
    char kind[8];
    unsigned major_number, minor_number;
    unsigned long inode;
    int process;
    // NOLINTNEXTLINE(cert-err34-c): a wrong number only names another process
    int found = sscanf(line, "%*d: %*s %*s %7s %d %x:%x:%lu", kind, &process, &major_number,
                       &minor_number, &inode);
    if (found != 5)
        return 0;
    *ret_writes = strcmp(kind, "WRITE") == 0;
    bool same = makedev(major_number, minor_number) == file->st_dev && inode == file->st_ino;
    return same && process > 0 && process != getpid() ? process : 0;
}

/* Readers share the lock with one another. If there is a writer, the writer is the one to wait
 * for. */
static int find_process(const struct stat *file)
{
    char line[256];
    int reader = 0;
    cleanup(own_close_file) FILE *locks = fopen("/proc/locks", "re");
    while (locks && fgets(line, sizeof line, locks)) {
        bool writes = false;
        int process = parse_line(line, file, &writes);
        if (process > 0 && writes)
            return process;
        reader = reader > 0 ? reader : process;
    }
    return reader;
}

void lock_holder_find(int directory, const char *name, char *ret_text, size_t size)
{
    struct stat file;
    char path[64], program[64] = "";
    snprintf(ret_text, size, "another process");
    int process = fstatat(directory, name, &file, 0) == 0 ? find_process(&file) : 0;
    if (process == 0)
        return;
    snprintf(path, sizeof path, "/proc/%d/comm", process);
    cleanup(own_close) int comm = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t length = comm >= 0 ? read(comm, program, sizeof program - 1) : 0;
    program[length > 0 ? length : 0] = '\0';
    program[strcspn(program, "\n")] = '\0';
    snprintf(ret_text, size, "%s (%d)", *program ? program : "process", process);
}
