#include "tests/check_pinned.h"
#include "tests/check_store.h"

#include "schema/boot/fetch_report.h"
#include "units/fetch/reporter.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct fetch_limits now = { .report_ms = 0 };
static const struct fetch_limits never = { .report_ms = 3600000 };

static struct reporter begin(const struct layer *layer, const struct fetch_limits *limits,
                             struct arena *arena)
{
    struct reporter report = { .limits = limits, .arena = arena, .root = check_directory() };
    unsetenv("JOURNAL_STREAM");
    unsetenv("NOTIFY_SOCKET");
    report.layers = arena_new(arena, struct reporter_layer, 1);
    report.layers[0].layer = layer;
    report.layer_count = 1;
    reporter_start(&report);
    return report;
}

static struct fetch_report read_file(struct arena *arena)
{
    struct fetch_report found = { 0 };
    CHECK_DONE(fetch_report_parse(check_content("run/regd/fetch.json", arena), arena, &found,
                                  check_error));
    return found;
}

static void progress_is_a_line_and_the_file(struct arena arena)
{
    struct layer layer = { .name = STR("nix-store.squashfs"), .size_bytes = 8 << 20 };
    struct reporter report = begin(&layer, &now, &arena);
    report.total_bytes = 8 << 20;
    report.done_bytes = 2 << 20;
    report.mirror = "http://a/b";
    report.is_waiting = true;
    struct check_output output = check_keep(STDOUT_FILENO);
    reporter_tick(&report);
    CHECK_STR(check_kept(&output, &arena),
              "regd-fetch: 2 of 8 MiB (24 %), waiting, from http://a/b\n");
    struct fetch_report found = read_file(&arena);
    CHECK(found.state == FETCH_RUNNING && found.layer_count == 1);
    CHECK_STR(found.mirror, "http://a/b");
}

static void before_its_time_nothing_is_said(struct arena arena)
{
    struct layer layer = { .name = STR("nix-store.squashfs"), .size_bytes = 4096 };
    struct reporter report = begin(&layer, &never, &arena);
    struct check_output output = check_keep(STDOUT_FILENO);
    reporter_tick(&report);
    CHECK_STR(check_kept(&output, &arena), "");
    CHECK_STR(check_content("run/regd/fetch.json", &arena), "(absent)");
}

static void an_event_is_a_line(struct arena arena)
{
    struct layer layer = { .name = STR("nix-store.squashfs"), .size_bytes = 4096 };
    struct reporter report = begin(&layer, &never, &arena);
    struct check_output output = check_keep(STDERR_FILENO);
    reporter_tell(&report, REPORTER_AGAIN, NULL, "fetch %s", "x\x1b[2J");
    reporter_tell(&report, REPORTER_CACHED, NULL, "cached");
    CHECK_STR(check_kept(&output, &arena),
              "regd-fetch: warning: fetch x\\x1b[2J\nregd-fetch: cached\n");
}

static void the_end_is_in_the_file(struct arena arena)
{
    struct layer layer = { .name = STR("nix-store.squashfs"), .size_bytes = 4096 };
    struct reporter report = begin(&layer, &never, &arena);
    report.received_bytes = 3 << 20;
    report.layers[0].kept_bytes = 4096;
    report.layers[0].from = FETCH_REPORT_CACHE;
    struct check_output output = check_keep(STDERR_FILENO);
    reporter_done(&report);
    CHECK(str_starts(check_kept(&output, &arena),
                     STR("regd-fetch: the store is there: 1 layer, 3 MiB received in ")));
    struct fetch_report found = read_file(&arena);
    CHECK(found.state == FETCH_DONE && found.received_bytes == 3 << 20);
    CHECK_STR(found.layers[0].from, "cache");
    CHECK_NUMBER(found.layers[0].kept_bytes, 4096);
}

static void a_failure_is_the_frame_and_in_the_file(struct arena arena)
{
    struct layer layer = { .name = STR("nix-store.squashfs"), .size_bytes = 4096 };
    struct reporter report = begin(&layer, &never, &arena);
    struct error error = { .sentence = "no server has it" };
    struct check_output output = check_keep(STDERR_FILENO);
    reporter_failed(&report, &error, STR("***\n* x *\n***\n"));
    CHECK_STR(check_kept(&output, &arena), "***\n* x *\n***\n");
    struct fetch_report found = read_file(&arena);
    CHECK(found.state == FETCH_FAILED);
    CHECK_STR(found.error, "no server has it");
}

/* What cannot be written does not matter. */
static void without_a_root_it_goes_on(struct arena arena)
{
    struct layer layer = { .name = STR("nix-store.squashfs"), .size_bytes = 4096 };
    struct reporter report = begin(&layer, &now, &arena);
    report.root = -1;
    struct check_output output = check_keep(STDOUT_FILENO);
    reporter_tick(&report);
    CHECK(check_kept(&output, &arena).len > 0);
}

int main(void)
{
    return CHECK_ALL(CASE(progress_is_a_line_and_the_file), CASE(before_its_time_nothing_is_said),
                     CASE(an_event_is_a_line), CASE(the_end_is_in_the_file),
                     CASE(a_failure_is_the_frame_and_in_the_file), CASE(without_a_root_it_goes_on));
}
