#include "builder/tree/tree_texts.h"

#include "builder/output/checksums.h"
#include "builder/tree/script.h"
#include "schema/base/own.h"

#include <unistd.h>

/* A file that is being written as a stream. */
struct script {
    const char *name;
    int fd;
    FILE *stream;
};

#define SCRIPT_NONE ((struct script){ .fd = -1 })

static void script_release(struct script *script)
{
    own_close_file(&script->stream);
    own_close(&script->fd);
}

static bool script_begin(const struct tree_building *building, const char *name, mode_t mode,
                         struct script *script, struct error *error)
{
    script->name = name;
    if (!tree_create(building, name, mode, &script->fd, error))
        return false;
    script->stream = fdopen(dup(script->fd), "w");
    return script->stream || error_errno(error, errno, "write %s", name);
}

static bool script_end(struct tree_building *building, const struct script *script,
                       struct error *error)
{
    if (fflush(script->stream) != 0 || ferror(script->stream))
        return error_errno(error, errno, "write %s", script->name);
    return tree_seal(building, script->name, script->fd, NULL, error);
}

static bool write_ipxe(struct tree_building *building, struct error *error)
{
    cleanup(script_release) struct script script = SCRIPT_NONE;
    return script_begin(building, TREE_IPXE_NAME, 0644, &script, error) &&
           script_write_ipxe(script.stream, &building->result.description, *building->arena,
                             error) &&
           script_end(building, &script, error);
}

static bool write_kexec(struct tree_building *building, struct error *error)
{
    cleanup(script_release) struct script script = SCRIPT_NONE;
    if (!script_begin(building, TREE_KEXEC_NAME, 0755, &script, error))
        return false;
    script_write_kexec(script.stream, &building->result.description, *building->arena);
    return script_end(building, &script, error);
}

static bool write_kexec_run(struct tree_building *building, struct error *error)
{
    cleanup(script_release) struct script script = SCRIPT_NONE;
    if (!script_begin(building, TREE_KEXEC_RUN_NAME, 0755, &script, error))
        return false;
    script_write_kexec_run(script.stream);
    return script_end(building, &script, error);
}

bool tree_write_scripts(struct tree_building *building, struct error *error)
{
    return write_ipxe(building, error) && write_kexec(building, error) &&
           write_kexec_run(building, error);
}

/* Writes the menu of a boot loader, or warns that it cannot be. */
static bool write_menu(struct tree_building *building, enum menu menu, struct error *error)
{
    const struct tree_description *description = &building->result.description;
    struct error refusal;
    cleanup(script_release) struct script script = SCRIPT_NONE;
    if (!menu_check(menu, description, *building->arena, &refusal)) {
        tree_warn(building, arena_format(building->arena, "%s is not written: %s", menu_name(menu),
                                         refusal.sentence));
        return true;
    }
    struct option_list warnings = menu_warnings(menu, description, building->arena);
    for (size_t i = 0; i < warnings.count; i++)
        tree_warn(building, str_from(warnings.items[i]));
    if (!script_begin(building, menu_name(menu), 0644, &script, error))
        return false;
    menu_write(menu, script.stream, description, *building->arena);
    return script_end(building, &script, error);
}

bool tree_write_menus(struct tree_building *building, struct error *error)
{
    for (enum menu menu = 0; menu < MENU_COUNT; menu++)
        if (!write_menu(building, menu, error))
            return false;
    return true;
}

static bool write_text(const struct tree_building *building, const char *name, struct str text,
                       int *ret_fd, struct error *error)
{
    cleanup(own_close) int fd = -1;
    if (!tree_create(building, name, 0644, &fd, error) ||
        !file_write((struct file){ fd, name }, text.data, text.len, error))
        return false;
    *ret_fd = own_take(&fd);
    return true;
}

bool tree_write_description(struct tree_building *building, struct error *error)
{
    cleanup(own_close) int fd = -1;
    struct str text;
    if (!tree_description_format(&building->result.description, building->arena, &text, error))
        return error_in(error, "write " TREE_BOOT_JSON_NAME);
    return write_text(building, TREE_BOOT_JSON_NAME, text, &fd, error) &&
           tree_seal(building, TREE_BOOT_JSON_NAME, fd, NULL, error);
}

bool tree_write_sums(struct tree_building *building, struct error *error)
{
    cleanup(own_close) int fd = -1;
    size_t count = building->file_count;
    struct checksum *sums = arena_new(building->arena, struct checksum, count);
    for (size_t i = 0; i < count; i++) {
        const struct tree_file *file = &building->files[i];
        sums[i] = (struct checksum){ .name = file->name, .hash = file->hash };
        option_list_add(&building->result.names, file->name, building->arena);
    }
    struct str text = checksums_format(sums, count, building->arena);
    if (text.len > CHECKSUMS_BYTES_MAX)
        return error_set(error,
                         "the tree has %zu files, and " CHECKSUMS_NAME
                         " may have 1 MiB; give one device tree with --dtb",
                         count);
    option_list_add(&building->result.names, CHECKSUMS_NAME, building->arena);
    if (!write_text(building, CHECKSUMS_NAME, text, &fd, error))
        return false;
    return fsync(fd) == 0 || error_errno(error, errno, "write " CHECKSUMS_NAME " to disk");
}
