#include "tests/check_calls.h"
#include "tests/check_sqlite.h"
#include "tests/check_store.h"

#include "regd/command.h"
#include "schema/base/json.h"
#include "schema/base/own.h"

#include <string.h>
#include <unistd.h>

#define D                  CHECK_DIGEST
#define P                  "/nix/store/" D
#define PROFILE            "/state/profiles/system"
#define RECORD(name, hash) P "-" name "\n" hash "\n100\n\n0\n"
#define OTHER_HASH         "0a430879c266f8b57f4092a0f935cf3facd48bbccde5760d4748ca405171e969"

/* What `regd status` prints; a failure's sentence. */
static struct str status(bool json, struct arena *arena)
{
    struct command command = {
        .settings = { .tag = "/etc/NIXOS", .json = json },
        .store = check_store(arena),
        .profile = PROFILE,
        .collector = -1,
        .arena = arena,
    };
    struct check_output output = check_keep(STDOUT_FILENO);
    bool done = command_status(&command, check_error);
    struct str text = check_kept(&output, arena);
    check_store_close(&command.store);
    return done ? text : arena_copy(arena, str_from(check_error->sentence));
}

static void nothing_is_told_as_nothing(struct arena arena)
{
    CHECK_STR(status(false, &arena), "database   none\n"
                                     "manifest   none found\n"
                                     "tag        /etc/NIXOS is missing\n"
                                     "profile    " PROFILE " is not set\n");
}

static void fill(struct arena arena)
{
    check_sql(CHECK_ADD(1, "a") CHECK_ADD(2, "b")
                  CHECK_ADD(3, "c") "insert into ValidPaths (path, hash, "
                                    "registrationTime) values ('/gnu/store/" D "-x', 'h', 1)",
              arena);
    check_file(
        "nix/.ro-store/nix-path-registration",
        STR(RECORD("a", CHECK_HASH_HEX) RECORD("b", OTHER_HASH) RECORD("d", CHECK_HASH_HEX)));
    check_file("etc/NIXOS", STR(""));
    check_make_directory("state/profiles");
    CHECK(symlinkat(P "-a", check_directory(), "state/profiles/system-1-link") == 0);
    CHECK(symlinkat(P "-b", check_directory(), "state/profiles/system-4-link") == 0);
    CHECK(symlinkat("system-4-link", check_directory(), "state/profiles/system") == 0);
}

/* Registered are those with the manifest's hash; rows of another store are not counted. */
static void everything_is_counted(struct arena arena)
{
    fill(arena);
    CHECK_STR(status(false, &arena),
              "database   3 valid paths\n"
              "manifest   /nix/.ro-store/nix-path-registration\n"
              "           1 of its 3 paths are registered; run 'regd register'\n"
              "tag        /etc/NIXOS\n"
              "profile    " PROFILE ", generation 4 of 2\n"
              "           " P "-b\n");
}

static void json_says_the_same(struct arena arena)
{
    fill(arena);
    struct str text = status(true, &arena);
    cleanup(json_free) cJSON *root = NULL;
    if (!CHECK_DONE(json_parse(text, &root, check_error)))
        return;
    static const struct {
        const char *key;
        double number;
    } numbers[] = { { "validPaths", 3 },
                    { "manifestPaths", 3 },
                    { "manifestPathsRegistered", 1 },
                    { "generations", 2 },
                    { "generation", 4 } };
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        CHECK_NUMBER(cJSON_GetNumberValue(cJSON_GetObjectItem(root, numbers[i].key)),
                     numbers[i].number);
    CHECK(cJSON_IsTrue(cJSON_GetObjectItem(root, "database")));
    CHECK(cJSON_IsTrue(cJSON_GetObjectItem(root, "tagged")));
    CHECK_STR(cJSON_GetStringValue(cJSON_GetObjectItem(root, "system")), P "-b");
    CHECK_STR(cJSON_GetStringValue(cJSON_GetObjectItem(root, "profile")), PROFILE);
}

