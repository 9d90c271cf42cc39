/* status.c — the command status: prints what is registered, and the state of tag and profile. */
#include "regd/command.h"
#include "regd/fetched.h"
#include "regd/source.h"
#include "regd/tell.h"

#include "schema/base/counted.h"
#include "schema/base/json.h"
#include "schema/base/own.h"
#include "schema/base/root.h"
#include "schema/base/show.h"
#include "schema/database/store_read.h"
#include "schema/registry/mounted_layers.h"
#include "schema/registry/presence.h"
#include "schema/registry/profile.h"

#include <assert.h>
#include <fcntl.h>

struct status {
    bool has_database;
    int64_t valid_count;
    struct source_list manifests;
    size_t manifest_count;   /* paths in the manifests */
    size_t registered_count; /* of these, valid with the same NAR hash */
    struct str *collected;   /* of these, collected on this machine (mounted_layers.h) */
    size_t collected_count;
    bool is_tagged;
    struct str system; /* the profile's store path; empty if there is none */
    uint64_t generation, generation_count;
    const struct fetch_report *fetched; /* null: no layer was fetched */
};

/* The condition makes SQLite walk along an index. A plain count(*) could not be interrupted. */
static bool count_valid(const struct store_db *db, int64_t *ret_count, struct error *error)
{
    cleanup(store_db_finalize) sqlite3_stmt *count = NULL;
    if (!store_db_prepare(db,
                          "select count(*) from main.ValidPaths "
                          "where path >= ?1 || '/' and path < ?1 || '0'",
                          &count, error) ||
        !store_db_bind(db, count, 1, db->store->store_dir, error))
        return false;
    if (store_db_step(db, count, error) != STORE_DB_FOUND)
        return false;
    *ret_count = sqlite.column_int64(count, 0);
    return true;
}

static bool count_registered(const struct command *command, const struct store_db *db,
                             const struct path_list *list, size_t *ret_count, struct error *error)
{
    cleanup(store_reader_close) struct store_reader reader = STORE_READER_CLOSED;
    size_t count = 0;
    if (!store_reader_open(&command->store, db, &reader, error))
        return false;
    store_db_allow(db, list->count);
    for (size_t i = 0; i < list->count; i++) {
        struct path_info info;
        struct name_table names = { 0 };
        struct arena scratch = *command->arena;
        enum store_db_answer answer =
            store_read_path(&reader, list->items[i].base, &names, &scratch, &info, error);
        if (answer == STORE_DB_FAILED)
            return false;
        count += answer == STORE_DB_FOUND && hash_equal(&info.nar_hash, &list->items[i].nar_hash);
    }
    assert(count <= list->count);
    *ret_count = count;
    return true;
}

static bool find_collected(const struct command *command, const struct path_list *list,
                           struct status *status, struct error *error)
{
    struct presence presence = { .list = list };
    bool *is_hidden = arena_new(command->arena, bool, list->count);
    if (!presence_scan(&command->store, command->arena, &presence, error) ||
        !mounted_layers_find_hidden(&command->store, list, presence.is_there, *command->arena,
                                    is_hidden, error))
        return false;
    status->collected = arena_new(command->arena, struct str, list->count);
    for (size_t i = 0; i < list->count; i++)
        if (is_hidden[i])
            status->collected[status->collected_count++] = list->items[i].base;
    return true;
}

static bool look_at_database(const struct command *command, struct status *status,
                             struct error *error)
{
    struct source_content content;
    cleanup(store_db_close) struct store_db db = STORE_DB_CLOSED;
    enum store_db_answer answer = store_db_open_read(&command->store, command->arena, &db, error);
    if (answer == STORE_DB_FAILED)
        return false;
    status->has_database = answer == STORE_DB_FOUND;
    if (!source_find(&command->store, command->arena, &status->manifests, error) ||
        !source_read(&command->store, &status->manifests, command->arena, &content, error))
        return false;
    status->manifest_count = content.paths.count;
    if (!find_collected(command, &content.paths, status, error))
        return false;
    return !status->has_database ||
           (count_valid(&db, &status->valid_count, error) &&
            count_registered(command, &db, &content.paths, &status->registered_count, error));
}

