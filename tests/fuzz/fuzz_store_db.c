/* A store's database of whatever bytes: all its rows are read, in order, or a sentence says why not; and it can be opened
 * to be changed, or a sentence says why not. A directory of TMPDIR holds it. */
#include "schema/base/own.h"
#include "schema/base/root.h"
#include "schema/database/store_db.h"
#include "schema/database/store_read.h"
#include "schema/nix/manifest.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>

static struct store store;
static int directory = -1; /* STATE_DIR/db */

/* A machine's root, with a store whose database is still to be written. */
static void make_store(void)
{
    static struct arena arena;
    static char path[256];
    struct error error;
    const char *parent = getenv("TMPDIR");
    snprintf(path, sizeof path, "%s/fuzz-store-db.XXXXXX", parent ? parent : "/tmp");
    fuzz_must(mkdtemp(path) != NULL, "a directory");
    fuzz_must(arena_reserve(&arena, (size_t)16 << 20, &error) &&
                  store_open(path, STORE_DIR_DEFAULT, STATE_DIR_DEFAULT, &arena, &store, &error),
              "a store");
    directory = root_make_directory(store.root, STATE_DIR_DEFAULT "/db");
    fuzz_must(directory >= 0 && file_publish(directory, STORE_DB_SCHEMA_NAME,
                                             STR(STORE_SCHEMA_VERSION), 0644, &error),
              "a schema");
}

static void write_database(const uint8_t *data, size_t size)
{
    static const char *const beside[] = { STORE_DB_NAME "-journal", STORE_DB_NAME "-wal",
                                          STORE_DB_NAME "-shm" };
    cleanup(own_close) int fd =
        openat(directory, STORE_DB_NAME, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0 || write(fd, data, size) != (ssize_t)size)
        perror(STORE_DB_NAME);
    fuzz_must(fd >= 0 && lseek(fd, 0, SEEK_CUR) == (off_t)size, "the database is written");
    for (size_t i = 0; i < sizeof beside / sizeof *beside; i++)
        unlinkat(directory, beside[i], 0);
}

static bool is_refused(enum store_db_answer answer, const struct error *error)
{
    fuzz_must(answer != STORE_DB_FAILED || error->sentence[0], "a refusal has a sentence");
    return answer != STORE_DB_FOUND;
}

static void write_list(FILE *stream, const void *value)
{
    manifest_write(stream, value, STR(STORE_DIR_DEFAULT));
}

static void read_rows(struct arena arena)
{
    struct error error = { 0 };
    struct odd_rows odd;
    struct path_list list = { 0 };
    cleanup(store_db_close) struct store_db db = STORE_DB_CLOSED;
    cleanup(store_reader_close) struct store_reader reader = STORE_READER_CLOSED;
    if (is_refused(store_db_open_read(&store, &arena, &db, &error), &error))
        return;
    if (!fuzz_done(store_reader_open(&store, &db, &reader, &error) &&
                       store_read_all(&reader, &arena, &list, &odd, &error),
                   &error))
        return;
    for (size_t i = 1; i < list.count; i++)
        fuzz_must(str_compare(list.items[i - 1].base, list.items[i].base) < 0, "paths ascend");
    struct str text = fuzz_written(write_list, &list, &arena);
    fuzz_must((list.count == 0) == (text.len == 0), "each path is written");
}

static void begin_writing(struct arena arena)
{
    struct error error = { 0 };
    cleanup(store_db_close) struct store_db db = STORE_DB_CLOSED;
    fuzz_must(store_db_open_write(&store, arena, &db, &error) || error.sentence[0] != '\0',
              "a refusal has a sentence");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (directory < 0)
        make_store();
    write_database(data, size);
    read_rows(fuzz_arena());
    begin_writing(fuzz_arena());
    return 0;
}
