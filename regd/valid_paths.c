#include "regd/valid_paths.h"

#include "schema/base/own.h"
#include "schema/nix/store_link.h"

static bool read_named(const struct command *command, const struct store_reader *reader,
                       struct path_list *list, struct error *error)
{
    for (size_t i = 0; i < command->arguments.count; i++) {
        struct str base;
        const char *name = command->arguments.items[i];
        if (!store_link_enclosing(&command->store, name, command->arena, &base, error))
            return false;
        struct path_info *info = path_list_add(list, command->arena);
        enum store_db_answer answer =
            store_read_path(reader, base, &list->names, command->arena, info, error);
        if (answer == STORE_DB_FAILED || answer == STORE_DB_ODD)
            return false;
        if (answer == STORE_DB_ABSENT)
            return error_set(error, "'%s' is not a valid store path", name);
    }
    path_list_normalise(list, *command->arena);
    return true;
}

bool valid_paths_read(const struct command *command, bool dangling, struct path_list *ret_list,
                      struct odd_rows *ret_odd, struct error *error)
{
    struct path_list list = { 0 };
    struct odd_rows odd = { 0 };
    cleanup(store_db_close) struct store_db db = STORE_DB_CLOSED;
    cleanup(store_reader_close) struct store_reader reader = STORE_READER_CLOSED;
    enum store_db_answer answer = store_db_open_read(&command->store, command->arena, &db, error);
    if (answer == STORE_DB_ABSENT)
        return error_set(error, "there is no Nix database in %s; 'regd register' creates one",
                         command->store.state_dir.data);
    if (answer == STORE_DB_FAILED || !store_reader_open(&command->store, &db, &reader, error))
        return false;
    bool read = command->arguments.count > 0
                    ? read_named(command, &reader, &list, error)
                    : store_read_all(&reader, command->arena, &list, &odd, error) &&
                          (!dangling || store_read_dangling(&db, command->arena, &odd, error));
    if (!read)
        return false;
    *ret_list = list;
    *ret_odd = odd;
    return true;
}
