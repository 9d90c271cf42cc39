#include "tests/check_calls.h"
#include "tests/check_store.h"

#include "regd/source.h"
#include "schema/base/own.h"
#include "schema/nix/manifest.h"

#define D            CHECK_DIGEST
#define P            "/nix/store/" D
#define RECORD(name) P "-" name "\n" CHECK_HASH_HEX "\n100\n\n0\n"
#define LAYER        "nix/.ro-store"
#define OTHER_HASH   "0a430879c266f8b57f4092a0f935cf3facd48bbccde5760d4748ca405171e969"

/* The names that are found, each behind a blank. */
static struct str find(const struct store *store, struct arena *arena)
{
    struct source_list found;
    struct str joined = STR("");
    CHECK_DONE(source_find(store, arena, &found, check_error));
    for (size_t i = 0; i < found.names.count; i++)
        joined = arena_format(arena, "%.*s %s", STR_ARG(joined), found.names.items[i]);
    return joined;
}

static void nothing_is_found_in_nothing(struct arena arena)
{
    cleanup(check_store_close) struct store store = check_store(&arena);
    CHECK_STR(find(&store, &arena), "");
    check_make_directory("nix/.ro-store.3");
    CHECK_STR(find(&store, &arena), "");
}

static void layers_are_found_in_their_order_and_the_copy_last(struct arena arena)
{
    cleanup(check_store_close) struct store store = check_store(&arena);
    check_file("nix/store/nix-path-registration", STR(""));
    CHECK_STR(find(&store, &arena), " /nix/store/nix-path-registration");
    check_file(LAYER ".10/nix-path-registration", STR(""));
    check_file(LAYER ".2/nix-path-registration", STR(""));
    check_file(LAYER ".x/nix-path-registration", STR(""));
    check_file(LAYER ".4294967296/nix-path-registration", STR(""));
    check_file(LAYER "s/nix-path-registration", STR(""));
    CHECK_STR(find(&store, &arena), " /nix/.ro-store.2/nix-path-registration"
                                    " /nix/.ro-store.10/nix-path-registration");
    check_file(LAYER "/nix-path-registration", STR(""));
    CHECK_STR(find(&store, &arena), " /nix/.ro-store/nix-path-registration"
                                    " /nix/.ro-store.2/nix-path-registration"
                                    " /nix/.ro-store.10/nix-path-registration");
}

static void a_lower_store_of_nix_has_it_under_another_name(struct arena arena)
{
    cleanup(check_store_close) struct store store = check_store(&arena);
    check_file("nix/store/" MANIFEST_PATH_NAME, STR(""));
    CHECK_STR(find(&store, &arena), " /nix/store/" MANIFEST_PATH_NAME);
    check_file(LAYER ".2/" MANIFEST_PATH_NAME, STR(""));
    check_file(LAYER "/nix-path-registration", STR(""));
    CHECK_STR(find(&store, &arena),
              " /" LAYER "/nix-path-registration /" LAYER ".2/" MANIFEST_PATH_NAME);
}

static void the_kernels_command_line_comes_first(struct arena arena)
{
    cleanup(check_store_close) struct store store = check_store(&arena);
    check_file(LAYER "/nix-path-registration", STR(""));
    check_file("proc/cmdline",
               STR("a regInfo=/one b=\"x regInfo=/no\" regInfo=\"/two three\" regInfo\n"));
    CHECK_STR(find(&store, &arena), " /two three");
    check_file("proc/cmdline", STR("a regInfo=/one regInfo=\n"));
    CHECK_STR(find(&store, &arena), " /" LAYER "/nix-path-registration");
}

