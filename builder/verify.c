/* Threads take the paths in their order, in which neighbours share fragment blocks. Each result has
 * its place, so that what is reported does not depend on who was faster. */
#include "builder/verify.h"

#include "builder/base_images.h"
#include "builder/image_check.h"
#include "builder/image_nar.h"
#include "builder/report.h"

#include "schema/base/own.h"
#include "schema/base/parallel.h"
#include "schema/manifest.h"
#include "schema/path_info_json.h"
#include "schema/store_path.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

enum kind {
    MISMATCHED,
    WRONG_SIZE,
    MISSING,
    UNREADABLE,
    STRAY,
    NOT_CLOSED,
    DISAGREEING,
    METADATA,
    LAYOUT,
    KIND_COUNT
};

static const char *const kind_names[KIND_COUNT] = {
    [MISMATCHED] = "mismatched",   [WRONG_SIZE] = "wrong size", [MISSING] = "missing",
    [UNREADABLE] = "unreadable",   [STRAY] = "stray",           [NOT_CLOSED] = "not closed",
    [DISAGREEING] = "disagreeing", [METADATA] = "metadata",     [LAYOUT] = "layout",
};

struct finding {
    enum kind kind;
    struct str subject, text;
    const struct path_info *info; /* of MISMATCHED and WRONG_SIZE */
    const struct nar *nar;
};

struct result {
    bool is_hashed;
    struct nar nar;
    struct str reason; /* why it could not be read */
};

struct verification {
    const struct command *command;
    struct image image;
    struct result *results; /* one for each path of the manifest */
    bool *held;             /* likewise: is it in an image below? */
    uint64_t *nar_sizes;    /* one for each child of the root, by its node */
    struct image_worker *workers;
    struct arena *arenas; /* one for each worker */
    struct finding *findings;
    size_t finding_count, finding_capacity;
    size_t counts[KIND_COUNT];
    size_t ok_count, held_count;
};

/* --- Hashing ---------------------------------------------------------------------------------- */

static bool hash_one(void *context, unsigned worker, size_t index, struct error *error)
{
    struct verification *verification = context;
    const struct path_info *info = &verification->image.listed.items[index];
    struct result *result = &verification->results[index];
    uint32_t node = image_find(&verification->image, info->base);
    if (node == 0)
        return true;
    result->nar.size_bytes = verification->nar_sizes[node];
    if (info->nar_size_bytes && info->nar_size_bytes != result->nar.size_bytes)
        return true;
    result->is_hashed = image_nar_hash(&verification->image, &verification->workers[worker], node,
                                       verification->arenas[worker], &result->nar, error);
    /* What is wrong with a path is a result. */
    if (!result->is_hashed)
        result->reason = arena_copy(&verification->arenas[worker], str_from(error->sentence));
    return true;
}

static void release_workers(const struct verification *verification)
{
    for (unsigned i = 0; verification->workers && i < verification->command->squashfs.jobs; i++)
        image_worker_release(&verification->workers[i]);
    image_close(&verification->image);
}

static bool hash_paths(struct verification *verification, struct error *error)
{
    enum { WORKER_BYTES = 1 << 30 };
    struct arena *arena = verification->command->arena;
    size_t count = verification->image.listed.count;
    unsigned jobs = verification->command->squashfs.jobs;
    if (jobs > count)
        jobs = count ? (unsigned)count : 1;
    verification->results = arena_new(arena, struct result, count);
    verification->arenas = arena_new(arena, struct arena, jobs);
    verification->workers =
        arena_new(arena, struct image_worker, verification->command->squashfs.jobs);
    verification->nar_sizes = image_nar_sizes(&verification->image, arena);
    for (unsigned i = 0; i < jobs; i++)
        if (!arena_reserve(&verification->arenas[i], WORKER_BYTES, error) ||
            !image_worker_make(&verification->image, &verification->arenas[i],
                               &verification->workers[i], error))
            return false;
    return parallel_run(jobs, count, hash_one, verification, error);
}

/* --- Findings --------------------------------------------------------------------------------- */

static struct finding *add(struct verification *verification, enum kind kind, struct str subject,
                           struct str text)
{
    verification->findings = arena_grow(
        verification->command->arena, verification->findings, verification->finding_count,
        &verification->finding_capacity, sizeof *verification->findings);
    struct finding *finding = &verification->findings[verification->finding_count++];
    *finding = (struct finding){ .kind = kind, .subject = subject, .text = text };
    verification->counts[kind]++;
    return finding;
}

static struct str full_path(const struct verification *verification, struct str below)
{
    const struct command *command = verification->command;
    return arena_format(command->arena, "%s/%.*s", command->store.store_dir.data, STR_ARG(below));
}

