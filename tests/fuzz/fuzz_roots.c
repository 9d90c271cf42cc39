/* A list of roots on standard input: the closure is of paths that the manifest lists, in order, or a sentence says why there
 * is none. A directory of TMPDIR holds a system with links and the manifest. */
#include "builder/closure/closure.h"
#include "schema/base/draft.h"
#include "schema/base/own.h"
#include "schema/base/root.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define A    "00000000000000000000000000000000-a"
#define B    "11111111111111111111111111111111-b"
#define HASH "0000000000000000000000000000000000000000000000000000000000000000"

static const char manifest[] = "/nix/store/" A "\n" HASH "\n1\n\n1\n/nix/store/" B "\n"
                               "/nix/store/" B "\n" HASH "\n1\n\n0\n";
static const struct {
    const char *target, *name;
} links[] = {
    { "nix/store/" A, "system" },
    { "/system", "twice" },
    { "loop", "loop" },
    { "/nix/store/" A "/inside", "inside" },
    { "../..", "up" },
    { "/nix/store", "store" },
};

static struct store store;
static struct crew crew;
static int input = -1; /* what standard input is */
static char manifest_path[256];

static void make_system(void)
{
    static struct arena arena;
    static char path[200];
    struct error error;
    const char *parent = getenv("TMPDIR");
    snprintf(path, sizeof path, "%s/fuzz-roots.XXXXXX", parent ? parent : "/tmp");
    fuzz_must(mkdtemp(path) != NULL, "a directory");
    fuzz_must(arena_reserve(&arena, (size_t)16 << 20, &error) &&
                  store_open(path, STORE_DIR_DEFAULT, STATE_DIR_DEFAULT, &arena, &store, &error) &&
                  crew_make(1, &arena, &crew, &error),
              "a store");
    cleanup(own_close) int a = root_make_directory(store.root, "/nix/store/" A "/specialisation");
    cleanup(own_close) int b = root_make_directory(store.root, "/nix/store/" B);
    cleanup(own_close) int given = root_make_directory(store.root, "/given");
    fuzz_must(a >= 0 && b >= 0 && given >= 0 && symlinkat("/nix/store/" B, a, "x") == 0,
              "two paths");
    for (size_t i = 0; i < sizeof links / sizeof *links; i++)
        fuzz_must(symlinkat(links[i].target, store.root, links[i].name) == 0, "a link");
    fuzz_must(file_publish(given, "manifest", str_from(manifest), 0644, &error), "a manifest");
    snprintf(manifest_path, sizeof manifest_path, "%s/given/manifest", path);
    input = memfd_create("roots", MFD_CLOEXEC);
    fuzz_must(input >= 0 && dup2(input, STDIN_FILENO) >= 0, "a standard input");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena = fuzz_arena();
    struct option_list roots = { 0 }, added = { 0 };
    struct closure closure = { 0 };
    struct error error = { 0 };
    if (input < 0)
        make_system();
    fuzz_must(ftruncate(input, 0) == 0 && pwrite(input, data, size, 0) == (ssize_t)size &&
                  lseek(input, 0, SEEK_SET) == 0,
              "the list is written");
    option_list_add(&roots, "-", &arena);
    const struct closure_request request = { .store = &store,
                                             .source = { PATH_SOURCE_REGISTRATION, manifest_path },
                                             .roots = &roots,
                                             .added = &added,
                                             .crew = &crew };
    if (!fuzz_done(closure_find(&request, &arena, &closure, &error), &error))
        return 0;
    const struct path_info *items = closure.paths.items;
    bool is_b = closure.paths.count == 1 && str_equal(items[0].base, STR(B));
    bool is_both = closure.paths.count == 2 && str_equal(items[0].base, STR(A)) &&
                   str_equal(items[1].base, STR(B));
    fuzz_must(is_b || is_both, "a closure of what is listed");
    return 0;
}
