/* Threads take the image's checksum, then the large paths, so that none is left alone with one in the
 * end, then the others in their order, in which neighbours share fragment blocks. Each result has its
 * place, so that what is reported does not depend on who was faster. */
#include "builder/check/verify_image.h"

#include "builder/check/image_check.h"
#include "builder/reader/image_nar.h"
#include "schema/nix/findings.h"

#include "schema/base/order.h"
#include "schema/base/own.h"
#include "schema/base/parallel.h"
#include "schema/nix/manifest.h"
#include "schema/nix/path_info_json.h"
#include "schema/nix/store_path.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct result {
    bool is_hashed;
    struct nar nar;
    struct str reason; /* why it could not be read */
};

/* Where a path comes in the order of work. */
struct turn {
    uint64_t large_bytes; /* 0 of one that is not large */
    size_t index;
};

struct verification {
    const struct verifier *verifier;
    struct image *image;
    uint32_t checksum;      /* of the image */
    struct turn *turns;     /* one for each path of the manifest */
    const bool *held;       /* one for each path of the manifest: is it in another image? */
    struct result *results; /* likewise */
    uint64_t *nar_sizes;    /* one for each child of the root, by its node */
    struct image_worker *workers;
    struct arena *arenas; /* one for each worker */
    size_t ok_count, held_count;
};

/* --- Hashing ---------------------------------------------------------------------------------- */

static int compare_turns(const void *left, const void *right)
{
    const struct turn *a = left, *b = right;
    if (a->large_bytes != b->large_bytes)
        return a->large_bytes < b->large_bytes ? 1 : -1;
    return order_numbers(a->index, b->index);
}

/* The size of a path's NAR in the image; 0: it is not there. */
static uint64_t nar_size(const struct verification *verification, size_t index)
{
    const struct image *image = verification->image;
    uint32_t node = image_find(image, image->listed.items[index].base);
    return node ? verification->nar_sizes[node] : 0;
}

/* Large is what takes a thread more than a small part of its time. */
static void take_turns(struct verification *verification, unsigned jobs)
{
    enum { PARTS = 16 };
    size_t count = verification->image->listed.count;
    uint64_t part = 0;
    for (size_t i = 0; i < count; i++)
        part += nar_size(verification, i) / ((uint64_t)jobs * PARTS);
    for (size_t i = 0; i < count; i++) {
        uint64_t size = nar_size(verification, i);
        verification->turns[i] = (struct turn){ size > part ? size : 0, i };
    }
    if (count)
        qsort(verification->turns, count, sizeof *verification->turns, compare_turns);
}

static bool hash_path(struct verification *verification, unsigned worker, size_t index,
                      struct error *error)
{
    const struct path_info *info = &verification->image->listed.items[index];
    struct result *result = &verification->results[index];
    uint32_t node = image_find(verification->image, info->base);
    if (node == 0)
        return true;
    result->nar.size_bytes = verification->nar_sizes[node];
    if (info->nar_size_bytes && info->nar_size_bytes != result->nar.size_bytes)
        return true;
    result->is_hashed = image_nar_hash(verification->image, &verification->workers[worker], node,
                                       verification->arenas[worker], &result->nar, error);
    /* What is wrong with a path is a result. */
    if (!result->is_hashed)
        result->reason = arena_copy(&verification->arenas[worker], str_from(error->sentence));
    return true;
}

static bool hash_one(void *context, unsigned worker, size_t index, struct error *error)
{
    struct verification *verification = context;
    const struct image *image = verification->image;
    if (index > 0)
        return hash_path(verification, worker, verification->turns[index - 1].index, error);
    return image_checksum(image, verification->arenas[worker], &verification->checksum, error) ||
           error_in(error, "%s", image->name);
}

static void release_workers(const struct verification *verification)
{
    for (unsigned i = 0; verification->workers && i < verification->verifier->jobs; i++)
        image_worker_release(&verification->workers[i]);
}

static bool hash_paths(struct verification *verification, struct error *error)
{
    enum { WORKER_BYTES = 1 << 30 };
    struct arena *arena = verification->verifier->arena;
    size_t count = verification->image->listed.count;
    unsigned jobs = verification->verifier->jobs;
    if (jobs > count + 1)
        jobs = (unsigned)count + 1;
    verification->turns = arena_new(arena, struct turn, count);
    verification->results = arena_new(arena, struct result, count);
    verification->arenas = arena_new(arena, struct arena, jobs);
    verification->workers = arena_new(arena, struct image_worker, verification->verifier->jobs);
    verification->nar_sizes = image_nar_sizes(verification->image, arena);
    take_turns(verification, jobs);
    for (unsigned i = 0; i < jobs; i++)
        if (!arena_reserve(&verification->arenas[i], WORKER_BYTES, error) ||
            !image_worker_make(verification->image, &verification->arenas[i],
                               &verification->workers[i], error))
            return false;
    return parallel_run(jobs, count + 1, hash_one, verification, error);
}

/* --- Judging ---------------------------------------------------------------------------------- */

static struct str full_path(const struct verification *verification, struct str below)
{
    const struct verifier *verifier = verification->verifier;
    return arena_format(verifier->arena, "%s/%.*s", verifier->store_dir.data, STR_ARG(below));
}

