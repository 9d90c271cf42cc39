/* boot.c — the commands register, and boot, which also tags the system and sets its profile. */
#include "regd/fetched.h"
#include "regd/source.h"
#include "regd/tell.h"

#include "schema/base/counted.h"
#include "schema/base/json.h"
#include "schema/nix/store_link.h"
#include "schema/nix/store_path.h"
#include "schema/registry/collector.h"
#include "schema/registry/profile.h"
#include "schema/registry/state.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#define STORE_PATH_FIELD "REGD_STORE_PATH"

/* Why a path was skipped. */
enum reason { COLLECTED, MISSING, DEPENDENT };

static enum reason reason_of(const struct registry_result *result, size_t left_out)
{
    if (left_out < result->collected_count)
        return COLLECTED;
    return left_out < result->collected_count + result->missing_count ? MISSING : DEPENDENT;
}

static cJSON *result_json(const struct registry_result *result)
{
    assert(result->left_out_count + result->added <= result->path_count);
    cJSON *object = cJSON_CreateObject();
    cJSON_AddNumberToObject(object, "paths", (double)result->path_count);
    cJSON_AddNumberToObject(object, "added", (double)result->added);
    cJSON_AddNumberToObject(object, "updated", (double)result->updated);
    cJSON_AddNumberToObject(object, "referencesAdded", (double)result->references_added);
    cJSON *rehashed = cJSON_AddArrayToObject(object, "hashChanged");
    for (size_t i = 0; i < result->rehashed_count; i++)
        json_add_text(rehashed, NULL, result->rehashed[i]);
    cJSON *const left_out[] = {
        [COLLECTED] = cJSON_AddArrayToObject(object, "collected"),
        [MISSING] = cJSON_AddArrayToObject(object, "missing"),
        [DEPENDENT] = cJSON_AddArrayToObject(object, "dependOnMissing"),
    };
    for (size_t i = 0; i < result->left_out_count; i++)
        json_add_text(left_out[reason_of(result, i)], NULL, result->left_out[i]);
    cJSON *forgotten = cJSON_AddArrayToObject(object, "forgotten");
    for (size_t i = 0; i < result->vanished.forgotten_count; i++)
        json_add_text(forgotten, NULL, result->vanished.forgotten[i]);
    cJSON *needed = cJSON_AddArrayToObject(object, "vanished");
    for (size_t i = 0; i < result->vanished.needed_count; i++) {
        cJSON *item = cJSON_CreateObject();
        json_add_text(item, "path", result->vanished.needed[i].path);
        json_add_text(item, "neededBy", result->vanished.needed[i].needed_by);
        cJSON_AddItemToArray(needed, item);
    }
    return object;
}

static void tell_path(const struct command *command, enum message message, struct str base,
                      const char *what)
{
    struct arena scratch = *command->arena;
    struct journal_entry fields = { .arena = &scratch };
    journal_add(&fields, STORE_PATH_FIELD, "%s/%.*s", command->store.store_dir.data, STR_ARG(base));
    tell_event(command, message, &fields, "%.*s %s", STR_ARG(base), what);
}

static void tell_vanished(const struct command *command, const struct vanished *vanished)
{
    for (size_t i = 0; i < vanished->needed_count; i++) {
        const struct vanished_needed *needed = &vanished->needed[i];
        struct str what = arena_format(command->arena,
                                       "is valid, but not in the store, and %.*s needs it; it "
                                       "comes back with the image that had it, or by nix-store "
                                       "--repair-path",
                                       STR_ARG(needed->needed_by));
        tell_path(command, MESSAGE_VANISHED, needed->path, what.data);
    }
    struct arena scratch = *command->arena;
    struct journal_entry fields = { .arena = &scratch };
    if (vanished->forgotten_count == 0)
        return;
    for (size_t i = 0; i < vanished->forgotten_count; i++)
        tell_step(command, "forgetting %.*s", STR_ARG(vanished->forgotten[i]));
    journal_add(&fields, "REGD_PATHS_FORGOTTEN", "%zu", vanished->forgotten_count);
    tell_event(command, MESSAGE_FORGOTTEN, &fields, "%s forgotten: no longer in the store",
               counted(vanished->forgotten_count, "path").text);
}

