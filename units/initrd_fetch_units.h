/* initrd_fetch_units.h — the units that fetch layers.
 *
 * Shape    /run/regd/layers       tmpfs, exactly as large as the layers; or, with regd.to=,
 *          /run/regd/cache        the file system of the cache
 *          regd-fetch.service     fetches all layers; the network is up, or it waits for it. If it
 *                                 fails, systemd does what regd.on-failure= says.
 * Program  regd-fetch is in the directory above the generator's: lib/systemd/regd-fetch.
 *                                 With a cache it does not wait: all may be there already.
 * Output   Progress and the frame of a failure go to the console, events to the journal; in a ramdisk
 *          without libsystemd, events go to both.
 * Failure  reboot-immediate and poweroff-immediate need neither units nor programs, which a ramdisk may
 *          lack. Nothing is lost: the cache survives a power cut, and all else is memory.
 */
#pragma once

#include "units/initrd_request.h"
#include "units/initrd_unit.h"

#define INITRD_FETCH_SERVICE "regd-fetch.service"

/* Where regd-fetch puts the image, and the verity data that it keeps beside it only in a cache (else
 * null). */
const char *initrd_fetched_image(const struct initrd_request *request, const struct layer *pin,
                                 struct arena *arena);
const char *initrd_fetched_verity(const struct initrd_request *request, const struct layer *pin,
                                  struct arena *arena);

/* Returns the value of FailureAction=. */
const char *initrd_failure_action(enum initrd_failure failure);

/* `generator` is the path of the program that the units are of. */
void initrd_fetch_units_add(struct initrd_unit_list *units, const struct initrd_request *request,
                            const char *generator, struct arena *arena);
