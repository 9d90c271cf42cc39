/* verify.c — is what is in the store what the database says?
 *
 * The database is read first and closed. Threads then take the paths one by one, the largest first,
 * so that none is left with a large one when the others are done. Each result has its place, so
 * that what is reported does not depend on who was faster. */
#include "regd/command.h"
#include "regd/tell.h"
#include "regd/valid_paths.h"

#include "schema/base/cpu.h"
#include "schema/base/json.h"
#include "schema/base/order.h"
#include "schema/base/own.h"
#include "schema/base/parallel.h"
#include "schema/base/root.h"
#include "schema/nix/nar.h"
#include "schema/nix/store_path.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>

enum finding { MATCHED, MISMATCHED, WRONG_SIZE, MISSING, UNREADABLE, FINDING_COUNT };

struct result {
    enum finding finding;
    struct nar found;  /* where it could be read */
    struct str reason; /* where it could not; begins with the base name */
};

struct verification {
    const struct command *command;
    struct path_list list;
    struct result *results; /* one for each path of the list */
    size_t counts[FINDING_COUNT];
    struct str *strays; /* names, ascending */
    size_t stray_count;
};

/* --- The database ----------------------------------------------------------------------------- */

/* Keeps the garbage collector away until the lock is closed, as Nix does when it verifies. Where
 * there is no lock, or it may not be taken, it does without. */
static void hold_collector_off(const struct command *command, int *ret_lock)
{
    struct arena scratch = *command->arena;
    const char *path = arena_format(&scratch, "%s/gc.lock", command->store.state_dir.data).data;
    *ret_lock = root_open(command->store.root, path, O_RDONLY | O_NOCTTY | O_NONBLOCK, 0);
    if (*ret_lock < 0 || flock(*ret_lock, LOCK_SH | LOCK_NB) == 0 || errno != EWOULDBLOCK)
        return;
    tell_note(command, "waiting for the garbage collector, which holds %s", path);
    while (flock(*ret_lock, LOCK_SH) < 0 && errno == EINTR)
        ;
}

/* --- The work --------------------------------------------------------------------------------- */

struct work {
    int store;
    const struct path_list *list;
    const uint32_t *order; /* of the list's paths */
    struct result *results;
    struct arena *arenas; /* per thread */
};

/* The names of one directory with a million of entries fit. */
static const size_t worker_bytes = (size_t)1 << 30;

static struct result examine(const struct work *work, const struct path_info *info,
                             struct arena *arena)
{
    struct error error;
    struct result result = { .finding = MATCHED };
    switch (nar_hash(work->store, info->base, *arena, &result.found, &error)) {
    case NAR_ABSENT:
        result.finding = MISSING;
        break;
    case NAR_FAILED:
        result.finding = UNREADABLE;
        result.reason = arena_copy(arena, str_from(error.sentence));
        break;
    case NAR_DONE:
        if (!hash_equal(&result.found.hash, &info->nar_hash))
            result.finding = MISMATCHED;
        else if (info->nar_size_bytes && result.found.size_bytes != info->nar_size_bytes)
            result.finding = WRONG_SIZE;
        break;
    }
    return result;
}

static bool examine_one(void *context, unsigned worker, size_t index, struct error *error)
{
    const struct work *work = context;
    uint32_t path = work->order[index];
    (void)error; /* what is wrong with a path is a result */
    work->results[path] = examine(work, &work->list->items[path], &work->arenas[worker]);
    return true;
}

static bool run_workers(struct work *work, unsigned jobs, struct arena *arena, struct error *error)
{
    work->arenas = arena_new(arena, struct arena, jobs);
    for (unsigned i = 0; i < jobs; i++)
        if (!arena_reserve(&work->arenas[i], worker_bytes, error))
            return false;
    return parallel_run(jobs, work->list->count, examine_one, work, error);
}

struct weight {
    uint64_t size_bytes;
    uint32_t path;
};

static int compare_weights(const void *left, const void *right)
{
    const struct weight *a = left, *b = right;
    int order = order_numbers(b->size_bytes, a->size_bytes);
    return order ? order : order_numbers(a->path, b->path);
}

