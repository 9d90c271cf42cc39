#include "units/fetch/mirrors.h"

#include <assert.h>

void mirrors_begin(struct mirror_list *mirrors, const char *name, const char *url,
                   struct arena *arena)
{
    for (size_t i = 0; i < mirrors->count; i++) {
        struct mirror *mirror = &mirrors->items[i];
        assert(!url || mirrors->count == 1);
        mirror->source = (struct http_source){
            .url = url ? url : arena_format(arena, "%s%s", mirror->base, name).data
        };
        mirror->next_ms = 0;
        mirror->failures = 0;
        mirror->short_end = UINT64_MAX;
        if (!mirror->is_wrong)
            mirror->out = NULL;
    }
}

struct mirror *mirrors_next(const struct mirror_list *mirrors, uint64_t now_ms,
                            uint64_t *ret_wait_ms)
{
    uint64_t earliest = UINT64_MAX;
    for (size_t i = 0; i < mirrors->count; i++) {
        struct mirror *mirror = &mirrors->items[i];
        if (mirror->out)
            continue;
        if (mirror->next_ms <= now_ms) {
            *ret_wait_ms = 0;
            return mirror;
        }
        if (mirror->next_ms < earliest)
            earliest = mirror->next_ms;
    }
    *ret_wait_ms = earliest == UINT64_MAX ? UINT64_MAX : earliest - now_ms;
    return NULL;
}

unsigned mirror_least_rate(const struct mirror_list *mirrors, const struct mirror *mirror,
                           const struct fetch_limits *limits)
{
    for (size_t i = 0; i < mirrors->count; i++) {
        const struct mirror *other = &mirrors->items[i];
        if (other != mirror && !other->out && other->failures == 0)
            return limits->slow_rate;
    }
    return limits->stall_rate;
}

uint64_t mirror_wait(struct mirror *mirror, const struct fetch_limits *limits, uint64_t now_ms,
                     uint32_t random)
{
    uint64_t wait = limits->retry_first_ms, asked = mirror->source.wait_seconds;
    for (unsigned i = 0; i < mirror->failures && wait < limits->retry_last_ms; i++)
        wait *= 2;
    if (wait > limits->retry_last_ms)
        wait = limits->retry_last_ms;
    wait -= wait / 2 * random / UINT32_MAX;
    if (asked > limits->retry_after_seconds)
        asked = limits->retry_after_seconds;
    if (asked * 1000 > wait)
        wait = asked * 1000;
    mirror->failures++;
    mirror->next_ms = now_ms + wait;
    return wait;
}

void mirror_leave(struct mirror *mirror, bool is_wrong, const char *sentence, struct arena *arena)
{
    mirror->out = arena_copy(arena, str_from(sentence)).data;
    mirror->is_wrong = is_wrong;
}

struct str mirrors_reasons(const struct mirror_list *mirrors, struct arena *arena)
{
    struct str text = STR("");
    for (size_t i = 0; i < mirrors->count; i++) {
        const struct mirror *mirror = &mirrors->items[i];
        text = arena_format(arena, "%.*s%s%s: %s", STR_ARG(text), i > 0 ? "; " : "",
                            mirror->source.url, mirror->out ? mirror->out : "not asked");
    }
    return text;
}