static bool look_at_system(const struct command *command, struct status *status,
                           struct error *error)
{
    enum profile_state state;
    struct generation_list list = { 0 };
    if (!root_find(command->store.root, command->settings.tag, &status->is_tagged, error) ||
        !profile_look(&command->store, command->profile, &state, error))
        return false;
    if (state == PROFILE_MISSING)
        return true;
    if (!profile_list(&command->store, command->profile, command->arena, &list, error))
        return false;
    status->generation_count = list.count;
    for (size_t i = 0; i < list.count; i++) {
        if (!list.items[i].is_current)
            continue;
        status->generation = list.items[i].number;
        status->system = list.items[i].target;
    }
    return true;
}

static bool print_json(const struct command *command, const struct status *status,
                       struct error *error)
{
    cJSON *object = cJSON_CreateObject();
    cJSON_AddBoolToObject(object, "database", status->has_database);
    cJSON_AddNumberToObject(object, "validPaths", (double)status->valid_count);
    cJSON *manifests = cJSON_AddArrayToObject(object, "manifests");
    for (size_t i = 0; i < status->manifests.names.count; i++)
        json_add_text(manifests, NULL, str_from(status->manifests.names.items[i]));
    cJSON_AddNumberToObject(object, "manifestPaths", (double)status->manifest_count);
    cJSON_AddNumberToObject(object, "manifestPathsRegistered", (double)status->registered_count);
    cJSON *collected = cJSON_AddArrayToObject(object, "collected");
    for (size_t i = 0; i < status->collected_count; i++)
        json_add_text(collected, NULL, status->collected[i]);
    cJSON_AddBoolToObject(object, "tagged", status->is_tagged);
    json_add_text(object, "profile", str_from(command->profile));
    cJSON_AddNumberToObject(object, "generations", (double)status->generation_count);
    if (status->system.len > 0) {
        cJSON_AddNumberToObject(object, "generation", (double)status->generation);
        json_add_text(object, "system", status->system);
    }
    if (status->fetched)
        cJSON_AddItemToObject(object, "fetched", fetch_report_json(status->fetched));
    return json_print(object, error);
}

static void print_fetched(const struct fetch_report *report, struct arena scratch)
{
    show_line(stdout, "fetched    %.*s", STR_ARG(fetched_summary(report, &scratch)));
    for (size_t i = 0; i < report->layer_count; i++)
        show_line(stdout, "           %.*s", STR_ARG(fetched_layer(&report->layers[i], &scratch)));
}

static void print_text(const struct command *command, const struct status *status)
{
    if (status->fetched)
        print_fetched(status->fetched, *command->arena);
    if (status->has_database)
        show_line(stdout, "database   %s",
                  counted((uint64_t)status->valid_count, "valid path").text);
    else
        show_line(stdout, "database   none");
    for (size_t i = 0; i < status->manifests.names.count; i++)
        show_line(stdout, "manifest   %s", status->manifests.names.items[i]);
    if (status->manifests.names.count)
        show_line(stdout, "           %zu of its %zu paths are registered%s",
                  status->registered_count, status->manifest_count,
                  status->registered_count + status->collected_count >= status->manifest_count
                      ? ""
                      : "; run 'regd register'");
    else
        show_line(stdout, "manifest   none found");
    if (status->collected_count > 0)
        show_line(stdout,
                  "collected  %zu of its paths, on this machine; Nix fetches or builds them when "
                  "they are needed",
                  status->collected_count);
    for (size_t i = 0; i < status->collected_count; i++)
        show_line(stdout, "           %.*s", STR_ARG(status->collected[i]));
    show_line(stdout, "tag        %s%s", command->settings.tag,
              status->is_tagged ? "" : " is missing");
    if (status->system.len == 0) {
        show_line(stdout, "profile    %s is not set", command->profile);
        return;
    }
    show_line(stdout, "profile    %s, generation %llu of %llu", command->profile,
              (unsigned long long)status->generation, (unsigned long long)status->generation_count);
    show_line(stdout, "           %.*s", STR_ARG(status->system));
}

bool command_status(struct command *command, struct error *error)
{
    struct status status = { 0 };
    if (!look_at_database(command, &status, error) || !look_at_system(command, &status, error) ||
        !fetched_read(&command->store, command->arena, &status.fetched, error))
        return false;
    if (command->settings.json)
        return print_json(command, &status, error);
    print_text(command, &status);
    return true;
}
