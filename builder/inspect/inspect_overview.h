/* inspect_overview.h — prints counts, sizes before and after compression, memory to boot, and the
 * largest paths.
 */
#pragma once

#include "builder/inspect/inspection.h"

must_check bool inspect_print_overview(const struct inspection *inspection, struct error *error);
