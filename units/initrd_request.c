#include "units/initrd_request.h"

#include "schema/base/utf8.h"
#include "schema/boot/kernel_command_line.h"

#include <assert.h>
#include <limits.h>
#include <string.h>

/* Longest path, so that one in a medium (/run/regd/store.N) is below PATH_MAX, too. */
enum { PATH_BYTES_MAX = PATH_MAX - 64 };

/* --- Values ----------------------------------------------------------------------------------- */

/* Is it a number above 0, with or without one of the units after it? */
static bool is_amount(struct str text, const char *units)
{
    uint64_t number;
    if (text.len > 0 && memchr(units, text.data[text.len - 1], strlen(units)))
        text.len--;
    return str_to_number(text, INT64_MAX, &number) && number > 0;
}

/* Returns the length of the character that the text starts with, or 0 if systemd and udev do not take
 * it for UTF-8. They refuse Unicode's noncharacters, too. */
static size_t accepted_length(struct str text)
{
    uint32_t character;
    size_t length = utf8_first(text, &character);
    bool is_none = length > 0 &&
                   ((character & 0xfffe) == 0xfffe || (character >= 0xfdd0 && character <= 0xfdef));
    return is_none ? 0 : length;
}

/* Can the text be a value in a unit file? It has no control characters, and it is UTF-8: systemd
 * ignores other lines. It does not end with a space, which would be cut off, or with a backslash,
 * which would continue the line. */
static bool is_value(struct str text)
{
    if (text.len == 0 || strchr(" \\", text.data[text.len - 1]))
        return false;
    size_t at = 0, length;
    while ((length = accepted_length(str_skip(text, at))) > 0)
        at += length;
    return at == text.len && utf8_control_from(text) == text.len;
}

/* systemd refuses a unit with a longer path or name than the kernel knows. */
static bool has_long_name(struct str path)
{
    for (struct cut cut = { .tail = path, .found = true }; cut.found;) {
        cut = str_cut(cut.tail, '/');
        if (cut.head.len > NAME_MAX)
            return true;
    }
    return path.len > PATH_BYTES_MAX;
}

/* Is it an absolute path without empty, "." and ".." components, which a unit file can hold? */
static bool is_plain_path(struct str path)
{
    return path.len > 1 && path.data[0] == '/' && str_is_plain_path(str_skip(path, 1)) &&
           is_value(path) && !has_long_name(path);
}

/* Returns the name of udev's link for a label. Of ASCII, udev keeps only some characters. It writes
 * the others, and bytes that are not UTF-8, as \xNN. */
