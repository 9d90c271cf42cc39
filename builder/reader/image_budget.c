#include "builder/reader/image_budget.h"

struct image_budget image_budget_make(uint64_t contents_bytes)
{
    return (struct image_budget){
        .memory = { .what = "memory for its tables",
                    .floor_bytes = IMAGE_MEMORY_FLOOR_BYTES,
                    .factor = IMAGE_MEMORY_FACTOR },
        .contents = { .what = "its unpacked contents",
                      .floor_bytes = image_contents_floor_bytes,
                      .factor = IMAGE_CONTENTS_FACTOR,
                      .limit_bytes = contents_bytes },
        .space = { .what = "temporary space for the images in it",
                   .floor_bytes = IMAGE_SPACE_FLOOR_BYTES,
                   .factor = IMAGE_SPACE_FACTOR },
        .files = { .what = "contents of the tree",
                   .floor_bytes = image_files_floor_bytes,
                   .factor = IMAGE_FILES_FACTOR },
    };
}

void image_budget_pay(struct image_budget *budget, uint64_t real_bytes)
{
    budget_pay(&budget->memory, real_bytes);
    budget_pay(&budget->contents, real_bytes);
    budget_pay(&budget->space, real_bytes);
    budget_pay(&budget->files, real_bytes);
}
