#include "tests/check_published.h"

static bool start(struct arena *arena, bool by_url, struct check_published *ret_published)
{
    struct tree_result result;
    *ret_published = (struct check_published){ .published = PUBLISHED_NONE };
    ret_published->path = arena_format(arena, "%s/root", check_directory_path()).data;
    if (!check_tree_start(arena, &ret_published->tree))
        return false;
    ret_published->tree.request.by_url = by_url;
    return CHECK_DONE(check_tree_write(&ret_published->tree, arena, &result)) &&
           CHECK_DONE(published_tree_read(ret_published->tree.tree.fd, arena, &ret_published->read,
                                          check_error)) &&
           CHECK_DONE(published_open(ret_published->path, PUBLISHED_CREATE,
                                     &ret_published->published, check_error));
}

bool check_published_start(struct arena *arena, struct check_published *ret_published)
{
    return start(arena, false, ret_published);
}

bool check_published_layers(struct arena *arena, struct check_published *ret_published)
{
    return start(arena, true, ret_published);
}

bool check_published_put(struct check_published *published, const char *label, struct arena *arena)
{
    struct publish_result result;
    struct published *root = &published->published;
    const struct publish_request request = {
        .directory = published->tree.tree.fd,
        .path = "tree",
        .name = published_name(&published->read, label, arena),
        .tree = &published->read,
        .crew = &published->tree.source.crew,
    };
    return published_read(root, arena, check_error) && publish_prepare(root, *arena, check_error) &&
           publish_copy(root, &request, *arena, &result, check_error) &&
           published_read(root, arena, check_error) &&
           publish_switch(root, request.name, check_error) &&
           publish_describe(root, *arena, check_error);
}

void check_published_release(struct check_published *published)
{
    published_release(&published->published);
    check_tree_release(&published->tree);
}
