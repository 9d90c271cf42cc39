/* store_path.h — store paths: the names of store objects.
 *
 * Shape    STORE_DIR "/" DIGEST "-" NAME
 *            DIGEST  32 nix32 digits
 *            NAME    1 to 211 bytes of [0-9A-Za-z+._?=-], not "." or "..", nor starting with ".-"
 *                    or "..-"
 *          The programs represent a path as its base name, "DIGEST-NAME", a slice of the text that
 *          it was read from. The store directory is kept separately.
 * Source   Nix, src/libstore/path.cc. The rule about dots is that of 2.18.3 and later. The one
 *          about the '-' is that of 2.35.2; older versions accept any byte there, which newer ones
 *          refuse. A path may have superfluous '/', '.' and '..' components, which are removed
 *          without looking at the disk, as Nix's canonPath does.
 */
#pragma once

#include "schema/base/arena.h"

enum {
    STORE_PATH_DIGEST_LENGTH = 32,
    STORE_PATH_NAME_MAX = 211, /* Nix, StorePath::MaxPathLen */
    STORE_PATH_BASE_MAX = STORE_PATH_DIGEST_LENGTH + 1 + STORE_PATH_NAME_MAX,
};

/* Fails if it is not a legal base name. */
must_check bool store_path_check(struct str base, struct error *error);

/* Fails if `text` is not STORE_DIR "/" and more. *ret_base is what follows, legal or not. */
must_check bool store_path_strip(struct str text, struct str store_dir, struct str *ret_base);

/* Parses the absolute path of an object in store_dir. *ret_base is a slice of `text`. Refuses paths
 * outside the store or inside an object, and illegal names. */
must_check bool store_path_parse(struct str text, struct str store_dir, struct str *ret_base,
                                 struct error *error);

/* Does the name end in ".drv"? */
bool store_path_is_derivation(struct str base);

/* Returns the NAME part of a legal base name. */
struct str store_path_name(struct str base);

/* Returns STORE_DIR "/" BASE, terminated. */
struct str store_path_format(struct arena *arena, struct str store_dir, struct str base);
