#include "schema/nix/derivation_check.h"

#include "schema/base/file.h"
#include "schema/base/own.h"
#include "schema/nix/derivation_hash.h"
#include "schema/nix/path_info.h"
#include "schema/nix/store_path.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

/* What is remembered of a derivation: the hash that replaces its path in derivations that use
 * it. */
struct derivation_memo {
    bool done; /* otherwise it is still on the stack */
    struct hash modulo;
};

struct derivation_checker derivation_checker_make(int store, struct str store_dir,
                                                  struct arena *arena)
{
    return (struct derivation_checker){
        .store = store,
        .store_dir = store_dir,
        .arena = arena,
    };
}

/* Returns the memo of a derivation that has been visited. */
static struct derivation_memo *memo_of(const struct derivation_checker *checker, struct str base)
{
    return &checker->memos[name_table_find(&checker->names, base)];
}

static bool read_derivation(struct derivation_checker *checker, struct str base,
                            struct derivation *ret_derivation, struct error *error)
{
    const char *name = arena_copy(checker->arena, base).data;
    struct str text;
    mode_t mode;
    /* Check the type first, because opening a device can have side effects. */
    if (!file_look(checker->store, name, &mode, error))
        return false;
    if (mode != 0 && !S_ISREG(mode))
        return error_set(error, "open the derivation %s: it is not a regular file", name);
    cleanup(own_close) int fd =
        openat(checker->store, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return error_errno(error, errno, "open the derivation %s", name);
    return (file_read_fd((struct file){ fd, name }, derivation_bytes_max, checker->arena, &text,
                         error) &&
            derivation_parse(text, checker->arena, ret_derivation, error)) ||
           error_in(error, "derivation %s", name);
}

static int compare_inputs(const void *left, const void *right)
{
    return str_compare(((const struct derivation_input *)left)->path,
                       ((const struct derivation_input *)right)->path);
}

/* Adds the outputs of `input` to `into`, each once. */
static void merge_outputs(struct derivation_input *into, const struct derivation_input *input,
                          struct arena *arena)
{
    size_t total = into->output_count + input->output_count;
    struct str *outputs = arena_new(arena, struct str, total);
    for (size_t i = 0; i < into->output_count; i++)
        outputs[i] = into->outputs[i];
    for (size_t i = 0; i < input->output_count; i++)
        outputs[into->output_count + i] = input->outputs[i];
    path_names_normalise(outputs, &total);
    into->outputs = outputs;
    into->output_count = total;
}

/* Returns the hash of the derivation with each input's path replaced by that input's hash. Two
 * inputs with the same hash (a fixed output that is fetched in two ways) become one, with the
 * outputs of both. */
static struct hash hash_replaced(const struct derivation_checker *checker,
                                 const struct derivation *derivation, bool masked)
{
    struct arena scratch = *checker->arena;
    size_t count = derivation->input_count, kept = 0;
    struct derivation_input *inputs = arena_new(&scratch, struct derivation_input, count);
    for (size_t i = 0; i < count; i++) {
        inputs[i] = derivation->inputs[i];
        char *hex = arena_new(&scratch, char, HASH_HEX_LENGTH);
        struct str base = str_cut_last(inputs[i].path, '/').tail;
        hash_format_hex(memo_of(checker, base)->modulo.bytes, HASH_BYTES, hex);
        inputs[i].path = (struct str){ hex, HASH_HEX_LENGTH };
    }
    if (count)
        qsort(inputs, count, sizeof *inputs, compare_inputs);
    for (size_t i = 0; i < count; i++) {
        if (kept > 0 && str_equal(inputs[kept - 1].path, inputs[i].path))
            merge_outputs(&inputs[kept - 1], &inputs[i], &scratch);
        else
            inputs[kept++] = inputs[i];
    }
    return derivation_hash(derivation, inputs, kept, masked);
}

static size_t algorithm_bytes(struct str algorithm)
{
    if (str_equal(algorithm, STR("md5")))
        return 16;
    if (str_equal(algorithm, STR("sha1")))
        return 20;
    if (str_equal(algorithm, STR("sha256")))
        return 32;
    return str_equal(algorithm, STR("sha512")) ? 64 : 0;
}

static bool fixed_base(const struct derivation_checker *checker,
                       const struct derivation_output *output, struct str name,
                       struct str *ret_base, struct error *error)
{
    bool recursive = str_starts(output->method, STR("r:"));
    struct str algorithm = recursive ? str_skip(output->method, 2) : output->method;
    size_t bytes = algorithm_bytes(algorithm);
    if (bytes == 0)
        return error_set(error, "the hash method '%.*s' is not known", STR_ARG(output->method));
    bool is_hex = output->hash.len == 2 * bytes;
    for (size_t i = 0; i < output->hash.len && is_hex; i++)
        is_hex = strchr("0123456789abcdef", output->hash.data[i]) && output->hash.data[i];
    if (!is_hex)
        return error_set(error, "'%.*s' is not a base-16 %.*s hash", STR_ARG(output->hash),
                         STR_ARG(algorithm));
    struct hash hash;
    if (recursive && str_equal(algorithm, STR("sha256"))) {
        if (!hash_parse(output->hash, &hash, error))
            return false;
        *ret_base = derivation_make_base(checker->arena, checker->store_dir, "source", &hash, name);
        return true;
    }
    hash =
        digest_sha256(arena_format(checker->arena, "fixed:out:%s%.*s:%.*s:", recursive ? "r:" : "",
                                   STR_ARG(algorithm), STR_ARG(output->hash)));
    *ret_base = derivation_make_base(checker->arena, checker->store_dir, "output:out", &hash, name);
    return true;
}

/* NAME for the output "out", NAME-OUTPUT for others. */
static struct str output_name(const struct derivation_checker *checker, struct str name,
                              struct str output)
{
    if (str_equal(output, STR("out")))
        return name;
    return arena_format(checker->arena, "%.*s-%.*s", STR_ARG(name), STR_ARG(output));
}

static bool check_variable(const struct derivation *derivation,
                           const struct derivation_output *output, struct error *error)
{
    const struct derivation_variable *variable = derivation_find_variable(derivation, output->name);
    if (!variable)
        return error_set(error, "the variable '%.*s' of its output is missing",
                         STR_SHOWN(output->name));
    return str_equal(variable->value, output->path) ||
           error_set(error, "the variable '%.*s' is '%.*s', not the output path '%.*s'",
                     STR_SHOWN(output->name), STR_SHOWN(variable->value), STR_SHOWN(output->path));
}

/* Checks the outputs of a derivation. Unless it is fixed, all its inputs must have a memo. */
static bool check_outputs(const struct derivation_checker *checker, struct str base,
                          const struct derivation *derivation, struct error *error)
{
    struct str name = store_path_name(base);
    name.len -= STR(".drv").len;
    bool fixed = derivation_is_fixed(derivation);
    struct hash hash = { 0 };
    if (!fixed)
        hash = hash_replaced(checker, derivation, true);
    for (size_t i = 0; i < derivation->output_count; i++) {
        const struct derivation_output *output = &derivation->outputs[i];
        struct str right, said;
        if (!store_path_parse(output->path, checker->store_dir, &said, error))
            return false;
        if (fixed) {
            if (!fixed_base(checker, output, name, &right, error))
                return false;
        } else {
            struct str type = arena_format(checker->arena, "output:%.*s", STR_ARG(output->name));
            right = derivation_make_base(checker->arena, checker->store_dir, type.data, &hash,
                                         output_name(checker, name, output->name));
        }
        if (!str_equal(said, right))
            return error_set(error, "the output '%.*s' is '%.*s', expected '%.*s'",
                             STR_ARG(output->name), STR_ARG(said), STR_ARG(right));
        if (!check_variable(derivation, output, error))
            return false;
    }
    return true;
}

/* A derivation whose inputs are being visited. */
struct frame {
    struct str base;
    struct derivation derivation;
    size_t next_input;
};

struct stack {
    struct frame *frames;
    size_t depth, capacity;
};

/* Starts to visit a derivation that has no memo yet. A fixed one is finished at once. */
static bool enter(struct derivation_checker *checker, struct stack *stack, struct str base,
                  struct derivation *ret_derivation, struct error *error)
{
    if (!read_derivation(checker, base, ret_derivation, error))
        return false;
    checker->memos = arena_grow(checker->arena, checker->memos, checker->names.count,
                                &checker->memo_capacity, sizeof *checker->memos);
    uint32_t number = name_table_add(&checker->names, base, checker->arena);
    struct derivation_memo *memo = &checker->memos[number];
    assert(number + 1 == checker->names.count);
    if (derivation_is_fixed(ret_derivation)) {
        *memo = (struct derivation_memo){
            .done = true,
            .modulo = derivation_hash_fixed(&ret_derivation->outputs[0]),
        };
        return true;
    }
    stack->frames = arena_grow(checker->arena, stack->frames, stack->depth, &stack->capacity,
                               sizeof *stack->frames);
    stack->frames[stack->depth++] = (struct frame){ .base = base, .derivation = *ret_derivation };
    return true;
}

/* Visits the next input of the derivation on top of the stack, or finishes that derivation. */
static bool advance(struct derivation_checker *checker, struct stack *stack, struct error *error)
{
    struct frame *frame = &stack->frames[stack->depth - 1];
    if (frame->next_input == frame->derivation.input_count) {
        *memo_of(checker, frame->base) = (struct derivation_memo){
            .done = true,
            .modulo = hash_replaced(checker, &frame->derivation, false),
        };
        stack->depth--;
        return true;
    }
    struct str input;
    struct derivation ignored;
    struct str path = frame->derivation.inputs[frame->next_input++].path;
    if (!store_path_parse(path, checker->store_dir, &input, error))
        return error_in(error, "derivation %.*s: input", STR_ARG(frame->base));
    if (!str_equal(str_cut_last(path, '/').tail, input))
        return error_set(error, "derivation %.*s: input '%.*s' is not plainly spelled",
                         STR_ARG(frame->base), STR_SHOWN(path));
    if (name_table_find(&checker->names, input) == NAME_NONE)
        return enter(checker, stack, input, &ignored, error);
    return memo_of(checker, input)->done ||
           error_set(error, "derivation %.*s: it is an input of itself", STR_ARG(input));
}

bool derivation_check(struct derivation_checker *checker, struct str base,
                      struct derivation *ret_derivation, struct error *error)
{
    struct derivation derivation;
    struct stack stack = { 0 };
    assert(store_path_is_derivation(base));
    if (store_path_name(base).len <= STR(".drv").len)
        return error_set(error, "derivation %.*s: it has no name", STR_ARG(base));
    bool is_known = name_table_find(&checker->names, base) != NAME_NONE;
    bool read = is_known ? read_derivation(checker, base, &derivation, error)
                         : enter(checker, &stack, base, &derivation, error);
    if (!read)
        return false;
    while (stack.depth > 0)
        if (!advance(checker, &stack, error))
            return false;
    if (!check_outputs(checker, base, &derivation, error))
        return error_in(error, "derivation %.*s", STR_ARG(base));
    *ret_derivation = derivation;
    return true;
}
