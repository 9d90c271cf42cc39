/* overlay_record.c — first reads all manifests and the record, then decides, then writes. */
#include "units/overlay_record.h"

#include "schema/base/draft.h"
#include "schema/base/own.h"
#include "schema/nix/digest.h"
#include "schema/nix/manifest.h"

#include <assert.h>

enum { CHUNK_BYTES = 1 << 16 };

/* --- What lies below now ---------------------------------------------------------------------- */

static bool digest_manifest(struct file manifest, struct arena scratch, struct hash *ret_hash,
                            struct error *error)
{
    cleanup(digest_release) struct digest digest = digest_start();
    char *chunk = arena_room(&scratch, CHUNK_BYTES);
    uint64_t offset = 0;
    size_t count;
    do {
        if (!file_read_at(manifest, chunk, CHUNK_BYTES, offset, &count, error))
            return false;
        digest_add(&digest, chunk, count);
        offset += count;
    } while (count == CHUNK_BYTES);
    *ret_hash = digest_finish(&digest);
    return true;
}

static bool identify_layer(const char *layer, struct arena scratch, struct hash *ret_hash,
                           struct error *error)
{
    cleanup(own_close) int directory = open(layer, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (directory < 0)
        return error_errno(error, errno, "open the layer %s", layer);
    cleanup(own_close) int fd = -ENOENT;
    for (size_t i = 0; i < MANIFEST_NAME_COUNT && fd == -ENOENT; i++)
        fd = file_open_regular(directory, manifest_names[i], O_RDONLY, 0, error);
    if (fd < 0)
        return error_in(error, "identify the layer %s by its manifest", layer);
    return digest_manifest((struct file){ fd, MANIFEST_NAME }, scratch, ret_hash, error);
}

static bool format_record(const struct overlay_lower *lower, struct arena *arena,
                          struct str *ret_record, struct error *error)
{
    struct hash hash;
    struct str record = STR("");
    for (size_t i = 0; i < lower->count; i++) {
        if (!identify_layer(lower->layers[i], *arena, &hash, error))
            return false;
        record = arena_format(arena, "%.*s%s\n", STR_ARG(record), hash_to_hex(&hash).text);
    }
    *ret_record = record;
    return true;
}

/* --- What the upper layer was written above --------------------------------------------------- */

/* A record of another length differs; without one, so does everything. */
static bool matches_record(struct file directory, struct str record, struct arena scratch,
                           bool *ret_matches, struct error *error)
{
    char *text = arena_room(&scratch, record.len + 1);
    size_t count;
    mode_t mode;
    if (!file_look(directory.fd, OVERLAY_RECORD_NAME, &mode, error))
        return false;
    *ret_matches = false;
    if (mode == 0)
        return true;
    cleanup(own_close) int fd =
        file_open_regular(directory.fd, OVERLAY_RECORD_NAME, O_RDONLY, 0, error);
    if (fd < 0 || !file_read_at((struct file){ fd, OVERLAY_RECORD_NAME }, text, record.len + 1, 0,
                                &count, error))
        return false;
    *ret_matches = str_equal((struct str){ text, count }, record);
    return true;
}

/* Nothing was written above the other layers: then there is nothing to lose or to mix up. */
static bool drop_empty(int directory, bool *ret_is_there, struct error *error)
{
    *ret_is_there = unlinkat(directory, "store", AT_REMOVEDIR) < 0;
    if (!*ret_is_there || errno == ENOTEMPTY || errno == EEXIST)
        return true;
    *ret_is_there = false;
    return errno == ENOENT || error_errno(error, errno, "remove the empty directory store");
}

static bool move_into(int directory, const char *name, int target, struct error *error)
{
    return renameat(directory, name, target, name) == 0 || errno == ENOENT ||
           error_errno(error, errno, "move %s away", name);
}

/* The record goes first: what a power cut leaves is never an upper layer with another one's record. */
static bool move_away(int directory, struct arena *arena, const char **ret_moved,
                      struct error *error)
{
    const char *name;
    size_t number = 0;
    int made;
    do {
        name = arena_format(arena, "old.%zu", ++number).data;
        made = mkdirat(directory, name, 0755);
    } while (made < 0 && errno == EEXIST);
    cleanup(own_close) int old =
        made < 0 ? -1 : openat(directory, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (old < 0)
        return error_errno(error, errno, "create %s", name);
    if (!move_into(directory, OVERLAY_RECORD_NAME, old, error) || !directory_sync(old, error) ||
        !directory_sync(directory, error) || !move_into(directory, "store", old, error) ||
        !move_into(directory, "work", old, error) || !directory_sync(old, error))
        return false;
    *ret_moved = name;
    return true;
}

static bool make_room(struct file directory, const struct overlay_lower *lower, struct arena *arena,
                      const char **ret_moved, struct error *error)
{
    bool is_there;
    if (!drop_empty(directory.fd, &is_there, error))
        return false;
    if (is_there && !lower->resets)
        return error_set(error, "the writable layer was written above other layers than those of "
                                "this image; boot the image that it belongs to, or add "
                                "regd.overlay-reset to move it away and start with an empty one");
    return !is_there || move_away(directory.fd, arena, ret_moved, error);
}

bool overlay_directories_make(struct file directory, struct error *error)
{
    static const char *const names[] = { "store", "work" };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (mkdirat(directory.fd, names[i], 0755) < 0 && errno != EEXIST)
            return error_errno(error, errno, "create %s/%s", directory.name, names[i]);
        cleanup(own_close) int made =
            openat(directory.fd, names[i], O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (made < 0)
            return error_errno(error, errno, "use %s/%s", directory.name, names[i]);
    }
    return true;
}

bool overlay_record_prepare(struct file directory, const struct overlay_lower *lower,
                            struct arena *arena, const char **ret_moved, struct error *error)
{
    struct str record;
    bool matches;
    assert(lower->count > 0);
    *ret_moved = NULL;
    if (!format_record(lower, arena, &record, error))
        return false;
    if (!matches_record(directory, record, *arena, &matches, error) ||
        (!matches && !make_room(directory, lower, arena, ret_moved, error)) ||
        (!matches && !file_publish(directory.fd, OVERLAY_RECORD_NAME, record, 0644, error)) ||
        !overlay_directories_make(directory, error))
        return error_in(error, "use %s", directory.name);
    return true;
}
