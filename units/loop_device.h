/* loop_device.h — makes a block device of a file, from an offset to its end.
 *
 * Source   Linux, include/uapi/linux/loop.h; LOOP_CONFIGURE is there since Linux 5.8.
 */
#pragma once

#include "schema/base/file.h"

/* Attaches a read-only loop device. The kernel frees it when nobody has it open any more. `offset` must
 * be a multiple of 512. */
must_check bool loop_device_attach(struct file file, uint64_t offset, int *ret_fd,
                                   struct error *error);