/* Paths of the image that were collected are one note, as long as nothing in the image needs them. */
static void tell_left_out(const struct command *command, const struct registry_result *result)
{
    static const char *const why[] = {
        [COLLECTED] = "is skipped: it was collected on this machine",
        [MISSING] = "is skipped: it is not in the store",
        [DEPENDENT] = "is skipped: it depends on a path that is skipped",
    };
    bool is_needed = result->left_out_count > result->collected_count + result->missing_count;
    size_t first = is_needed ? 0 : result->collected_count;
    if (first > 0)
        tell_event(command, MESSAGE_COLLECTED, NULL,
                   "%s of the image collected on this machine; 'regd status' lists them",
                   counted(first, "path").text);
    for (size_t i = first; i < result->left_out_count; i++)
        tell_path(command, MESSAGE_LEFT_OUT, result->left_out[i], why[reason_of(result, i)]);
}

static void tell_result(const struct command *command, const struct registry_result *result)
{
    struct arena scratch = *command->arena;
    struct journal_entry fields = { .arena = &scratch };
    for (size_t i = 0; i < result->rehashed_count; i++)
        tell_path(command, MESSAGE_REHASHED, result->rehashed[i],
                  "was registered with another NAR hash; the manifest's replaces it");
    tell_left_out(command, result);
    journal_add(&fields, "REGD_PATHS", "%zu", result->path_count);
    journal_add(&fields, "REGD_PATHS_ADDED", "%zu", result->added);
    journal_add(&fields, "REGD_PATHS_CHANGED", "%zu", result->updated);
    journal_add(&fields, "REGD_PATHS_LEFT_OUT", "%zu", result->left_out_count);
    journal_add(&fields, "REGD_REFERENCES_ADDED", "%zu", result->references_added);
    tell_event(command, MESSAGE_REGISTERED, &fields,
               "%zu of %zu paths registered (%zu new, %zu changed), %s added",
               result->path_count - result->left_out_count, result->path_count, result->added,
               result->updated, counted(result->references_added, "reference").text);
    tell_vanished(command, &result->vanished);
}

/* No path may be collected between the check that it is present and its registration. ACCEPT makes
 * no such check, and nor does Nix. Then the user answers for the paths. */
static bool hold_for(struct command *command, struct error *error)
{
    return command->registry.missing == REGISTRY_MISSING_ACCEPT ||
           collector_hold(&command->store, &command->collector, error);
}

/* Registers the paths of the manifests and creates the directories that belong to a database. */
static bool load(struct command *command, const struct source_list *manifests,
                 struct registry_result *ret_result, struct error *error)
{
    const struct option_list *names = &manifests->names;
    struct source_content content;
    for (size_t i = 0; i < names->count; i++)
        tell_step(command, "reading %s", source_name(names->items[i]));
    if (!source_read(&command->store, manifests, command->arena, &content, error))
        return false;
    for (size_t i = 0; i < content.warnings.count; i++)
        tell_event(command, MESSAGE_DETAILS_UNUSED, NULL, "%s", content.warnings.items[i]);
    if (!hold_for(command, error))
        return false;
    tell_step(command, "registering %s", counted(content.paths.count, "path").text);
    if (!state_check_directories(&command->store, *command->arena, error))
        return false;
    command->registry.is_whole = manifests->is_whole || !manifests->found;
    if (!registry_merge(&command->store, &content.paths, &command->registry, command->arena,
                        ret_result, error))
        return error_in(error, "register the paths of %s", source_name(names->items[0]));
    tell_result(command, ret_result);
    return state_make_directories(&command->store, *command->arena, error);
}

