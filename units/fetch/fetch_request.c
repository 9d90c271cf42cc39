#include "units/fetch/fetch_request.h"

#include "schema/base/file.h"
#include "schema/base/own.h"
#include "schema/base/root.h"
#include "units/initrd_ramdisk.h"
#include "units/initrd_value.h"

#include <string.h>

/* Attributes of an EFI variable come before its value. */
enum { BOOT_ATTRIBUTES_BYTES = 4, BOOT_VARIABLE_BYTES_MAX = 8192 };

const char *fetch_image_name(const struct layer *layer, struct arena *arena)
{
    return str_cut_last(layer_image_name(layer, arena), '/').tail.data;
}

const char *fetch_verity_name(const struct layer *layer, struct arena *arena)
{
    return str_cut_last(layer_verity_name(layer, arena), '/').tail.data;
}

bool fetch_request_boot_url(struct str variable, struct arena *arena, const char **ret_url,
                            struct error *error)
{
    char *text = arena_room(arena, variable.len / 2 + 1);
    struct str url = { text, 0 };
    for (size_t i = BOOT_ATTRIBUTES_BYTES; i + 1 < variable.len; i += 2) {
        if (variable.data[i] == '\0' && variable.data[i + 1] == '\0')
            break;
        if (variable.data[i + 1] != '\0')
            return error_set(error, "the EFI variable StubDeviceURL is not ASCII");
        text[url.len++] = variable.data[i];
    }
    if (!initrd_url_check(url, error))
        return error_in(error, "the EFI variable StubDeviceURL");
    *ret_url = initrd_url_directory(url, arena).data;
    return true;
}

static bool read_boot_url(int root, struct arena *arena, const char **ret_url, struct error *error)
{
    struct str variable;
    cleanup(own_close) int fd = -1;
    if (!root_open_file(root, REQUEST_BOOT_VARIABLE, O_RDONLY, &fd, error))
        return false;
    if (fd < 0)
        return error_set(error,
                         "the EFI variable StubDeviceURL is missing: the stub is older than "
                         "systemd 258, or the firmware did not load it by HTTP; give the URL "
                         "itself");
    struct file file = { fd, REQUEST_BOOT_VARIABLE };
    return file_read_fd(file, BOOT_VARIABLE_BYTES_MAX, arena, &variable, error) &&
           fetch_request_boot_url(variable, arena, ret_url, error);
}

static bool add_mirrors(int root, const struct initrd_request *initrd, struct arena *arena,
                        struct fetch_request *request, struct error *error)
{
    for (size_t i = 0; i < initrd->from.count; i++) {
        const char *url = initrd->from.items[i];
        if (strcmp(url, INITRD_FROM_BOOT) == 0 && !read_boot_url(root, arena, &url, error))
            return error_in(error, "regd.from=boot");
        option_list_add(&request->mirrors, url, arena);
    }
    return true;
}

static enum failure_action action_of(enum initrd_failure failure)
{
    switch (failure) {
    case INITRD_REBOOT:
        return FAILURE_REBOOT;
    case INITRD_POWEROFF:
        return FAILURE_POWEROFF;
    case INITRD_SHELL:
        break;
    }
    return FAILURE_SHELL;
}

bool fetch_request_read(int root, struct arena *arena, struct fetch_request *ret_request,
                        struct error *error)
{
    struct initrd_request initrd;
    *ret_request = (struct fetch_request){ .failure = { FAILURE_REBOOT, INITRD_FAILURE_SECONDS } };
    if (!initrd_ramdisk_read(root, arena, &initrd, error))
        return false;
    ret_request->failure = (struct failure){ action_of(initrd.on_failure), initrd.failure_seconds };
    ret_request->layers = arena_new(arena, struct fetch_layer, initrd.count);
    for (size_t i = 0; i < initrd.count; i++) {
        const struct initrd_source *source = &initrd.sources[i];
        if (!source->is_url)
            continue;
        struct fetch_layer *layer = &ret_request->layers[ret_request->layer_count++];
        *layer = (struct fetch_layer){ source->pin, source->what };
        if (layer->pin.name.len == 0)
            layer->pin.name = str_from(fetch_image_name(&layer->pin, arena));
    }
    if (ret_request->layer_count == 0)
        return error_set(error, "there is nothing to fetch: neither /" LAYERS_NAME
                                " in the ramdisk nor a URL in regd.store=");
    return add_mirrors(root, &initrd, arena, ret_request, error);
}
