#include "tests/check_calls.h"
#include "tests/check_store.h"

#include "regd/command.h"
#include "schema/base/json.h"
#include "schema/base/own.h"

#include <unistd.h>

#define D            CHECK_DIGEST
#define P            "/nix/store/" D
#define PROFILE      "/state/profiles/system"
#define MANIFEST     "nix/.ro-store/nix-path-registration"
#define RECORD(name) P "-" name "\n" CHECK_HASH_HEX "\n100\n\n0\n"

/* What a command is called with, and what became of it. */
struct call {
    struct settings settings;
    struct option_list arguments;
    bool done;
    struct str output, told; /* on standard output and standard error */
};

static struct call run(bool (*work)(struct command *, struct error *), struct call call,
                       struct arena *arena)
{
    call.settings.tag = "/etc/NIXOS";
    struct command command = {
        .settings = call.settings,
        .arguments = call.arguments,
        .profile = PROFILE,
        .registry = { .missing = call.settings.missing, .time_seconds = 1 },
    };
    struct check_run run = check_run(work, &command, arena);
    call.done = run.done;
    call.output = run.output;
    call.told = run.told;
    return call;
}

/* A booted system: an image with its manifest, both of its paths, and the link to what runs. */
static void prepare(void)
{
    check_file("nix/store/" D "-system/init", STR("x"));
    check_file("nix/store/" D "-a", STR("x"));
    check_file(MANIFEST, STR(RECORD("a") RECORD("system")));
    check_make_directory("run");
    check_make_directory("etc");
    CHECK(symlinkat(P "-system", check_directory(), "run/current-system") == 0);
}

static void a_boot_registers_tags_and_sets_the_profile(struct arena arena)
{
    prepare();
    struct call call = run(command_boot, (struct call){ .settings = { .json = true } }, &arena);
    cleanup(json_free) cJSON *root = NULL;
    if (!CHECK_DONE(call.done) || !CHECK_DONE(json_parse(call.output, &root, check_error)))
        return;
    const cJSON *registered = cJSON_GetObjectItem(root, "registered");
    CHECK_NUMBER(cJSON_GetNumberValue(cJSON_GetObjectItem(registered, "paths")), 2);
    CHECK_NUMBER(cJSON_GetNumberValue(cJSON_GetObjectItem(registered, "added")), 2);
    CHECK(cJSON_IsTrue(cJSON_GetObjectItem(root, "tagged")));
    CHECK_STR(cJSON_GetStringValue(cJSON_GetObjectItem(root, "profile")), P "-system");
    CHECK_NUMBER(cJSON_GetNumberValue(cJSON_GetObjectItem(root, "generation")), 1);
    CHECK_STR(call.told,
              "regd: 2 of 2 paths registered (2 new, 0 changed), 0 references added\n"
              "regd: /etc/NIXOS created\nregd: " PROFILE " is now generation 1, " D "-system\n");
    CHECK_STR(check_rows("select path from ValidPaths order by path", &arena),
              "\n" P "-a\n" P "-system");
    CHECK_STR(check_content("etc/NIXOS", &arena), "");
    CHECK(faccessat(check_directory(), MANIFEST, F_OK, 0) == 0);
}

static void a_second_boot_changes_nothing(struct arena arena)
{
    prepare();
    CHECK_DONE(run(command_boot, (struct call){ 0 }, &arena).done);
    struct call call = run(command_boot, (struct call){ 0 }, &arena);
    CHECK_DONE(call.done);
    CHECK_STR(call.told,
              "regd: 2 of 2 paths registered (0 new, 0 changed), 0 references added\nregd: " PROFILE
              " not changed\n");
    CHECK_STR(check_names("state/profiles", &arena), " per-user system system-1-link");
    call = run(command_boot, (struct call){ .settings = { .set_profile = SET_PROFILE_ALWAYS } },
               &arena);
    CHECK_DONE(call.done);
}

/* No step waits for another that fails, and all that fail are told. */
static void each_step_is_tried_and_each_failure_told(struct arena arena)
{
    prepare();
    check_file(MANIFEST, STR("x\n"));
    CHECK(unlinkat(check_directory(), "run/current-system", 0) == 0);
    check_file("proc/cmdline", STR("quiet\n"));
    struct call call = run(command_boot, (struct call){ .settings = { .json = true } }, &arena);
    CHECK_REFUSED(
        call.done,
        "load /nix/.ro-store/nix-path-registration: line 1: 'x' is not an absolute path; set the "
        "profile: find the booted system: open /run/current-system: No such file or directory, and "
        "the kernel's init= is not in a system; name it with --system");
    CHECK_STR(call.output, "");
    CHECK_STR(check_content("etc/NIXOS", &arena), "");
}

