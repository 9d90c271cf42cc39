#include "units/initrd_request.h"

#include "schema/boot/kernel_command_line.h"
#include "units/initrd_value.h"

#include <assert.h>

/* What is being built: the parameters so far. */
struct parsing {
    struct initrd_request *request;
    size_t source_capacity;
    struct arena *arena;
};

/* --- One parameter each ----------------------------------------------------------------------- */

static bool parse_store(struct parsing *parsing, struct str value, struct error *error)
{
    struct initrd_request *request = parsing->request;
    request->sources = arena_grow(parsing->arena, request->sources, request->count,
                                  &parsing->source_capacity, sizeof *request->sources);
    return initrd_source_parse(value, parsing->arena, &request->sources[request->count++], error);
}

static bool parse_from(struct parsing *parsing, struct str value, struct error *error)
{
    if (!str_equal(value, STR(INITRD_FROM_BOOT))) {
        if (!initrd_url_check(value, error))
            return false;
        value = initrd_url_directory(value, parsing->arena);
    }
    option_list_add(&parsing->request->from, arena_copy(parsing->arena, value).data,
                    parsing->arena);
    return true;
}

static bool parse_to(struct parsing *parsing, struct str value, struct error *error)
{
    return initrd_source_parse_cache(value, parsing->arena, &parsing->request->to, error);
}

static const struct str failure_words[] = {
    [INITRD_REBOOT] = STR("reboot"),
    [INITRD_POWEROFF] = STR("poweroff"),
    [INITRD_SHELL] = STR("shell"),
};

bool initrd_failure_parse(struct str value, enum initrd_failure *ret_failure, unsigned *ret_seconds,
                          struct error *error)
{
    struct cut cut = str_cut(value, ':');
    uint64_t seconds = INITRD_FAILURE_SECONDS;
    enum initrd_failure failure = INITRD_REBOOT;
    while (failure <= INITRD_SHELL && !str_equal(cut.head, failure_words[failure]))
        failure++;
    if (failure > INITRD_SHELL || (cut.found && failure != INITRD_REBOOT))
        return error_set(error, "'%.*s' is not reboot, reboot:SECONDS, poweroff or shell",
                         STR_SHOWN(value));
    if (cut.found && !str_to_number(cut.tail, INITRD_FAILURE_SECONDS_MAX, &seconds))
        return error_set(error, "'%.*s' is not a number of seconds up to %d", STR_SHOWN(cut.tail),
                         INITRD_FAILURE_SECONDS_MAX);
    *ret_failure = failure;
    *ret_seconds = (unsigned)seconds;
    return true;
}

const char *initrd_failure_format(enum initrd_failure failure, unsigned seconds,
                                  struct arena *arena)
{
    assert(failure <= INITRD_SHELL);
    if (failure != INITRD_REBOOT)
        return failure_words[failure].data;
    return arena_format(arena, "reboot:%u", seconds).data;
}

static bool parse_on_failure(struct parsing *parsing, struct str value, struct error *error)
{
    return initrd_failure_parse(value, &parsing->request->on_failure,
                                &parsing->request->failure_seconds, error);
}

static bool parse_overlay_size(struct parsing *parsing, struct str value, struct error *error)
{
    if (!initrd_is_amount(value, "kKmMgGtT%"))
        return error_set(error, "'%.*s' is not a number, with or without k, m, g, t or %%",
                         STR_SHOWN(value));
    parsing->request->overlay_size = arena_copy(parsing->arena, value).data;
    return true;
}

static bool parse_overlay_inodes(struct parsing *parsing, struct str value, struct error *error)
{
    if (!initrd_is_amount(value, "kKmMgGtT"))
        return error_set(error, "'%.*s' is not a number, with or without k, m, g or t",
                         STR_SHOWN(value));
    parsing->request->overlay_inodes = arena_copy(parsing->arena, value).data;
    return true;
}

/* Memory, with or without a size. */
static bool parse_memory(struct parsing *parsing, struct cut cut, struct error *error)
{
    parsing->request->overlay_device = NULL;
    parsing->request->overlay_size = NULL;
    if (!cut.found)
        return true;
    struct cut option = str_cut(cut.tail, '=');
    if (!str_equal(option.head, STR("size")) || !option.found)
        return error_set(error, "'%.*s' is not size=", STR_SHOWN(cut.tail));
    return parse_overlay_size(parsing, option.tail, error);
}