static void judge_hash(struct verification *verification, const struct path_info *info,
                       const struct result *result)
{
    if (hash_equal(&info->nar_hash, &result->nar.hash)) {
        verification->ok_count++;
        return;
    }
    struct str text =
        arena_format(verification->command->arena, "expected sha256:%s, found sha256:%s",
                     hash_to_hex(&info->nar_hash).text, hash_to_hex(&result->nar.hash).text);
    struct finding *finding =
        add(verification, MISMATCHED, full_path(verification, info->base), text);
    finding->info = info;
    finding->nar = &result->nar;
}

static void judge_size(struct verification *verification, const struct path_info *info,
                       const struct result *result)
{
    struct str text = arena_format(verification->command->arena, "expected %llu bytes, found %llu",
                                   (unsigned long long)info->nar_size_bytes,
                                   (unsigned long long)result->nar.size_bytes);
    struct finding *finding =
        add(verification, WRONG_SIZE, full_path(verification, info->base), text);
    finding->info = info;
    finding->nar = &result->nar;
}

static void judge_paths(struct verification *verification)
{
    for (size_t i = 0; i < verification->image.listed.count; i++) {
        const struct path_info *info = &verification->image.listed.items[i];
        const struct result *result = &verification->results[i];
        bool is_here = image_find(&verification->image, info->base) != 0;
        if (!is_here && verification->held[i])
            verification->held_count++;
        else if (!is_here)
            add(verification, MISSING, full_path(verification, info->base),
                STR("it is not in this image"));
        else if (result->reason.data)
            add(verification, UNREADABLE, full_path(verification, info->base), result->reason);
        else if (!result->is_hashed)
            judge_size(verification, info, result);
        else
            judge_hash(verification, info, result);
    }
}

static void find_strays(struct verification *verification)
{
    const struct image *image = &verification->image;
    const struct image_node *root = &image->tree.nodes[0];
    for (uint32_t i = 0; i < root->child_count; i++) {
        uint32_t node = root->first_child + i;
        struct str name = image->tree.nodes[node].name;
        if (node != image->manifest && node != image->description &&
            path_list_find(&image->listed, name) == NAME_NONE)
            add(verification, STRAY, full_path(verification, name),
                STR("it is not in the manifest"));
    }
}

