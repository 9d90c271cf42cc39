#include "builder/check/verify_tree.h"
#include "builder/tree/tree_place.h"

#include "builder/check/tree_check.h"
#include "builder/check/tree_check_files.h"
#include "builder/check/tree_check_images.h"
#include "builder/check/tree_check_layers.h"
#include "builder/check/tree_check_uki.h"

#include "builder/tree/menu.h"
#include "builder/tree/script.h"
#include "schema/base/file.h"
#include "schema/base/own.h"
#include "schema/base/text_stream.h"
#include "schema/nix/digest.h"

#include <fcntl.h>
#include <string.h>

static void tree_check_release(const struct tree_check *check)
{
    for (size_t i = 0; check->fds && i < check->description.image_count; i++)
        own_close(&check->fds[i]);
}

/* --- boot.json and the scripts ------------------------------------------------------------------ */

static void compare_file(struct tree_check *check, const struct tree_file *file)
{
    const struct listed_file *listed = tree_check_find(check, file->name);
    if (!listed)
        tree_check_add(check, FINDING_DISAGREEING, file->name,
                       "it is in " TREE_BOOT_JSON_NAME ", and not in " CHECKSUMS_NAME);
    else if (listed->is_there && !listed->reason.data &&
             (listed->found.size_bytes != file->size_bytes ||
              !hash_equal(&listed->found.hash, &file->hash)))
        tree_check_add(check, FINDING_DISAGREEING, file->name,
                       TREE_BOOT_JSON_NAME " says another size or SHA-256");
}

/* Are the device trees that the menus name in the tree? */
static void check_device_tree(struct tree_check *check)
{
    const char *path = check->description.device_tree;
    if (path && !checksums_find(&check->sums, path) && !checksums_covers(&check->sums, path, true))
        tree_check_add(check, FINDING_DISAGREEING, path,
                       "it is in " TREE_BOOT_JSON_NAME ", and not in " CHECKSUMS_NAME);
}

static bool read_description(struct tree_check *check, struct error *error)
{
    struct str text;
    struct tree_description *description = &check->description;
    cleanup(own_close) int fd = tree_check_open(check, TREE_BOOT_JSON_NAME, error);
    if (fd < 0 || !file_read_fd((struct file){ fd, TREE_BOOT_JSON_NAME },
                                TREE_DESCRIPTION_BYTES_MAX, check->arena, &text, error))
        return error_in(error, "%s", check->name);
    if (!tree_description_parse(text, check->arena, description, error))
        return error_in(error, "%s/" TREE_BOOT_JSON_NAME, check->name);
    compare_file(check, &description->kernel);
    if (description->uki.name)
        compare_file(check, &description->uki);
    check_device_tree(check);
    for (size_t i = 0; i < description->ramdisk_count + description->piece_count; i++)
        compare_file(check, &description->ramdisks[i]);
    return true;
}

typedef bool script_writer(FILE *stream, const struct tree_description *tree, struct arena scratch,
                           struct error *error);

static bool write_kexec(FILE *stream, const struct tree_description *tree, struct arena scratch,
                        struct error *error)
{
    (void)error;
    script_write_kexec(stream, tree, scratch);
    return true;
}

static bool write_kexec_run(FILE *stream, const struct tree_description *tree, struct arena scratch,
                            struct error *error)
{
    (void)tree, (void)scratch, (void)error;
    script_write_kexec_run(stream);
    return true;
}

/* The file in the tree must have the digest of what is written again from boot.json. */
static void compare_script(struct tree_check *check, const char *name, struct str content,
                           bool can_be_written)
{
    const struct listed_file *listed = tree_check_find(check, name);
    struct hash hash = digest_sha256(content);
    if (!listed)
        tree_check_add(check, FINDING_MISSING, name, "it is not in the tree");
    else if (listed->is_there && !(can_be_written && hash_equal(&hash, &listed->found.hash)))
        tree_check_add(check, FINDING_DISAGREEING, name,
                       "it is not what " TREE_BOOT_JSON_NAME " says");
}

/* Fails only if there is not enough memory. */
static bool check_script(struct tree_check *check, const char *name, script_writer *write,
                         struct error *error)
{
    struct arena scratch = *check->arena;
    struct error refusal;
    struct str content;
    cleanup(text_stream_close) struct text_stream text = TEXT_STREAM_CLOSED;
    if (!text_stream_open(&text, &scratch, error))
        return false;
    bool can_be_written = write(text.stream, &check->description, scratch, &refusal);
    if (!text_stream_finish(&text, &content, error))
        return false;
    compare_script(check, name, content, can_be_written);
    return true;
}

/* The same for a menu, which a tree may lack. */
static bool check_menu(struct tree_check *check, enum menu menu, struct error *error)
{
    struct arena scratch = *check->arena;
    struct error refusal;
    struct str content;
    cleanup(text_stream_close) struct text_stream text = TEXT_STREAM_CLOSED;
    if (!menu_check(menu, &check->description, scratch, &refusal))
        return true;
    if (!text_stream_open(&text, &scratch, error))
        return false;
    menu_write(menu, text.stream, &check->description, scratch);
    if (!text_stream_finish(&text, &content, error))
        return false;
    compare_script(check, menu_name(menu), content, true);
    return true;
}

static bool check_scripts(struct tree_check *check, struct error *error)
{
    if (!check_script(check, TREE_IPXE_NAME, script_write_ipxe, error) ||
        !check_script(check, TREE_KEXEC_NAME, write_kexec, error) ||
        !check_script(check, TREE_KEXEC_RUN_NAME, write_kexec_run, error))
        return false;
    for (enum menu menu = 0; menu < MENU_COUNT; menu++)
        if (!check_menu(check, menu, error))
            return false;
    const struct tree_description *description = &check->description;
    struct arena scratch = *check->arena;
    struct str line = boot_spec_command_line(str_from(description->init),
                                             str_from(description->params), &scratch);
    if (!str_equal(line, str_from(description->command_line)))
        tree_check_add(check, FINDING_DISAGREEING, TREE_BOOT_JSON_NAME,
                       "commandLine is not made of init and kernelParams");
    return true;
}

/* --- The whole ---------------------------------------------------------------------------------- */

bool verify_tree(const struct verifier *verifier, int directory, const char *name,
                 struct verify_result *ret_result, struct error *error)
{
    cleanup(tree_check_release) struct tree_check check = {
        .verifier = verifier,
        .name = name,
        .directory = directory,
        .arena = verifier->arena,
    };
    if (!tree_check_files(&check, error) || !read_description(&check, error) ||
        !check_scripts(&check, error) || !tree_check_images(&check, error) ||
        !tree_check_layers(&check, error))
        return false;
    tree_check_uki(&check);
    *ret_result = check.result;
    return true;
}
