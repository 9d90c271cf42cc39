#include "tests/check_pinned.h"
#include "tests/check_store.h"

#include "schema/base/own.h"
#include "units/fetch/fetch_file.h"

#include <unistd.h>

static const struct fetch_limits limits = { .connect_ms = 1000, .report_ms = 3600000 };

/* Fetches a file from so many mirrors, all of which sent wrong bytes before. */
static bool fetch_from(size_t mirror_count, struct reporter *report, struct arena *arena)
{
    struct mirror mirrors[] = {
        { .base = "http://one/", .out = "it was damaged", .is_wrong = true },
        { .base = "http://two/", .out = "it was too", .is_wrong = true },
    };
    cleanup(own_close) int target = check_pinned_file();
    struct stream stream = { .target = { target, "file" },
                             .size_bytes = 4096,
                             .check = image_stream_check };
    *report = (struct reporter){ .limits = &limits, .arena = arena, .root = check_directory() };
    struct fetching fetching = {
        .report = report,
        .settings.limits = &limits,
        .mirrors = { mirrors, mirror_count },
        .arena = arena,
        .room = arena_room(arena, STREAM_ROOM_BYTES),
    };
    mirrors_begin(&fetching.mirrors, "x.squashfs", NULL, arena);
    return fetch_file(&fetching, &stream, check_error);
}

static void without_a_mirror_there_is_a_sentence(struct arena arena)
{
    struct reporter report;
    CHECK_REFUSED(fetch_from(0, &report, &arena),
                  "there is no server to ask; give one with regd.from=");
    CHECK_NUMBER(report.done_bytes, 0);
    CHECK(!report.stream);
}

static void why_each_is_out_is_told(struct arena arena)
{
    struct reporter report;
    CHECK_REFUSED(fetch_from(2, &report, &arena),
                  "no server has it: http://one/x.squashfs: it was damaged; "
                  "http://two/x.squashfs: it was too; publish the tree again, or name another "
                  "server with regd.from=");
}

int main(void)
{
    return CHECK_ALL(CASE(without_a_mirror_there_is_a_sentence), CASE(why_each_is_out_is_told));
}
