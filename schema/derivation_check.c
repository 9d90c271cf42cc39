#include "schema/derivation_check.h"

#include "schema/base/file.h"
#include "schema/base/own.h"
#include "schema/derivation_hash.h"
#include "schema/path_info.h"
#include "schema/store_path.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>

/* What is known of a derivation: the hash that stands for it in those that use it. */
struct derivation_memo {
    struct str base; /* empty: a free slot */
    bool done;       /* else it is being computed further down the stack */
    struct hash modulo;
};

enum { MEMO_SLOTS = 64 };

struct derivation_checker derivation_checker_make(int store, struct str store_dir,
                                                  struct arena *arena)
{
    return (struct derivation_checker){
        .store = store,
        .store_dir = store_dir,
        .arena = arena,
        .memo = arena_new(arena, struct derivation_memo, MEMO_SLOTS),
        .memo_mask = MEMO_SLOTS - 1,
    };
}

/* The slot of the derivation, or the free one where it would go. */
static struct derivation_memo *memo_find(const struct derivation_checker *checker, struct str base)
{
    size_t slot = store_path_hash(base) & checker->memo_mask;
    while (checker->memo[slot].base.len > 0 && !str_equal(checker->memo[slot].base, base))
        slot = (slot + 1) & checker->memo_mask;
    return &checker->memo[slot];
}

static void memo_widen(struct derivation_checker *checker)
{
    struct derivation_memo *old = checker->memo;
    size_t old_slots = checker->memo_mask + 1;
    checker->memo = arena_new(checker->arena, struct derivation_memo, old_slots * 2);
    checker->memo_mask = old_slots * 2 - 1;
    for (size_t i = 0; i < old_slots; i++)
        if (old[i].base.len > 0)
            *memo_find(checker, old[i].base) = old[i];
}

static struct derivation_memo *memo_add(struct derivation_checker *checker, struct str base)
{
    if (checker->memo_count * 2 > checker->memo_mask)
        memo_widen(checker);
    checker->memo_count++;
    struct derivation_memo *memo = memo_find(checker, base);
    memo->base = base;
    return memo;
}

static bool read_derivation(struct derivation_checker *checker, struct str base,
                            struct derivation *ret_derivation, struct error *error)
{
    const char *name = arena_copy(checker->arena, base).data;
    struct str text;
    cleanup(own_close) int fd =
        openat(checker->store, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return error_errno(error, errno, "open the derivation %s", name);
    return (file_read_fd(fd, name, derivation_bytes_max, checker->arena, &text, error) &&
            derivation_parse(text, checker->arena, ret_derivation, error)) ||
           error_in(error, "derivation %s", name);
}

/* The inputs with their paths replaced by what they stand for. Two that stand for the same (fixed
 * outputs fetched in two ways) become one with the outputs of both. */
static void replace_inputs(const struct derivation_checker *checker,
                           const struct derivation *derivation, struct arena *arena,
                           struct derivation_input *ret_inputs, size_t *ret_count)
{
    size_t count = 0;
    for (size_t i = 0; i < derivation->input_count; i++) {
        const struct derivation_input *input = &derivation->inputs[i];
        struct str base = str_cut_last(input->path, '/').tail;
        char *hex = arena_new(arena, char, HASH_HEX_LENGTH);
        hash_format_hex(memo_find(checker, base)->modulo.bytes, HASH_BYTES, hex);
        struct str name = { hex, HASH_HEX_LENGTH };
        size_t at = 0;
        while (at < count && str_compare(ret_inputs[at].path, name) < 0)
            at++;
        bool is_new = at == count || !str_equal(ret_inputs[at].path, name);
        if (is_new) {
            memmove(&ret_inputs[at + 1], &ret_inputs[at], (count - at) * sizeof *ret_inputs);
            ret_inputs[at] = (struct derivation_input){ .path = name };
            count++;
        }
        struct derivation_input *merged = &ret_inputs[at];
        size_t total = merged->output_count + input->output_count;
        struct str *outputs = arena_new(arena, struct str, total);
        if (merged->output_count)
            memcpy(outputs, merged->outputs, merged->output_count * sizeof *outputs);
        if (input->output_count)
            memcpy(outputs + merged->output_count, input->outputs,
                   input->output_count * sizeof *outputs);
        path_names_normalise(outputs, &total);
        merged->outputs = outputs;
        merged->output_count = total;
    }
    *ret_count = count;
}

/* The hash of the derivation with its inputs replaced. */
static struct hash hash_replaced(const struct derivation_checker *checker,
                                 const struct derivation *derivation, bool masked)
{
    struct arena scratch = *checker->arena;
    struct derivation_input *inputs =
        arena_new(&scratch, struct derivation_input, derivation->input_count + 1);
    size_t count;
    replace_inputs(checker, derivation, &scratch, inputs, &count);
    return derivation_hash(derivation, inputs, count, masked);
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
    for (size_t i = 0; i < derivation->environment_count; i++)
        if (str_equal(derivation->environment[i].name, output->name))
            return str_equal(derivation->environment[i].value, output->path) ||
                   error_set(error, "the variable '%.*s' is '%.*s', not the output path '%.*s'",
                             STR_ARG(output->name), STR_ARG(derivation->environment[i].value),
                             STR_ARG(output->path));
    return error_set(error, "the variable '%.*s' of its output is missing", STR_ARG(output->name));
}

/* All inputs of the derivation are in the memo, unless it is fixed. */
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
            return error_set(error, "the output '%.*s' is '%.*s', should be '%.*s'",
                             STR_ARG(output->name), STR_ARG(said), STR_ARG(right));
        if (!check_variable(derivation, output, error))
            return false;
    }
    return true;
}

