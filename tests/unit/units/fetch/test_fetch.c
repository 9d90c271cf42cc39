#include "tests/check_calls.h"
#include "tests/check_http.h"

#include "schema/boot/fetch_report.h"
#include "units/fetch/fetch.h"

#include <errno.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

/* --- A file system with so much room ------------------------------------------------------------- */

static struct {
    bool is_memory;
    size_t free_bytes, freed_bytes; /* at the first look; more at each further one */
    size_t look_count, failing_look;
} room;

int fstatfs(int fd, struct statfs *ret_status)
{
    (void)fd;
    *ret_status =
        (struct statfs){ .f_type = room.is_memory ? TMPFS_MAGIC : EXT4_SUPER_MAGIC,
                         .f_blocks = 1 << 20,
                         .f_bsize = 1,
                         .f_bavail = room.free_bytes + room.look_count * room.freed_bytes };
    errno = EIO;
    return ++room.look_count == room.failing_look ? -1 : 0;
}

/* --- A run --------------------------------------------------------------------------------------- */

static struct {
    const char *mirror, *url; /* of all images, of the one */
    unsigned report_ms;
    size_t failing_call;
    /* What came of it. */
    bool has_failed;
    struct reporter report;
    struct str told;
} test;

static void begin(bool is_memory)
{
    memset(&test, 0, sizeof test);
    memset(&room, 0, sizeof room);
    memset(&check_http, 0, sizeof check_http);
    test.report_ms = 3600000;
    room.free_bytes = 1 << 20;
    room.is_memory = is_memory;
    unsetenv("JOURNAL_STREAM");
    unsetenv("NOTIFY_SOCKET");
}

/* Fetches a layer to the kit's directory, which is the ramdisk's root, too. */
static bool run(const struct check_pinned *pinned, struct arena *arena)
{
    struct fetch_layer layer = { .pin = pinned->layer, .url = test.url };
    struct reporter_layer place = { .layer = &layer.pin };
    struct fetch_limits limits = { .report_ms = test.report_ms };
    struct fetch_request request = { .layers = &layer, .layer_count = 1 };
    if (test.mirror)
        request.mirrors = (struct option_list){ .items = &test.mirror, .count = 1 };
    struct fetch fetch = {
        .request = &request,
        .limits = &limits,
        .arena = arena,
        .root = check_directory(),
        .directory = check_directory(),
        .report = { .limits = &limits,
                    .arena = arena,
                    .root = check_directory(),
                    .layers = &place,
                    .layer_count = 1 },
    };
    check_http.pinned = pinned;
    struct check_output output = check_keep(STDOUT_FILENO), events = check_keep(STDERR_FILENO);
    check_calls_fail(test.failing_call);
    bool is_done = fetch_run(&fetch, check_error);
    test.has_failed = check_calls_end();
    test.told = check_kept(&events, arena);
    check_kept(&output, arena);
    test.report = fetch.report;
    test.report.layers = arena_new(arena, struct reporter_layer, 1);
    *test.report.layers = place;
    return is_done;
}

static void put_into_cache(const struct check_pinned *pinned, struct arena *arena)
{
    check_file(fetch_image_name(&pinned->layer, arena), pinned->image);
    check_file(fetch_verity_name(&pinned->layer, arena), pinned->verity);
}

/* Has the kit's directory the layer, right and whole? In memory it needs no verity data. */
static bool is_there(const struct check_pinned *pinned, struct arena arena)
{
    struct str image = check_content(fetch_image_name(&pinned->layer, &arena), &arena);
    struct str verity = check_content(fetch_verity_name(&pinned->layer, &arena), &arena);
    return str_equal(image, pinned->image) &&
           (str_equal(verity, pinned->verity) ||
            (room.is_memory && str_equal(verity, STR("(absent)"))));
}

static void remove_all(const struct check_pinned *pinned, struct arena arena)
{
    unlinkat(check_directory(), fetch_image_name(&pinned->layer, &arena), 0);
    unlinkat(check_directory(), fetch_verity_name(&pinned->layer, &arena), 0);
}

