#include "units/initrd_source.h"

#include "units/initrd_value.h"

#include <assert.h>
#include <string.h>

/* What the options of a source say. */
struct source_options {
    struct str file, offset, root, size, verity_size; /* data null: not given */
};

/* Finds where the option's value goes; null: it is unknown. */
static struct str *find_option(struct source_options *options, struct str name)
{
    const struct {
        struct str name;
        struct str *value;
    } rows[] = {
        { STR("file"), &options->file },
        { STR("offset"), &options->offset },
        { STR("root"), &options->root },
        { STR("size"), &options->size },
        { STR("verity-size"), &options->verity_size },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (str_equal(name, rows[i].name))
            return rows[i].value;
    return NULL;
}

static bool cut_options(struct cut cut, struct source_options *options, struct error *error)
{
    while (cut.found) {
        cut = str_cut(cut.tail, ',');
        struct cut option = str_cut(cut.head, '=');
        struct str *value = find_option(options, option.head);
        if (!value)
            return error_set(error, "'%.*s' is not file=, offset=, root=, size= or verity-size=",
                             STR_SHOWN(cut.head));
        if (value->data)
            return error_set(error, "%.*s= is given twice", STR_SHOWN(option.head));
        *value = option.tail;
    }
    return true;
}

static bool parse_bytes(const char *name, struct str text, uint64_t *ret_bytes, struct error *error)
{
    return str_to_number(text, INT64_MAX, ret_bytes) ||
           error_set(error, "%s '%.*s' is not a number of bytes", name, STR_SHOWN(text));
}

/* --- Pins ------------------------------------------------------------------------------------- */

static bool parse_root(struct str text, struct hash *ret_root, struct error *error)
{
    return (text.len == HASH_HEX_LENGTH && hash_parse(text, ret_root, error)) ||
           error_set(error, "root '%.*s' is not %d hex digits", STR_SHOWN(text), HASH_HEX_LENGTH);
}

static bool parse_pin(const struct source_options *options, struct layer *ret_pin,
                      struct error *error)
{
    struct layer pin = { 0 };
    uint64_t verity_bytes;
    if (!options->root.data || !options->size.data)
        return error_set(error, "root= and size= are given together");
    if (!parse_root(options->root, &pin.root, error) ||
        !parse_bytes("size", options->size, &pin.size_bytes, error) ||
        !verity_shape_of(pin.size_bytes, &pin.shape, error))
        return false;
    if (options->verity_size.data &&
        !parse_bytes("verity-size", options->verity_size, &verity_bytes, error))
        return false;
    if (options->verity_size.data && verity_bytes != pin.shape.size_bytes)
        return error_set(error, "verity-size %llu is wrong: an image of %llu bytes has %llu",
                         (unsigned long long)verity_bytes, (unsigned long long)pin.size_bytes,
                         (unsigned long long)pin.shape.size_bytes);
    *ret_pin = pin;
    return true;
}

/* --- Kinds of sources ------------------------------------------------------------------------- */

static bool parse_url(struct str url, const struct source_options *options, struct arena *arena,
                      struct initrd_source *source, struct error *error)
{
    if (!initrd_url_check(url, error))
        return false;
    if (memchr(url.data, '?', url.len) || memchr(url.data, '#', url.len))
        return error_set(error, "'%.*s' has a query or a fragment; name the file alone",
                         STR_SHOWN(url));
    if (str_ends(url, STR("/")))
        return error_set(error, "'%.*s' is a directory; use regd.from=", STR_SHOWN(url));
    if (options->file.data || options->offset.data)
        return error_set(error, "file= and offset= are not for a URL");
    if (!options->root.data)
        return error_set(error, "a URL requires root= and size=");
    source->what = arena_copy(arena, url).data;
    source->is_url = true;
    return parse_pin(options, &source->pin, error);
}

static bool parse_device_or_file(struct str text, const struct source_options *options,
                                 struct arena *arena, struct initrd_source *source,
                                 struct error *error)
{
    struct str path = initrd_source_path(text, arena);
    if (!initrd_is_plain_path(path))
        return error_set(error,
                         "'%.*s' is neither a plain absolute path nor LABEL=, UUID=, PARTLABEL= or "
                         "PARTUUID= with a name, nor a URL",
                         STR_SHOWN(text));
    source->what = path.data;
    source->is_device = str_starts(path, STR("/dev/"));
    if (options->file.data && !initrd_is_plain_path(options->file))
        return error_set(error, "file '%.*s' is not a plain absolute path",
                         STR_SHOWN(options->file));
    if (options->file.data && !source->is_device)
        return error_set(error, "file= is for a device, and '%s' is a file", source->what);
    if (options->file.data)
        source->file = arena_copy(arena, options->file).data;
    return !options->offset.data || parse_bytes("offset", options->offset, &source->offset, error);
}

static bool parse_device_pin(const struct source_options *options, struct initrd_source *source,
                             struct error *error)
{
    if (options->verity_size.data)
        return error_set(error, "verity-size= is for a URL");
    if (!options->root.data && !options->size.data)
        return true;
    if (!source->is_device)
        return error_set(error, "root= is for a device or a URL, and '%s' is a file", source->what);
    return parse_pin(options, &source->pin, error);
}

bool initrd_source_parse(struct str text, struct arena *arena, struct initrd_source *ret_source,
                         struct error *error)
{
    struct cut cut = str_cut(text, ',');
    struct source_options options = { 0 };
    struct initrd_source source = { 0 };
    if (!cut_options(cut, &options, error))
        return false;
    bool is_parsed = initrd_is_url(cut.head)
                         ? parse_url(cut.head, &options, arena, &source, error)
                         : parse_device_or_file(cut.head, &options, arena, &source, error) &&
                               parse_device_pin(&options, &source, error);
    if (!is_parsed)
        return false;
    *ret_source = source;
    return true;
}

bool initrd_source_parse_cache(struct str text, struct arena *arena,
                               struct initrd_source *ret_source, struct error *error)
{
    struct initrd_source source;
    if (!initrd_source_parse(text, arena, &source, error))
        return false;
    if (!source.is_device || source.pin.size_bytes > 0 || source.offset > 0)
        return error_set(error, "'%.*s' is not a device, with or without file=DIRECTORY",
                         STR_SHOWN(text));
    *ret_source = source;
    return true;
}
