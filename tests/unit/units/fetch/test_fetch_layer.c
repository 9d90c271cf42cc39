#include "tests/check_pinned.h"
#include "tests/check_store.h"

#include "units/fetch/fetch_layer.h"

static const struct fetch_limits limits = { .connect_ms = 1000, .report_ms = 3600000 };

/* Whatever is asked first fails: the mirror is out. */
static bool fetch_to(bool is_memory, const struct layer *pin, struct arena *arena)
{
    struct mirror mirror = { .base = "http://one/", .out = "it was damaged", .is_wrong = true };
    struct reporter report = { .limits = &limits, .arena = arena, .root = check_directory() };
    struct fetching fetching = {
        .report = &report,
        .settings.limits = &limits,
        .mirrors = { &mirror, 1 },
        .arena = arena,
        .room = arena_room(arena, STREAM_ROOM_BYTES),
    };
    struct fetch_layer layer = { .pin = *pin };
    struct fetch_target target = { check_directory(), is_memory };
    return fetch_layer(&fetching, &layer, &target, check_error);
}

static void the_verity_data_is_asked_for_first(struct arena arena)
{
    struct check_pinned pinned = check_pinned_make(8192, &arena);
    for (unsigned i = 0; i < 2; i++) {
        check_about("%s", i ? "memory" : "disk");
        CHECK_REFUSED(fetch_to(i, &pinned.layer, &arena),
                      arena_format(&arena,
                                   "fetch nix-store.squashfs: no server has it: http://one/%.*s: "
                                   "it was damaged; publish the tree again, or name another "
                                   "server with regd.from=",
                                   STR_ARG(layer_verity_name(&pinned.layer, &arena)))
                          .data);
    }
}

static void what_fails_leaves_no_name(struct arena arena)
{
    struct check_pinned pinned = check_pinned_make(8192, &arena);
    for (unsigned i = 0; i < 2; i++) {
        CHECK(!fetch_to(i, &pinned.layer, &arena));
        CHECK_STR(check_names(".", &arena), "");
    }
}

int main(void)
{
    return CHECK_ALL(CASE(the_verity_data_is_asked_for_first), CASE(what_fails_leaves_no_name));
}
