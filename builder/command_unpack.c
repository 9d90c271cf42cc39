/* command_unpack.c — makes a store on disk from images, and registers it. */
#include "builder/command.h"

#include "builder/output/report.h"
#include "builder/reader/image_description.h"
#include "builder/unpack/unpack.h"
#include "builder/unpack/unpack_stack.h"

#include "schema/base/clock.h"
#include "schema/base/counted.h"
#include "schema/base/draft.h"
#include "schema/base/own.h"
#include "schema/base/root.h"
#include "schema/base/text_stream.h"
#include "schema/database/store_db.h"
#include "schema/nix/manifest.h"
#include "schema/nix/path_info_json.h"
#include "schema/nix/path_info_json_write.h"
#include "schema/nix/store_path.h"
#include "schema/registry/collector.h"
#include "schema/registry/profile.h"
#include "schema/registry/registry.h"
#include "schema/registry/state.h"

#include <errno.h>
#include <fcntl.h>
#include <time.h>
#include <unistd.h>

/* What is unpacked, and what is to be done with it then. */
struct work {
    const struct command *command;
    struct unpack_stack *stack;
    struct arena details; /* what the image's description takes; owned */
    bool has_details;     /* the list has what only the description knows */
    bool *chosen;         /* per path of the manifest */
    struct str system;    /* base name; empty: no profile is set */
    int collector;        /* lock against the garbage collector (collector.h), or -1; owned */
};

static void release(const struct work *work)
{
    own_close(&work->collector);
    arena_unreserve(&work->details);
}

/* --- Before the paths are written ---------------------------------------------------------------- */

/* A machine boots without a description that is wrong or cannot be read; what is installed would lack its
 * signatures for good. */
static bool complete_list(struct work *work, struct error *error)
{
    struct path_list described;
    struct image *top = &work->stack->items[0];
    work->has_details = top->description != 0;
    return !work->has_details ||
           (image_description_read(top, work->command->store->store_dir, &work->details, &described,
                                   error) &&
            path_list_complete(&top->listed, 0, &described, error)) ||
           error_in(error, "%s: " MANIFEST_NAME PATH_INFO_JSON_SUFFIX, top->name);
}

static bool choose(struct work *work, struct error *error)
{
    const struct command *command = work->command;
    const struct option_list *arguments = &command->settings->arguments;
    const struct option_list names = { arguments->items + 1, arguments->count - 1, 0 };
    const struct image *top = &work->stack->items[0];
    const struct unpack_wish wish = { &top->listed, command->store->store_dir, &names };
    work->chosen = arena_new(command->arena, bool, top->listed.count);
    return unpack_choose(&wish, *command->arena, work->chosen, error) ||
           error_in(error, "%s", top->name);
}

static bool find_system(struct work *work, struct error *error)
{
    const struct settings *settings = work->command->settings;
    const struct path_list *listed = &work->stack->items[0].listed;
    const char *name =
        settings->arguments.count > 1 ? settings->arguments.items[1] : work->stack->toplevel;
    struct error unused;
    if (!settings->unpack.profile)
        return true;
    if (!name)
        return error_set(error, "--profile: name the system as PATH, or unpack a tree");
    if (!store_path_parse(str_from(name), work->command->store->store_dir, &work->system, &unused))
        work->system = str_from(name);
    uint32_t path = path_list_find(listed, work->system);
    return (path != NAME_NONE && work->chosen[path]) ||
           error_set(error, "the system %s is not in the manifest", name);
}

/* From here on no collector deletes what is not registered yet. What would make the registration fail
 * is found before hours of writing, as far as it can be. */
static bool prepare_registry(struct work *work, struct error *error)
{
    const struct command *command = work->command;
    return !command->settings->unpack.registers ||
           (collector_hold(command->store, &work->collector, error) &&
            state_check_directories(command->store, *command->arena, error) &&
            store_db_find(command->store, *command->arena, error) != STORE_DB_FAILED);
}

/* --- After it ----------------------------------------------------------------------------------- */

static bool register_paths(const struct work *work, const struct path_list *list,
                           struct error *error)
{
    const struct command *command = work->command;
    const struct store *store = command->store;
    const struct registry_options options = {
        .missing = REGISTRY_MISSING_REFUSE,
        .vanished = REGISTRY_VANISHED_KEEP,
        .loader = REGISTRY_LOADER_FILE,
        .time_seconds = time(NULL),
    };
    struct registry_result result;
    if (!registry_merge(store, list, &options, command->arena, &result, error))
        return error_in(error, "register the paths");
    report_note(command->settings->quiet, "%s: %s registered (%zu new, %zu changed)",
                command->settings->root, counted(result.path_count, "path").text, result.added,
                result.updated);
    return state_make_directories(store, *command->arena, error);
}