static struct str encode_label(struct str label, struct arena *arena)
{
    static const char kept[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                               "#+-.:=@_";
    char *name = arena_room(arena, label.len * 4 + 1);
    size_t length = 0, taken;
    for (size_t i = 0; i < label.len; i += taken) {
        unsigned char byte = (unsigned char)label.data[i];
        size_t accepted = accepted_length(str_skip(label, i));
        bool is_kept = accepted > 1 || (accepted == 1 && byte && strchr(kept, byte));
        taken = is_kept ? accepted : 1;
        if (is_kept)
            memcpy(name + length, label.data + i, taken);
        else
            snprintf(name + length, 5, "\\x%02x", byte);
        length += is_kept ? taken : 4;
    }
    assert(length <= label.len * 4);
    name[length] = '\0';
    return (struct str){ name, length };
}

/* Returns the path that a source names; empty if a tag has no name. */
static struct str source_path(struct str text, struct arena *arena)
{
    static const struct {
        struct str tag;
        const char *directory;
    } tags[] = {
        { STR("LABEL="), "by-label" },
        { STR("UUID="), "by-uuid" },
        { STR("PARTLABEL="), "by-partlabel" },
        { STR("PARTUUID="), "by-partuuid" },
    };
    for (size_t i = 0; i < sizeof tags / sizeof *tags; i++) {
        if (!str_starts(text, tags[i].tag))
            continue;
        struct str name = encode_label(str_skip(text, tags[i].tag.len), arena);
        if (name.len == 0)
            return STR("");
        return arena_format(arena, "/dev/disk/%s/%s", tags[i].directory, name.data);
    }
    return arena_copy(arena, text);
}

static bool parse_source_option(struct str option, struct arena *arena,
                                struct initrd_source *source, struct error *error)
{
    struct cut cut = str_cut(option, '=');
    if (str_equal(cut.head, STR("offset"))) {
        if (!str_to_number(cut.tail, INT64_MAX, &source->offset))
            return error_set(error, "offset '%.*s' is not a number of bytes", STR_SHOWN(cut.tail));
        return true;
    }
    if (!str_equal(cut.head, STR("file")))
        return error_set(error, "'%.*s' is neither file= nor offset=", STR_SHOWN(option));
    if (!is_plain_path(cut.tail))
        return error_set(error, "file '%.*s' is not a plain absolute path", STR_SHOWN(cut.tail));
    source->file = arena_copy(arena, cut.tail).data;
    return true;
}

static bool parse_source(struct str text, struct arena *arena, struct initrd_source *ret_source,
                         struct error *error)
{
    struct cut cut = str_cut(text, ',');
    struct str path = source_path(cut.head, arena);
    struct initrd_source source = { .what = path.data,
                                    .is_device = str_starts(path, STR("/dev/")) };
    if (!is_plain_path(path))
        return error_set(error,
                         "'%.*s' is neither a plain absolute path nor LABEL=, UUID=, PARTLABEL= or "
                         "PARTUUID= with a name",
                         STR_SHOWN(cut.head));
    while (cut.found) {
        cut = str_cut(cut.tail, ',');
        if (!parse_source_option(cut.head, arena, &source, error))
            return false;
    }
    if (source.file && !source.is_device)
        return error_set(error, "file= is for a device, and '%s' is a file", source.what);
    *ret_source = source;
    return true;
}

/* --- The ramdisk ------------------------------------------------------------------------------ */

/* Accepts nix-store.squashfs (0) and nix-store.NUMBER.squashfs, without leading zeros. */
static bool parse_layer_name(struct str name, uint64_t *ret_number)
{
    struct str prefix = STR("nix-store."), suffix = STR("squashfs");
    if (!str_starts(name, prefix) || !str_ends(name, suffix))
        return false;
    *ret_number = 0;
    if (name.len == prefix.len + suffix.len)
        return true;
    struct cut cut = str_cut(str_skip(name, prefix.len), '.');
    return str_equal(cut.tail, suffix) && str_to_number(cut.head, UINT32_MAX, ret_number) &&
           cut.head.data[0] != '0';
}

static const char *layer_name(size_t index, struct arena *arena)
{
    if (index == 0)
        return "/nix-store.squashfs";
    return arena_format(arena, "/nix-store.%zu.squashfs", index).data;
}

/* Each name is there once. So N layers have the numbers 0 to N - 1, unless one is missing. */
static bool find_layers(const struct option_list *names, struct arena *arena,
                        struct initrd_request *request, struct error *error)
{
    size_t count = 0;
    bool *is_there = arena_new(arena, bool, names->count);
    uint64_t number, last = 0;
    for (size_t i = 0; i < names->count; i++) {
        if (!parse_layer_name(str_from(names->items[i]), &number))
            continue;
        count++;
        last = number > last ? number : last;
        if (number < names->count)
            is_there[number] = true;
    }
    request->sources = arena_new(arena, struct initrd_source, count);
    for (size_t i = 0; i < count; i++) {
        if (!is_there[i])
            return error_set(error, "the ramdisk has %s, but not %s: a layer is missing",
                             layer_name((size_t)last, arena), layer_name(i, arena));
        request->sources[i].what = layer_name(i, arena);
    }
    request->count = count;
    return true;
}

/* --- All of it -------------------------------------------------------------------------------- */

static bool parse_parameter(struct str name, struct str value, struct arena *arena,
                            struct initrd_request *request, size_t *capacity, struct error *error)
{
    if (str_equal(name, STR("root")))
        request->has_root = value.len > 0;
    if (!str_starts(name, STR("regd.")))
        return true;
    if (str_equal(name, STR("regd.store"))) {
        request->sources =
            arena_grow(arena, request->sources, request->count, capacity, sizeof *request->sources);
        struct initrd_source *source = &request->sources[request->count++];
        return parse_source(value, arena, source, error);
    }
    bool is_size = str_equal(name, STR("regd.overlay-size"));
    if (!is_size && !str_equal(name, STR("regd.overlay-inodes")))
        return error_set(error, "unknown parameter");
    if (!is_amount(value, is_size ? "kKmMgGtT%" : "kKmMgGtT"))
        return error_set(error, "'%.*s' is not a number, with or without k, m, g%s",
                         STR_SHOWN(value), is_size ? ", t or %" : " or t");
    if (is_size)
        request->overlay_size = arena_copy(arena, value).data;
    else
        request->overlay_inodes = arena_copy(arena, value).data;
    return true;
}

bool initrd_request_parse(struct str command_line, const struct option_list *names,
                          struct arena *arena, struct initrd_request *ret_request,
                          struct error *error)
{
    struct initrd_request request = { 0 };
    size_t capacity = 0;
    struct kernel_parameter parameter;
    while (kernel_command_line_next(&command_line, &parameter))
        if (!parse_parameter(parameter.name, parameter.value, arena, &request, &capacity, error))
            return error_in(error, "kernel parameter %.*s", STR_SHOWN(parameter.name));
    if (request.count == 0 && !find_layers(names, arena, &request, error))
        return false;
    *ret_request = request;
    return true;
}
