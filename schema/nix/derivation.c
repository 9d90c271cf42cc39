#include "schema/nix/derivation.h"

#include "schema/nix/path_info.h"

#include <stdlib.h>
#include <string.h>

/* A cursor over the text. */
struct term {
    struct str rest;
    size_t length; /* of the whole text, for error sentences */
    struct arena *arena;
    struct error *error;
};

static bool wrong(const struct term *term, const char *expected)
{
    return error_set(term->error, "byte %zu: %s expected", term->length - term->rest.len + 1,
                     expected);
}

static bool take(struct term *term, const char *expected)
{
    struct str token = str_from(expected);
    if (!str_starts(term->rest, token))
        return wrong(term, expected);
    term->rest = str_skip(term->rest, token.len);
    return true;
}

static char unescaped(char escape)
{
    switch (escape) {
    case 'n':
        return '\n';
    case 'r':
        return '\r';
    case 't':
        return '\t';
    default:
        return escape;
    }
}

/* Copies the inside of a string and replaces its escapes. */
static struct str unescape(struct str inside, struct arena *arena)
{
    char *copy = arena_new(arena, char, inside.len);
    size_t length = 0;
    for (size_t i = 0; i < inside.len; i++) {
        if (inside.data[i] == '\\')
            copy[length++] = unescaped(inside.data[++i]);
        else
            copy[length++] = inside.data[i];
    }
    return (struct str){ copy, length };
}

static bool take_string(struct term *term, struct str *ret_string)
{
    if (!take(term, "\""))
        return false;
    bool escapes = false;
    size_t end = 0;
    while (end < term->rest.len && term->rest.data[end] != '"') {
        bool escape = term->rest.data[end] == '\\';
        escapes |= escape;
        end += escape ? 2 : 1;
    }
    if (end >= term->rest.len)
        return error_set(term->error, "the text ends inside a string");
    struct str inside = { term->rest.data, end };
    term->rest = str_skip(term->rest, end + 1);
    *ret_string = escapes ? unescape(inside, term->arena) : inside;
    return true;
}

/* Takes the ',' between two items, or the ']' after the last one. */
static bool take_next(struct term *term, bool first, bool *ret_more)
{
    *ret_more = !str_starts(term->rest, STR("]"));
    if (!*ret_more)
        return take(term, "]");
    return first || take(term, ",");
}

static bool take_strings(struct term *term, struct str **ret_items, size_t *ret_count)
{
    size_t capacity = 0;
    bool more;
    if (!take(term, "["))
        return false;
    for (;;) {
        if (!take_next(term, *ret_count == 0, &more) || !more)
            return !more;
        *ret_items = arena_grow(term->arena, *ret_items, *ret_count, &capacity, sizeof **ret_items);
        if (!take_string(term, &(*ret_items)[*ret_count]))
            return false;
        ++*ret_count;
    }
}

static bool take_output(struct term *term, struct derivation_output *output)
{
    return take(term, "(") && take_string(term, &output->name) && take(term, ",") &&
           take_string(term, &output->path) && take(term, ",") &&
           take_string(term, &output->method) && take(term, ",") &&
           take_string(term, &output->hash) && take(term, ")");
}

static bool take_outputs(struct term *term, struct derivation *derivation)
{
    size_t capacity = 0;
    bool more;
    if (!take(term, "["))
        return false;
    for (;;) {
        if (!take_next(term, derivation->output_count == 0, &more) || !more)
            return !more;
        derivation->outputs = arena_grow(term->arena, derivation->outputs, derivation->output_count,
                                         &capacity, sizeof *derivation->outputs);
        if (!take_output(term, &derivation->outputs[derivation->output_count++]))
            return false;
    }
}

static bool take_input(struct term *term, struct derivation_input *input)
{
    if (!take(term, "(") || !take_string(term, &input->path) || !take(term, ",") ||
        !take_strings(term, &input->outputs, &input->output_count) || !take(term, ")"))
        return false;
    path_names_normalise(input->outputs, &input->output_count);
    return true;
}

static bool take_inputs(struct term *term, struct derivation *derivation)
{
    size_t capacity = 0;
    bool more;
    if (!take(term, "["))
        return false;
    for (;;) {
        if (!take_next(term, derivation->input_count == 0, &more) || !more)
            return !more;
        derivation->inputs = arena_grow(term->arena, derivation->inputs, derivation->input_count,
                                        &capacity, sizeof *derivation->inputs);
        if (!take_input(term, &derivation->inputs[derivation->input_count++]))
            return false;
    }
}

