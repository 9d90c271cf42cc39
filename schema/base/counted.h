/* counted.h — a number of things, as a sentence has it: "1 path", "2 paths".
 */
#pragma once

#include <stdint.h>

struct counted {
    char text[64];
};

/* `one` is the word for one, of at most 40 bytes; the others end in "s", or "ies" instead of "y" behind a consonant. */
struct counted counted(uint64_t number, const char *one);
