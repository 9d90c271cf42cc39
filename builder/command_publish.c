/* command_publish.c — publishes a tree in a directory that an HTTP server serves, or takes that back. */
#include "builder/command.h"

#include "builder/output/directory_walk.h"
#include "builder/output/report.h"
#include "builder/publish/prune.h"
#include "builder/publish/publish.h"

#include "schema/base/counted.h"
#include "schema/base/own.h"

#include <time.h>

/* --- The tree --------------------------------------------------------------------------------------- */

struct stray_search {
    const struct published_tree *tree;
    const char *path;
};

static bool warn_of_stray(void *context, const struct directory_entry *entry, struct error *error)
{
    const struct stray_search *search = context;
    (void)error;
    if (strcmp(entry->path, CHECKSUMS_NAME) != 0 &&
        !checksums_covers(&search->tree->sums, entry->path, entry->is_directory))
        report_warning("%s/%s is not published: " CHECKSUMS_NAME " does not list it", search->path,
                       entry->path);
    return true;
}

static bool read_tree(const struct command *command, const char *path, int *ret_fd,
                      struct published_tree *ret_tree, struct error *error)
{
    struct published_tree tree;
    cleanup(own_close) int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return error_errno(error, errno, "open the tree %s", path);
    if (!published_tree_read(fd, command->arena, &tree, error))
        return error_in(error, "%s", path);
    struct stray_search search = { &tree, path };
    if (!directory_walk(fd, warn_of_stray, &search, error))
        return error_in(error, "%s", path);
    if (tree.base_url)
        report_warning(
            "%s was built with --base-url: machines load its files from %s, not from the "
            "directory that stays the same while they boot",
            path, tree.base_url);
    *ret_tree = tree;
    *ret_fd = own_take(&fd);
    return true;
}

/* --- Publishing ------------------------------------------------------------------------------------- */

/* What others put into systems/ is theirs; but it can also be a system that is damaged. */
static void warn_of_strays(const struct published *published)
{
    for (size_t i = 0; i < published->stray_count; i++)
        report_warning("%s/" PUBLISHED_SYSTEMS_NAME "/%s is not listed: %s", published->path,
                       published->strays[i].name, published->strays[i].reason);
}

static bool prune(const struct command *command, struct published *published, struct error *error)
{
    const struct publish_settings *settings = &command->settings->publish;
    struct prune_request request = { settings->keep, settings->grace_seconds, time(NULL) };
    if (!settings->keep)
        return publish_describe(published, *command->arena, error);
    struct prune prune = prune_choose(published, &request, command->arena);
    if (!publish_describe(published, *command->arena, error) ||
        !prune_remove(published, &request, command->arena, &prune, error))
        return false;
    for (size_t i = 0; i < prune.warnings.count; i++)
        report_warning("%s: %s", published->path, prune.warnings.items[i]);
    report_note(command->settings->quiet,
                "%s: %s and %s removed, %s to be removed after the grace time", published->path,
                counted(prune.names.count, "system").text, counted(prune.store_count, "image").text,
                counted(prune.waiting_count, "system").text);
    return true;
}

static bool publish(const struct command *command, struct published *published, struct error *error)
{
    const struct settings *settings = command->settings;
    const char *path = settings->arguments.items[0];
    struct published_tree tree;
    struct publish_result result;
    cleanup(own_close) int directory = -1;
    if (!read_tree(command, path, &directory, &tree, error) ||
        !published_open(settings->publish.into, PUBLISHED_CREATE, published, error) ||
        !published_read(published, command->arena, error) ||
        !publish_prepare(published, *command->arena, error))
        return false;
    struct publish_request request = {
        .directory = directory,
        .path = path,
        .name = published_name(&tree, settings->publish.label, command->arena),
        .tree = &tree,
        .crew = command->crew,
    };
    if (!publish_copy(published, &request, *command->arena, &result, error) ||
        !published_read(published, command->arena, error) ||
        !publish_switch(published, request.name, error) || !prune(command, published, error))
        return false;
    warn_of_strays(published);
    report_note(settings->quiet, "%s: %s is current%s; %s copied, %zu already there",
                published->path, request.name, result.is_new ? "" : " (it was there)",
                counted(result.copied_count, "image").text, result.held_count);
    return true;
}

static bool roll_back(const struct command *command, struct published *published,
                      struct error *error)
{
    if (!published_open(command->settings->publish.into, PUBLISHED_WRITE, published, error) ||
        !published_read(published, command->arena, error) ||
        !publish_prepare(published, *command->arena, error) ||
        !publish_roll_back(published, error) ||
        !publish_describe(published, *command->arena, error))
        return false;
    warn_of_strays(published);
    report_note(command->settings->quiet, "%s: %s is current again", published->path,
                published->current);
    return true;
}

bool command_publish(const struct command *command, struct error *error)
{
    cleanup(published_release) struct published published = PUBLISHED_NONE;
    return (command->settings->publish.rollback ? roll_back : publish)(command, &published, error);
}