#define ROOT "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define REPORT                                                                                   \
    "{\"version\":1,\"state\":\"done\",\"seconds\":3.25,\"bytes\":3145728,\"retries\":1,"        \
    "\"mirror\":\"http://a/\",\"layers\":[{\"name\":\"nix-store.squashfs\",\"rootHash\":\"" ROOT \
    "\",\"size\":4096,\"kept\":4096,\"from\":\"http://a/\"},{\"name\":\"nix-store.1.squashfs\"," \
    "\"rootHash\":\"" ROOT "\",\"size\":8192,\"kept\":8192,\"from\":\"cache\"}]}"

static void where_a_fetched_store_came_from_is_told(struct arena arena)
{
    check_file("run/regd/fetch.json", STR(REPORT));
    CHECK(str_starts(status(false, &arena),
                     STR("fetched    2 layers, 3.0 MiB received in 3.2 s, 1 retry\n"
                         "           nix-store.squashfs from http://a/\n"
                         "           nix-store.1.squashfs from cache\n"
                         "database   none\n")));
    cleanup(json_free) cJSON *root = NULL;
    if (!CHECK_DONE(json_parse(status(true, &arena), &root, check_error)))
        return;
    cJSON *fetched = cJSON_GetObjectItem(root, "fetched");
    char *spelled = cJSON_PrintUnformatted(fetched);
    CHECK_STR(str_from(spelled), REPORT);
    cJSON_free(spelled);
    check_file("run/regd/fetch.json", STR("{\"version\":2}"));
    CHECK_STR(
        status(false, &arena),
        "load /run/regd/fetch.json: version 2 is not supported; this program reads version 1");
}

static void a_database_that_cannot_be_read_is_told(struct arena arena)
{
    check_sql("drop table Refs", arena);
    CHECK_STR(status(false, &arena),
              "db.sqlite: no such table: main.Refs: it is not a finished Nix database; "
              "restore it, or move it and schema away and register again");
}

static void a_manifest_that_is_wrong_is_told(struct arena arena)
{
    check_file("nix/.ro-store/nix-path-registration", STR("x\n"));
    CHECK(str_starts(status(false, &arena),
                     STR("load /nix/.ro-store/nix-path-registration: line 1: ")));
}

static void a_dangling_profile_has_generations_and_no_system(struct arena arena)
{
    check_make_directory("state/profiles");
    CHECK(symlinkat("system-9-link", check_directory(), "state/profiles/system") == 0);
    CHECK_STR(status(false, &arena), "database   none\n"
                                     "manifest   none found\n"
                                     "tag        /etc/NIXOS is missing\n"
                                     "profile    " PROFILE " is not set\n");
}

/* Nothing is told of a database that cannot be read. */
static void each_function_of_sqlite_that_fails_is_a_sentence(struct arena arena)
{
    bool has_failed = true;
    size_t failures = 0;
    fill(arena);
    struct str whole = status(false, &arena);
    for (size_t number = 1; has_failed; number++) {
        struct arena scratch = arena;
        check_about("function %zu", number);
        check_sqlite_fail(number);
        struct str told = status(false, &scratch);
        has_failed = check_sqlite_end();
        bool is_whole = str_equal(told, whole);
        failures += !is_whole;
        CHECK(is_whole || (has_failed && told.len > 0 && !memchr(told.data, '\n', told.len)));
    }
    CHECK(failures > 10);
}

static void each_call_that_fails_is_a_sentence(struct arena arena)
{
    struct command command = { .settings = { .tag = "/etc/NIXOS" }, .profile = PROFILE };
    fill(arena);
    check_file("run/regd/fetch.json", STR(REPORT));
    CHECK(check_calls_run(command_status, &command, arena) > 20);
}

int main(void)
{
    return CHECK_ALL(CASE(nothing_is_told_as_nothing), CASE(everything_is_counted),
                     CASE(json_says_the_same), CASE(where_a_fetched_store_came_from_is_told),
                     CASE(a_database_that_cannot_be_read_is_told),
                     CASE(a_manifest_that_is_wrong_is_told),
                     CASE(a_dangling_profile_has_generations_and_no_system),
                     CASE(each_function_of_sqlite_that_fails_is_a_sentence),
                     CASE(each_call_that_fails_is_a_sentence));
}
