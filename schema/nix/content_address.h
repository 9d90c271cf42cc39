/* content_address.h — how a store path says that its name follows from its contents.
 *
 * Shape    fixed:ALGO:HASH      the hash of a flat file
 *          fixed:r:ALGO:HASH    of the NAR
 *          fixed:git:ALGO:HASH  of a git tree
 *          text:sha256:HASH     of a text, like a derivation's
 *          with ALGO md5, sha1, sha256 or sha512 and HASH in nix32.
 * Source   Nix, src/libstore/content-address.cc.
 */
#pragma once

#include "schema/base/arena.h"

/* The text for a method of path-info JSON ("flat", "nar", "git", "text") and an SRI hash
 * ("sha256-" and base64). */
must_check bool content_address_format(struct str method, struct str sri, struct arena *arena,
                                       struct str *ret_text, struct error *error);
