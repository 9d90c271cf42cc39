#include "builder/publish/verify_published.h"

#include "builder/check/verify_tree.h"
#include "builder/publish/fleet.h"
#include "builder/tree/tree_place.h"
#include "schema/base/file.h"
#include "schema/base/own.h"

#include <string.h>
#include <sys/stat.h>

bool verify_published_is(int directory)
{
    struct stat fleet, systems;
    return fstatat(directory, FLEET_NAME, &fleet, AT_SYMLINK_NOFOLLOW) == 0 &&
           fstatat(directory, PUBLISHED_SYSTEMS_NAME, &systems, AT_SYMLINK_NOFOLLOW) == 0 &&
           S_ISDIR(systems.st_mode);
}

static void add(const struct verifier *verifier, enum finding_kind kind, const char *subject,
                const char *text)
{
    findings_add(verifier->findings, kind, str_from(subject), str_from(text));
}

/* A file that follows from the systems. */
struct derived {
    const char *name; /* in the root */
    struct str text;  /* that it must have */
    size_t limit_bytes;
    const char *fault; /* what is said of another text */
};

static void compare(const struct verifier *verifier, const struct published *published,
                    const struct derived *file)
{
    struct error error;
    struct str text;
    struct arena scratch = *verifier->arena;
    if (!tree_place_read(published->root, file->name, file->limit_bytes, &scratch, &text, &error))
        add(verifier, FINDING_UNREADABLE, file->name, error.sentence);
    else if (!str_equal(text, file->text))
        add(verifier, FINDING_DISAGREEING, file->name, file->fault);
}

/* Is a file of the root itself what it must be? */
static void compare_text(const struct verifier *verifier, const struct published *published,
                         const char *name, struct str text)
{
    const struct derived file = { name, text, FLEET_BYTES_MAX,
                                  "it is not what the directory says; publish again" };
    compare(verifier, published, &file);
}

static bool check_files(const struct verifier *verifier, const struct published *published,
                        struct error *error)
{
    struct str fleet;
    if (!fleet_format(published, verifier->arena, &fleet, error))
        return false;
    compare_text(verifier, published, FLEET_NAME, fleet);
    if (published->current)
        compare_text(verifier, published, PUBLISHED_IPXE_NAME,
                     published_ipxe(published->current, verifier->arena));
    if (!published_find(published, published->current))
        add(verifier, FINDING_MISSING, PUBLISHED_CURRENT_NAME, "it leads to no system");
    if (published->previous && !published_find(published, published->previous))
        add(verifier, FINDING_MISSING, PUBLISHED_PREVIOUS_NAME, "it leads to no system");
    for (size_t i = 0; i < published->stray_count; i++)
        add(verifier, FINDING_STRAY,
            arena_format(verifier->arena, PUBLISHED_SYSTEMS_NAME "/%s", published->strays[i].name)
                .data,
            published->strays[i].reason);
    return true;
}

/* Puts "systems/NAME/" before the subjects of findings from the index on. */
static void name_system(const struct verifier *verifier, size_t index, const char *name)
{
    struct findings *findings = verifier->findings;
    for (size_t i = index; i < findings->count; i++)
        findings->items[i].subject =
            arena_format(verifier->arena, PUBLISHED_SYSTEMS_NAME "/%s%s%.*s", name,
                         str_starts(findings->items[i].subject, STR("/")) ? ": " : "/",
                         STR_ARG(findings->items[i].subject));
}

static bool check_system(const struct verifier *verifier, const struct published *published,
                         const char *name, struct verify_result *result, struct error *error)
{
    struct verify_result one = { 0 };
    struct error cause;
    size_t index = verifier->findings->count;
    const char *path =
        arena_format(verifier->arena, "%s/" PUBLISHED_SYSTEMS_NAME "/%s", published->path, name)
            .data;
    cleanup(own_close) int fd =
        openat(published->systems, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return error_errno(error, errno, "open %s", path);
    if (!verify_tree(verifier, fd, path, &one, &cause))
        add(verifier, FINDING_UNREADABLE, ".", cause.sentence);
    name_system(verifier, index, name);
    result->path_count += one.path_count;
    result->ok_count += one.ok_count;
    result->held_count += one.held_count;
    return true;
}

/* An image and its verity data are compared with each system that has them. */
static void check_store(const struct verifier *verifier, const struct published *published,
                        const char *name)
{
    struct hash root;
    const char *path = arena_format(verifier->arena, PUBLISHED_STORES_NAME "/%s", name).data;
    const struct published_system *user =
        store_name_parse(str_from(name), &root) ? published_user(published, &root) : NULL;
    if (!user)
        add(verifier, FINDING_STRAY, path, "no system has it");
    if (!user || !str_ends(str_from(name), STR(STORE_SUM_SUFFIX)))
        return;
    const struct derived file = { path, published_tree_sum(&user->tree, &root, verifier->arena),
                                  CHECKSUMS_BYTES_MAX,
                                  "it is not the image's line of " CHECKSUMS_NAME
                                  "; remove it, and publish again" };
    compare(verifier, published, &file);
}

static bool check_stores(const struct verifier *verifier, const struct published *published,
                         struct error *error)
{
    cleanup(own_close_directory) DIR *directory = own_open_entries(published->stores);
    const struct dirent *entry;
    if (!directory)
        return error_errno(error, errno, "read " PUBLISHED_STORES_NAME);
    while ((entry = own_next_entry(directory)))
        check_store(verifier, published, entry->d_name);
    return errno == 0 || error_errno(error, errno, "read " PUBLISHED_STORES_NAME);
}

bool verify_published(const struct verifier *verifier, const char *path,
                      struct verify_result *ret_result, struct error *error)
{
    struct verify_result result = { 0 };
    cleanup(published_release) struct published published = PUBLISHED_NONE;
    if (!published_open(path, PUBLISHED_READ, &published, error) ||
        !published_read(&published, verifier->arena, error) ||
        !check_files(verifier, &published, error) || !check_stores(verifier, &published, error))
        return false;
    for (size_t i = 0; i < published.count; i++)
        if (!check_system(verifier, &published, published.items[i].name, &result, error))
            return false;
    *ret_result = result;
    return true;
}