static void where_a_fetched_store_came_from_is_told(struct arena arena)
{
    prepare();
    check_file("run/regd/fetch.json",
               STR("{\"version\":1,\"state\":\"done\",\"seconds\":2,\"bytes\":1048576,"
                   "\"retries\":0,\"layers\":[{\"name\":\"nix-store.squashfs\",\"rootHash\":"
                   "\"" CHECK_HASH_HEX "\",\"size\":4096,\"kept\":4096,\"from\":\"http://a/\"}]}"));
    struct call call = run(command_boot, (struct call){ .settings = { .json = true } }, &arena);
    CHECK_DONE(call.done);
    CHECK(str_starts(call.told, STR("regd: the store was fetched: 1 layer, 1.0 MiB received in "
                                    "2.0 s, 0 retries\nregd: nix-store.squashfs from "
                                    "http://a/\n")));
    CHECK(memmem(call.output.data, call.output.len, "\"fetched\":", strlen("\"fetched\":")));
    check_file("run/regd/fetch.json", STR("{}"));
    call = run(command_boot, (struct call){ 0 }, &arena);
    CHECK_DONE(call.done);
    CHECK(str_starts(call.told, STR("regd: warning: load /run/regd/fetch.json: version: ")));
}

static void the_kernel_s_init_names_the_system(struct arena arena)
{
    prepare();
    CHECK(unlinkat(check_directory(), "run/current-system", 0) == 0);
    check_file("proc/cmdline", STR("init=" P "-system/init quiet\n"));
    CHECK_DONE(run(command_boot, (struct call){ 0 }, &arena).done);
    CHECK_STR(check_content("state/profiles/system/init", &arena), "(absent)");
    char target[256];
    ssize_t length =
        readlinkat(check_directory(), "state/profiles/system-1-link", target, sizeof target);
    CHECK_STR(((struct str){ target, length < 0 ? 0 : (size_t)length }), P "-system");
}

static void what_is_not_wanted_is_left_alone(struct arena arena)
{
    prepare();
    struct call call = run(
        command_boot,
        (struct call){ .settings = { .no_tag = true, .no_profile = true, .quiet = true } }, &arena);
    CHECK_DONE(call.done);
    CHECK_STR(call.told, "");
    CHECK_STR(check_content("etc/NIXOS", &arena), "(absent)");
    CHECK_STR(check_content("state/profiles/system-1-link", &arena), "(absent)");
}

static void without_a_manifest_the_other_steps_are_done(struct arena arena)
{
    prepare();
    CHECK(unlinkat(check_directory(), MANIFEST, 0) == 0);
    struct call call = run(command_boot, (struct call){ 0 }, &arena);
    CHECK_REFUSED(call.done,
                  "set the profile: '" P "-system' is not a valid store path; register it first");
    CHECK_STR(call.told, "regd: no manifest found; nothing registered\n"
                         "regd: /etc/NIXOS created\n");
    CHECK_STR(check_content("etc/NIXOS", &arena), "");
    CHECK_STR(check_content("state/db/db.sqlite", &arena), "(absent)");
}

static void a_manifest_is_deleted_once_all_of_it_is_registered(struct arena arena)
{
    prepare();
    CHECK(unlinkat(check_directory(), "nix/store/" D "-a", 0) == 0);
    struct call call = { .settings = { .delete_manifest = true, .json = true } };
    struct call kept = { .settings = { .delete_manifest = true,
                                       .missing = REGISTRY_MISSING_SKIP } };
    kept = run(command_boot, kept, &arena);
    CHECK_DONE(kept.done);
    CHECK(str_ends(kept.told,
                   STR("nix-path-registration kept: not all of its paths are registered\n")));
    check_file("nix/store/" D "-a", STR("x"));
    call = run(command_boot, call, &arena);
    cleanup(json_free) cJSON *root = NULL;
    if (!CHECK_DONE(call.done) || !CHECK_DONE(json_parse(call.output, &root, check_error)))
        return;
    const cJSON *deleted = cJSON_GetObjectItem(root, "deleted");
    CHECK_STR(cJSON_GetStringValue(cJSON_GetArrayItem(deleted, 0)), "/" MANIFEST);
    CHECK_STR(check_content(MANIFEST, &arena), "(absent)");
}