/* --- Cases --------------------------------------------------------------------------------------- */

static void a_layer_that_is_there_needs_no_network(struct arena arena)
{
    struct check_pinned pinned = check_pinned_make(VERITY_SPAN_BYTES + 4096, &arena);
    begin(false);
    put_into_cache(&pinned, &arena);
    CHECK_DONE(run(&pinned, &arena));
    CHECK_STR(test.report.layers[0].from, FETCH_REPORT_CACHE);
    CHECK_NUMBER(test.report.layers[0].kept_bytes, VERITY_SPAN_BYTES + 4096);
    CHECK_NUMBER(test.report.total_bytes, 0);
    CHECK_NUMBER(check_http.request_count, 0);
}

static void without_a_server_there_is_a_sentence(struct arena arena)
{
    struct check_pinned pinned = check_pinned_make(8192, &arena);
    begin(false);
    CHECK_REFUSED(run(&pinned, &arena),
                  "fetch nix-store.squashfs: there is no server to ask; give one with regd.from=");
    CHECK_NUMBER(test.report.total_bytes, 16384);
    CHECK_STR(check_names(".", &arena), "");
    check_http.is_missing = true;
    CHECK_REFUSED(run(&pinned, &arena), "load what is missing");
}

static void what_is_wrong_is_removed(struct arena arena)
{
    struct check_pinned pinned = check_pinned_make(8192, &arena);
    begin(false);
    check_file(fetch_image_name(&pinned.layer, &arena), STR("torn"));
    CHECK(!run(&pinned, &arena));
    CHECK_STR(check_names(".", &arena), "");
}

static void what_is_missing_is_fetched(struct arena arena)
{
    struct check_pinned pinned = check_pinned_make(8192, &arena);
    struct str name = layer_image_name(&pinned.layer, &arena);
    for (unsigned is_memory = 0; is_memory < 2; is_memory++) {
        begin(is_memory);
        test.mirror = "http://one/";
        CHECK_DONE(run(&pinned, &arena));
        CHECK(is_there(&pinned, arena));
        CHECK_NUMBER(check_http.request_count, 2);
        CHECK_NUMBER(test.report.done_bytes, 16384);
        CHECK_STR(test.report.layers[0].from,
                  arena_format(&arena, "http://one/%.*s", STR_ARG(name)));
        remove_all(&pinned, arena);
    }
}

static void a_server_is_authenticated_if_that_can_be(struct arena arena)
{
    struct check_pinned pinned = check_pinned_make(8192, &arena);
    begin(true);
    test.url = "https://one/x.squashfs";
    CHECK_DONE(run(&pinned, &arena));
    CHECK_STR(check_http.url, "https://one/x.squashfs");
    CHECK_STR(test.told, "regd-fetch: the ramdisk has no certificates of authorities: "
                         "servers are not authenticated, only what they send\n");
    remove_all(&pinned, arena);
    begin(true);
    test.mirror = "https://one/";
    check_file("etc/ssl/certs/ca-bundle.crt", STR("PEM"));
    CHECK_DONE(run(&pinned, &arena));
    CHECK_STR(check_http.certificates, "PEM");
    CHECK_STR(test.told, "");
}

/* Of other images, what is in the cache goes if there is no room otherwise. */
static void room_is_made(struct arena arena)
{
    struct check_pinned pinned = check_pinned_make(8192, &arena);
    static const char old[] = CHECK_HASH_HEX ".squashfs";
    begin(false);
    test.mirror = "http://one/";
    room.free_bytes = 4096;
    CHECK_REFUSED(run(&pinned, &arena),
                  "too little space: 1 MiB are needed, and 0 MiB are free; make the file system 1 "
                  "MiB larger, or remove files from it");
    CHECK_STR(test.told, "");
    check_file(old, STR("old"));
    CHECK(!run(&pinned, &arena));
    CHECK_STR(check_names(".", &arena), "");
    check_file(old, STR("old"));
    room.look_count = 0;
    room.freed_bytes = 1 << 20;
    CHECK_DONE(run(&pinned, &arena));
    CHECK(is_there(&pinned, arena));
    CHECK_STR(test.told,
              "regd-fetch: 1 file of other images removed from the cache to make room\n");
    CHECK_STR(check_content(old, &arena), "(absent)");
}

