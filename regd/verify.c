/* verify.c — the command verify: compares the store with the database.
 *
 * The database is read first and closed. Then threads hash the paths, the largest first, so that no
 * thread is busy with a large path when the others are done. Results are stored by path, so that
 * the report does not depend on which thread was faster. */
#include "regd/tell.h"
#include "regd/valid_paths.h"

#include "schema/base/counted.h"
#include "schema/base/json.h"
#include "schema/base/order.h"
#include "schema/base/own.h"
#include "schema/base/parallel.h"
#include "schema/base/root.h"
#include "schema/base/turns.h"
#include "schema/nix/findings.h"
#include "schema/nix/nar.h"
#include "schema/nix/store_path.h"
#include "schema/registry/collector.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

struct result {
    bool is_ok;
    enum finding_kind finding; /* unless is_ok */
    struct nar found;          /* if the path could be read */
    struct str reason;         /* if it could not be read; begins with the base name */
};

struct verification {
    const struct command *command;
    struct path_list list;
    struct result *results; /* one per path of the list */
    size_t ok_count;
    struct odd_rows odd;
    struct findings findings;
};

/* --- The work --------------------------------------------------------------------------------- */

struct work {
    int store;
    const struct path_list *list;
    const struct turn *turns; /* of the list's paths */
    struct result *results;
    struct budget contents;
};

static struct result examine(struct work *work, const struct path_info *info, struct arena *arena)
{
    struct error error;
    struct result result = { .is_ok = false };
    const struct nar_place place = { work->store, info->base, &work->contents, NULL };
    switch (nar_hash(&place, *arena, &result.found, &error)) {
    case NAR_ABSENT:
        result.finding = FINDING_MISSING;
        break;
    case NAR_FAILED:
        result.finding = FINDING_UNREADABLE;
        result.reason = arena_copy(arena, str_from(error.sentence));
        break;
    case NAR_DONE:
        if (!hash_equal(&result.found.hash, &info->nar_hash))
            result.finding = FINDING_MISMATCHED;
        else if (info->nar_size_bytes && result.found.size_bytes != info->nar_size_bytes)
            result.finding = FINDING_WRONG_SIZE;
        else
            result.is_ok = true;
        break;
    }
    return result;
}

static bool examine_one(void *context, const struct crew_member *member, size_t index,
                        struct error *error)
{
    struct work *work = context;
    uint32_t path = work->turns[index].index;
    assert(path < work->list->count);
    work->results[path] = examine(work, &work->list->items[path], member->arena);
    /* A wrong path is a result, not an error. Only exceeding the budget ends the run. */
    return budget_check(&work->contents, error);
}

static struct turn *take_turns(const struct path_list *list, struct arena *arena)
{
    struct turn *turns = arena_new(arena, struct turn, list->count);
    for (size_t i = 0; i < list->count; i++)
        turns[i] = (struct turn){ list->items[i].nar_size_bytes, (uint32_t)i };
    turns_sort(turns, list->count);
    return turns;
}

static bool hash_paths(struct verification *verification, int store, struct error *error)
{
    const struct command *command = verification->command;
    const struct path_list *list = &verification->list;
    struct crew crew;
    if (!crew_make(command->settings.jobs, command->arena, &crew, error))
        return false;
    crew = crew_scratch(&crew, list->count, command->arena);
    verification->results = arena_new(command->arena, struct result, list->count);
    struct work work = { .store = store,
                         .list = list,
                         .results = verification->results,
                         .contents = nar_contents_budget() };
    work.turns = take_turns(list, command->arena);
    tell_step(command, "verify %s with %s", counted(list->count, "path").text,
              counted(crew.jobs, "thread").text);
    return parallel_run(&crew, list->count, examine_one, &work, error);
}

static struct str full_path(const struct command *command, struct str below, struct arena *scratch)
{
    return arena_format(scratch, "%s/%.*s", command->store.store_dir.data, STR_ARG(below));
}

/* --- Strays ----------------------------------------------------------------------------------- */

/* Does the name belong in a store although it is never registered? These are Nix's hard links, the
 * locks and temporary paths of its builds and copies, and the manifest of an image. */
static bool is_housekeeping(struct str name)
{
    static const char *const starts[] = { "nix-path-registration", ".tmp-link-", "tmp-" };
    static const char *const ends[] = { ".lock", ".chroot", ".check", ".tmp" };
    static const char *const names[] = { ".", "..", ".links" };
    for (size_t i = 0; i < sizeof starts / sizeof *starts; i++)
        if (str_starts(name, str_from(starts[i])))
            return true;
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
        if (str_ends(name, str_from(ends[i])))
            return true;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (str_equal(name, str_from(names[i])))
            return true;
    return false;
}

static int compare_bases(const void *left, const void *right)
{
    const struct str *a = left, *b = right;
    return str_compare(*a, *b);
}