bool command_register(struct command *command, struct error *error)
{
    struct registry_result result = { 0 };
    struct source_list manifests = { .names = command->arguments };
    if (manifests.names.count == 0 &&
        !source_find(&command->store, command->arena, &manifests, error))
        return false;
    if (manifests.names.count == 0)
        return error_set(error,
                         "no manifest named and none found; name one, or mount the store image");
    if (!load(command, &manifests, &result, error))
        return false;
    return !command->settings.json || json_print(result_json(&result), error);
}

/* The state of one `regd boot`, passed from step to step. */
struct boot {
    cJSON *report;
    struct source_list manifests;
    bool is_complete; /* all paths of the manifests are registered */
};

/* With --delete-manifest, a named manifest may be gone. Then an earlier boot registered it before
 * deleting it, so it is skipped. */
static bool find_manifests(struct command *command, struct boot *boot, struct error *error)
{
    const struct option_list *named = &command->arguments;
    if (named->count == 0)
        return source_find(&command->store, command->arena, &boot->manifests, error);
    for (size_t i = 0; i < named->count; i++)
        if (!command->settings.delete_manifest || access(named->items[i], F_OK) == 0 ||
            errno != ENOENT)
            option_list_add(&boot->manifests.names, named->items[i], command->arena);
    return true;
}

/* Unlike `regd register`, finding no manifest is not an error. */
static bool boot_register(struct command *command, struct boot *boot, struct error *error)
{
    struct registry_result result = { 0 };
    if (!find_manifests(command, boot, error))
        return false;
    if (boot->manifests.names.count == 0) {
        tell_event(command, MESSAGE_NO_MANIFEST, NULL, "no manifest found; nothing registered");
        return true;
    }
    if (!load(command, &boot->manifests, &result, error))
        return false;
    boot->is_complete = result.left_out_count == result.collected_count;
    cJSON_AddItemToObject(boot->report, "registered", result_json(&result));
    return true;
}

static bool boot_tag(struct command *command, struct boot *boot, struct error *error)
{
    enum state_tag_answer answer;
    if (command->settings.no_tag)
        return true;
    if (!state_tag(&command->store, command->settings.tag, *command->arena, &answer, error))
        return error_in(error, "set the tag");
    if (answer == STATE_TAG_MADE)
        tell_event(command, MESSAGE_TAGGED, NULL, "%s created", command->settings.tag);
    if (answer == STATE_TAG_READ_ONLY)
        tell_event(command, MESSAGE_TAG_READ_ONLY, NULL,
                   "%s not created: its file system is read-only", command->settings.tag);
    cJSON_AddBoolToObject(boot->report, "tagged", answer != STATE_TAG_READ_ONLY);
    return true;
}

/* Finds the booted system: /run/current-system, otherwise the system of the kernel's init=. */
static bool find_system(struct command *command, struct str *ret_base, struct error *error)
{
    if (command->settings.system)
        return store_link_resolve(&command->store, command->settings.system, command->arena,
                                  ret_base, error);
    struct error unresolved;
    const char *init;
    if (store_link_resolve(&command->store, "/run/current-system", command->arena, ret_base,
                           &unresolved))
        return true;
    if (!source_kernel_parameter(&command->store, "init", command->arena, &init, error))
        return false;
    /* TOPLEVEL/init, or TOPLEVEL/specialisation/NAME/init. */
    const char *system =
        init ? arena_copy(command->arena, str_cut_last(str_from(init), '/').head).data : NULL;
    if (system && store_link_resolve(&command->store, system, command->arena, ret_base, error))
        return true;
    return error_set(
        error,
        "find the booted system: %s, and the kernel's init= is not in a system; name it with "
        "--system",
        unresolved.sentence);
}

