#include "units/initrd_value.h"

#include "schema/base/utf8.h"

#include <assert.h>
#include <ctype.h>
#include <limits.h>
#include <string.h>
#include <strings.h>

/* Longest path, so that one in a medium (/run/regd/store.N) is below PATH_MAX, too. */
enum { PATH_BYTES_MAX = PATH_MAX - 64 };

bool initrd_is_amount(struct str text, const char *units)
{
    uint64_t number;
    if (text.len > 0 && memchr(units, text.data[text.len - 1], strlen(units)))
        text.len--;
    return str_to_number(text, INT64_MAX, &number) && number > 0;
}

/* --- Paths ------------------------------------------------------------------------------------ */

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

bool initrd_is_plain_path(struct str path)
{
    return path.len > 1 && path.data[0] == '/' && str_is_plain_path(str_skip(path, 1)) &&
           is_value(path) && !has_long_name(path);
}

/* Of ASCII, udev keeps only some characters. It writes the others, and bytes that are not UTF-8, as
 * \xNN. */
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

struct str initrd_source_path(struct str text, struct arena *arena)
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

/* --- URLs ------------------------------------------------------------------------------------- */

/* Returns what is before "://" if it can be a scheme, or nothing. */
static struct str scheme_of(struct str text)
{
    struct cut cut = str_cut(text, ':');
    for (size_t i = 0; i < cut.head.len; i++)
        if (!isascii(cut.head.data[i]) ||
            (!isalnum(cut.head.data[i]) && !memchr("+-.", cut.head.data[i], 3)))
            return STR("");
    return cut.found && str_starts(cut.tail, STR("//")) ? cut.head : STR("");
}

static bool is_scheme(struct str scheme, const char *name)
{
    return scheme.len == strlen(name) && strncasecmp(scheme.data, name, scheme.len) == 0;
}

/* Returns what follows "://". */
static struct str after_scheme(struct str url)
{
    return str_skip(url, scheme_of(url).len + strlen("://"));
}

bool initrd_is_url(struct str text)
{
    return scheme_of(text).len > 0;
}

bool initrd_url_check(struct str url, struct error *error)
{
    struct str scheme = scheme_of(url);
    if (scheme.len == 0)
        return error_set(error, "'%.*s' is not a URL", STR_SHOWN(url));
    if (!is_scheme(scheme, "http") && !is_scheme(scheme, "https"))
        return error_set(error, "scheme '%.*s' is not supported; use http or https",
                         STR_SHOWN(scheme));
    for (size_t i = 0; i < url.len; i++)
        if (url.data[i] <= ' ' || url.data[i] > '~' || strchr("\"\\", url.data[i]))
            return error_set(error, "'%.*s' is not a URL: byte %zu must be written as %%%02X",
                             STR_SHOWN(url), i, (unsigned char)url.data[i]);
    struct str rest = after_scheme(url);
    if (rest.len == 0 || strchr("/?#:", rest.data[0]))
        return error_set(error, "'%.*s' has no host", STR_SHOWN(url));
    return true;
}

struct str initrd_url_directory(struct str url, struct arena *arena)
{
    url = str_cut(str_cut(url, '#').head, '?').head;
    struct cut last = str_cut_last(after_scheme(url), '/');
    size_t rest = last.found ? last.tail.len : 0;
    return arena_format(arena, "%.*s/",
                        STR_ARG(((struct str){ url.data, url.len - rest - last.found })));
}
