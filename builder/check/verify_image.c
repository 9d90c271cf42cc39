/* verify_image.c — threads first compute the image's checksum and hash the large paths, so that no
 * thread is left with a large path at the end. They then hash the other paths in the order of the
 * manifest, because neighbours share fragment blocks. Results are stored by path, so the report
 * does not depend on the speed of the threads. */
#include "builder/check/verify_image.h"

#include "builder/check/image_check.h"
#include "builder/check/image_check_places.h"
#include "builder/reader/image_description.h"
#include "builder/reader/image_nar.h"
#include "builder/reader/image_workers.h"
#include "schema/nix/findings.h"

#include "schema/base/own.h"
#include "schema/base/parallel.h"
#include "schema/base/turns.h"
#include "schema/nix/manifest.h"
#include "schema/nix/path_info_json.h"
#include "schema/nix/store.h"
#include "schema/nix/store_path.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

struct result {
    bool is_hashed;
    struct nar nar;
    struct str reason; /* why it could not be read */
};

struct verification {
    const struct verifier *verifier;
    struct image *image;
    uint32_t checksum;      /* of the image */
    struct turn *turns;     /* one per path of the manifest */
    const bool *held;       /* per path of the manifest: is it in another image? */
    struct result *results; /* one per path of the manifest */
    uint64_t *nar_sizes;    /* one per child of the root, by its node */
    struct arena *scratch;
    struct crew crew; /* its arenas are emptied after this image */
    struct image_workers workers;
    size_t ok_count, held_count;
};

/* --- Hashing ---------------------------------------------------------------------------------- */

/* Returns the size of a path's NAR, or 0 if the image does not have the path. */
static uint64_t nar_size(const struct verification *verification, size_t index)
{
    const struct image *image = verification->image;
    uint32_t node = image_find(image, image->listed.items[index].base);
    return node ? verification->nar_sizes[node] : 0;
}

static void take_turns(struct verification *verification)
{
    size_t count = verification->image->listed.count;
    for (size_t i = 0; i < count; i++)
        verification->turns[i] = (struct turn){ nar_size(verification, i), (uint32_t)i };
    turns_large_first(verification->turns, count, verification->crew.jobs);
}

static bool hash_path(struct verification *verification, const struct crew_member *member,
                      size_t index, struct error *error)
{
    const struct path_info *info = &verification->image->listed.items[index];
    struct result *result = &verification->results[index];
    uint32_t node = image_find(verification->image, info->base);
    if (node == 0)
        return true;
    result->nar.size_bytes = verification->nar_sizes[node];
    if (info->nar_size_bytes && info->nar_size_bytes != result->nar.size_bytes)
        return true;
    result->is_hashed =
        image_nar_hash(verification->image, &verification->workers.items[member->number], node,
                       *member->arena, &result->nar, error);
    /* A path that cannot be read is only a result. An exhausted budget ends the run. */
    if (!result->is_hashed)
        result->reason = arena_copy(member->arena, str_from(error->sentence));
    return budget_check(&verification->image->file.budget->contents, error) ||
           error_in(error, "%s", verification->image->name);
}

static bool hash_one(void *context, const struct crew_member *member, size_t index,
                     struct error *error)
{
    struct verification *verification = context;
    const struct image *image = verification->image;
    if (index > 0)
        return hash_path(verification, member, verification->turns[index - 1].index, error);
    return image_checksum(image, *member->arena, &verification->checksum, error) ||
           error_in(error, "%s", image->name);
}

static bool hash_paths(struct verification *verification, struct error *error)
{
    struct arena *scratch = verification->scratch;
    size_t count = verification->image->listed.count;
    verification->turns = arena_new(scratch, struct turn, count);
    verification->results = arena_new(scratch, struct result, count);
    verification->nar_sizes = image_nar_sizes(verification->image, scratch);
    verification->crew = crew_scratch(verification->verifier->crew, count + 1, scratch);
    take_turns(verification);
    return image_workers_make(verification->image, &verification->crew, scratch,
                              &verification->workers, error) &&
           image_workers_share(&verification->workers, scratch, error) &&
           parallel_run(&verification->crew, count + 1, hash_one, verification, error);
}

/* --- Judging ---------------------------------------------------------------------------------- */

static struct str full_path(const struct verification *verification, struct str below,
                            struct arena *scratch)
{
    return arena_format(scratch, "%s/%.*s", verification->verifier->store_dir.data, STR_ARG(below));
}

static void judge_path(struct verification *verification, size_t index, struct arena scratch)
{
    struct findings *findings = verification->verifier->findings;
    const struct path_info *info = &verification->image->listed.items[index];
    const struct result *result = &verification->results[index];
    bool is_here = image_find(verification->image, info->base) != 0;
    struct str path = full_path(verification, info->base, &scratch);
    if (!is_here && verification->held[index])
        verification->held_count++;
    else if (!is_here)
        findings_add(findings, FINDING_MISSING, path, STR("it is not in this image"));
    else if (result->reason.data)
        findings_add(findings, FINDING_UNREADABLE, path, result->reason);
    else if (!result->is_hashed)
        findings_add_size(findings, path, info->nar_size_bytes, result->nar.size_bytes);
    else if (!hash_equal(&info->nar_hash, &result->nar.hash))
        findings_add_hash(findings, path, &info->nar_hash, &result->nar.hash);
    else
        verification->ok_count++;
}

