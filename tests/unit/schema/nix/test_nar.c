#include "tests/check.h"
#include "tests/check_calls.h"

#include "schema/base/file.h"
#include "schema/base/own.h"
#include "schema/nix/nar.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#define COUNT(table) (sizeof(table) / sizeof *(table))

static enum nar_answer hash(int directory, struct str name, struct arena scratch,
                            struct nar *ret_nar, struct error *error)
{
    struct budget contents = nar_contents_budget();
    struct nar_place place = { directory, name, &contents, NULL };
    return nar_hash(&place, scratch, ret_nar, error);
}

static void make_directory(const char *name)
{
    CHECK(mkdirat(check_directory(), name, 0755) == 0);
}

static void make_file(const char *name, const void *content, size_t size_bytes, mode_t mode)
{
    cleanup(own_close) int fd =
        openat(check_directory(), name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    CHECK_DONE(file_write((struct file){ fd, name }, content, size_bytes, check_error));
    CHECK(fchmod(fd, mode) == 0);
}

static void make_link(const char *name, const char *target)
{
    CHECK(symlinkat(target, check_directory(), name) == 0);
}

static struct str hex_of(const struct hash *hash, struct arena *arena)
{
    char *hex = arena_new(arena, char, HASH_HEX_LENGTH + 1);
    hash_format_hex(hash->bytes, HASH_BYTES, hex);
    return (struct str){ hex, HASH_HEX_LENGTH };
}

static void check_nar(const char *name, uint64_t size_bytes, const char *hex, struct arena arena)
{
    struct nar nar = { 0 };
    check_about("%s", name);
    CHECK_NUMBER(hash(check_directory(), str_from(name), arena, &nar, check_error), NAR_DONE);
    CHECK_NUMBER(nar.size_bytes, size_bytes);
    CHECK_STR(hex_of(&nar.hash, &arena), hex);
}

static void check_failure(const char *name, const char *sentence, struct arena arena)
{
    struct nar nar;
    CHECK_REFUSED(hash(check_directory(), str_from(name), arena, &nar, check_error) != NAR_FAILED,
                  sentence);
}

/* The sizes and hashes are those of `nix-store --dump NAME | wc -c` and `| sha256sum`. */

static void a_file_is_its_content_and_its_executable_bit(struct arena arena)
{
    static const struct {
        const char *name, *content;
        mode_t mode;
        uint64_t size_bytes;
        const char *hex;
    } rows[] = {
        { "empty", "", 0644, 112,
          "77ac62e2629d8e45f624589c0c8bf99e24b3a722349bf1e79bc186008534e246" },
        { "five", "hello", 0444, 120,
          "0a430879c266f8b57f4092a0f935cf3facd48bbccde5760d4748ca405171e969" },
        { "eight", "12345678", 0600, 120,
          "22d63223426447e64aa20d76d506b3e062a2d242bb797536dbf3ee681be3f53c" },
        { "executable", "#!/bin/sh\n", 0755, 160,
          "6283c1668260f903d1a895c0cd6b822fa4b68762bb0b17cedef2d39d97e26554" },
        { "executable-for-the-owner", "#!/bin/sh\n", 0500, 160,
          "6283c1668260f903d1a895c0cd6b822fa4b68762bb0b17cedef2d39d97e26554" },
        { "executable-for-others", "g", 0655, 120,
          "55b1c55b524fcb8b5f96f3a9724fb7413bd44090dc327f92dc3b9424de2afc43" },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        make_file(rows[i].name, rows[i].content, strlen(rows[i].content), rows[i].mode);
        check_nar(rows[i].name, rows[i].size_bytes, rows[i].hex, arena);
    }
}

static void files_around_the_size_of_the_buffer_are_whole(struct arena arena)
{
    static const struct {
        size_t content_bytes;
        uint64_t size_bytes;
        const char *hex;
    } rows[] = {
        { 262016, 262128, "75ca9259a27509e4d55d0b9f6db7b1dd8dca13a33f37521ec46b453a7b403215" },
        { 262143, 262256, "f50f569a9b7728112c4298bc68d63a1b5c3a8728e9a4e2a019c247dbb466ccbc" },
        { 262144, 262256, "ecdae36acad5851584e57abb092bc444eb576d892362492c6b17fa90b779b9e6" },
        { 262145, 262264, "474984cc46303f8f0a8dddcbf3ee557e99b99daef9749b5b22848073860d6029" },
        { 1000003, 1000120, "efbe71f3c26db1d0d9dc9555e5f6c3668e03767d4fcf6cab8d1747900c81d21e" },
    };
    enum { PERIOD = 1 << 18, CONTENT_BYTES = 1000003 };
    uint8_t *content = arena_new(&arena, uint8_t, CONTENT_BYTES);
    for (size_t i = 0; i < CONTENT_BYTES; i++)
        content[i] = (uint8_t)(i % PERIOD * 7 + i % PERIOD / 251);
    for (size_t i = 0; i < COUNT(rows); i++) {
        const char *name = arena_format(&arena, "size-%zu", rows[i].content_bytes).data;
        make_file(name, content, rows[i].content_bytes, 0644);
        check_nar(name, rows[i].size_bytes, rows[i].hex, arena);
    }
}

static void a_link_is_its_target_and_is_not_followed(struct arena arena)
{
    char longest[4096];
    memset(longest, 't', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    make_link("link", "/nix/store/nowhere");
    check_nar("link", 136, "d87f81efe973c760e6db17cf72d1fba55f74a20364b8ddbd53a0a374fd896874",
              arena);
    make_link("longest", longest);
    check_nar("longest", 4208, "2ddf8ae9d4c6b53faa01e85b4c4c1aff65c35c24a649bad983dedcc69d561d3d",
              arena);
}

static const char tree_hex[] = "14c1304a579838544fd9959faff93d384696af711ee030e341b90ff2713b525b";
enum { TREE_BYTES = 1784 };

static void make_tree(void)
{
    make_directory("tree");
    make_directory("tree/b");
    make_directory("tree/b/c");
    make_directory("tree/B");
    make_file("tree/b/c/deep", "3", 1, 0644);
    make_file("tree/aa", "y", 1, 0644);
    make_file("tree/a.txt", "1", 1, 0644);
    make_file("tree/a", "2", 1, 0755);
    make_file("tree/\xff\nz \xc3\xa9", "x", 1, 0644);
    make_link("tree/b/up", "../a");
}

static void entries_ascend_by_their_bytes(struct arena arena)
{
    make_directory("empty");
    check_nar("empty", 96, "a50a5ab6d992f5598edd92105059fae9acfc192981e08bd88534c2167e92526a",
              arena);
    make_tree();
    check_nar("tree", TREE_BYTES, tree_hex, arena);
}

static void a_directory_may_have_many_entries(struct arena arena)
{
    make_directory("many");
    for (int i = 0; i < 3000; i++) {
        struct arena scratch = arena;
        make_file(arena_format(&scratch, "many/a-rather-long-name-to-fill-a-listing-%d", i).data,
                  "", 0, 0644);
    }
    check_nar("many", 664096, "8418b37c50994bb40700b8ad2f63759cdd717d382a5887df6f2d35b3979e88a4",
              arena);
}

/* Puts "deep" into a new directory of that name, so many times; or takes it out. No path is long. */
static void bury(int levels)
{
    for (int i = 0; i < levels; i++) {
        CHECK(mkdirat(check_directory(), "above", 0755) == 0);
        CHECK(renameat(check_directory(), "deep", check_directory(), "above/d") == 0);
        CHECK(renameat(check_directory(), "above", check_directory(), "deep") == 0);
    }
}

static void unearth(int levels)
{
    for (int i = 0; i < levels; i++) {
        CHECK(renameat(check_directory(), "deep/d", check_directory(), "below") == 0);
        CHECK(unlinkat(check_directory(), "deep", AT_REMOVEDIR) == 0);
        CHECK(renameat(check_directory(), "below", check_directory(), "deep") == 0);
    }
}

/* The second is deeper than Nix can walk; its values were computed from the format's description. */
static void directories_may_be_deeper_than_a_path_is_long(struct arena arena)
{
    make_directory("deep");
    make_file("deep/end", "end", 3, 0644);
    bury(1000);
    check_nar("deep", 168288, "9fa5db67352ce0cc83ca911883b43a6ba694e800064a5e96187559e49fb6f41c",
              arena);
    bury(1500);
    check_nar("deep", 420288, "74a3c526545f0a88d9722cc6a371c3c052e5aac0b18cd331dac2d57a07f514a6",
              arena);
    unearth(2500);
}

static void what_a_store_cannot_hold_is_refused_by_name(struct arena arena)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    make_directory("tree");
    make_directory("tree/below");
    CHECK(mkfifoat(check_directory(), "tree/below/pipe", 0644) == 0);
    check_failure("tree", "tree/below/pipe: a store cannot hold a device, socket or pipe", arena);
    CHECK(unlinkat(check_directory(), "tree/below/pipe", 0) == 0);

    cleanup(own_close) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    snprintf(address.sun_path, sizeof address.sun_path, "%s/tree/socket", check_directory_path());
    CHECK(bind(fd, (const struct sockaddr *)&address, sizeof address) == 0);
    check_failure("tree", "tree/socket: a store cannot hold a device, socket or pipe", arena);

    cleanup(own_close) int devices = open("/dev", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct nar nar;
    CHECK_REFUSED(hash(devices, STR("null"), arena, &nar, check_error) != NAR_FAILED,
                  "null: a store cannot hold a device, socket or pipe");
}

static void what_is_not_there_is_an_answer(struct arena arena)
{
    struct nar nar;
    CHECK_NUMBER(hash(check_directory(), STR("nothing"), arena, &nar, check_error), NAR_ABSENT);
}

/* Files of sysfs have a page's size and less content. */
static void a_file_that_ends_early_is_refused(struct arena arena)
{
    struct nar nar;
    cleanup(own_close) int cpus =
        open("/sys/devices/system/cpu", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (cpus < 0 || faccessat(cpus, "online", R_OK, 0) < 0) {
        check_skip("/sys, whose files say more than they hold, is not mounted");
        return;
    }
    CHECK_REFUSED(hash(cpus, STR("online"), arena, &nar, check_error) != NAR_FAILED,
                  "online: it changed while it was read");
}

enum { GROWING_BYTES = 512 << 20 };

struct grower {
    int fd;
    atomic_bool is_done;
};

static void *grow(void *argument)
{
    struct grower *grower = argument;
    while (!grower->is_done && write(grower->fd, "x", 1) == 1)
        ;
    return NULL;
}

static void a_file_that_grows_is_refused(struct arena arena)
{
    pthread_t thread;
    make_directory("tree");
    make_file("tree/file", "", 0, 0644);
    cleanup(own_close) int fd =
        openat(check_directory(), "tree/file", O_WRONLY | O_APPEND | O_CLOEXEC);
    /* Long enough to be read while the other thread gets its turn; it takes no room. */
    CHECK(ftruncate(fd, GROWING_BYTES) == 0);
    struct grower grower = { .fd = fd };
    if (!CHECK(pthread_create(&thread, NULL, grow, &grower) == 0))
        return;
    struct stat status;
    while (fstat(fd, &status) == 0 && status.st_size == GROWING_BYTES)
        ;
    check_failure("tree", "tree/file: it changed while it was read", arena);
    grower.is_done = true;
    pthread_join(thread, NULL);
}

struct reader {
    struct arena arena;
    struct error error;
    struct nar nar;
    int done_count;
};

enum { READER_COUNT = 4, ROUND_COUNT = 100 };

static void *read_often(void *argument)
{
    struct reader *reader = argument;
    for (int i = 0; i < ROUND_COUNT; i++)
        reader->done_count += hash(check_directory(), STR("tree"), reader->arena, &reader->nar,
                                   &reader->error) == NAR_DONE;
    return NULL;
}

/* Whichever system call fails: a sentence with the name, and nothing is returned. */
static void each_call_that_fails_is_told(struct arena arena)
{
    size_t number = 1;
    make_tree();
    for (;; number++) {
        struct nar nar = { .size_bytes = 77 };
        check_about("call %zu", number);
        check_calls_fail(number);
        enum nar_answer answer = hash(check_directory(), STR("tree"), arena, &nar, check_error);
        bool has_failed = check_calls_end();
        if (answer == NAR_DONE) {
            CHECK(!has_failed);
            CHECK_STR(hex_of(&nar.hash, &arena), tree_hex);
            break;
        }
        struct str sentence = str_from(check_error->sentence);
        CHECK(has_failed && answer == NAR_FAILED);
        CHECK(str_starts(sentence, STR("tree")) && str_ends(sentence, STR(": Input/output error")));
        CHECK_NUMBER(nar.size_bytes, 77);
    }
    CHECK(number > 40);
}

static void threads_do_not_disturb_each_other(struct arena arena)
{
    static struct reader readers[READER_COUNT];
    pthread_t threads[READER_COUNT];
    make_tree();
    check_nar("tree", TREE_BYTES, tree_hex, arena);
    for (int i = 0; i < READER_COUNT; i++) {
        CHECK_DONE(arena_reserve(&readers[i].arena, 16 << 20, check_error));
        CHECK(pthread_create(&threads[i], NULL, read_often, &readers[i]) == 0);
    }
    for (int i = 0; i < READER_COUNT; i++) {
        CHECK(pthread_join(threads[i], NULL) == 0);
        CHECK_NUMBER(readers[i].done_count, ROUND_COUNT);
        CHECK_STR(hex_of(&readers[i].nar.hash, &arena), tree_hex);
    }
}

/* A file claims what it likes, and its holes cost as much to hash as data. */
static void holes_are_refused_before_they_are_read(struct arena arena)
{
    make_file("hole", "", 0, 0644);
    cleanup(own_close) int fd = openat(check_directory(), "hole", O_WRONLY | O_CLOEXEC);
    CHECK(ftruncate(fd, (off_t)1 << 40) == 0);
    check_failure("hole",
                  "hole: contents of the store: more than 4294967296 bytes, the limit for 0 bytes "
                  "of input",
                  arena);
}

/* What a NAR does not show. */
static void what_is_not_sealed_is_refused(struct arena arena)
{
    static const struct {
        const char *name;
        mode_t mode;
        uid_t owner;
        bool is_sealed;
    } rows[] = {
        { "top", 0555, 0, true },           { "top/file", 0444, 0, true },
        { "top/file", 0755, 0, true },      { "top", 0755, 0, true },
        { "top/file", 04555, 0, false },    { "top/file", 02555, 0, false },
        { "top/file", 0446, 0, false },     { "top/file", 0464, 0, false },
        { "top", 0757, 0, false },          { "top", 01555, 0, false },
        { "top/file", 0444, 12345, false }, { "top", 0555, 12345, false },
    };
    struct nar nar;
    struct stat status;
    struct budget contents = nar_contents_budget();
    make_directory("top");
    make_file("top/file", "x", 1, 0444);
    make_link("top/link", "file");
    CHECK(fchmodat(check_directory(), "top", 0555, 0) == 0);
    uid_t self = geteuid();
    struct nar_place place = { check_directory(), STR("top"), &contents, &self };
    for (size_t i = 0; i < COUNT(rows); i++) {
        int directory = check_directory();
        if (self != 0 && rows[i].owner != 0)
            continue;
        check_about("%s %04o %u", rows[i].name, rows[i].mode, rows[i].owner);
        CHECK(fstatat(directory, rows[i].name, &status, 0) == 0);
        CHECK(fchownat(directory, rows[i].name, rows[i].owner ? rows[i].owner : self, -1, 0) == 0);
        CHECK(fchmodat(directory, rows[i].name, rows[i].mode, 0) == 0);
        CHECK_NUMBER(nar_hash(&place, arena, &nar, check_error),
                     rows[i].is_sealed ? NAR_DONE : NAR_FAILED);
        CHECK(rows[i].is_sealed ||
              strstr(check_error->sentence,
                     ": others can change it, or get rights by it; remove it"));
        place.sealed_by = NULL;
        CHECK_NUMBER(nar_hash(&place, arena, &nar, check_error), NAR_DONE);
        place.sealed_by = &self;
        CHECK(fchownat(directory, rows[i].name, self, -1, 0) == 0);
        CHECK(fchmodat(directory, rows[i].name, status.st_mode & 07777, 0) == 0);
    }
}

int main(void)
{
    return CHECK_ALL(CASE(holes_are_refused_before_they_are_read),
                     CASE(a_file_is_its_content_and_its_executable_bit),
                     CASE(files_around_the_size_of_the_buffer_are_whole),
                     CASE(a_link_is_its_target_and_is_not_followed),
                     CASE(entries_ascend_by_their_bytes), CASE(a_directory_may_have_many_entries),
                     CASE(directories_may_be_deeper_than_a_path_is_long),
                     CASE(what_a_store_cannot_hold_is_refused_by_name),
                     CASE(what_is_not_there_is_an_answer), CASE(a_file_that_ends_early_is_refused),
                     CASE(a_file_that_grows_is_refused), CASE(each_call_that_fails_is_told),
                     CASE(threads_do_not_disturb_each_other), CASE(what_is_not_sealed_is_refused));
}
