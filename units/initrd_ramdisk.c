#include "units/initrd_ramdisk.h"

#include "schema/base/file.h"
#include "schema/base/own.h"
#include "schema/base/root.h"
#include "schema/boot/kernel_command_line.h"

/* If the file does not exist, the text's data is null. */
static bool read_file(int root, const char *path, size_t limit, struct arena *arena,
                      struct str *ret_text, struct error *error)
{
    cleanup(own_close) int fd = -1;
    *ret_text = (struct str){ 0 };
    return root_open_file(root, path, O_RDONLY, &fd, error) &&
           (fd < 0 || file_read_fd((struct file){ fd, path }, limit, arena, ret_text, error));
}

static bool read_command_line(int root, struct arena *arena, struct str *ret_line,
                              struct error *error)
{
    return read_file(root, "/proc/cmdline", KERNEL_COMMAND_LINE_MAX, arena, ret_line, error) &&
           (ret_line->data || error_errno(error, ENOENT, "open /proc/cmdline"));
}

static bool read_names(int root, struct arena *arena, struct option_list *ret_names,
                       struct error *error)
{
    cleanup(own_close) int fd = root_open(root, "/", O_RDONLY | O_DIRECTORY, 0);
    cleanup(own_close_directory) DIR *directory = fd >= 0 ? fdopendir(fd) : NULL;
    if (!directory)
        return error_errno(error, fd < 0 ? -fd : errno, "read the root directory");
    own_take(&fd);
    const struct dirent *entry;
    while ((entry = own_next_entry(directory)))
        option_list_add(ret_names, arena_copy(arena, str_from(entry->d_name)).data, arena);
    return errno == 0 || error_errno(error, errno, "read the root directory");
}

bool initrd_ramdisk_read(int root, struct arena *arena, struct initrd_request *ret_request,
                         struct error *error)
{
    struct str line;
    struct initrd_ramdisk ramdisk = { 0 };
    return read_command_line(root, arena, &line, error) &&
           read_names(root, arena, &ramdisk.names, error) &&
           read_file(root, "/" LAYERS_NAME, LAYERS_BYTES_MAX, arena, &ramdisk.layers, error) &&
           initrd_request_parse(line, &ramdisk, arena, ret_request, error);
}
