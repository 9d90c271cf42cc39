#include "tests/check_pinned.h"
#include "tests/check_store.h"

#include "schema/boot/fetch_report.h"
#include "units/fetch/fetch.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct fetch_limits limits = { .connect_ms = 1000, .report_ms = 3600000 };

/* Fetches a layer to the kit's directory, with what it prints kept away. */
static bool run(const struct check_pinned *pinned, struct fetch *fetch, struct arena *arena)
{
    struct fetch_layer *layer = arena_new(arena, struct fetch_layer, 1);
    struct fetch_request *request = arena_new(arena, struct fetch_request, 1);
    unsetenv("JOURNAL_STREAM");
    unsetenv("NOTIFY_SOCKET");
    layer->pin = pinned->layer;
    *request = (struct fetch_request){ .layers = layer, .layer_count = 1 };
    *fetch = (struct fetch){ .request = request,
                             .limits = &limits,
                             .arena = arena,
                             .root = check_directory(),
                             .directory = check_directory() };
    fetch->report = (struct reporter){ .limits = &limits, .arena = arena, .root = fetch->root };
    fetch->report.layers = arena_new(arena, struct reporter_layer, 1);
    fetch->report.layers[0].layer = &layer->pin;
    fetch->report.layer_count = 1;
    struct check_output output = check_keep(STDERR_FILENO);
    bool is_done = fetch_run(fetch, check_error);
    check_kept(&output, arena);
    return is_done;
}

static void a_layer_that_is_there_needs_no_network(struct arena arena)
{
    struct fetch fetch;
    struct check_pinned pinned = check_pinned_make(VERITY_SPAN_BYTES + 4096, &arena);
    check_file(fetch_image_name(&pinned.layer, &arena), pinned.image);
    check_file(fetch_verity_name(&pinned.layer, &arena), pinned.verity);
    CHECK_DONE(run(&pinned, &fetch, &arena));
    CHECK_STR(fetch.report.layers[0].from, FETCH_REPORT_CACHE);
    CHECK_NUMBER(fetch.report.layers[0].kept_bytes, VERITY_SPAN_BYTES + 4096);
    CHECK_NUMBER(fetch.report.total_bytes, 0);
}

static void without_a_server_there_is_a_sentence(struct arena arena)
{
    struct fetch fetch;
    struct check_pinned pinned = check_pinned_make(8192, &arena);
    CHECK_REFUSED(run(&pinned, &fetch, &arena),
                  "fetch nix-store.squashfs: there is no server to ask; give one with regd.from=");
    CHECK_NUMBER(fetch.report.total_bytes, 16384);
    CHECK_STR(check_names(".", &arena), "");
}

static void what_is_wrong_is_removed(struct arena arena)
{
    struct fetch fetch;
    struct check_pinned pinned = check_pinned_make(8192, &arena);
    check_file(fetch_image_name(&pinned.layer, &arena), STR("torn"));
    CHECK(!run(&pinned, &fetch, &arena));
    CHECK_STR(check_names(".", &arena), "");
}

int main(void)
{
    return CHECK_ALL(CASE(a_layer_that_is_there_needs_no_network),
                     CASE(without_a_server_there_is_a_sentence), CASE(what_is_wrong_is_removed));
}
