/* lzo.h — unpacks a block of LZO1X, in which lzop compresses ramdisks.
 *
 * Its usual library is under the GPL, this project is not; and the format is small. A block is a
 * sequence of instructions. Each copies bytes that are unpacked already, then bytes that follow it.
 *
 * Source   The kernel's Documentation/staging/lzo.rst, without the version that lzop never writes.
 */
#pragma once

#include "schema/base/str.h"

/* Unpacks a whole block, which must fill `bytes` exactly. Returns false if it is damaged: nothing
 * is read or written outside the two texts. */
must_check bool lzo_unpack(struct str packed, char *bytes, size_t count);
