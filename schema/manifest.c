#include "schema/manifest.h"

#include "schema/record_reader.h"

static bool take_record(struct record_reader *reader)
{
    struct path_info info = { 0 };
    struct str hash;
    if (!record_reader_path(reader, &info.name) || !record_reader_line(reader, "hash", &hash))
        return false;
    if (!hash_parse(hash, &info.nar_hash, reader->error))
        return record_reader_wrong(reader);
    return record_reader_number(reader, "size", INT64_MAX, &info.nar_size_bytes) &&
           record_reader_deriver(reader, &info.deriver) &&
           record_reader_references(reader, &info) && record_reader_add(reader, &info);
}

static bool take_records(struct record_reader *reader)
{
    while (record_reader_more(reader))
        if (!take_record(reader))
            return false;
    return !reader->failed;
}

bool manifest_parse(struct str text, struct str store_dir, struct arena *arena,
                    struct path_list *list, struct error *error)
{
    struct record_reader reader = record_reader_of_text(text, store_dir, arena, list, error);
    return take_records(&reader);
}

bool manifest_read(int fd, const char *name, struct str store_dir, struct arena *arena,
                   struct path_list *list, struct error *error)
{
    struct record_reader reader = record_reader_of_text(STR(""), store_dir, arena, list, error);
    record_reader_follow(&reader, fd, name, manifest_bytes_max);
    if (take_records(&reader))
        return true;
    return !reader.failed && error_in(error, "load %s", name);
}

static void write_path(FILE *stream, struct str store_dir, struct str base)
{
    fwrite(store_dir.data, 1, store_dir.len, stream);
    fputc('/', stream);
    fwrite(base.data, 1, base.len, stream);
    fputc('\n', stream);
}

void manifest_write(FILE *stream, const struct path_list *list, struct str store_dir)
{
    for (size_t i = 0; i < list->count; i++) {
        const struct path_info *info = &list->items[i];
        char hex[HASH_HEX_LENGTH];
        hash_format_hex(info->nar_hash.bytes, HASH_BYTES, hex);
        write_path(stream, store_dir, info->base);
        fprintf(stream, "%.*s\n%llu\n", HASH_HEX_LENGTH, hex,
                (unsigned long long)info->nar_size_bytes);
        if (info->deriver.len > 0)
            write_path(stream, store_dir, info->deriver);
        else
            fputc('\n', stream);
        fprintf(stream, "%zu\n", info->reference_count);
        for (size_t j = 0; j < info->reference_count; j++)
            write_path(stream, store_dir, list->names.names[info->references[j]]);
    }
}