/* A derivation whose inputs are being looked at. */
struct frame {
    struct str base;
    struct derivation derivation;
    size_t next_input;
};

struct stack {
    struct frame *frames;
    size_t depth, capacity;
};

/* Starts on a derivation that is not in the memo. One that is fixed is done at once. */
static bool enter(struct derivation_checker *checker, struct stack *stack, struct str base,
                  struct error *error)
{
    struct frame frame = { .base = base };
    if (!read_derivation(checker, base, &frame.derivation, error))
        return false;
    struct derivation_memo *memo = memo_add(checker, base);
    if (derivation_is_fixed(&frame.derivation)) {
        memo->modulo = derivation_hash_fixed(&frame.derivation.outputs[0]);
        memo->done = true;
        return true;
    }
    stack->frames = arena_grow(checker->arena, stack->frames, stack->depth, &stack->capacity,
                               sizeof *stack->frames);
    stack->frames[stack->depth++] = frame;
    return true;
}

/* Looks at the next input of the innermost derivation, or finishes it. */
static bool advance(struct derivation_checker *checker, struct stack *stack, struct error *error)
{
    struct frame *frame = &stack->frames[stack->depth - 1];
    if (frame->next_input == frame->derivation.input_count) {
        struct hash modulo = hash_replaced(checker, &frame->derivation, false);
        struct derivation_memo *memo = memo_find(checker, frame->base);
        memo->modulo = modulo;
        memo->done = true;
        stack->depth--;
        return true;
    }
    struct str input;
    struct str path = frame->derivation.inputs[frame->next_input++].path;
    if (!store_path_parse(path, checker->store_dir, &input, error))
        return error_in(error, "derivation %.*s: input", STR_ARG(frame->base));
    if (!str_equal(str_cut_last(path, '/').tail, input))
        return error_set(error, "derivation %.*s: input '%.*s' is not plainly spelled",
                         STR_ARG(frame->base), STR_ARG(path));
    const struct derivation_memo *memo = memo_find(checker, input);
    if (memo->base.len == 0)
        return enter(checker, stack, input, error);
    return memo->done ||
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
    if (!read_derivation(checker, base, &derivation, error))
        return false;
    if (!derivation_is_fixed(&derivation)) {
        if (memo_find(checker, base)->base.len == 0 && !enter(checker, &stack, base, error))
            return false;
        while (stack.depth > 0)
            if (!advance(checker, &stack, error))
                return false;
    }
    if (!check_outputs(checker, base, &derivation, error))
        return error_in(error, "derivation %.*s", STR_ARG(base));
    *ret_derivation = derivation;
    return true;
}
