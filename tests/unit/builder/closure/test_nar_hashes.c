#include "tests/check_store.h"

#include "builder/closure/nar_hashes.h"
#include "schema/base/own.h"

#include <sys/stat.h>

#define D CHECK_DIGEST

static struct path_list list_of(const char *const *bases, size_t count, struct arena *arena)
{
    struct path_list list = { 0 };
    for (size_t i = 0; i < count; i++)
        path_list_add(&list, arena)->base = str_from(bases[i]);
    return list;
}

/* What Nix 2.8.0's `nix-store --dump` wrote for files of these contents, through sha256sum and wc. */
static bool compute(const struct store *store, struct path_list *list, unsigned jobs,
                    struct arena *arena)
{
    struct crew crew;
    return CHECK_DONE(crew_make(jobs, arena, &crew, check_error)) &&
           nar_hashes_compute(store, list, &crew, check_error);
}

static void hashes_and_sizes_are_those_of_nix(struct arena arena)
{
    static const char *const bases[] = { D "-a", D "-b", D "-c" };
    static const struct {
        const char *hash;
        uint64_t size_bytes;
    } want[] = {
        { "0a430879c266f8b57f4092a0f935cf3facd48bbccde5760d4748ca405171e969", 120 },
        { "cb8c62caf2a8997b253ed067d456dab52f8e9814d710c4b3e21dc610c678c774", 120 },
        { "0a430879c266f8b57f4092a0f935cf3facd48bbccde5760d4748ca405171e969", 120 },
    };
    check_file("nix/store/" D "-a", STR("hello"));
    check_file("nix/store/" D "-c", STR("hello"));
    CHECK(symlinkat("target", check_directory(), "nix/store/" D "-b") == 0);
    cleanup(check_store_close) struct store store = check_store(&arena);
    for (unsigned jobs = 1; jobs <= 8; jobs *= 2) {
        struct path_list list = list_of(bases, 3, &arena);
        CHECK_DONE(compute(&store, &list, jobs, &arena));
        for (size_t i = 0; i < 3; i++) {
            struct hash_hex hex = hash_to_hex(&list.items[i].nar_hash);
            CHECK_STR((const char *)hex.text, want[i].hash);
            CHECK_NUMBER(list.items[i].nar_size_bytes, want[i].size_bytes);
        }
    }
}

static void what_is_not_there_is_refused_by_name(struct arena arena)
{
    static const char *const bases[] = { D "-a" };
    cleanup(check_store_close) struct store store = check_store(&arena);
    struct path_list list = list_of(bases, 1, &arena);
    CHECK_REFUSED(compute(&store, &list, 2, &arena),
                  "open the store /nix/store: No such file or directory");
    check_make_directory("nix/store");
    CHECK_REFUSED(compute(&store, &list, 2, &arena),
                  "hash /nix/store/" D "-a: there is no such path");
}

static void what_cannot_be_read_is_refused_by_name(struct arena arena)
{
    static const char *const bases[] = { D "-a" };
    cleanup(check_store_close) struct store store = check_store(&arena);
    struct path_list list = list_of(bases, 1, &arena);
    check_make_directory("nix/store/" D "-a");
    CHECK(mkfifoat(check_directory(), "nix/store/" D "-a/pipe", 0600) == 0);
    CHECK(!compute(&store, &list, 1, &arena));
    CHECK(str_starts(str_from(check_error->sentence), STR("hash /nix/store/" D "-a/pipe: ")));
}

static void an_empty_list_is_done(struct arena arena)
{
    cleanup(check_store_close) struct store store = check_store(&arena);
    struct path_list list = { 0 };
    check_make_directory("nix/store");
    CHECK_DONE(compute(&store, &list, 4, &arena));
}

int main(void)
{
    return CHECK_ALL(CASE(hashes_and_sizes_are_those_of_nix),
                     CASE(what_is_not_there_is_refused_by_name),
                     CASE(what_cannot_be_read_is_refused_by_name), CASE(an_empty_list_is_done));
}
