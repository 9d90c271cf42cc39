#include "builder/ramdisk/lzo.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>

enum {
    /* How many bytes the last instruction copied from behind itself: 1 to 3, or a run. */
    AFTER_NONE = 0,
    AFTER_RUN = 4,

    NEAR_OFFSET = 1,
    RUN_OFFSET = 2049, /* right behind a run, the short distances are those beyond the near ones */
    FAR_OFFSET = 16384,

    FIRST_RUN_OFFSET = 17, /* the first byte may be a count of bytes to copy */
};

struct block {
    const uint8_t *next, *end; /* packed */
    uint8_t *first, *to, *to_end;
    bool is_damaged, has_ended;
    unsigned after;
};

static unsigned take_byte(struct block *block)
{
    if (block->next < block->end)
        return *block->next++;
    block->is_damaged = true;
    return 0;
}

/* Returns a length of `bits` bits, which is continued behind the instruction if they are zero: each
 * byte of zero stands for 255, and another one ends it. */
static size_t take_length(struct block *block, unsigned instruction, unsigned bits)
{
    size_t length = instruction & ((1U << bits) - 1);
    unsigned byte;
    if (length > 0)
        return length;
    length = (1U << bits) - 1;
    while (!(byte = take_byte(block)) && !block->is_damaged)
        length += 255;
    return length + byte;
}

static void copy_packed(struct block *block, size_t count)
{
    assert(block->next <= block->end && block->to <= block->to_end);
    if ((size_t)(block->end - block->next) < count || (size_t)(block->to_end - block->to) < count) {
        block->is_damaged = true;
        return;
    }
    memcpy(block->to, block->next, count);
    block->next += count;
    block->to += count;
}

/* A copy may reach into itself, and then repeats what it has written. */
static void copy_unpacked(struct block *block, size_t distance, size_t count)
{
    assert(distance > 0 && block->first <= block->to);
    if ((size_t)(block->to - block->first) < distance ||
        (size_t)(block->to_end - block->to) < count) {
        block->is_damaged = true;
        return;
    }
    for (; count > 0; count--, block->to++)
        *block->to = block->to[-(ptrdiff_t)distance];
}

/* Takes the two bytes behind an instruction: a distance above the two bits of `after`. */
static size_t take_distance(struct block *block)
{
    unsigned low = take_byte(block), both = low | take_byte(block) << 8;
    block->after = both & 3;
    return both >> 2;
}

static void run_instruction(struct block *block, unsigned byte)
{
    size_t length, distance;
    if (byte >= 64) {
        length = byte >= 128 ? 5 + (byte >> 5 & 3) : 3 + (byte >> 5 & 1);
        block->after = byte & 3;
        distance = (take_byte(block) << 3) + (byte >> 2 & 7) + NEAR_OFFSET;
    } else if (byte >= 32) {
        length = 2 + take_length(block, byte, 5);
        distance = take_distance(block) + NEAR_OFFSET;
    } else if (byte >= 16) {
        length = 2 + take_length(block, byte, 3);
        distance = take_distance(block) + (byte >> 3 & 1) * FAR_OFFSET;
        block->has_ended = distance == 0;
        distance += FAR_OFFSET;
    } else if (block->after == AFTER_NONE) {
        copy_packed(block, 3 + take_length(block, byte, 4));
        block->after = AFTER_RUN;
        return;
    } else {
        length = block->after == AFTER_RUN ? 3 : 2;
        distance = (take_byte(block) << 2) + (byte >> 2) +
                   (block->after == AFTER_RUN ? RUN_OFFSET : NEAR_OFFSET);
        block->after = byte & 3;
    }
    if (block->has_ended)
        return;
    copy_unpacked(block, distance, length);
    copy_packed(block, block->after);
}

bool lzo_unpack(struct str packed, char *bytes, size_t count)
{
    struct block block = {
        .next = (const uint8_t *)packed.data,
        .end = (const uint8_t *)packed.data + packed.len,
        .first = (uint8_t *)bytes,
        .to = (uint8_t *)bytes,
        .to_end = (uint8_t *)bytes + count,
    };
    if (packed.len > 0 && *block.next > FIRST_RUN_OFFSET) {
        unsigned run = take_byte(&block) - FIRST_RUN_OFFSET;
        copy_packed(&block, run);
        block.after = run < AFTER_RUN ? run : AFTER_RUN;
    }
    while (!block.is_damaged && !block.has_ended)
        run_instruction(&block, take_byte(&block));
    return !block.is_damaged && block.next == block.end && block.to == block.to_end;
}
