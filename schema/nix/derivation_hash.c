#include "schema/nix/derivation_hash.h"

#include "schema/base/own.h"
#include "schema/nix/nix32.h"
#include "schema/nix/store_path.h"

enum { DIGEST_BYTES = 20 };

static void add(struct digest *digest, struct str text)
{
    digest_add(digest, text.data, text.len);
}

static void add_string(struct digest *digest, struct str text)
{
    add(digest, STR("\""));
    size_t plain = 0;
    for (size_t i = 0; i < text.len; i++) {
        const char *escape = NULL;
        switch (text.data[i]) {
        case '"':
            escape = "\\\"";
            break;
        case '\\':
            escape = "\\\\";
            break;
        case '\n':
            escape = "\\n";
            break;
        case '\r':
            escape = "\\r";
            break;
        case '\t':
            escape = "\\t";
            break;
        default:
            continue;
        }
        digest_add(digest, text.data + plain, i - plain);
        digest_add(digest, escape, 2);
        plain = i + 1;
    }
    digest_add(digest, text.data + plain, text.len - plain);
    add(digest, STR("\""));
}

static void add_strings(struct digest *digest, const struct str *items, size_t count)
{
    add(digest, STR("["));
    for (size_t i = 0; i < count; i++) {
        add(digest, i ? STR(",") : STR(""));
        add_string(digest, items[i]);
    }
    add(digest, STR("]"));
}

static void add_outputs(struct digest *digest, const struct derivation *derivation, bool masked)
{
    add(digest, STR("["));
    for (size_t i = 0; i < derivation->output_count; i++) {
        const struct derivation_output *output = &derivation->outputs[i];
        add(digest, i ? STR(",(") : STR("("));
        add_string(digest, output->name);
        add(digest, STR(","));
        add_string(digest, masked ? STR("") : output->path);
        add(digest, STR(","));
        add_string(digest, output->method);
        add(digest, STR(","));
        add_string(digest, output->hash);
        add(digest, STR(")"));
    }
    add(digest, STR("]"));
}

static void add_environment(struct digest *digest, const struct derivation *derivation, bool masked)
{
    add(digest, STR("["));
    for (size_t i = 0; i < derivation->environment_count; i++) {
        const struct derivation_variable *variable = &derivation->environment[i];
        bool hidden = masked && derivation_find_output(derivation, variable->name);
        add(digest, i ? STR(",(") : STR("("));
        add_string(digest, variable->name);
        add(digest, STR(","));
        add_string(digest, hidden ? STR("") : variable->value);
        add(digest, STR(")"));
    }
    add(digest, STR("]"));
}

static void add_inputs(struct digest *digest, const struct derivation_input *inputs, size_t count)
{
    add(digest, STR("["));
    for (size_t i = 0; i < count; i++) {
        add(digest, i ? STR(",(") : STR("("));
        add_string(digest, inputs[i].path);
        add(digest, STR(","));
        add_strings(digest, inputs[i].outputs, inputs[i].output_count);
        add(digest, STR(")"));
    }
    add(digest, STR("]"));
}

struct hash derivation_hash(const struct derivation *derivation,
                            const struct derivation_input *inputs, size_t input_count, bool masked)
{
    cleanup(digest_release) struct digest digest = digest_start();
    add(&digest, STR("Derive("));
    add_outputs(&digest, derivation, masked);
    add(&digest, STR(","));
    add_inputs(&digest, inputs, input_count);
    add(&digest, STR(","));
    add_strings(&digest, derivation->sources, derivation->source_count);
    add(&digest, STR(","));
    add_string(&digest, derivation->system);
    add(&digest, STR(","));
    add_string(&digest, derivation->builder);
    add(&digest, STR(","));
    add_strings(&digest, derivation->arguments, derivation->argument_count);
    add(&digest, STR(","));
    add_environment(&digest, derivation, masked);
    add(&digest, STR(")"));
    return digest_finish(&digest);
}

struct hash derivation_hash_fixed(const struct derivation_output *output)
{
    cleanup(digest_release) struct digest digest = digest_start();
    add(&digest, STR("fixed:out:"));
    add(&digest, output->method);
    add(&digest, STR(":"));
    add(&digest, output->hash);
    add(&digest, STR(":"));
    add(&digest, output->path);
    return digest_finish(&digest);
}

struct str derivation_make_base(struct arena *arena, struct str store_dir, const char *type,
                                const struct hash *inner, struct str name)
{
    char hex[HASH_HEX_LENGTH];
    hash_format_hex(inner->bytes, HASH_BYTES, hex);
    struct str text = arena_format(arena, "%s:sha256:%.*s:%.*s:%.*s", type, HASH_HEX_LENGTH, hex,
                                   STR_ARG(store_dir), STR_ARG(name));
    struct hash hash = digest_sha256(text);
    uint8_t folded[DIGEST_BYTES] = { 0 };
    for (size_t i = 0; i < HASH_BYTES; i++)
        folded[i % DIGEST_BYTES] ^= hash.bytes[i];
    char digest[STORE_PATH_DIGEST_LENGTH];
    nix32_format(folded, DIGEST_BYTES, digest);
    return arena_format(arena, "%.*s-%.*s", STORE_PATH_DIGEST_LENGTH, digest, STR_ARG(name));
}