static uint32_t *order_by_size(const struct path_list *list, struct arena *arena)
{
    uint32_t *order = arena_new(arena, uint32_t, list->count);
    struct arena scratch = *arena;
    struct weight *weights = arena_new(&scratch, struct weight, list->count);
    for (size_t i = 0; i < list->count; i++)
        weights[i] = (struct weight){ list->items[i].nar_size_bytes, (uint32_t)i };
    if (list->count)
        qsort(weights, list->count, sizeof *weights, compare_weights);
    for (size_t i = 0; i < list->count; i++)
        order[i] = weights[i].path;
    return order;
}

static bool hash_paths(struct verification *verification, int store, struct error *error)
{
    const struct command *command = verification->command;
    const struct path_list *list = &verification->list;
    unsigned jobs = command->settings.jobs ? command->settings.jobs : cpu_count();
    if (jobs > list->count)
        jobs = list->count ? (unsigned)list->count : 1;
    verification->results = arena_new(command->arena, struct result, list->count);
    struct work work = { .store = store, .list = list, .results = verification->results };
    work.order = order_by_size(list, command->arena);
    tell_step(command, "verify %zu paths with %u threads", list->count, jobs);
    if (!run_workers(&work, jobs, command->arena, error))
        return false;
    for (size_t i = 0; i < list->count; i++)
        verification->counts[verification->results[i].finding]++;
    return true;
}

/* --- Strays ----------------------------------------------------------------------------------- */

/* Is it of those that belong in a store and are never registered: Nix's hard links, the locks and
 * temporary places of its builds and copies, the manifest of an image? */
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

