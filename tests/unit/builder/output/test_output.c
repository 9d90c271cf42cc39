#include "tests/check_store.h"

#include "builder/output/output.h"
#include "schema/base/own.h"

#include <sys/stat.h>

/* An output of the test directory. */
static bool open_output(const char *name, struct arena *arena, struct output *ret_output)
{
    const char *path = arena_format(arena, "%s/%s", check_directory_path(), name).data;
    return output_open(path, OUTPUT_DIRECTORY, arena, ret_output, check_error);
}

static void a_path_is_taken_apart(struct arena arena)
{
    static const char *const names[] = { "out", "out/", "out///" };
    for (size_t i = 0; i < 3; i++) {
        cleanup(output_release) struct output output = { .directory = -1 };
        CHECK_DONE(open_output(names[i], &arena, &output));
        CHECK_STR(output.name, "out");
    }
    cleanup(output_release) struct output root = { .directory = -1 };
    CHECK_DONE(output_open("/out", OUTPUT_DIRECTORY, &arena, &root, check_error));
    CHECK_STR(root.name, "out");
    cleanup(output_release) struct output here = { .directory = -1 };
    CHECK_DONE(output_open("out", OUTPUT_DIRECTORY, &arena, &here, check_error));
}

static void a_path_without_a_name_is_refused(struct arena arena)
{
    static const char *const wrong[] = { "", "/", "//", ".", "..", "a/..", "a/." };
    struct output output;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        CHECK_REFUSED(output_open(wrong[i], OUTPUT_DIRECTORY, &arena, &output, check_error),
                      arena_format(&arena,
                                   "create '%s': the path must end in the name of a file or "
                                   "directory",
                                   wrong[i]));
    CHECK_REFUSED(output_open("/no/where/x", OUTPUT_DIRECTORY, &arena, &output, check_error),
                  "open the directory /no/where: No such file or directory");
}

static void check_open_refused(const char *path, enum output_kind kind, const char *cause,
                               struct arena *arena)
{
    struct output output;
    CHECK_REFUSED(output_open(path, kind, arena, &output, check_error),
                  arena_format(arena, "create %s: %s", path, cause));
}

/* Before the work, not when the result gets its name. */
static void what_cannot_be_replaced_is_refused_at_once(struct arena arena)
{
    int directory = check_directory();
    const char *path = arena_format(&arena, "%s/it", check_directory_path()).data;
    static const char link[] = "it is a symbolic link; give the path that it leads to";
    CHECK(symlinkat("/tmp", directory, "it") == 0);
    check_open_refused(path, OUTPUT_FILE, link, &arena);
    check_open_refused(path, OUTPUT_DIRECTORY, link, &arena);
    CHECK(unlinkat(directory, "it", 0) == 0 && mkdirat(directory, "it", 0700) == 0);
    check_open_refused(path, OUTPUT_FILE, "it is a directory; name a file in it", &arena);
    CHECK(unlinkat(directory, "it", AT_REMOVEDIR) == 0 && mkfifoat(directory, "it", 0600) == 0);
    check_open_refused(path, OUTPUT_FILE, "it is not a regular file; choose another name", &arena);
    check_open_refused(path, OUTPUT_DIRECTORY, "it is not a directory; choose another name",
                       &arena);
    check_open_refused("/proc", OUTPUT_DIRECTORY, "it is a mount point; name something below it",
                       &arena);
}

static void what_only_its_owner_may_replace_is_refused_at_once(struct arena arena)
{
    enum { NOBODY = 65534 };
    const char *path = arena_format(&arena, "%s/it", check_directory_path()).data;
    struct output output = { .directory = -1 };
    if (geteuid() != 0) {
        check_skip("only root can become another user");
        return;
    }
    check_file("it", STR("root's"));
    CHECK(fchmod(check_directory(), 01777) == 0 && seteuid(NOBODY) == 0);
    bool done = output_open(path, OUTPUT_FILE, &arena, &output, check_error);
    CHECK(seteuid(0) == 0);
    own_close(&output.directory);
    CHECK_REFUSED(done, arena_format(&arena,
                                     "create %s: it may not be replaced by this user; remove it "
                                     "first",
                                     path));
}

/* Root may write anywhere, but not into /proc. */
static void a_directory_that_cannot_be_written_is_refused(struct arena arena)
{
    struct output output;
    CHECK(!output_open("/proc/self/it", OUTPUT_FILE, &arena, &output, check_error));
}

int main(void)
{
    return CHECK_ALL(CASE(a_path_is_taken_apart), CASE(a_path_without_a_name_is_refused),
                     CASE(what_cannot_be_replaced_is_refused_at_once),
                     CASE(what_only_its_owner_may_replace_is_refused_at_once),
                     CASE(a_directory_that_cannot_be_written_is_refused));
}