static bool is_odd(const struct odd_rows *odd, struct str name)
{
    return odd->base_count > 0 &&
           bsearch(&name, odd->bases, odd->base_count, sizeof *odd->bases, compare_bases);
}

static bool find_strays(struct verification *verification, int store, struct error *error)
{
    cleanup(own_close_directory) DIR *directory = own_open_entries(store);
    if (!directory)
        return error_errno(error, errno, "read the store");
    const struct dirent *entry;
    while ((entry = own_next_entry(directory))) {
        struct str name = str_from(entry->d_name);
        if (is_housekeeping(name) || path_list_find(&verification->list, name) != NAME_NONE ||
            is_odd(&verification->odd, name))
            continue;
        struct arena scratch = *verification->command->arena;
        findings_add(&verification->findings, FINDING_STRAY,
                     full_path(verification->command, name, &scratch), STR(""));
    }
    if (errno != 0)
        return error_errno(error, errno, "read the store");
    return true;
}

/* --- The report ------------------------------------------------------------------------------- */

static void judge(struct verification *verification, const struct path_info *info,
                  const struct result *result)
{
    struct findings *findings = &verification->findings;
    struct arena scratch = *verification->command->arena;
    struct str path = full_path(verification->command, info->base, &scratch);
    if (result->is_ok)
        verification->ok_count++;
    else if (result->finding == FINDING_MISMATCHED)
        findings_add_hash(findings, path, &info->nar_hash, &result->found.hash);
    else if (result->finding == FINDING_WRONG_SIZE)
        findings_add_size(findings, path, info->nar_size_bytes, result->found.size_bytes);
    else if (result->finding == FINDING_UNREADABLE)
        findings_add(findings, FINDING_UNREADABLE, path,
                     full_path(verification->command, result->reason, &scratch));
    else
        findings_add(findings, FINDING_MISSING, path, STR(""));
}

static void judge_rows(struct verification *verification)
{
    struct arena *arena = verification->command->arena;
    const struct odd_rows *odd = &verification->odd;
    size_t kept = odd->count < ODD_ROWS_KEPT ? odd->count : ODD_ROWS_KEPT;
    for (size_t i = 0; i < kept; i++)
        findings_add(
            &verification->findings, FINDING_ODD_ROW,
            arena_format(arena, "%s (%.*s)", odd->items[i].table, STR_ARG(odd->items[i].row)),
            odd->items[i].reason);
    if (odd->count > kept)
        findings_add(&verification->findings, FINDING_ODD_ROW, STR("more"),
                     arena_format(arena, "%s not listed", counted(odd->count - kept, "row").text));
}

/* Prints a note if all paths are as registered; otherwise fails with the totals. */
static bool summarise(const struct verification *verification, struct error *error)
{
    const struct findings *findings = &verification->findings;
    struct arena scratch = *verification->command->arena;
    size_t count = verification->list.count, ok = verification->ok_count;
    assert(ok <= count);
    struct str text = findings_summary(findings, &scratch);
    if (ok < count)
        return error_set(error, "%zu of %zu paths are not as registered: %.*s", count - ok, count,
                         STR_ARG(text));
    if (findings->counts[FINDING_ODD_ROW])
        return error_set(error, "%s verified, all as registered; in the database: %.*s",
                         counted(count, "path").text, STR_ARG(text));
    if (findings->count)
        text = arena_format(&scratch, "; not valid paths: %s",
                            counted(findings->counts[FINDING_STRAY], "stray").text);
    tell_note(verification->command, "%s verified, all as registered%.*s",
              counted(count, "path").text, STR_ARG(text));
    return true;
}

bool command_verify(struct command *command, struct error *error)
{
    struct verification verification = { .command = command,
                                         .findings = findings_start(command->arena) };
    const struct store *store = &command->store;
    if (!collector_hold_to_read(&command->store, &command->collector, error) ||
        !valid_paths_read(command, true, &verification.list, &verification.odd, error))
        return false;
    cleanup(own_close) int fd =
        root_open(store->root, store->store_dir.data, O_RDONLY | O_DIRECTORY, 0);
    if (fd < 0)
        return error_errno(error, -fd, "open the store %s", store->store_dir.data);
    if (!hash_paths(&verification, fd, error) ||
        (command->arguments.count == 0 && !find_strays(&verification, fd, error)))
        return false;
    for (size_t i = 0; i < verification.list.count; i++)
        judge(&verification, &verification.list.items[i], &verification.results[i]);
    judge_rows(&verification);
    findings_sort(&verification.findings);
    if (!command->settings.json)
        findings_print(&verification.findings);
    else if (!json_print(findings_json(&verification.findings, verification.list.count,
                                       verification.ok_count, FINDING_KINDS_OF_STORE),
                         error))
        return false;
    return summarise(&verification, error);
}