static bool take_variable(struct term *term, struct derivation_variable *variable)
{
    return take(term, "(") && take_string(term, &variable->name) && take(term, ",") &&
           take_string(term, &variable->value) && take(term, ")");
}

static bool take_environment(struct term *term, struct derivation *derivation)
{
    size_t capacity = 0;
    bool more;
    if (!take(term, "["))
        return false;
    for (;;) {
        if (!take_next(term, derivation->environment_count == 0, &more) || !more)
            return !more;
        derivation->environment =
            arena_grow(term->arena, derivation->environment, derivation->environment_count,
                       &capacity, sizeof *derivation->environment);
        if (!take_variable(term, &derivation->environment[derivation->environment_count++]))
            return false;
    }
}

/* Sort items whose first member is a string, their name. Two of the same name are an error. */
static int compare_first(const void *left, const void *right)
{
    return str_compare(*(const struct str *)left, *(const struct str *)right);
}

static bool sort_named(void *items, size_t count, size_t size, const char *what,
                       struct error *error)
{
    if (count < 2)
        return true;
    qsort(items, count, size, compare_first);
    for (size_t i = 1; i < count; i++) {
        const struct str *name = (const struct str *)((const char *)items + i * size);
        const struct str *before = (const struct str *)((const char *)items + (i - 1) * size);
        if (str_equal(*before, *name))
            return error_set(error, "the %s '%.*s' occurs twice", what, STR_SHOWN(*name));
    }
    return true;
}

static bool sort_all(struct derivation *derivation, struct error *error)
{
    path_names_normalise(derivation->sources, &derivation->source_count);
    return sort_named(derivation->outputs, derivation->output_count, sizeof *derivation->outputs,
                      "output", error) &&
           sort_named(derivation->inputs, derivation->input_count, sizeof *derivation->inputs,
                      "input", error) &&
           sort_named(derivation->environment, derivation->environment_count,
                      sizeof *derivation->environment, "variable", error);
}

static bool check_outputs(const struct derivation *derivation, struct error *error)
{
    if (derivation->output_count == 0)
        return error_set(error, "it has no outputs");
    for (size_t i = 0; i < derivation->output_count; i++) {
        const struct derivation_output *output = &derivation->outputs[i];
        if (output->path.len == 0)
            return error_set(error,
                             "the output '%.*s' has no path: content-addressed and deferred "
                             "outputs are experimental in Nix and not supported",
                             STR_SHOWN(output->name));
        if ((output->method.len == 0) != (output->hash.len == 0))
            return error_set(error, "the output '%.*s' has a method or a hash, but not both",
                             STR_SHOWN(output->name));
        if (output->hash.len > 0 && !derivation_is_fixed(derivation))
            return error_set(error, "only a single output 'out' may have a fixed hash");
    }
    return true;
}

bool derivation_parse(struct str text, struct arena *arena, struct derivation *ret_derivation,
                      struct error *error)
{
    struct term term = { .rest = text, .length = text.len, .arena = arena, .error = error };
    struct derivation derivation = { 0 };
    bool parsed = take(&term, "Derive(") && take_outputs(&term, &derivation) && take(&term, ",") &&
                  take_inputs(&term, &derivation) && take(&term, ",") &&
                  take_strings(&term, &derivation.sources, &derivation.source_count) &&
                  take(&term, ",") && take_string(&term, &derivation.system) && take(&term, ",") &&
                  take_string(&term, &derivation.builder) && take(&term, ",") &&
                  take_strings(&term, &derivation.arguments, &derivation.argument_count) &&
                  take(&term, ",") && take_environment(&term, &derivation) && take(&term, ")");
    if (!parsed || !sort_all(&derivation, error) || !check_outputs(&derivation, error))
        return false;
    *ret_derivation = derivation;
    return true;
}

bool derivation_is_fixed(const struct derivation *derivation)
{
    return derivation->output_count == 1 && derivation->outputs[0].hash.len > 0 &&
           str_equal(derivation->outputs[0].name, STR("out"));
}

/* Both arrays are sorted by name. */
const struct derivation_output *derivation_find_output(const struct derivation *derivation,
                                                       struct str name)
{
    if (derivation->output_count == 0)
        return NULL;
    return bsearch(&name, derivation->outputs, derivation->output_count,
                   sizeof *derivation->outputs, compare_first);
}

const struct derivation_variable *derivation_find_variable(const struct derivation *derivation,
                                                           struct str name)
{
    if (derivation->environment_count == 0)
        return NULL;
    return bsearch(&name, derivation->environment, derivation->environment_count,
                   sizeof *derivation->environment, compare_first);
}
