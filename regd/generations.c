/* generations.c — the command profile: set, list, rollback, prune. */
#include "regd/tell.h"

#include "schema/base/json.h"
#include "schema/base/show.h"
#include "schema/nix/store_link.h"
#include "schema/registry/collector.h"
#include "schema/registry/profile.h"

#include <time.h>

static bool list_json(const struct generation_list *list, struct error *error)
{
    cJSON *array = cJSON_CreateArray();
    for (size_t i = 0; i < list->count; i++) {
        cJSON *object = cJSON_CreateObject();
        cJSON_AddNumberToObject(object, "generation", (double)list->items[i].number);
        cJSON_AddNumberToObject(object, "time", (double)list->items[i].made_seconds);
        cJSON_AddBoolToObject(object, "current", list->items[i].is_current);
        cJSON_AddBoolToObject(object, "vanished", list->items[i].has_vanished);
        json_add_text(object, "path", list->items[i].target);
        cJSON_AddItemToArray(array, object);
    }
    return json_print(array, error);
}

/* Prints the same lines as `nix-env --list-generations`, and which have vanished. */
static bool list_generations(struct command *command, struct error *error)
{
    struct generation_list list;
    if (!profile_list(&command->store, command->profile, command->arena, &list, error))
        return false;
    if (command->settings.json)
        return list_json(&list, error);
    for (size_t i = 0; i < list.count; i++) {
        struct tm time;
        char text[32];
        time_t seconds = list.items[i].made_seconds;
        if (!localtime_r(&seconds, &time) || !strftime(text, sizeof text, "%F %T", &time))
            snprintf(text, sizeof text, "?");
        bool is_current = list.items[i].is_current, has_vanished = list.items[i].has_vanished;
        show_line(stdout, "%4llu   %s   %s%s%s", (unsigned long long)list.items[i].number, text,
                  is_current ? "(current)" : "", is_current && has_vanished ? " " : "",
                  has_vanished ? "(vanished)" : "");
    }
    return true;
}

static bool set(struct command *command, const char *target, struct error *error)
{
    struct str base;
    uint64_t number;
    if (!store_link_enclosing(&command->store, target, command->arena, &base, error) ||
        !collector_hold(&command->store, &command->collector, error) ||
        !profile_set(&command->store, command->profile, base, command->arena, &number, error))
        return error_in(error, "set the profile %s", command->profile);
    tell_note(command, "%s is now generation %llu, %.*s", command->profile,
              (unsigned long long)number, STR_ARG(base));
    return true;
}

static bool rollback(struct command *command, struct error *error)
{
    uint64_t from, number;
    if (!profile_rollback(&command->store, command->profile, command->arena, &from, &number, error))
        return error_in(error, "roll the profile back");
    tell_note(command, "%s is switched from generation %llu to %llu", command->profile,
              (unsigned long long)from, (unsigned long long)number);
    return true;
}

static bool prune(struct command *command, struct error *error)
{
    struct generation_list removed;
    if (!profile_prune(&command->store, command->profile, command->arena, &removed, error))
        return error_in(error, "prune the profile");
    if (command->settings.json)
        return list_json(&removed, error);
    for (size_t i = 0; i < removed.count; i++)
        tell_note(command, "generation %llu of %s removed: it is no longer in the store",
                  (unsigned long long)removed.items[i].number, command->profile);
    return true;
}

bool command_profile(struct command *command, struct error *error)
{
    switch (command->profile_verb) {
    case PROFILE_SET:
        return set(command, command->arguments.items[1], error);
    case PROFILE_LIST:
        return list_generations(command, error);
    case PROFILE_ROLLBACK:
        return rollback(command, error);
    case PROFILE_PRUNE:
        return prune(command, error);
    }
    return false;
}