/* Killed between the deletion and its end, a boot is called with the same name again. */
static void a_named_manifest_that_was_deleted_was_registered(struct arena arena)
{
    prepare();
    struct call call = { .settings = { .delete_manifest = true, .no_profile = true } };
    const char *path = arena_format(&arena, "%s/" MANIFEST, check_directory_path()).data;
    option_list_add(&call.arguments, path, &arena);
    CHECK_DONE(run(command_boot, call, &arena).done);
    CHECK_STR(check_content(MANIFEST, &arena), "(absent)");
    call = run(command_boot, call, &arena);
    CHECK_DONE(call.done);
    CHECK_STR(call.told, "regd: no manifest found; nothing registered\n");
    call.settings.delete_manifest = false;
    CHECK_REFUSED(run(command_boot, call, &arena).done,
                  arena_format(&arena, "open %s: No such file or directory", path));
}

static void register_tells_what_it_found_odd(struct arena arena)
{
    prepare();
    CHECK(unlinkat(check_directory(), "nix/store/" D "-a", 0) == 0);
    check_sql(
        "insert into ValidPaths (path, hash, registrationTime) values ('" P
        "-system', 'sha256:0a430879c266f8b57f4092a0f935cf3facd48bbccde5760d4748ca405171e969', 1)",
        arena);
    struct call call = { .settings = { .json = true, .missing = REGISTRY_MISSING_SKIP } };
    call = run(command_register, call, &arena);
    cleanup(json_free) cJSON *root = NULL;
    if (!CHECK_DONE(call.done) || !CHECK_DONE(json_parse(call.output, &root, check_error)))
        return;
    CHECK_STR(cJSON_GetStringValue(cJSON_GetArrayItem(cJSON_GetObjectItem(root, "hashChanged"), 0)),
              D "-system");
    CHECK_STR(cJSON_GetStringValue(cJSON_GetArrayItem(cJSON_GetObjectItem(root, "missing"), 0)),
              D "-a");
    CHECK_STR(call.told,
              "regd: warning: " D "-system was registered with another NAR hash; the "
              "manifest's replaces it\nregd: warning: " D "-a is skipped: it is not in the store\n"
              "regd: 1 of 2 paths registered (0 new, 1 changed), 0 references added\n");
}

static void register_without_a_manifest_is_refused(struct arena arena)
{
    CHECK_REFUSED(run(command_register, (struct call){ 0 }, &arena).done,
                  "no manifest named and none found; name one, or mount the store image");
    CHECK_STR(check_names(".", &arena), "");
}

/* No call that fails leaves half a database; the next boot does all. */
static void each_call_that_fails_is_told_and_the_next_boot_does_all(struct arena arena)
{
    bool has_failed = true;
    size_t failures = 0;
    prepare();
    for (size_t number = 1; has_failed; number++) {
        struct arena scratch = arena;
        struct command command = {
            .settings = { .tag = "/etc/NIXOS", .json = true, .quiet = true },
            .store = check_store(&scratch),
            .profile = PROFILE,
            .registry = { .time_seconds = 1 },
            .collector = -1,
            .arena = &scratch,
        };
        check_about("call %zu", number);
        unlinkat(check_directory(), "state/db/db.sqlite", 0);
        unlinkat(check_directory(), "state/db/schema", 0);
        unlinkat(check_directory(), "state/profiles/system", 0);
        unlinkat(check_directory(), "etc/NIXOS", 0);
        struct check_output told = check_keep(STDERR_FILENO);
        struct check_output output = check_keep(STDOUT_FILENO);
        check_error->sentence[0] = '\0';
        check_calls_fail(number);
        bool done = command_boot(&command, check_error);
        has_failed = check_calls_end();
        check_kept(&output, &scratch);
        check_kept(&told, &scratch);
        own_close(&command.collector);
        check_store_close(&command.store);
        failures += !done;
        CHECK(done || (has_failed && check_error->sentence[0]));
        if (faccessat(check_directory(), "state/db/db.sqlite", F_OK, 0) == 0)
            CHECK_STR(check_rows("select count(*) from ValidPaths", &scratch), "\n2");
    }
    CHECK(failures > 20);
}

int main(void)
{
    return CHECK_ALL(
        CASE(a_boot_registers_tags_and_sets_the_profile), CASE(a_second_boot_changes_nothing),
        CASE(each_step_is_tried_and_each_failure_told),
        CASE(where_a_fetched_store_came_from_is_told), CASE(the_kernel_s_init_names_the_system),
        CASE(what_is_not_wanted_is_left_alone), CASE(without_a_manifest_the_other_steps_are_done),
        CASE(a_manifest_is_deleted_once_all_of_it_is_registered),
        CASE(a_named_manifest_that_was_deleted_was_registered),
        CASE(register_tells_what_it_found_odd), CASE(register_without_a_manifest_is_refused),
        CASE(each_call_that_fails_is_told_and_the_next_boot_does_all));
}