static bool boot_profile(struct command *command, struct boot *boot, struct error *error)
{
    enum profile_state state;
    struct str base;
    uint64_t number;
    struct journal_entry fields = { .arena = command->arena };
    if (command->settings.no_profile)
        return true;
    journal_add(&fields, "REGD_PROFILE", "%s", command->profile);
    if (!profile_look(&command->store, command->profile, &state, error))
        return false;
    if (state == PROFILE_VALID && command->settings.set_profile == SET_PROFILE_MISSING) {
        tell_event(command, MESSAGE_PROFILE_KEPT, &fields, "%s not changed", command->profile);
        return true;
    }
    if (!collector_hold(&command->store, &command->collector, error) ||
        !state_make_directories(&command->store, *command->arena, error) ||
        !find_system(command, &base, error) ||
        !profile_set(&command->store, command->profile, base, command->arena, &number, error))
        return error_in(error, "set the profile");
    journal_add(&fields, "REGD_GENERATION", "%llu", (unsigned long long)number);
    journal_add(&fields, STORE_PATH_FIELD, "%s/%.*s", command->store.store_dir.data, STR_ARG(base));
    tell_event(command, MESSAGE_PROFILE_SET, &fields, "%s is now generation %llu, %.*s",
               command->profile, (unsigned long long)number, STR_ARG(base));
    json_add_text(boot->report, "profile",
                  store_path_format(command->arena, command->store.store_dir, base));
    cJSON_AddNumberToObject(boot->report, "generation", (double)number);
    return true;
}

/* The manifests are deleted last. If regd is killed earlier, the next boot does everything
 * again. */
static bool boot_delete(struct command *command, struct boot *boot, struct error *error)
{
    if (!command->settings.delete_manifest || boot->manifests.names.count == 0)
        return true;
    if (boot->is_complete && !state_sync(&command->store, error))
        return false;
    cJSON *list = cJSON_AddArrayToObject(boot->report, "deleted");
    for (size_t i = 0; i < boot->manifests.names.count; i++) {
        const char *name = boot->manifests.names.items[i];
        struct source source = { name, boot->manifests.found };
        bool deleted = false;
        if (boot->is_complete &&
            !source_delete(&command->store, source, *command->arena, &deleted, error))
            return false;
        if (deleted) {
            tell_event(command, MESSAGE_MANIFEST_DELETED, NULL, "%s deleted", name);
            json_add_text(list, NULL, str_from(name));
        } else {
            tell_event(command, MESSAGE_MANIFEST_KEPT, NULL, "%s kept: %s", name,
                       boot->is_complete ? "its file system is read-only"
                                         : "not all of its paths are registered");
        }
    }
    return true;
}

/* Where the store came from is said for the operator; nothing depends on it. */
static void boot_tell_fetched(struct command *command, struct boot *boot)
{
    const struct fetch_report *report;
    struct error error;
    if (!fetched_read(&command->store, command->arena, &report, &error)) {
        tell_event(command, MESSAGE_FETCH_UNKNOWN, NULL, "%s", error.sentence);
        return;
    }
    if (!report)
        return;
    struct arena scratch = *command->arena;
    tell_event(command, MESSAGE_FETCHED, NULL, "the store was fetched: %.*s",
               STR_ARG(fetched_summary(report, &scratch)));
    for (size_t i = 0; i < report->layer_count; i++)
        tell_event(command, MESSAGE_FETCHED, NULL, "%.*s",
                   STR_ARG(fetched_layer(&report->layers[i], &scratch)));
    cJSON_AddItemToObject(boot->report, "fetched", fetch_report_json(report));
}

/* The steps do not depend on each other. So each is tried, and all failures are reported. */
bool command_boot(struct command *command, struct error *error)
{
    static bool (*const steps[])(struct command *, struct boot *, struct error *) = {
        boot_register,
        boot_tag,
        boot_profile,
    };
    bool done = true;
    struct boot boot = { .report = cJSON_CreateObject() };
    boot_tell_fetched(command, &boot);
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        struct error failure;
        if (steps[i](command, &boot, &failure))
            continue;
        if (done)
            *error = failure;
        else
            error_set(error, "%s; %s", arena_copy(command->arena, str_from(error->sentence)).data,
                      failure.sentence);
        done = false;
    }
    done = done && boot_delete(command, &boot, error);
    if (done)
        tell_ready();
    if (done && command->settings.json)
        return json_print(boot.report, error);
    cJSON_Delete(boot.report);
    return done;
}
