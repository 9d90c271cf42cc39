/* inspect_overview.h — counts, sizes before and after compression, memory to boot, largest paths.
 */
#pragma once

#include "builder/inspect/inspection.h"

must_check bool inspect_print_overview(const struct inspection *inspection, struct error *error);
