/* failure.h — what a person at the console sees when the store cannot be had, or its writable layer.
 */
#pragma once

#include "schema/base/arena.h"

enum failure_action { FAILURE_REBOOT, FAILURE_POWEROFF, FAILURE_SHELL };

struct failure {
    enum failure_action action;
    unsigned seconds; /* before it is taken */
};

/* Formats what failed, the sentence and what happens next, in a frame of at most 79 columns, one "\n"
 * after each line. The sentence is escaped as show.h says. */
struct str failure_frame(struct str what, struct str sentence, const struct failure *failure,
                         struct arena *arena);