static bool find_strays(struct verification *verification, int store, struct error *error)
{
    size_t capacity = 0;
    struct arena *arena = verification->command->arena;
    cleanup(own_close) int fd = openat(store, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    cleanup(own_close_directory) DIR *directory = fd >= 0 ? fdopendir(fd) : NULL;
    if (!directory)
        return error_errno(error, errno, "read the store");
    own_take(&fd);
    const struct dirent *entry;
    while ((entry = own_next_entry(directory))) {
        struct str name = str_from(entry->d_name);
        if (is_housekeeping(name) || path_list_find(&verification->list, name) != NAME_NONE)
            continue;
        verification->strays = arena_grow(arena, verification->strays, verification->stray_count,
                                          &capacity, sizeof *verification->strays);
        verification->strays[verification->stray_count++] = arena_copy(arena, name);
    }
    if (errno != 0)
        return error_errno(error, errno, "read the store");
    path_names_normalise(verification->strays, &verification->stray_count);
    return true;
}

/* --- The report ------------------------------------------------------------------------------- */

static void print_finding(const char *store_dir, const struct path_info *info,
                          const struct result *result)
{
    struct error line; /* printed as one, so that no name can break it */
    switch (result->finding) {
    case MISMATCHED:
        error_set(&line, "%s/%.*s: expected sha256:%s, found sha256:%s", store_dir,
                  STR_ARG(info->base), hash_to_hex(&info->nar_hash).text,
                  hash_to_hex(&result->found.hash).text);
        error_print(stdout, "mismatched", &line);
        break;
    case WRONG_SIZE:
        error_set(&line, "%s/%.*s: expected %llu bytes, found %llu", store_dir, STR_ARG(info->base),
                  (unsigned long long)info->nar_size_bytes,
                  (unsigned long long)result->found.size_bytes);
        error_print(stdout, "wrong size", &line);
        break;
    case MISSING:
        error_set(&line, "%s/%.*s", store_dir, STR_ARG(info->base));
        error_print(stdout, "missing", &line);
        break;
    case UNREADABLE:
        error_set(&line, "%s/%.*s", store_dir, STR_ARG(result->reason));
        error_print(stdout, "unreadable", &line);
        break;
    case MATCHED:
    case FINDING_COUNT:
        break;
    }
}

static void print_text(const struct verification *verification)
{
    const char *store_dir = verification->command->store.store_dir.data;
    for (size_t i = 0; i < verification->list.count; i++)
        print_finding(store_dir, &verification->list.items[i], &verification->results[i]);
    for (size_t i = 0; i < verification->stray_count; i++) {
        struct error line;
        error_set(&line, "%s/%.*s", store_dir, STR_ARG(verification->strays[i]));
        error_print(stdout, "stray", &line);
    }
}

static struct str full_path(const struct command *command, struct str below, struct arena *scratch)
{
    return arena_format(scratch, "%s/%.*s", command->store.store_dir.data, STR_ARG(below));
}

static void add_hash(cJSON *object, const char *key, const struct hash *hash, struct arena scratch)
{
    json_add_text(object, key, arena_format(&scratch, "sha256:%s", hash_to_hex(hash).text));
}

/* Adds a path to the list of those that share its finding. */
static void add_finding(const struct command *command, cJSON *const *lists,
                        const struct path_info *info, const struct result *result,
                        struct arena scratch)
{
    struct str path = store_path_format(&scratch, command->store.store_dir, info->base);
    if (result->finding == MATCHED)
        return;
    if (result->finding == MISSING) {
        json_add_text(lists[MISSING], NULL, path);
        return;
    }
    cJSON *object = cJSON_CreateObject();
    cJSON_AddItemToArray(lists[result->finding], object);
    json_add_text(object, "path", path);
    if (result->finding == UNREADABLE) {
        json_add_text(object, "reason", full_path(command, result->reason, &scratch));
    } else if (result->finding == WRONG_SIZE) {
        cJSON_AddNumberToObject(object, "expected", (double)info->nar_size_bytes);
        cJSON_AddNumberToObject(object, "found", (double)result->found.size_bytes);
    } else {
        add_hash(object, "expected", &info->nar_hash, scratch);
        add_hash(object, "found", &result->found.hash, scratch);
    }
}

static bool print_json(const struct verification *verification, struct error *error)
{
    const struct command *command = verification->command;
    cJSON *object = cJSON_CreateObject();
    cJSON_AddNumberToObject(object, "paths", (double)verification->list.count);
    cJSON_AddNumberToObject(object, "ok", (double)verification->counts[MATCHED]);
    cJSON *const lists[FINDING_COUNT] = {
        [MISMATCHED] = cJSON_AddArrayToObject(object, "mismatched"),
        [WRONG_SIZE] = cJSON_AddArrayToObject(object, "wrongSize"),
        [MISSING] = cJSON_AddArrayToObject(object, "missing"),
        [UNREADABLE] = cJSON_AddArrayToObject(object, "unreadable"),
    };
    cJSON *strays = cJSON_AddArrayToObject(object, "strays");
    for (size_t i = 0; i < verification->list.count; i++)
        add_finding(command, lists, &verification->list.items[i], &verification->results[i],
                    *command->arena);
    for (size_t i = 0; i < verification->stray_count; i++) {
        struct arena scratch = *command->arena;
        json_add_text(strays, NULL, full_path(command, verification->strays[i], &scratch));
    }
    return json_print(object, error);
}

/* What was found in total: a note if all is well, else the sentence to fail with. */
static bool summarise(const struct verification *verification, struct error *error)
{
    static const char *const words[FINDING_COUNT] = {
        [MISMATCHED] = "mismatched",
        [WRONG_SIZE] = "of the wrong size",
        [MISSING] = "missing",
        [UNREADABLE] = "unreadable",
    };
    struct arena scratch = *verification->command->arena;
    size_t count = verification->list.count, ok = verification->counts[MATCHED];
    struct str text = STR("");
    for (int i = MISMATCHED; i < FINDING_COUNT; i++)
        if (verification->counts[i])
            text = arena_format(&scratch, "%.*s%s%zu %s", STR_ARG(text), text.len ? ", " : "",
                                verification->counts[i], words[i]);
    if (ok < count)
        return error_set(error, "%zu of %zu paths are not as registered: %.*s", count - ok, count,
                         STR_ARG(text));
    if (verification->stray_count)
        text = arena_format(&scratch, "; not valid paths: %zu strays", verification->stray_count);
    tell_note(verification->command, "%zu paths verified, all as registered%.*s", count,
              STR_ARG(text));
    return true;
}

bool command_verify(struct command *command, struct error *error)
{
    struct verification verification = { .command = command };
    const struct store *store = &command->store;
    cleanup(own_close) int collector = -1;
    hold_collector_off(command, &collector);
    if (!valid_paths_read(command, &verification.list, error))
        return false;
    cleanup(own_close) int fd =
        root_open(store->root, store->store_dir.data, O_RDONLY | O_DIRECTORY, 0);
    if (fd < 0)
        return error_errno(error, -fd, "open the store %s", store->store_dir.data);
    if (!hash_paths(&verification, fd, error) ||
        (command->arguments.count == 0 && !find_strays(&verification, fd, error)))
        return false;
    if (!command->settings.json)
        print_text(&verification);
    else if (!print_json(&verification, error))
        return false;
    return summarise(&verification, error);
}
