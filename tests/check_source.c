#include "tests/check_source.h"

#include "schema/base/own.h"

#include <fcntl.h>
#include <sys/stat.h>

#define A "nix/store/" CHECK_DIGEST "-a"

void check_source_store(struct arena scratch)
{
    enum { SIZE = 3 << 19 };
    char *bytes = arena_room(&scratch, SIZE);
    check_noise(bytes, SIZE, 0);
    check_file(A "/noise", (struct str){ bytes, SIZE });
    check_file(A "/lib/again", (struct str){ bytes, SIZE });
    check_file(A "/program", STR("#!/bin/sh\n"));
    if (faccessat(check_directory(), A "/link", F_OK, AT_SYMLINK_NOFOLLOW) < 0)
        CHECK(symlinkat("program", check_directory(), A "/link") == 0);
    check_file("nix/store/" CHECK_DIGEST "-b", STR("text"));
    check_file("nix/store/" CHECK_DIGEST "-system/init", STR("#!/bin/sh\n"));
    CHECK(fchmodat(check_directory(), A "/program", 0555, 0) == 0);
    CHECK(fchmodat(check_directory(), "nix/store/" CHECK_DIGEST "-system/init", 0555, 0) == 0);
}

/* A reference graph of all that is in the store. */
static const char *write_graph(struct arena *arena)
{
    struct str text = STR("");
    struct cut cut = { .tail = check_names("nix/store", arena), .found = true };
    while (cut.found) {
        cut = str_cut(cut.tail, ' ');
        if (cut.head.len > 0)
            text =
                arena_format(arena, "%.*s/nix/store/%.*s\n\n0\n", STR_ARG(text), STR_ARG(cut.head));
    }
    check_file("graph", text);
    return arena_format(arena, "%s/graph", check_directory_path()).data;
}

bool check_source_take(const struct input_files *bases, struct arena *arena,
                       struct check_source *ret_source)
{
    static const struct option_list none;
    *ret_source = CHECK_SOURCE_NONE;
    ret_source->store = check_store(arena);
    ret_source->squashfs.crew = &ret_source->crew;
    struct closure_request closure = {
        .store = &ret_source->store,
        .source = { PATH_SOURCE_GRAPH, write_graph(arena) },
        .roots = &none,
        .added = &none,
        .crew = &ret_source->crew,
    };
    struct image_options options = {
        .content = { .check = true, .crew = &ret_source->crew },
        .with_signatures = true,
        .bases = bases ? *bases : INPUT_FILES_NONE,
    };
    return CHECK_DONE(crew_make(2, arena, &ret_source->crew, check_error)) &&
           CHECK_DONE(
               compression_parse(STR("zstd:1"), &ret_source->squashfs.compression, check_error)) &&
           image_source_take(&closure, &options, arena, &ret_source->source, check_error);
}

int check_source_image(const struct check_source *source, const char *name, struct arena scratch)
{
    struct squashfs_result result;
    int fd = openat(check_directory(), name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    CHECK(fd >= 0);
    CHECK_DONE(squashfs_write(&source->source.inventory, &source->squashfs,
                              (struct squashfs_place){ fd, 0 }, scratch, &result, check_error));
    return fd;
}

void check_source_release(const struct check_source *source)
{
    image_source_release(&source->source);
    check_store_close(&source->store);
}