static void a_parameter_without_value_is_none(struct arena arena)
{
    const char *value = "";
    cleanup(check_store_close) struct store store = check_store(&arena);
    CHECK_DONE(source_kernel_parameter(&store, "init", &arena, &value, check_error));
    CHECK(value == NULL);
    check_file("proc/cmdline", STR("init rootinit=/a init2=/b\n"));
    CHECK_DONE(source_kernel_parameter(&store, "init", &arena, &value, check_error));
    CHECK(value == NULL);
    check_file("proc/cmdline", STR("init=\n"));
    CHECK_DONE(source_kernel_parameter(&store, "init", &arena, &value, check_error));
    CHECK_STR(value, "");
}

static void a_command_line_with_a_nul_is_refused(struct arena arena)
{
    const char *value;
    cleanup(check_store_close) struct store store = check_store(&arena);
    check_file("proc/cmdline", STR("init=/a\0b\n"));
    CHECK(!source_kernel_parameter(&store, "init", &arena, &value, check_error));
    CHECK(str_starts(str_from(check_error->sentence), STR("/proc/cmdline: ")));
}

static void a_place_for_layers_that_is_a_file_is_refused(struct arena arena)
{
    struct source_list found;
    cleanup(check_store_close) struct store store = check_store(&arena);
    check_file("nix", STR(""));
    CHECK_REFUSED(source_find(&store, &arena, &found, check_error),
                  "read the directory /nix: Not a directory");
}

/* --- Reading -------------------------------------------------------------------------------------- */

static bool read_all(const struct store *store, const char *const *names, size_t count,
                     struct arena *arena, struct source_content *ret_content)
{
    struct source_list list = { .found = true };
    for (size_t i = 0; i < count; i++)
        option_list_add(&list.names, names[i], arena);
    return source_read(store, &list, arena, ret_content, check_error);
}

#define UPPER "/nix/.ro-store/nix-path-registration"
#define LOWER "/nix/.ro-store.1/nix-path-registration"

static void of_two_layers_the_upper_one_counts(struct arena arena)
{
    struct source_content got = { 0 };
    cleanup(check_store_close) struct store store = check_store(&arena);
    check_file(LAYER "/nix-path-registration", STR(P "-a\n" OTHER_HASH "\n120\n\n0\n"));
    check_file(LAYER ".1/nix-path-registration", STR(RECORD("b") RECORD("a")));
    CHECK_DONE(read_all(&store, (const char *const[]){ UPPER, LOWER }, 2, &arena, &got));
    if (!CHECK_NUMBER(got.paths.count, 2))
        return;
    CHECK_STR(got.paths.items[0].base, D "-a");
    CHECK_NUMBER(got.paths.items[0].nar_size_bytes, 120);
    CHECK_STR(got.paths.items[1].base, D "-b");
    CHECK_NUMBER(got.warnings.count, 0);
}

/* As nix path-info --json prints it; SRI of CHECK_HASH_HEX. */
#define SRI "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
#define DETAILS(hash)                                                                           \
    "{\"" P "-a\":{\"narHash\":\"" hash "\",\"narSize\":100,\"references\":[],\"deriver\":\"" P \
    "-a.drv\",\"signatures\":[\"k:AAAA\"],\"ultimate\":true}}"

static void a_description_adds_what_a_manifest_cannot_say(struct arena arena)
{
    struct source_content got = { 0 };
    cleanup(check_store_close) struct store store = check_store(&arena);
    check_file(LAYER "/nix-path-registration", STR(RECORD("a") RECORD("b")));
    check_file(LAYER "/nix-path-registration.json", STR(DETAILS(SRI)));
    CHECK_DONE(read_all(&store, (const char *const[]){ UPPER }, 1, &arena, &got));
    CHECK_NUMBER(got.warnings.count, 0);
    if (!CHECK_NUMBER(got.paths.count, 2))
        return;
    CHECK(got.paths.items[0].is_ultimate && !got.paths.items[1].is_ultimate);
    CHECK_STR(got.paths.items[0].signatures, "k:AAAA");
    CHECK_STR(got.paths.items[0].deriver, D "-a.drv");
    CHECK_STR(got.paths.items[1].signatures, "");
}

