/* check_options.h — a program with an option of each kind, for the tests of options and of their help. */
#pragma once

#include "schema/base/options.h"

#include <stddef.h>

#define COUNT(table) (sizeof(table) / sizeof *(table))

struct values {
    bool quiet;
    const char *root, *output;
    struct option_list layers;
    int when;
    unsigned jobs;
    uint64_t limit_bytes;
    struct option_pair between;
};

enum { GET, PUT, SHOW, VERB_COUNT };

static const struct verb_spec verbs[] = {
    [GET] = { "get", "[NAME...]", "fetch things", 0, SIZE_MAX },
    [PUT] = { "put", "NAME", "store a thing", 1, 1 },
    [SHOW] = { "show", "", "print\neverything", 0, 0 },
};

static const struct option_spec options[] = {
    { "root", 0, OPTION_TEXT, "DIR", "the directory that is taken for the root of all",
      offsetof(struct values, root), 7 },
    { "output", 'o', OPTION_TEXT, "FILE", "where it goes", offsetof(struct values, output),
      1 << GET | 1 << PUT },
    { "quiet", 'q', OPTION_FLAG, NULL, "say nothing", offsetof(struct values, quiet), 7 },
    { "layer", 'l', OPTION_LIST, "IMAGE", "one more layer;\ncan be given again",
      offsetof(struct values, layers), 1 << GET },
    { "when", 0, OPTION_CHOICE, "never|later|now", "at what time", offsetof(struct values, when),
      1 << PUT },
    { "jobs", 'j', OPTION_JOBS, "N", "threads", offsetof(struct values, jobs), 1 << PUT },
    { "limit", 0, OPTION_SIZE, "SIZE", "how much", offsetof(struct values, limit_bytes), 1 << PUT },
    { "between", 'b', OPTION_PAIR, "A B", "two ends", offsetof(struct values, between), 1 << PUT },
    { "a-name-that-leaves-no-room", 0, OPTION_FLAG, NULL,
      "fifty bytes of help, which is as much as there may", offsetof(struct values, quiet), 7 },
};

static const struct program_spec program = {
    .name = "tool",
    .summary = "Fetches and stores things.",
    .closing = "See also tool(1).",
    .verbs = verbs,
    .verb_count = VERB_COUNT,
    .options = options,
    .option_count = COUNT(options),
};
