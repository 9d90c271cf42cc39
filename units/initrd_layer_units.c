/* initrd_layer_units.c — first decides where the image of a layer will be and what makes it be there
 * (a medium, regd-fetch, dm-verity), then writes one mount. */
#include "units/initrd_layer_units.h"

#include "units/initrd_fetch_units.h"
#include "units/verity_device.h"

#include <assert.h>

/* What a unit that uses an image has to say. */
struct image_place {
    const char *what;   /* the image, or a device or file that has it */
    const char *verity; /* the file with its verity data; null: it follows the image */
    const char *needs;  /* lines of [Unit] */
    uint64_t offset;
    bool is_device;  /* it can be mounted without a loop device */
    bool is_checked; /* it needs no dm-verity: it is in memory */
};

static const char loop_lines[] = "Wants=modprobe@loop.service\n"
                                 "After=modprobe@loop.service\n";

const char *initrd_layer_place(struct arena *arena, size_t index)
{
    if (index == 0)
        return "/sysroot/nix/.ro-store";
    return arena_format(arena, "/sysroot/nix/.ro-store.%zu", index).data;
}

/* Mounts the file system that holds a layer's file. With default dependencies, it would count as
 * one of the ramdisk's own file systems, for which all early units wait. */
static const char *add_medium(struct initrd_unit_list *units, const struct initrd_source *source,
                              size_t index, struct arena *arena)
{
    const char *where = arena_format(arena, "/run/regd/store.%zu", index).data;
    const char *text =
        arena_format(arena,
                     INITRD_HEADING "Description=Medium of Layer %zu of the Nix Store\n"
                                    "DefaultDependencies=no\n"
                                    "Conflicts=umount.target\n"
                                    "Before=initrd-fs.target umount.target\n"
                                    "\n"
                                    "[Mount]\n"
                                    "What=%s\n"
                                    "Where=%s\n"
                                    "Options=ro\n",
                     index, initrd_unit_value(arena, source->what), where)
            .data;
    initrd_unit_add_mount(units, where, text, arena);
    return where;
}

/* A mount unit does so by itself. */
static const char *needs_device(const char *path, struct arena *arena)
{
    const char *name = initrd_unit_name(arena, path, ".device");
    return arena_format(arena, "Requires=%s\nAfter=%s\n", name, name).data;
}

static struct image_place find_image(struct initrd_unit_list *units,
                                     const struct initrd_request *request, size_t index,
                                     struct arena *arena)
{
    const struct initrd_source *source = &request->sources[index];
    assert(source->is_url || source->what);
    struct image_place place = { .what = source->what, .needs = "", .offset = source->offset };
    if (source->is_url) {
        place.what = initrd_fetched_image(request, &source->pin, arena);
        place.verity = initrd_fetched_verity(request, &source->pin, arena);
        place.is_checked = !request->to.what;
        place.needs = "Requires=" INITRD_FETCH_SERVICE "\n"
                      "After=" INITRD_FETCH_SERVICE "\n";
    } else if (source->file) {
        const char *medium = add_medium(units, source, index, arena);
        place.what = arena_format(arena, "%s%s", medium, source->file).data;
        place.needs = arena_format(arena, "RequiresMountsFor=%s\n", medium).data;
    } else {
        place.is_device = source->is_device && source->offset == 0;
        if (source->is_device && source->pin.size_bytes > 0)
            place.needs = needs_device(source->what, arena);
    }
    return place;
}

/* The link that the service makes is the device's name: no rule of udev is needed. */
static struct image_place add_verity(struct initrd_unit_list *units, const struct layer *pin,
                                     const struct image_place *image, size_t index,
                                     const char *program, struct arena *arena)
{
    const char *service = arena_format(arena, "regd-verity-%zu.service", index).data;
    const char *verity =
        image->verity ? arena_format(arena, " %s", initrd_unit_word(arena, image->verity)).data
                      : "";
    const char *text =
        arena_format(arena,
                     INITRD_HEADING "Description=dm-verity of Layer %zu of the Nix Store\n"
                                    "DefaultDependencies=no\n"
                                    "IgnoreOnIsolate=yes\n"
                                    "%s%s"
                                    "Wants=modprobe@dm_verity.service\n"
                                    "After=modprobe@dm_verity.service\n"
                                    "\n"
                                    "[Service]\n"
                                    "Type=oneshot\n"
                                    "RemainAfterExit=yes\n"
                                    "ExecStart=:%s --verity %zu %s %llu %llu %s%s\n",
                     index, image->needs, loop_lines, initrd_unit_word(arena, program), index,
                     hash_to_hex(&pin->root).text, (unsigned long long)pin->size_bytes,
                     (unsigned long long)image->offset, initrd_unit_word(arena, image->what),
                     verity)
            .data;
    initrd_unit_add(units, service, text, arena);
    return (struct image_place){
        .what = arena_format(arena, VERITY_DEVICE_LINK, index).data,
        .needs = arena_format(arena, "Requires=%s\nAfter=%s\n", service, service).data,
        .is_device = true,
    };
}

static void add_layer(struct initrd_unit_list *units, const struct image_place *image, size_t index,
                      bool has_threads, struct arena *arena)
{
    const char *where = initrd_layer_place(arena, index);
    const char *offset = "";
    if (image->offset > 0)
        offset = arena_format(arena, ",offset=%llu", (unsigned long long)image->offset).data;
    const char *text =
        arena_format(arena,
                     INITRD_HEADING "Description=Layer %zu of the Nix Store\n"
                                    "%s%s"
                                    "Before=initrd-fs.target\n"
                                    "\n"
                                    "[Mount]\n"
                                    "What=%s\n"
                                    "Where=%s\n"
                                    "Type=squashfs\n"
                                    "Options=ro%s%s%s\n",
                     index, image->needs, image->is_device ? "" : loop_lines,
                     initrd_unit_value(arena, image->what), where, image->is_device ? "" : ",loop",
                     offset, has_threads ? ",threads=multi" : "")
            .data;
    initrd_unit_add_mount(units, where, text, arena);
}

void initrd_layer_units_add(struct initrd_unit_list *units, const struct initrd_request *request,
                            const struct initrd_facts *facts, struct arena *arena)
{
    for (size_t i = 0; i < request->count; i++) {
        const struct layer *pin = &request->sources[i].pin;
        struct image_place image = find_image(units, request, i, arena);
        if (pin->size_bytes > 0 && !image.is_checked)
            image = add_verity(units, pin, &image, i, facts->program, arena);
        add_layer(units, &image, i, facts->threads_by_mount, arena);
    }
}
