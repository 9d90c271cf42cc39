/* A ramdisk's archive: what is written is read back by libarchive, name by name and byte by byte; and a header is found where
 * there is one. The first line of the input is a name, the rest contents. */
#include "builder/ramdisk/newc.h"
#include "builder/ramdisk/ramdisk.h"
#include "builder/ramdisk/ramdisk_files.h"
#include "tests/fuzz/fuzz.h"

#include <archive.h>
#include <archive_entry.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { FILES_MAX = 8 };

static int memory_file(void)
{
    int fd = memfd_create("fuzz", MFD_CLOEXEC);
    fuzz_must(fd >= 0, "a file in memory");
    return fd;
}

static void look_for_headers(struct str text, const char *name)
{
    for (size_t end = 0; end <= text.len && end <= NEWC_PREFIX_MAX; end++)
        newc_ends_with_header(text.data, end, name, text.len);
}

static void format_member(const char *name, uint64_t offset, size_t boundary, uint64_t size_bytes)
{
    char prefix[NEWC_PREFIX_MAX];
    size_t count;
    struct error error;
    struct newc_member member = { .name = name, .mode = 0100644, .inode = 1 };
    member.name_bytes = newc_name_bytes(name, offset, boundary);
    member.size_bytes = size_bytes;
    if (member.name_bytes == 0)
        return;
    if (!newc_format(&member, prefix, &count, &error)) {
        fuzz_must(size_bytes > NEWC_MEMBER_MAX, "only what is too large is refused");
        return;
    }
    fuzz_must((offset + count) % boundary == 0, "the data lies on the boundary");
    fuzz_must(newc_ends_with_header(prefix, count, name, size_bytes), "the header is found");
    fuzz_must(!newc_ends_with_header(prefix, count, name, size_bytes + 1), "and none of that size");
    for (size_t i = 0; i < 6; i++)
        fuzz_must(prefix[i] == "070701"[i], "a header has a number in front");
}

static void check_members(int fd, const struct ramdisk_files *files, struct str content)
{
    struct archive *archive = archive_read_new();
    struct archive_entry *entry;
    size_t found = 0;
    fuzz_must(archive && archive_read_support_format_cpio(archive) == ARCHIVE_OK &&
                  lseek(fd, 0, SEEK_SET) == 0 &&
                  archive_read_open_fd(archive, fd, 1 << 16) == ARCHIVE_OK,
              "the archive opens");
    while (archive_read_next_header(archive, &entry) == ARCHIVE_OK) {
        if (archive_entry_filetype(entry) == AE_IFDIR)
            continue;
        fuzz_must(found < files->count, "there is no file that was not given");
        const char *path = archive_entry_pathname(entry);
        if (path)
            fuzz_same(str_from(path), files->items[found].target, "a file has its name");
        char *bytes = NULL;
        static char room[1 << 20];
        la_ssize_t size = archive_read_data(archive, room, sizeof room);
        bytes = room;
        fuzz_must(size >= 0, "it can be read");
        fuzz_same((struct str){ bytes, (size_t)size }, content, "and its contents");
        found++;
    }
    fuzz_must(found == files->count, "all files are there");
    archive_read_free(archive);
}

static void write_files(const struct option_list *options, struct str content, struct arena arena)
{
    static int source = -1, target = -1;
    struct ramdisk_files files = RAMDISK_FILES_NONE;
    struct error error;
    if (source < 0) {
        source = memory_file();
        target = memory_file();
    }
    if (!fuzz_done(ramdisk_files_parse(options, &arena, &files, &error), &error))
        return;
    fuzz_must(ftruncate(source, 0) == 0 && ftruncate(target, 0) == 0 &&
                  pwrite(source, content.data, content.len, 0) == (ssize_t)content.len,
              "the source is written");
    for (size_t i = 0; i < files.count; i++)
        files.items[i].fd = source;
    struct ramdisk ramdisk = { .fd = target };
    fuzz_must(ramdisk_files_write(&files, &ramdisk, arena, &error) &&
                  ramdisk_finish(&ramdisk, &error),
              "what was accepted is written");
    fuzz_must(ramdisk.unpacked_bytes >= files.count * content.len,
              "its memory is that of the contents, at least");
    check_members(target, &files, content);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena = fuzz_arena();
    struct option_list options = { 0 };
    struct str rest = fuzz_text(data, size);
    struct cut cut = str_cut(rest, '\n');
    const char *name = arena_copy(&arena, cut.head).data;
    unsigned first = rest.len > 0 ? (unsigned char)rest.data[rest.len - 1] : 0;
    look_for_headers(cut.tail, name);
    for (size_t boundary = 4; boundary <= 4096 && strlen(name) < NEWC_NAME_MAX; boundary *= 4)
        format_member(name, (uint64_t)first * 4 + 4096, boundary,
                      ((uint64_t)first << 27) + rest.len);
    while (cut.found && options.count < FILES_MAX && str_starts(cut.tail, STR("+"))) {
        cut = str_cut(str_skip(cut.tail, 1), '\n');
        option_list_add(&options, arena_copy(&arena, cut.head).data, &arena);
    }
    if (options.count > 0)
        write_files(&options, cut.tail, arena);
    return 0;
}