static bool parse_overlay(struct parsing *parsing, struct str value, struct error *error)
{
    struct cut cut = str_cut(value, ',');
    if (str_equal(cut.head, STR("tmpfs")))
        return parse_memory(parsing, cut, error);
    struct str path = initrd_source_path(cut.head, parsing->arena);
    if (!initrd_is_plain_path(path) || !str_starts(path, STR("/dev/")))
        return error_set(error,
                         "'%.*s' is neither tmpfs nor a device: /dev/..., or LABEL=, UUID=, "
                         "PARTLABEL= or PARTUUID= with a name",
                         STR_SHOWN(cut.head));
    if (cut.found)
        return error_set(error, "'%.*s' is not for a device, whose file system has its size",
                         STR_SHOWN(cut.tail));
    parsing->request->overlay_device = path.data;
    parsing->request->overlay_size = NULL;
    return true;
}

static bool parse_overlay_reset(struct parsing *parsing, struct str value, struct error *error)
{
    parsing->request->overlay_resets = true;
    return value.len == 0 || error_set(error, "'%.*s': it takes no value", STR_SHOWN(value));
}

/* --- All of them ------------------------------------------------------------------------------ */

static bool parse_parameter(struct parsing *parsing, const struct kernel_parameter *parameter,
                            struct error *error)
{
    static const struct {
        struct str name;
        bool (*parse)(struct parsing *parsing, struct str value, struct error *error);
    } rows[] = {
        { STR("regd.store"), parse_store },
        { STR("regd.from"), parse_from },
        { STR("regd.to"), parse_to },
        { STR("regd.on-failure"), parse_on_failure },
        { STR("regd.overlay"), parse_overlay },
        { STR("regd.overlay-reset"), parse_overlay_reset },
        { STR("regd.overlay-size"), parse_overlay_size },
        { STR("regd.overlay-inodes"), parse_overlay_inodes },
    };
    if (str_equal(parameter->name, STR("root")))
        parsing->request->has_root = parameter->value.len > 0;
    if (!str_starts(parameter->name, STR("regd.")))
        return true;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (str_equal(parameter->name, rows[i].name))
            return rows[i].parse(parsing, parameter->value, error);
    return error_set(error, "unknown parameter");
}

static bool needs_mirror(const struct initrd_request *request)
{
    bool is_needed = false;
    for (size_t i = 0; i < request->count; i++)
        is_needed |= request->sources[i].is_url && !request->sources[i].what;
    return is_needed && request->from.count == 0 && !request->to.what;
}

bool initrd_request_parse(struct str command_line, const struct initrd_ramdisk *ramdisk,
                          struct arena *arena, struct initrd_request *ret_request,
                          struct error *error)
{
    struct initrd_request request = { .failure_seconds = INITRD_FAILURE_SECONDS };
    struct parsing parsing = { &request, 0, arena };
    struct initrd_source_list found;
    struct kernel_parameter parameter;
    while (kernel_command_line_next(&command_line, &parameter))
        if (!parse_parameter(&parsing, &parameter, error))
            return error_in(error, "kernel parameter %.*s", STR_SHOWN(parameter.name));
    if (request.count == 0) {
        if (!initrd_layers_find(ramdisk, arena, &found, error))
            return false;
        request.sources = found.items;
        request.count = found.count;
    }
    if (needs_mirror(&request))
        return error_set(error, "the store is to be fetched, but the kernel's command line has no "
                                "regd.from=URL");
    if (request.overlay_device && (request.overlay_size || request.overlay_inodes))
        return error_set(error, "regd.overlay-size= and regd.overlay-inodes= limit memory, but "
                                "regd.overlay= names a device");
    *ret_request = request;
    return true;
}

bool initrd_request_fetches(const struct initrd_request *request)
{
    for (size_t i = 0; i < request->count; i++)
        if (request->sources[i].is_url)
            return true;
    return false;
}
