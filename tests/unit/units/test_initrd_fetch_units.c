#include "tests/check.h"
#include "tests/check_units.h"

#define ROOT "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define PIN  ",root=" ROOT ",size=528384"

static const struct initrd_facts plain = { .program = "/usr/lib/systemd/system-generators/g" };
static const char fetch[] = "regd-fetch.service";

static void layers_are_fetched_to_memory_of_their_size(struct arena arena)
{
    static const char memory[] = "run-regd-layers.mount";
    struct initrd_unit_list units;
    CHECK_DONE(check_units_format("regd.store=http://a/b" PIN " regd.store=/c "
                                  "regd.store=http://a/d,root=" ROOT ",size=4096",
                                  0, &plain, &arena, &units));
    CHECK(check_units_has(&units, memory, "What=tmpfs"));
    CHECK(check_units_has(&units, memory, "Where=/run/regd/layers"));
    CHECK(check_units_has(&units, memory, "Options=mode=0755,nodev,noexec,nosuid,size=532480"));
    CHECK(check_units_has(&units, fetch, "Requires=run-regd-layers.mount"));
    CHECK(check_units_has(&units, fetch, "After=run-regd-layers.mount"));
    CHECK(check_units_has(&units, fetch, "After=network-online.target"));
    CHECK(check_units_has(&units, fetch,
                          "ExecStart=:\"/usr/lib/systemd/regd-fetch\" \"/run/regd/layers\""));
    CHECK(check_units_has(&units, fetch,
                          "ExecStartPost=+:\"/usr/lib/systemd/regd-fetch\" --seal "
                          "/run/regd/layers"));
    CHECK(!check_units_find(&units, "run-regd-cache.mount"));
}

static void a_cache_takes_the_place_of_memory(struct arena arena)
{
    static const char cache[] = "run-regd-cache.mount";
    struct initrd_unit_list units;
    CHECK_DONE(check_units_format("regd.to=PARTLABEL=c regd.store=http://a/b" PIN, 0, &plain,
                                  &arena, &units));
    CHECK(check_units_has(&units, cache, "What=/dev/disk/by-partlabel/c"));
    CHECK(check_units_has(&units, cache, "Where=/run/regd/cache"));
    CHECK(check_units_has(&units, fetch, "Wants=run-regd-cache.mount"));
    CHECK(check_units_has(&units, fetch, "After=run-regd-cache.mount"));
    CHECK(check_units_has(&units, fetch, "Wants=network-online.target"));
    CHECK(!check_units_has(&units, fetch, "After=network-online.target"));
    CHECK(check_units_has(&units, fetch,
                          "ExecStart=:\"/usr/lib/systemd/regd-fetch\" --cache /run/regd/cache "
                          "\"/run/regd/cache/regd\""));
    CHECK(check_units_has(
        &units, fetch, "ExecStartPost=+:\"/usr/lib/systemd/regd-fetch\" --seal /run/regd/cache"));
    CHECK(!check_units_find(&units, "run-regd-layers.mount"));
}

static void a_failure_does_what_was_asked_for(struct arena arena)
{
    static const struct {
        const char *line, *action;
    } rows[] = {
        { "", "FailureAction=reboot-immediate" },
        { "regd.on-failure=reboot:5", "FailureAction=reboot-immediate" },
        { "regd.on-failure=poweroff", "FailureAction=poweroff-immediate" },
        { "regd.on-failure=shell", "FailureAction=none" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct initrd_unit_list units;
        const char *line =
            arena_format(&arena, "regd.store=http://a/b" PIN " %s", rows[i].line).data;
        CHECK_DONE(check_units_format(line, 0, &plain, &arena, &units));
        CHECK(check_units_has(&units, fetch, rows[i].action));
    }
}

static void without_a_url_nothing_is_fetched(struct arena arena)
{
    struct initrd_unit_list units;
    CHECK_DONE(check_units_format("regd.from=http://a/ regd.to=LABEL=c regd.store=/b", 0, &plain,
                                  &arena, &units));
    CHECK(!check_units_find(&units, fetch) && !check_units_find(&units, "run-regd-cache.mount"));
}

int main(void)
{
    return CHECK_ALL(
        CASE(layers_are_fetched_to_memory_of_their_size), CASE(a_cache_takes_the_place_of_memory),
        CASE(a_failure_does_what_was_asked_for), CASE(without_a_url_nothing_is_fetched));
}
