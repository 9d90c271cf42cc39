/* content_address.h — content addresses, from which the names of some store paths are computed.
 *
 * Shape    fixed:ALGO:HASH      the hash of a flat file
 *          fixed:r:ALGO:HASH    the hash of a NAR
 *          fixed:git:ALGO:HASH  the hash of a git tree
 *          text:sha256:HASH     the hash of a text file, such as a derivation
 *          with ALGO md5, sha1, sha256 or sha512 and HASH in nix32.
 * Source   Nix, src/libstore/content-address.cc.
 */
#pragma once

#include "schema/base/arena.h"

/* Makes the text from a method of path-info JSON ("flat", "nar", "git", "text") and an SRI hash
 * ("sha256-" and base64). */
must_check bool content_address_format(struct str method, struct str sri, struct arena *arena,
                                       struct str *ret_text, struct error *error);