static void judge_paths(struct verification *verification)
{
    for (size_t i = 0; i < verification->image->listed.count; i++)
        judge_path(verification, i, *verification->scratch);
}

static void find_strays(struct verification *verification)
{
    const struct image *image = verification->image;
    const struct image_node *root = &image->tree.nodes[0];
    for (uint32_t i = 0; i < root->child_count; i++) {
        uint32_t node = root->first_child + i;
        struct str name = image->tree.nodes[node].name;
        struct arena scratch = *verification->scratch;
        /* Those of a store that Nix uses as it is; nothing lies in it. */
        bool is_links = str_equal(name, STR(STORE_LINKS_NAME)) &&
                        image_inode_of(image, node)->kind == IMAGE_DIRECTORY &&
                        image->tree.nodes[node].child_count == 0;
        if (node != image->manifest && node != image->description && !is_links &&
            path_list_find(&image->listed, name) == NAME_NONE)
            findings_add(verification->verifier->findings, FINDING_STRAY,
                         full_path(verification, name, &scratch), STR("it is not in the manifest"));
    }
}

static void find_unlisted(struct verification *verification)
{
    const struct path_list *list = &verification->image->listed;
    for (size_t i = 0; i < list->count; i++)
        for (size_t j = 0; j < list->items[i].reference_count; j++) {
            uint32_t name = list->items[i].references[j];
            struct arena scratch = *verification->scratch;
            if (name >= list->count)
                findings_add(verification->verifier->findings, FINDING_NOT_CLOSED,
                             full_path(verification, list->items[i].base, &scratch),
                             full_path(verification, list->names.names[name], &scratch));
        }
}

/* --- The description -------------------------------------------------------------------------- */

static bool has_same_references(const struct path_list *left, const struct path_info *a,
                                const struct path_list *right, const struct path_info *b)
{
    if (a->reference_count != b->reference_count)
        return false;
    for (size_t i = 0; i < a->reference_count; i++)
        if (!str_equal(left->names.names[a->references[i]], right->names.names[b->references[i]]))
            return false;
    return true;
}

/* Returns the first field in which the two differ, or null. */
static const char *difference(const struct path_list *left, const struct path_info *a,
                              const struct path_list *right, const struct path_info *b)
{
    if (!hash_equal(&a->nar_hash, &b->nar_hash))
        return "another hash";
    if (a->nar_size_bytes != b->nar_size_bytes)
        return "another size";
    if (!str_equal(a->deriver, b->deriver))
        return "another deriver";
    return has_same_references(left, a, right, b) ? NULL : "other references";
}

static void compare_lists(struct verification *verification, const struct path_list *described)
{
    struct findings *findings = verification->verifier->findings;
    const struct path_list *listed = &verification->image->listed;
    for (size_t i = 0; i < listed->count; i++) {
        struct arena scratch = *verification->scratch;
        uint32_t other = path_list_find(described, listed->items[i].base);
        const char *what = other == NAME_NONE ? "nothing"
                                              : difference(listed, &listed->items[i], described,
                                                           &described->items[other]);
        if (what)
            findings_add(
                findings, FINDING_DISAGREEING,
                full_path(verification, listed->items[i].base, &scratch),
                arena_format(&scratch, MANIFEST_NAME PATH_INFO_JSON_SUFFIX " says %s", what));
    }
    for (size_t i = 0; i < described->count; i++) {
        struct arena scratch = *verification->scratch;
        if (path_list_find(listed, described->items[i].base) == NAME_NONE)
            findings_add(findings, FINDING_DISAGREEING,
                         full_path(verification, described->items[i].base, &scratch),
                         STR("only " MANIFEST_NAME PATH_INFO_JSON_SUFFIX " lists it"));
    }
}

static bool compare_description(struct verification *verification, struct error *error)
{
    cleanup(arena_unreserve) struct arena own = { 0 };
    struct path_list described;
    if (!image_description_read(verification->image, verification->verifier->store_dir, &own,
                                &described, error))
        return false;
    compare_lists(verification, &described);
    return true;
}

static void check_description(struct verification *verification)
{
    struct error error;
    struct arena scratch = *verification->scratch;
    if (verification->image->description && !compare_description(verification, &error))
        findings_add(verification->verifier->findings, FINDING_UNREADABLE,
                     full_path(verification, STR(MANIFEST_NAME PATH_INFO_JSON_SUFFIX), &scratch),
                     str_from(error.sentence));
}

/* --- The whole -------------------------------------------------------------------------------- */

static bool check_image(const struct verification *verification, struct error *error)
{
    const struct verifier *verifier = verification->verifier;
    struct checking checking = { verification->image, verification->checksum, verifier->store_dir,
                                 verification->scratch, verifier->findings };
    return image_check(&checking, error) || error_in(error, "%s", verification->image->name);
}

static void release(const struct verification *verification)
{
    image_workers_release(&verification->workers);
}

bool verify_image(const struct verifier *verifier, struct image *image, const bool *held,
                  struct verify_result *ret_result, struct error *error)
{
    struct arena scratch = *verifier->arena; /* findings have their own memory */
    cleanup(release) struct verification verification = {
        .verifier = verifier,
        .image = image,
        .held = held,
        .scratch = &scratch,
    };
    if (!hash_paths(&verification, error))
        return false;
    judge_paths(&verification);
    find_strays(&verification);
    find_unlisted(&verification);
    check_description(&verification);
    *ret_result = (struct verify_result){ image->listed.count, verification.ok_count,
                                          verification.held_count };
    return check_image(&verification, error);
}
