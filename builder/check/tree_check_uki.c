#include "builder/check/tree_check_uki.h"

#include "builder/uki/pe.h"
#include "schema/base/file.h"
#include "schema/base/own.h"
#include "schema/nix/digest.h"

#include <string.h>

/* A UKI that is being checked. */
struct uki_file {
    struct tree_check *check;
    struct file file;
    struct pe pe;
};

static void disagree(const struct uki_file *uki, const char *section, const char *with)
{
    tree_check_add(uki->check, FINDING_DISAGREEING, uki->file.name,
                   arena_format(uki->check->arena, "its section %s is not %s", section, with).data);
}

/* Is a part of the file the same as a whole file of the tree? A part that cannot be read is not. */
static bool holds(const struct uki_file *uki, uint64_t offset, const struct tree_file *file)
{
    enum { BUFFER_BYTES = 1 << 20 };
    struct arena scratch = *uki->check->arena;
    struct error unused;
    char *buffer = arena_room(&scratch, BUFFER_BYTES);
    cleanup(digest_release) struct digest digest = digest_start();
    for (uint64_t left = file->size_bytes; left > 0;) {
        size_t want = left < BUFFER_BYTES ? (size_t)left : BUFFER_BYTES, got;
        if (!file_read_at(uki->file, buffer, want, offset, &got, &unused) || got < want)
            return false;
        digest_add(&digest, buffer, got);
        offset += got;
        left -= got;
    }
    struct hash hash = digest_finish(&digest);
    return hash_equal(&hash, &file->hash);
}

/* Is the section the same as these files, one after the other? Only a kernel can be larger in
 * memory. */
static bool holds_files(const struct uki_file *uki, const char *name, const struct tree_file *files,
                        size_t count)
{
    const struct pe_section *section = pe_find(&uki->pe, name);
    if (!section)
        return false;
    uint64_t offset = section->raw_offset, end = offset + section->raw_bytes;
    for (size_t i = 0; i < count; i++) {
        if (files[i].size_bytes > end - offset || !holds(uki, offset, &files[i]))
            return false;
        offset += files[i].size_bytes;
    }
    uint64_t bytes = offset - section->raw_offset;
    return section->virtual_bytes == bytes ||
           (section->virtual_bytes > bytes && strcmp(name, ".linux") == 0);
}

static bool holds_text(const struct uki_file *uki, const char *name, struct str text)
{
    struct tree_file file = { .size_bytes = text.len, .hash = digest_sha256(text) };
    return holds_files(uki, name, &file, 1);
}

static void compare(const struct uki_file *uki)
{
    const struct tree_description *description = &uki->check->description;
    struct arena scratch = *uki->check->arena;
    struct str from = tree_from(description, "boot", &scratch);
    struct str line = arena_format(&scratch, "%s%.*s", description->command_line, STR_ARG(from));
    if (!holds_text(uki, ".cmdline", line))
        disagree(uki, ".cmdline", "the command line of " TREE_BOOT_JSON_NAME);
    if (!holds_files(uki, ".initrd", description->ramdisks, description->ramdisk_count))
        disagree(uki, ".initrd", "the ramdisk of the tree");
    if (!holds_files(uki, ".linux", &description->kernel, 1))
        disagree(uki, ".linux", "the kernel of the tree");
}

void tree_check_uki(struct tree_check *check)
{
    const struct tree_file *listed = &check->description.uki;
    struct uki_file uki = { .check = check, .file = { .fd = -1, .name = listed->name } };
    struct stat status;
    struct error reason;
    size_t got;
    if (!listed->name)
        return;
    cleanup(own_close) int fd = tree_check_open(check, listed->name, &reason);
    char *start = arena_room(check->arena, PE_START_BYTES_MAX);
    uki.file.fd = fd;
    if (fd < 0 || fstat(fd, &status) < 0 ||
        !file_read_at(uki.file, start, PE_START_BYTES_MAX, 0, &got, &reason))
        return;
    if (pe_parse((struct str){ start, got }, (uint64_t)status.st_size, check->arena, &uki.pe,
                 &reason))
        compare(&uki);
    else
        tree_check_add(check, FINDING_DISAGREEING, listed->name,
                       arena_copy(check->arena, str_from(reason.sentence)).data);
}
