/* messages.h — the kinds of messages, with their priorities and message ids in the journal.
 *
 * The ids never change; units/regd.catalog has an explanation for each. Create one with
 * `systemd-id128 new`.
 */
#pragma once

#include <syslog.h>

enum message {
    MESSAGE_REGISTERED,
    MESSAGE_REHASHED,
    MESSAGE_LEFT_OUT,
    MESSAGE_NO_MANIFEST,
    MESSAGE_DETAILS_UNUSED,
    MESSAGE_DATABASE_ODD,
    MESSAGE_TAGGED,
    MESSAGE_TAG_READ_ONLY,
    MESSAGE_PROFILE_SET,
    MESSAGE_PROFILE_KEPT,
    MESSAGE_MANIFEST_DELETED,
    MESSAGE_MANIFEST_KEPT,
    MESSAGE_WAITING,
    MESSAGE_FAILED,
    MESSAGE_COUNT,
};

static const struct {
    int priority;
    const char *id;
} messages[MESSAGE_COUNT] = {
    [MESSAGE_REGISTERED] = { LOG_INFO, "63106a13eb5a4c81898a7eb2b6b98021" },
    [MESSAGE_REHASHED] = { LOG_WARNING, "3dc584b90d734455a45853b10617325c" },
    [MESSAGE_LEFT_OUT] = { LOG_WARNING, "ce168a5854e749669a65d2c71b1d1d1a" },
    [MESSAGE_NO_MANIFEST] = { LOG_NOTICE, "9f692e052cc14a37aad6e1ed69b0b455" },
    [MESSAGE_DETAILS_UNUSED] = { LOG_WARNING, "ce146c60357545c6bdd88a7970d569a5" },
    [MESSAGE_DATABASE_ODD] = { LOG_WARNING, "36e0c1c8a65744a1add1f21eea04ced5" },
    [MESSAGE_TAGGED] = { LOG_INFO, "f4c2a99b9a884ed78adb089e90c0f38e" },
    [MESSAGE_TAG_READ_ONLY] = { LOG_NOTICE, "0c0e4acc212547a5964f8089d4360c69" },
    [MESSAGE_PROFILE_SET] = { LOG_INFO, "3444f29b9fb845b89351aa35ce8c63eb" },
    [MESSAGE_PROFILE_KEPT] = { LOG_INFO, "ffb48abe3de0429ca757e632c119921f" },
    [MESSAGE_MANIFEST_DELETED] = { LOG_INFO, "7b1527adba434275a164a16f58abfc7a" },
    [MESSAGE_MANIFEST_KEPT] = { LOG_NOTICE, "55122191c9cb465dac43149d826d7e95" },
    [MESSAGE_WAITING] = { LOG_NOTICE, "18eab75eaddd4512a4e97b593c13bbcc" },
    [MESSAGE_FAILED] = { LOG_ERR, "1505cd431c6a46b0aeb1e8d77cf0b773" },
};