static void find_unlisted(struct verification *verification)
{
    const struct path_list *list = &verification->image.listed;
    for (size_t i = 0; i < list->count; i++)
        for (size_t j = 0; j < list->items[i].reference_count; j++)
            if (list->items[i].references[j] >= list->count)
                add(verification, NOT_CLOSED, full_path(verification, list->items[i].base),
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
    struct image *image = &verification->image;
    const struct path_list *listed = &image->listed;
    struct arena *arena = verification->command->arena;
    if (image->description == 0)
        return true;
    if (image_inode_of(image, image->description)->kind != IMAGE_REGULAR)
        return error_set(error, "it is not a file");
    if (!image_read_text(image, image_inode_of(image, image->description), manifest_bytes_max,
                         arena, &text, error) ||
        !path_info_json_parse(text, verification->command->store.store_dir, arena, &described,
                              error))
        return false;
    for (size_t i = 0; i < listed->count; i++) {
        uint32_t other = path_list_find(&described, listed->items[i].base);
        const char *what = other == NAME_NONE ? "nothing"
                                              : difference(listed, &listed->items[i], &described,
                                                           &described.items[other]);
        if (what)
            add(verification, DISAGREEING, full_path(verification, listed->items[i].base),
                arena_format(arena, MANIFEST_NAME PATH_INFO_JSON_SUFFIX " says %s", what));
    }
    for (size_t i = 0; i < described.count; i++)
        if (path_list_find(listed, described.items[i].base) == NAME_NONE)
            add(verification, DISAGREEING, full_path(verification, described.items[i].base),
                STR("only " MANIFEST_NAME PATH_INFO_JSON_SUFFIX " lists it"));
    return true;
}

static void check_description(struct verification *verification)
{
    struct error error;
    if (!compare_description(verification, &error))
        add(verification, UNREADABLE,
            full_path(verification, STR(MANIFEST_NAME PATH_INFO_JSON_SUFFIX)),
            arena_copy(verification->command->arena, str_from(error.sentence)));
}

/* --- The report ------------------------------------------------------------------------------- */

static bool check_image(struct verification *verification, struct error *error)
{
    struct image_findings found = { 0 };
    if (!image_check(&verification->image, verification->command->arena, &found, error))
        return error_in(error, "%s", verification->image.name);
    for (size_t i = 0; i < found.count; i++) {
        const struct image_finding *item = &found.items[i];
        if (item->is_of_file)
            add(verification, METADATA, full_path(verification, item->subject), item->text);
        else
            add(verification, LAYOUT, item->subject, item->text);
    }
    return true;
}

/* By path, those of the image last. */
static int compare_findings(const void *left, const void *right)
{
    const struct finding *a = left, *b = right;
    int order = (a->kind == LAYOUT) - (b->kind == LAYOUT);
    order = order ? order : str_compare(a->subject, b->subject);
    order = order ? order : (int)a->kind - (int)b->kind;
    return order ? order : str_compare(a->text, b->text);
}

static void print_text(const struct verification *verification)
{
    for (size_t i = 0; i < verification->finding_count; i++) {
        const struct finding *finding = &verification->findings[i];
        struct error line; /* printed as one, so that no name can break it */
        error_set(&line, "%.*s: %.*s", STR_SHOWN(finding->subject), STR_SHOWN(finding->text));
        error_print(stdout, kind_names[finding->kind], &line);
    }
}

static void add_hash(cJSON *object, const char *key, const struct hash *hash, struct arena scratch)
{
    struct str text = arena_format(&scratch, "sha256:%s", hash_to_hex(hash).text);
    report_json_text(object, key, text, scratch);
}

static void add_json(cJSON *array, const struct finding *finding, struct arena scratch)
{
    if (finding->kind == MISSING || finding->kind == STRAY) {
        report_json_text(array, NULL, finding->subject, scratch);
        return;
    }
    cJSON *object = cJSON_CreateObject();
    cJSON_AddItemToArray(array, object);
    report_json_text(object, finding->kind == LAYOUT ? "part" : "path", finding->subject, scratch);
    if (finding->kind == MISMATCHED) {
        add_hash(object, "expected", &finding->info->nar_hash, scratch);
        add_hash(object, "found", &finding->nar->hash, scratch);
    } else if (finding->kind == WRONG_SIZE) {
        cJSON_AddNumberToObject(object, "expected", (double)finding->info->nar_size_bytes);
        cJSON_AddNumberToObject(object, "found", (double)finding->nar->size_bytes);
    } else {
        report_json_text(object, finding->kind == NOT_CLOSED ? "reference" : "reason",
                         finding->text, scratch);
    }
}

static bool print_json(const struct verification *verification, struct error *error)
{
    static const char *const keys[KIND_COUNT] = {
        [MISMATCHED] = "mismatched",   [WRONG_SIZE] = "wrongSize", [MISSING] = "missing",
        [UNREADABLE] = "unreadable",   [STRAY] = "strays",         [NOT_CLOSED] = "notClosed",
        [DISAGREEING] = "disagreeing", [METADATA] = "metadata",    [LAYOUT] = "layout",
    };
    cJSON *object = cJSON_CreateObject(), *arrays[KIND_COUNT];
    cJSON_AddNumberToObject(object, "paths", (double)verification->image.listed.count);
    cJSON_AddNumberToObject(object, "ok", (double)verification->ok_count);
    for (int kind = 0; kind < KIND_COUNT; kind++)
        arrays[kind] = cJSON_AddArrayToObject(object, keys[kind]);
    for (size_t i = 0; i < verification->finding_count; i++)
        add_json(arrays[verification->findings[i].kind], &verification->findings[i],
                 *verification->command->arena);
    return report_json(object, error);
}

/* What was found in total: a note if all is well, else the sentence to fail with. */
static bool summarise(const struct verification *verification, struct error *error)
{
    const struct image *image = &verification->image;
    struct arena scratch = *verification->command->arena;
    struct str text = STR("");
    for (int kind = 0; kind < KIND_COUNT; kind++)
        if (verification->counts[kind])
            text = arena_format(&scratch, "%.*s%s%zu %s", STR_ARG(text), text.len ? ", " : "",
                                verification->counts[kind], kind_names[kind]);
    if (text.len)
        return error_set(error, "%s: %zu of %zu paths are as listed; found: %.*s", image->name,
                         verification->ok_count, image->listed.count, STR_ARG(text));
    report_note(verification->command, "%s: %zu paths verified, all as listed%s", image->name,
                verification->ok_count,
                verification->held_count ? "; the others are in images below" : "");
    return true;
}

/* What the images below hold is verified with them. */
static bool find_held(struct verification *verification, struct error *error)
{
    size_t count;
    const struct command *command = verification->command;
    const struct path_list *listed = &verification->image.listed;
    verification->held = arena_new(command->arena, bool, listed->count);
    return base_images_find(&command->settings.bases, command->store.store_dir, listed,
                            *command->arena, verification->held, &count, error);
}

static bool verify(struct verification *verification, struct error *error)
{
    if (!find_held(verification, error) || !hash_paths(verification, error))
        return false;
    judge_paths(verification);
    find_strays(verification);
    find_unlisted(verification);
    check_description(verification);
    if (!check_image(verification, error))
        return false;
    if (verification->finding_count)
        qsort(verification->findings, verification->finding_count, sizeof *verification->findings,
              compare_findings);
    if (!verification->command->settings.json)
        print_text(verification);
    else if (!print_json(verification, error))
        return false;
    return summarise(verification, error);
}

bool command_verify(struct command *command, struct error *error)
{
    const char *name = command->arguments.items[0];
    cleanup(release_workers) struct verification verification = { .command = command };
    cleanup(own_close) int fd = open(name, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0)
        return error_errno(error, errno, "open %s", name);
    return image_open(fd, 0, name, command->store.store_dir, command->squashfs.jobs, command->arena,
                      &verification.image, error) &&
           verify(&verification, error);
}
