/* initrd_value.h — values of kernel parameters that become lines of a unit file.
 *
 * Text     systemd ignores a line that is not UTF-8 or has control characters, and cuts a space at
 *          its end; a backslash there continues it. No such text is accepted.
 * Label    udev's links in /dev/disk keep some characters, and have the others as \xNN.
 * URL      http and https only. It is printable ASCII; a comma would end it, and is written %2C.
 * Source   systemd, src/basic/utf8.c; udev's encode_devnode_name() in src/shared/udev-util.c;
 *          RFC 3986.
 */
#pragma once

#include "schema/base/arena.h"

/* Is it a number above 0, with or without one of the units after it? */
bool initrd_is_amount(struct str text, const char *units);

/* Is it an absolute path without empty, "." and ".." components, which a unit file can hold? */
bool initrd_is_plain_path(struct str path);

/* Returns the path that a source names: itself, or, of LABEL=, UUID=, PARTLABEL= and PARTUUID=,
 * udev's link. Empty if a tag has no name. The path need not be a plain one. */
struct str initrd_source_path(struct str text, struct arena *arena);

/* Does it start with a scheme and "://"? */
bool initrd_is_url(struct str text);

/* Refuses a scheme other than http and https, a URL without a host, and bytes that are not printable
 * ASCII. */
must_check bool initrd_url_check(struct str url, struct error *error);

/* Returns the directory of a URL, with '/' at its end: without the name of a file, a query and a
 * fragment. */
struct str initrd_url_directory(struct str url, struct arena *arena);
