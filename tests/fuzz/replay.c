/* replay — runs a fuzz target on files.
 *
 * Usage    replay_NAME FILE|DIR...     of a directory all files, not those of directories in it
 * Prints   how many there were, and how often the target accepted something, if it tells (fuzz_done).
 */
#include "tests/fuzz/fuzz.h"

#include "schema/base/file.h"
#include "schema/base/own.h"

#include <stdlib.h>
#include <sys/stat.h>

enum { INPUT_BYTES_MAX = 64 << 20 };

static size_t count;

static void fail(const struct error *error)
{
    error_print(stderr, "replay", error);
    exit(EXIT_FAILURE);
}

static void replay(int directory, const char *name)
{
    static struct arena arena;
    struct error error;
    struct str text;
    if (!arena.next && !arena_reserve(&arena, 2 * INPUT_BYTES_MAX, &error))
        fail(&error);
    struct arena scratch = arena;
    if (!file_read(directory, name, INPUT_BYTES_MAX, &scratch, &text, &error))
        fail(&error);
    LLVMFuzzerTestOneInput((const uint8_t *)text.data, text.len);
    count++;
}

static void replay_directory(const char *path)
{
    cleanup(own_close_directory) DIR *directory = opendir(path);
    const struct dirent *entry;
    struct stat status;
    while (directory && (entry = own_next_entry(directory)))
        if (fstatat(dirfd(directory), entry->d_name, &status, 0) == 0 && S_ISREG(status.st_mode))
            replay(dirfd(directory), entry->d_name);
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        struct stat status;
        if (stat(argv[i], &status) == 0 && S_ISDIR(status.st_mode))
            replay_directory(argv[i]);
        else
            replay(AT_FDCWD, argv[i]);
    }
    printf("%zu inputs", count);
    if (fuzz_count.accepted + fuzz_count.refused > 0)
        printf(", accepted %zu times", fuzz_count.accepted);
    printf("\n");
    return count > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
