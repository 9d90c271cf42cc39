#include "tests/check_store.h"

#include "builder/tree/tree_building.h"
#include "schema/base/own.h"

#include <sys/stat.h>
#include <unistd.h>

static struct tree_building start(struct arena *arena)
{
    struct tree_building building = { .directory = check_directory(), .arena = arena };
    building.files = arena_new(arena, struct tree_file, 2);
    building.result.description.ramdisks = arena_new(arena, struct tree_file, 2);
    return building;
}

static void a_file_is_new_and_has_its_mode_whatever_the_umask(struct arena arena)
{
    int fd = -1;
    struct stat status;
    struct tree_building building = start(&arena);
    mode_t former = umask(0777);
    bool done = tree_create(&building, "kexec-boot", 0755, &fd, check_error);
    umask(former);
    if (!CHECK_DONE(done))
        return;
    CHECK(fstat(fd, &status) == 0 && (status.st_mode & 0777) == 0755);
    own_close(&fd);
    CHECK_REFUSED(tree_create(&building, "kexec-boot", 0755, &fd, check_error),
                  "create kexec-boot: File exists");
}

static void what_is_sealed_has_its_size_and_digest(struct arena arena)
{
    int fd = -1;
    struct tree_file file;
    struct tree_building building = start(&arena);
    if (!CHECK_DONE(tree_create(&building, "empty", 0644, &fd, check_error)))
        return;
    if (CHECK_DONE(tree_seal(&building, "empty", fd, &file, check_error))) {
        CHECK_STR(file.name, "empty");
        CHECK_NUMBER(file.size_bytes, 0);
        CHECK_STR(hash_to_hex(&file.hash).text, CHECK_HASH_HEX);
        CHECK_NUMBER(building.file_count, 1);
        CHECK_NUMBER(building.result.description.ramdisk_count, 0);
    }
    own_close(&fd);
}

static void parts_of_the_ramdisk_are_added_up(struct arena arena)
{
    struct tree_building building = start(&arena);
    static const char *const names[] = { "initrd", "store" };
    for (size_t i = 0; i < 2; i++) {
        int fd = -1;
        if (!CHECK_DONE(tree_create(&building, names[i], 0644, &fd, check_error)))
            return;
        CHECK(write(fd, "text", 4) == 4);
        CHECK_DONE(tree_seal_ramdisk(&building, names[i], fd, check_error));
        own_close(&fd);
    }
    CHECK_NUMBER(building.result.description.ramdisk_count, 2);
    CHECK_STR(building.result.description.ramdisks[1].name, "store");
    CHECK_NUMBER(building.result.ramdisk_bytes, 8);
    CHECK_NUMBER(building.file_count, 2);
}

int main(void)
{
    return CHECK_ALL(CASE(a_file_is_new_and_has_its_mode_whatever_the_umask),
                     CASE(what_is_sealed_has_its_size_and_digest),
                     CASE(parts_of_the_ramdisk_are_added_up));
}
