#include "builder/base_images.h"
#include "builder/newc.h"
#include "builder/ramdisk.h"
#include "builder/ramdisk_archive.h"
#include "builder/report.h"
#include "builder/script.h"
#include "builder/tree.h"
#include "builder/verify.h"

#include "schema/base/own.h"
#include "schema/base/parallel.h"
#include "schema/digest.h"
#include "schema/store_path.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SUMS_BYTES_MAX = 1 << 20, LINKS_MAX = 40, WORKER_BYTES = 16 << 20 };

/* A line of SHA256SUMS, and what is there. */
struct listed_file {
    const char *name;
    struct hash expected;
    struct tree_file found;
    struct str reason; /* why it could not be read */
    bool is_there;
};

struct tree_check {
    const struct command *command;
    const char *name;
    int directory;
    struct arena *arena;
    struct listed_file *files;
    size_t file_count;
    struct arena *scratches; /* one for each worker */
    struct tree_description description;
    int *fds; /* one for each image; owned */
    struct image *images;
    struct findings findings;
    struct verify_result result;
};

static void tree_check_release(const struct tree_check *check)
{
    for (size_t i = 0; check->fds && i < check->description.image_count; i++) {
        image_close(&check->images[i]);
        own_close(&check->fds[i]);
    }
}

static void add(struct tree_check *check, enum finding_kind kind, const char *subject,
                const char *text)
{
    findings_add(&check->findings, kind, arena_copy(check->arena, str_from(subject)),
                 arena_copy(check->arena, str_from(text)));
}