static void a_description_that_is_wrong_is_not_used(struct arena arena)
{
    static const struct {
        const char *text, *warning;
    } rows[] = {
        { "[", UPPER ".json is not used: it is not JSON, from byte 1 on" },
        { DETAILS("sha256-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="),
          UPPER ".json is not used: it gives '" D "-a' another NAR hash than the manifest does" },
    };
    cleanup(check_store_close) struct store store = check_store(&arena);
    check_file(LAYER "/nix-path-registration", STR(RECORD("a")));
    for (size_t i = 0; i < 2; i++) {
        struct source_content got = { 0 };
        check_file(LAYER "/nix-path-registration.json", str_from(rows[i].text));
        CHECK_DONE(read_all(&store, (const char *const[]){ UPPER }, 1, &arena, &got));
        CHECK_NUMBER(got.paths.count, 1);
        CHECK(!got.paths.items[0].is_ultimate);
        if (CHECK_NUMBER(got.warnings.count, 1))
            CHECK_STR(got.warnings.items[0], rows[i].warning);
    }
}

static void a_manifest_that_is_not_there_is_refused(struct arena arena)
{
    struct source_content got;
    cleanup(check_store_close) struct store store = check_store(&arena);
    CHECK_REFUSED(read_all(&store, (const char *const[]){ UPPER }, 1, &arena, &got),
                  "open " UPPER ": No such file or directory");
}

static void standard_input_has_a_name(void)
{
    CHECK_STR(source_name("-"), "standard input");
    CHECK_STR(source_name("file"), "file");
}

static void each_call_that_fails_is_a_sentence(struct arena arena)
{
    cleanup(check_store_close) struct store store = check_store(&arena);
    check_file(LAYER "/nix-path-registration", STR(RECORD("a")));
    check_file(LAYER "/nix-path-registration.json", STR("{}"));
    check_file("proc/cmdline", STR("quiet"));
    bool has_failed = true;
    size_t failures = 0;
    for (size_t number = 1; has_failed; number++) {
        struct arena scratch = arena;
        struct source_list found = { 0 };
        struct source_content got = { 0 };
        check_about("call %zu", number);
        check_calls_fail(number);
        bool done = source_find(&store, &scratch, &found, check_error) &&
                    source_read(&store, &found, &scratch, &got, check_error);
        has_failed = check_calls_end();
        failures += !done;
        CHECK(done || (has_failed && check_error->sentence[0]));
        CHECK(!done || got.paths.count == 1 || found.names.count == 0);
    }
    CHECK(failures > 5);
}

static void signals_change_nothing_of_what_is_read(struct arena arena)
{
    struct source_list found = { 0 };
    struct source_content got = { 0 };
    cleanup(check_store_close) struct store store = check_store(&arena);
    check_file(LAYER "/nix-path-registration", STR(RECORD("a")));
    check_calls_interrupt();
    bool done = source_find(&store, &arena, &found, check_error) &&
                source_read(&store, &found, &arena, &got, check_error);
    CHECK(check_calls_end());
    CHECK_DONE(done);
    CHECK_NUMBER(got.paths.count, 1);
}

int main(void)
{
    return CHECK_ALL(
        CASE(nothing_is_found_in_nothing), CASE(layers_are_found_in_their_order_and_the_copy_last),
        CASE(a_lower_store_of_nix_has_it_under_another_name),
        CASE(the_kernels_command_line_comes_first), CASE(a_parameter_without_value_is_none),
        CASE(a_command_line_with_a_nul_is_refused),
        CASE(a_place_for_layers_that_is_a_file_is_refused),
        CASE(of_two_layers_the_upper_one_counts),
        CASE(a_description_adds_what_a_manifest_cannot_say),
        CASE(a_description_that_is_wrong_is_not_used),
        CASE(a_manifest_that_is_not_there_is_refused), CASE(standard_input_has_a_name),
        CASE(each_call_that_fails_is_a_sentence), CASE(signals_change_nothing_of_what_is_read));
}