static void memory_that_is_known_to_be_too_little_is_told(struct arena arena)
{
    struct check_pinned pinned = check_pinned_make(8192, &arena);
    begin(true);
    test.mirror = "http://one/";
    check_file("proc/meminfo", STR("MemFree: 1 kB\nMemAvailable:    1024 kB\n"));
    CHECK_REFUSED(run(&pinned, &arena),
                  "too little memory: 65 MiB are needed, 1 for the images and 64 for the rest of "
                  "the boot, and 1 MiB are available; give the machine 64 MiB more, or keep the "
                  "images on a disk with regd.to=");
    CHECK_NUMBER(check_http.request_count, 0);
}

enum { MEMORY = 1, CACHED = 2, OTHERS = 4, KINDS = 8 };

/* A run in which that call fails. Returns false if none has failed. */
static bool try_call(const struct check_pinned *pinned, unsigned kind, size_t number,
                     struct arena arena)
{
    const char *image = fetch_image_name(&pinned->layer, &arena);
    begin(kind & MEMORY);
    test.mirror = "http://one/";
    test.report_ms = 0;
    test.failing_call = number;
    if (kind & CACHED)
        put_into_cache(pinned, &arena);
    if (kind & OTHERS) {
        check_file(CHECK_HASH_HEX ".squashfs", STR("old"));
        room.free_bytes = 4096;
        room.freed_bytes = 1 << 20;
    }
    bool is_done = run(pinned, &arena);
    CHECK(is_done || (test.has_failed && check_error->sentence[0]));
    if (is_done || (!(kind & CACHED) && !str_equal(check_content(image, &arena), STR("(absent)"))))
        CHECK(is_there(pinned, arena));
    return test.has_failed;
}

/* What a machine boots from is right, or is not there, and the next run gets it. Monitoring may fail in silence. */
static void whichever_call_fails_no_half_is_left(struct arena arena)
{
    struct check_pinned pinned = check_pinned_make(8192, &arena);
    check_file("proc/meminfo", STR("MemAvailable: 1000000 kB\n"));
    check_file("etc/ssl/certs/ca-bundle.crt", STR("PEM"));
    for (unsigned kind = 0; kind < KINDS; kind++) {
        bool has_failed = true;
        for (size_t number = 1; has_failed; number++) {
            struct arena scratch = arena;
            check_about("kind %u, call %zu", kind, number);
            has_failed = try_call(&pinned, kind, number, arena);
            begin(kind & MEMORY);
            test.mirror = "http://one/";
            CHECK_DONE(run(&pinned, &scratch));
            CHECK(is_there(&pinned, scratch));
            CHECK(!strstr(check_names(".", &scratch).data, ".draft"));
            remove_all(&pinned, arena);
        }
    }
}

static void a_look_at_the_room_that_fails_is_told(struct arena arena)
{
    struct check_pinned pinned = check_pinned_make(8192, &arena);
    for (size_t i = 1; i <= 2; i++) {
        begin(false);
        check_about("look %zu", i);
        check_file(CHECK_HASH_HEX ".squashfs", STR("old"));
        room.free_bytes = 4096;
        room.failing_look = i;
        CHECK_REFUSED(run(&pinned, &arena), "look for free space: Input/output error");
    }
}

int main(void)
{
    return CHECK_ALL(
        CASE(a_layer_that_is_there_needs_no_network), CASE(without_a_server_there_is_a_sentence),
        CASE(what_is_wrong_is_removed), CASE(what_is_missing_is_fetched),
        CASE(a_server_is_authenticated_if_that_can_be), CASE(room_is_made),
        CASE(memory_that_is_known_to_be_too_little_is_told),
        CASE(whichever_call_fails_no_half_is_left), CASE(a_look_at_the_room_that_fails_is_told));
}