static int open_file(const struct tree_check *check, const char *name)
{
    return openat(check->directory, name, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
}

/* --- The files -------------------------------------------------------------------------------- */

static bool parse_line(struct str line, struct arena *arena, struct listed_file *file,
                       struct error *error)
{
    enum { NAME_AT = HASH_HEX_LENGTH + 2 };
    struct str name = str_skip(line, NAME_AT);
    if (line.len <= NAME_AT || memcmp(line.data + HASH_HEX_LENGTH, "  ", 2) != 0 ||
        name.data[0] == '.' || memchr(name.data, '/', name.len))
        return error_set(error, "a SHA-256, two blanks and the name of a file expected");
    file->name = arena_copy(arena, name).data;
    return hash_parse((struct str){ line.data, HASH_HEX_LENGTH }, &file->expected, error);
}

static bool read_sums(struct tree_check *check, struct error *error)
{
    struct str text;
    size_t capacity = 0, line_number = 0;
    if (!file_read(check->directory, OUTPUT_SUMS_NAME, SUMS_BYTES_MAX, check->arena, &text, error))
        return error_in(error, "%s", check->name);
    for (struct cut cut = str_cut(text, '\n'); cut.head.len > 0; cut = str_cut(cut.tail, '\n')) {
        check->files = arena_grow(check->arena, check->files, check->file_count, &capacity,
                                  sizeof *check->files);
        struct listed_file *file = &check->files[check->file_count++];
        *file = (struct listed_file){ .is_there = false };
        line_number++;
        if (!parse_line(cut.head, check->arena, file, error))
            return error_in(error, "%s/" OUTPUT_SUMS_NAME ": line %zu", check->name, line_number);
    }
    return check->file_count > 0 ||
           error_set(error, "%s/" OUTPUT_SUMS_NAME " lists nothing", check->name);
}

static const struct listed_file *find_file(const struct tree_check *check, const char *name)
{
    for (size_t i = 0; i < check->file_count; i++)
        if (strcmp(check->files[i].name, name) == 0)
            return &check->files[i];
    return NULL;
}

static bool read_one(void *context, unsigned worker, size_t index, struct error *error)
{
    const struct tree_check *check = context;
    struct listed_file *file = &check->files[index];
    struct arena *scratch = &check->scratches[worker];
    struct stat status;
    cleanup(own_close) int fd = open_file(check, file->name);
    file->is_there = fd >= 0 || errno != ENOENT;
    if (!file->is_there)
        return true;
    bool done = fd >= 0 && fstat(fd, &status) == 0;
    if (!done)
        error_errno(error, errno, "open it");
    else if (!S_ISREG(status.st_mode))
        done = error_set(error, "it is not a file");
    if (!done || !tree_file_read(fd, file->name, *scratch, &file->found, error))
        file->reason = arena_copy(scratch, str_from(error->sentence));
    return true;
}

static void judge_files(struct tree_check *check)
{
    for (size_t i = 0; i < check->file_count; i++) {
        const struct listed_file *file = &check->files[i];
        if (!file->is_there)
            add(check, FINDING_MISSING, file->name, "it is not in the tree");
        else if (file->reason.data)
            add(check, FINDING_UNREADABLE, file->name, file->reason.data);
        else if (!hash_equal(&file->expected, &file->found.hash))
            findings_add_hash(&check->findings, str_from(file->name), &file->expected,
                              &file->found.hash);
    }
}

static bool find_strays(struct tree_check *check, struct error *error)
{
    cleanup(own_close) int copy = openat(check->directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    cleanup(own_close_directory) DIR *directory = copy >= 0 ? fdopendir(copy) : NULL;
    if (!directory)
        return error_errno(error, errno, "read the directory %s", check->name);
    own_take(&copy);
    const struct dirent *entry;
    while ((entry = own_next_entry(directory)))
        if (strcmp(entry->d_name, OUTPUT_SUMS_NAME) != 0 && !find_file(check, entry->d_name))
            add(check, FINDING_STRAY, entry->d_name, "it is not in " OUTPUT_SUMS_NAME);
    return errno == 0 || error_errno(error, errno, "read the directory %s", check->name);
}

static bool check_files(struct tree_check *check, struct error *error)
{
    unsigned jobs = check->command->squashfs.jobs;
    check->scratches = arena_new(check->arena, struct arena, jobs);
    for (unsigned i = 0; i < jobs; i++)
        if (!arena_reserve(&check->scratches[i], WORKER_BYTES, error))
            return false;
    if (!read_sums(check, error) || !parallel_run(jobs, check->file_count, read_one, check, error))
        return false;
    judge_files(check);
    return find_strays(check, error);
}

/* --- boot.json and the scripts ------------------------------------------------------------------ */

static void compare_file(struct tree_check *check, const struct tree_file *file)
{
    const struct listed_file *listed = find_file(check, file->name);
    if (!listed)
        add(check, FINDING_DISAGREEING, file->name,
            "it is in " TREE_BOOT_JSON_NAME ", and not in " OUTPUT_SUMS_NAME);
    else if (listed->is_there && !listed->reason.data &&
             (listed->found.size_bytes != file->size_bytes ||
              !hash_equal(&listed->found.hash, &file->hash)))
        add(check, FINDING_DISAGREEING, file->name,
            TREE_BOOT_JSON_NAME " says another size or SHA-256");
}

static bool read_description(struct tree_check *check, struct error *error)
{
    struct str text;
    struct tree_description *description = &check->description;
    if (!file_read(check->directory, TREE_BOOT_JSON_NAME, TREE_DESCRIPTION_BYTES_MAX, check->arena,
                   &text, error))
        return error_in(error, "%s", check->name);
    if (!tree_description_parse(text, check->arena, description, error))
        return error_in(error, "%s/" TREE_BOOT_JSON_NAME, check->name);
    compare_file(check, &description->kernel);
    for (size_t i = 0; i < description->ramdisk_count; i++)
        compare_file(check, &description->ramdisks[i]);
    return true;
}

typedef bool script_writer(FILE *stream, const struct tree_description *tree, struct arena scratch,
                           struct error *error);

static bool write_kexec(FILE *stream, const struct tree_description *tree, struct arena scratch,
                        struct error *error)
{
    (void)error;
    script_write_kexec(stream, tree, scratch);
    return true;
}

static bool write_grub(FILE *stream, const struct tree_description *tree, struct arena scratch,
                       struct error *error)
{
    (void)scratch, (void)error;
    script_write_grub(stream, tree);
    return true;
}

/* The script that boot.json makes: the file's digest must be its. */
static void check_script(struct tree_check *check, const char *name, script_writer *write)
{
    const struct listed_file *listed = find_file(check, name);
    struct error error;
    char *text = NULL;
    size_t length = 0;
    if (!listed) {
        add(check, FINDING_MISSING, name, "it is not in the tree");
        return;
    }
    FILE *stream = open_memstream(&text, &length);
    bool written = stream && write(stream, &check->description, *check->arena, &error);
    written = stream && fclose(stream) == 0 && written;
    struct hash hash = digest_sha256((struct str){ text, length });
    if (listed->is_there && !(written && hash_equal(&hash, &listed->found.hash)))
        add(check, FINDING_DISAGREEING, name,
            "it is not made of what " TREE_BOOT_JSON_NAME " says");
    free(text);
}

static void check_scripts(struct tree_check *check)
{
    check_script(check, TREE_IPXE_NAME, script_write_ipxe);
    check_script(check, TREE_KEXEC_NAME, write_kexec);
    if (script_check_grub(str_from(check->description.command_line)))
        check_script(check, TREE_GRUB_NAME, write_grub);
    const struct tree_description *description = &check->description;
    struct arena scratch = *check->arena;
    struct str line = boot_spec_command_line(str_from(description->init),
                                             str_from(description->params), &scratch);
    if (!str_equal(line, str_from(description->command_line)))
        add(check, FINDING_DISAGREEING, TREE_BOOT_JSON_NAME,
            "commandLine is not made of init and kernelParams");
}

/* --- The images ----------------------------------------------------------------------------------- */

/* The end of what the kernel reads before the image's data. */
static bool read_before(const struct tree_check *check, const struct tree_image *image,
                        char *ret_bytes, size_t *ret_count)
{
    const struct tree_description *description = &check->description;
    const struct tree_file *file = NULL, *before = NULL;
    for (size_t i = 0; i < description->ramdisk_count && !file; i++) {
        if (strcmp(description->ramdisks[i].name, image->file) == 0)
            file = &description->ramdisks[i];
        else
            before = &description->ramdisks[i];
    }
    if (!file)
        return false;
    uint64_t end = image->offset;
    if (end == 0 && before) {
        file = before;
        end = before->size_bytes;
    }
    size_t count = end < NEWC_PREFIX_MAX ? (size_t)end : NEWC_PREFIX_MAX;
    cleanup(own_close) int fd = open_file(check, file->name);
    *ret_count = count;
    return fd >= 0 && pread(fd, ret_bytes, count, (off_t)(end - count)) == (ssize_t)count;
}

static void check_header(struct tree_check *check, size_t index)
{
    char bytes[NEWC_PREFIX_MAX];
    size_t count;
    const struct tree_image *image = &check->description.images[index];
    if (strcmp(image->name, ramdisk_store_name(check->arena, index)) != 0)
        add(check, FINDING_LAYOUT, image->name, "stage 1 does not look for an image of this name");
    if (!image->is_packed && (!read_before(check, image, bytes, &count) ||
                              !newc_ends_with_header(bytes, count, image->name, image->size_bytes)))
        add(check, FINDING_LAYOUT, image->name,
            "there is no header for it in front of it in the ramdisk");
    if (!image->is_packed && image->offset % RAMDISK_ALIGN_BYTES != 0)
        add(check, FINDING_LAYOUT, image->name, "it does not start on a multiple of 4096 bytes");
}

/* Opens where the image is: the file it is in, or a copy of what is in a compressed archive. */
static bool open_place(const struct tree_check *check, const struct tree_image *image, int *ret_fd,
                       struct image_place *ret_place, struct error *error)
{
    *ret_place = (struct image_place){ .size_bytes = image->size_bytes, .name = image->name };
    *ret_fd = open_file(check, image->file);
    if (*ret_fd < 0)
        return error_errno(error, errno, "open it");
    if (image->is_packed) {
        cleanup(own_close) int packed = own_take(ret_fd);
        if (!ramdisk_archive_unpack(packed, image, ret_fd, error))
            return false;
    } else {
        ret_place->offset = image->offset;
    }
    ret_place->fd = *ret_fd;
    return true;
}

static bool open_images(struct tree_check *check, struct error *error)
{
    const struct tree_description *description = &check->description;
    check->fds = arena_new(check->arena, int, description->image_count);
    check->images = arena_new(check->arena, struct image, description->image_count);
    for (size_t i = 0; i < description->image_count; i++)
        check->fds[i] = -1;
    for (size_t i = 0; i < description->image_count; i++) {
        struct image_place place;
        if (!open_place(check, &description->images[i], &check->fds[i], &place, error))
            return false;
        if (!image_open(&place, check->command->store.store_dir, check->command->squashfs.jobs,
                        check->arena, &check->images[i], error))
            return false;
    }
    return true;
}

/* Each path is verified in the image that holds it. */
static bool check_image(struct tree_check *check, size_t index, struct error *error)
{
    struct image *image = &check->images[index];
    struct verify_result result;
    bool *held = arena_new(check->arena, bool, image->listed.count);
    check_header(check, index);
    for (size_t i = 0; i < check->description.image_count; i++)
        if (i != index && !base_images_mark(&check->images[i], &image->listed, held, error))
            return false;
    if (!verify_image(check->command, image, held, &check->findings, &result, error))
        return false;
    check->result.path_count += result.path_count - result.held_count;
    check->result.ok_count += result.ok_count;
    return true;
}

/* --- The system ----------------------------------------------------------------------------------- */

/* The inode of a path below the store in whichever image has it first; null if there is none. Links
 * are not followed: *ret_rest is what is left of the path behind one. */
static const struct image_inode *find_below(const struct tree_check *check, struct str below,
                                            struct str *ret_rest)
{
    for (size_t i = 0; i < check->description.image_count; i++) {
        const struct image *image = &check->images[i];
        struct cut cut = str_cut(below, '/');
        uint32_t node = image_find(image, cut.head);
        while (node && cut.found && image_inode_of(image, node)->kind == IMAGE_DIRECTORY) {
            cut = str_cut(cut.tail, '/');
            node = image_find_child(image, node, cut.head);
        }
        if (node) {
            *ret_rest = cut.found ? cut.tail : STR("");
            return image_inode_of(image, node);
        }
    }
    return NULL;
}

/* A path without "." and "..". */
static struct str plain_path(struct str path, struct arena *arena)
{
    char *plain = arena_room(arena, path.len + 1);
    size_t length = 0;
    for (struct cut cut = { .tail = path, .found = true }; cut.found;) {
        cut = str_cut(cut.tail, '/');
        if (str_equal(cut.head, STR(".."))) {
            length = str_cut_last((struct str){ plain, length }, '/').head.len;
        } else if (cut.head.len > 0 && !str_equal(cut.head, STR("."))) {
            plain[length++] = '/';
            memcpy(plain + length, cut.head.data, cut.head.len);
            length += cut.head.len;
        }
    }
    return (struct str){ plain, length };
}

/* What is wrong with the init, or null. */
static const char *judge_init(const struct tree_check *check, struct str path, struct arena scratch)
{
    struct str prefix = arena_format(&scratch, "%s/", check->command->store.store_dir.data);
    for (int links = 0; links < LINKS_MAX; links++) {
        struct str rest;
        path = plain_path(path, &scratch);
        /* What --init leads elsewhere is stage 1's. */
        if (!str_starts(path, prefix))
            return links == 0 ? NULL : "it leads out of the store";
        const struct image_inode *inode = find_below(check, str_skip(path, prefix.len), &rest);
        if (!inode)
            return "it is in none of the images";
        if (inode->kind != IMAGE_LINK) {
            bool is_program = inode->kind == IMAGE_REGULAR && rest.len == 0 && inode->mode & 0111;
            return is_program ? NULL : "it is not an executable file";
        }
        bool is_absolute = str_starts(inode->target, STR("/"));
        size_t link_length = path.len - rest.len - (rest.len > 0);
        struct str directory = str_cut_last((struct str){ path.data, link_length }, '/').head;
        path = arena_format(&scratch, "%.*s/%.*s/%.*s", STR_ARG(is_absolute ? STR("") : directory),
                            STR_ARG(inode->target), STR_ARG(rest));
    }
    return "there are too many links on the way to it";
}

static void check_system(struct tree_check *check)
{
    struct error error;
    struct str base;
    const struct tree_description *description = &check->description;
    bool is_listed = store_path_parse(str_from(description->toplevel),
                                      check->command->store.store_dir, &base, &error) &&
                     path_list_find(&check->images[0].listed, base) != NAME_NONE;
    if (!is_listed)
        add(check, FINDING_MISSING, description->toplevel, "the manifest does not list the system");
    const char *wrong = judge_init(check, str_from(description->init), *check->arena);
    if (wrong)
        add(check, FINDING_MISSING, description->init, wrong);
}

/* Images that cannot be opened are a finding, so that the others are told, too. */
static bool check_images(struct tree_check *check, struct error *error)
{
    if (!open_images(check, error)) {
        add(check, FINDING_UNREADABLE, "the store images", error->sentence);
        return true;
    }
    for (size_t i = 0; i < check->description.image_count; i++)
        if (!check_image(check, i, error))
            return false;
    check_system(check);
    return true;
}

bool verify_tree(struct command *command, int directory, struct error *error)
{
    cleanup(tree_check_release) struct tree_check check = {
        .command = command,
        .name = command->arguments.items[0],
        .directory = directory,
        .arena = command->arena,
        .findings.arena = command->arena,
    };
    if (command->settings.bases.count > 0)
        return error_set(error, "%s is a tree, which needs no --base", check.name);
    if (!check_files(&check, error) || !read_description(&check, error))
        return false;
    check_scripts(&check);
    if (!check_images(&check, error))
        return false;
    return verify_report(command, check.name, &check.findings, &check.result, error);
}