static void judge_paths(struct verification *verification)
{
    for (size_t i = 0; i < verification->image->listed.count; i++) {
        const struct path_info *info = &verification->image->listed.items[i];
        const struct result *result = &verification->results[i];
        bool is_here = image_find(verification->image, info->base) != 0;
        if (!is_here && verification->held[i])
            verification->held_count++;
        else if (!is_here)
            findings_add(verification->verifier->findings, FINDING_MISSING,
                         full_path(verification, info->base), STR("it is not in this image"));
        else if (result->reason.data)
            findings_add(verification->verifier->findings, FINDING_UNREADABLE,
                         full_path(verification, info->base), result->reason);
        else if (!result->is_hashed)
            findings_add_size(verification->verifier->findings, full_path(verification, info->base),
                              info->nar_size_bytes, result->nar.size_bytes);
        else if (!hash_equal(&info->nar_hash, &result->nar.hash))
            findings_add_hash(verification->verifier->findings, full_path(verification, info->base),
                              &info->nar_hash, &result->nar.hash);
        else
            verification->ok_count++;
    }
}

static void find_strays(struct verification *verification)
{
    const struct image *image = verification->image;
    const struct image_node *root = &image->tree.nodes[0];
    for (uint32_t i = 0; i < root->child_count; i++) {
        uint32_t node = root->first_child + i;
        struct str name = image->tree.nodes[node].name;
        if (node != image->manifest && node != image->description &&
            path_list_find(&image->listed, name) == NAME_NONE)
            findings_add(verification->verifier->findings, FINDING_STRAY,
                         full_path(verification, name), STR("it is not in the manifest"));
    }
}

static void find_unlisted(struct verification *verification)
{
    const struct path_list *list = &verification->image->listed;
    for (size_t i = 0; i < list->count; i++)
        for (size_t j = 0; j < list->items[i].reference_count; j++)
            if (list->items[i].references[j] >= list->count)
                findings_add(
                    verification->verifier->findings, FINDING_NOT_CLOSED,
                    full_path(verification, list->items[i].base),
                    full_path(verification, list->names.names[list->items[i].references[j]]));
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

/* The first thing that both say, and not alike; null if there is none. */
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

static bool compare_description(struct verification *verification, struct error *error)
{
    struct str text;
    struct path_list described = { 0 };
    struct image *image = verification->image;
    const struct path_list *listed = &image->listed;
    struct arena *arena = verification->verifier->arena;
    if (image->description == 0)
        return true;
    if (image_inode_of(image, image->description)->kind != IMAGE_REGULAR)
        return error_set(error, "it is not a file");
    if (!image_read_text(image, image_inode_of(image, image->description), manifest_bytes_max,
                         arena, &text, error) ||
        !path_info_json_parse(text, verification->verifier->store_dir, arena, &described, error))
        return false;
    for (size_t i = 0; i < listed->count; i++) {
        uint32_t other = path_list_find(&described, listed->items[i].base);
        const char *what = other == NAME_NONE ? "nothing"
                                              : difference(listed, &listed->items[i], &described,
                                                           &described.items[other]);
        if (what)
            findings_add(verification->verifier->findings, FINDING_DISAGREEING,
                         full_path(verification, listed->items[i].base),
                         arena_format(arena, MANIFEST_NAME PATH_INFO_JSON_SUFFIX " says %s", what));
    }
    for (size_t i = 0; i < described.count; i++)
        if (path_list_find(listed, described.items[i].base) == NAME_NONE)
            findings_add(verification->verifier->findings, FINDING_DISAGREEING,
                         full_path(verification, described.items[i].base),
                         STR("only " MANIFEST_NAME PATH_INFO_JSON_SUFFIX " lists it"));
    return true;
}

static void check_description(struct verification *verification)
{
    struct error error;
    if (!compare_description(verification, &error))
        findings_add(verification->verifier->findings, FINDING_UNREADABLE,
                     full_path(verification, STR(MANIFEST_NAME PATH_INFO_JSON_SUFFIX)),
                     arena_copy(verification->verifier->arena, str_from(error.sentence)));
}

/* --- The whole -------------------------------------------------------------------------------- */

static bool check_image(struct verification *verification, struct error *error)
{
    struct image_findings found = { 0 };
    if (!image_check(verification->image, verification->checksum, verification->verifier->arena,
                     &found, error))
        return error_in(error, "%s", verification->image->name);
    for (size_t i = 0; i < found.count; i++) {
        const struct image_finding *item = &found.items[i];
        if (item->is_of_file)
            findings_add(verification->verifier->findings, FINDING_METADATA,
                         full_path(verification, item->subject), item->text);
        else
            findings_add(verification->verifier->findings, FINDING_LAYOUT, item->subject,
                         item->text);
    }
    return true;
}

bool verify_image(const struct verifier *verifier, struct image *image, const bool *held,
                  struct verify_result *ret_result, struct error *error)
{
    cleanup(release_workers) struct verification verification = {
        .verifier = verifier,
        .image = image,
        .held = held,
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