static bool set_profile(const struct work *work, struct error *error)
{
    uint64_t number;
    enum state_tag_answer answer;
    const struct command *command = work->command;
    const char *profile = command->settings->unpack.profile;
    if (!profile)
        return true;
    if (!profile_set(command->store, profile, work->system, command->arena, &number, error))
        return error_in(error, "set the profile %s", profile);
    report_note(command->settings->quiet, "%s: %s is now generation %ju, %.*s",
                command->settings->root, profile, (uintmax_t)number, STR_ARG(work->system));
    return state_tag(command->store, STATE_TAG_PATH, *command->arena, &answer, error);
}

static void write_list(const struct work *work, const struct path_list *list, bool as_json,
                       FILE *stream)
{
    struct str store_dir = work->command->store->store_dir;
    if (as_json)
        path_info_json_write(stream, list, store_dir, *work->command->arena);
    else
        manifest_write(stream, list, store_dir);
}

static bool publish_list(const struct work *work, const struct path_list *list, bool as_json,
                         struct error *error)
{
    struct str text;
    struct arena *arena = work->command->arena;
    const char *name = as_json ? MANIFEST_NAME PATH_INFO_JSON_SUFFIX : MANIFEST_NAME;
    cleanup(own_close) int root =
        root_open(work->command->store->root, "/", O_RDONLY | O_DIRECTORY, 0);
    if (root < 0)
        return error_errno(error, -root, "open %s", work->command->settings->root);
    if (as_json && !work->has_details)
        return unlinkat(root, name, 0) == 0 || errno == ENOENT ||
               error_errno(error, errno, "remove %s", name);
    cleanup(text_stream_close) struct text_stream stream = TEXT_STREAM_CLOSED;
    if (!text_stream_open(&stream, arena, error))
        return false;
    write_list(work, list, as_json, stream.stream);
    return text_stream_finish(&stream, &text, error) && file_publish(root, name, text, 0644, error);
}

/* So that the first boot, or `regd register`, registers what was unpacked. What stands beside a manifest is
 * used only with it, so the manifest comes last. */
static bool leave_manifest(const struct work *work, const struct path_list *list,
                           struct error *error)
{
    return publish_list(work, list, true, error) && publish_list(work, list, false, error);
}

/* The paths that were chosen. The list of the image must not be used afterwards. */
static struct path_list list_chosen(const struct work *work)
{
    struct arena *arena = work->command->arena;
    const struct path_list *listed = &work->stack->items[0].listed;
    struct path_list list = { .items = arena_new(arena, struct path_info, listed->count),
                              .names = listed->names };
    for (size_t i = 0; i < listed->count; i++)
        if (work->chosen[i])
            list.items[list.count++] = listed->items[i];
    path_list_normalise(&list, *arena);
    return list;
}

static bool finish(const struct work *work, struct error *error)
{
    const struct path_list list = list_chosen(work);
    if (!work->command->settings->unpack.registers)
        return leave_manifest(work, &list, error);
    return register_paths(work, &list, error) && set_profile(work, error) &&
           state_sync(work->command->store, error);
}

/* --- The whole ---------------------------------------------------------------------------------- */

static bool unpack_all(const struct work *work, struct error *error)
{
    const struct command *command = work->command;
    const struct settings *settings = command->settings;
    struct timespec start = clock_start();
    struct unpack_result result;
    const struct unpack_request request = {
        .store = command->store,
        .images = work->stack->items,
        .image_count = work->stack->count,
        .chosen = work->chosen,
        .optimises = settings->unpack.optimises,
        .crew = command->crew,
        .progress = command->progress,
    };
    if (!unpack(&request, *command->arena, &result, error))
        return false;
    report_note(settings->quiet, "%s: %s unpacked (%.1f MiB), %zu were there; %.1f s",
                settings->root, counted(result.written_count, "path").text,
                report_mebibytes(result.written_bytes), result.kept_count,
                clock_seconds_since(&start));
    if (settings->unpack.optimises)
        report_note(settings->quiet, "%s: %s replaced by links to equal ones", settings->root,
                    counted(result.linked_count, "file").text);
    return finish(work, error);
}

bool command_unpack(const struct command *command, struct error *error)
{
    const struct settings *settings = command->settings;
    const struct option_list *bases = &settings->image.bases;
    struct image_budget budget = image_budget_make(settings->unpacked_bytes);
    budget.contents.remedy = "allow more with --unpacked-limit";
    cleanup(unpack_stack_release) struct unpack_stack stack =
        unpack_stack_start(command->store->store_dir, &budget, command->crew,
                           settings->image.root_hash ? &settings->image.root : NULL);
    if (!unpack_stack_add(&stack, settings->arguments.items[0], command->arena, error))
        return false;
    for (size_t i = 0; i < bases->count; i++)
        if (!unpack_stack_add(&stack, bases->items[i], command->arena, error))
            return false;
    cleanup(release) struct work work = { .command = command, .stack = &stack, .collector = -1 };
    return complete_list(&work, error) && choose(&work, error) && find_system(&work, error) &&
           ((prepare_registry(&work, error) && unpack_all(&work, error)) ||
            error_in(error, "unpack to %s", settings->root));
}
