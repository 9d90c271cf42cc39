#include "schema/nix/store_path.h"

#include <assert.h>
#include <string.h>

/* Where a byte may occur. */
enum { IN_DIGEST = 1, IN_NAME = 2 };

#define BOTH (IN_DIGEST | IN_NAME)
static const uint8_t byte_uses[256] = {
    ['0' ... '9'] = BOTH,    ['a' ... 'd'] = BOTH, ['e'] = IN_NAME,         ['f' ... 'n'] = BOTH,
    ['o'] = IN_NAME,         ['p' ... 's'] = BOTH, ['t' ... 'u'] = IN_NAME, ['v' ... 'z'] = BOTH,
    ['A' ... 'Z'] = IN_NAME, ['+'] = IN_NAME,      ['-'] = IN_NAME,         ['.'] = IN_NAME,
    ['_'] = IN_NAME,         ['?'] = IN_NAME,      ['='] = IN_NAME,
};
#undef BOTH

/* May all bytes occur there? Millions of paths are checked, so the loop has no branch. */
static bool all_used(struct str text, unsigned use)
{
    unsigned uses = use;
    for (size_t i = 0; i < text.len; i++)
        uses &= byte_uses[(unsigned char)text.data[i]];
    return uses == use;
}

/* Is the name "." or "..", alone or before a '-'? Other tools could take it for a directory. */
static bool is_dot_name(struct str name)
{
    if (name.data[0] != '.')
        return false;
    struct str first = str_cut(name, '-').head;
    return str_equal(first, STR(".")) || str_equal(first, STR(".."));
}

bool store_path_check(struct str base, struct error *error)
{
    if (base.len < STORE_PATH_DIGEST_LENGTH + 2)
        return error_set(error, "'%.*s' is too short to be a store path", STR_SHOWN(base));
    if (!all_used((struct str){ base.data, STORE_PATH_DIGEST_LENGTH }, IN_DIGEST))
        return error_set(error, "store path '%.*s' has an illegal digit in its hash part",
                         STR_SHOWN(base));
    if (base.data[STORE_PATH_DIGEST_LENGTH] != '-')
        return error_set(error, "store path '%.*s' lacks the '-' after its hash part",
                         STR_SHOWN(base));
    struct str name = store_path_name(base);
    if (name.len > STORE_PATH_NAME_MAX)
        return error_set(error, "store path '%.*s' has a name longer than %d bytes",
                         STR_SHOWN(base), STORE_PATH_NAME_MAX);
    if (!all_used(name, IN_NAME))
        return error_set(error, "store path '%.*s' has an illegal byte in its name",
                         STR_SHOWN(base));
    if (is_dot_name(name))
        return error_set(error, "store path '%.*s' has the illegal name '%.*s'", STR_SHOWN(base),
                         STR_SHOWN(name));
    return true;
}

/* Returns the components of an absolute path from the last to the first, without those that "." and
 * ".." remove. Returns false at the root. */
static bool last_component(struct str *path, struct str *ret_component)
{
    size_t up = 0;
    while (path->len > 0) {
        struct cut cut = str_cut_last(*path, '/');
        *path = cut.head;
        if (cut.tail.len == 0 || str_equal(cut.tail, STR(".")))
            continue;
        if (str_equal(cut.tail, STR(".."))) {
            up++;
        } else if (up > 0) {
            up--;
        } else {
            *ret_component = cut.tail;
            return true;
        }
    }
    return false;
}

/* Are two absolute paths textually equivalent? */
static bool same_path(struct str left, struct str right)
{
    struct str left_component, right_component;
    for (;;) {
        bool left_found = last_component(&left, &left_component);
        bool right_found = last_component(&right, &right_component);
        if (!left_found || !right_found)
            return left_found == right_found;
        if (!str_equal(left_component, right_component))
            return false;
    }
}

bool store_path_strip(struct str text, struct str store_dir, struct str *ret_base)
{
    bool is_inside = text.len > store_dir.len + 1 && text.data[store_dir.len] == '/' &&
                     str_starts(text, store_dir);
    if (is_inside)
        *ret_base = str_skip(text, store_dir.len + 1);
    return is_inside;
}

/* Parses the common spelling: STORE_DIR "/" and a last component without '/'. */
static bool parse_plain(struct str text, struct str store_dir, struct str *ret_base)
{
    struct str base;
    if (!store_path_strip(text, store_dir, &base))
        return false;
    if (str_cut(base, '/').found || str_equal(base, STR(".")) || str_equal(base, STR("..")))
        return false;
    *ret_base = base;
    return true;
}

bool store_path_parse(struct str text, struct str store_dir, struct str *ret_base,
                      struct error *error)
{
    assert(store_dir.len > 0 && store_dir.data[0] == '/');
    struct str base;
    if (!parse_plain(text, store_dir, &base)) {
        struct str parent = text;
        if (text.len == 0 || text.data[0] != '/')
            return error_set(error, "'%.*s' is not an absolute path", STR_SHOWN(text));
        if (!last_component(&parent, &base) || !same_path(parent, store_dir))
            return error_set(error, "'%.*s' is not a path in the store '%.*s'", STR_SHOWN(text),
                             STR_SHOWN(store_dir));
    }
    if (!store_path_check(base, error))
        return false;
    *ret_base = base;
    return true;
}

bool store_path_is_derivation(struct str base)
{
    return str_ends(base, STR(".drv"));
}

struct str store_path_name(struct str base)
{
    return str_skip(base, STORE_PATH_DIGEST_LENGTH + 1);
}

struct str store_path_format(struct arena *arena, struct str store_dir, struct str base)
{
    return arena_format(arena, "%.*s/%.*s", STR_ARG(store_dir), STR_ARG(base));
}
