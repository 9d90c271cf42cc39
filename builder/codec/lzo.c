#include "builder/codec/lzo.h"

#include "schema/base/library.h"

#include <lzo/lzo1x.h>
#include <sqfs/error.h>
#include <sqfs/io.h>
#include <sqfs/super.h>

#include <endian.h>
#include <stdlib.h>
#include <string.h>

#define LIBLZO "liblzo2.so.2"

/* The options are a table of one block, not compressed: its length with that bit, the algorithm and
 * the level. Without them it is lzo1x_999 with level 8. Source: the kernel's squashfs_fs.h, and
 * mksquashfs' lzo_wrapper.h for the numbers. */
enum { OPTIONS_STORED = 0x8000, OPTIONS_BYTES = 8, ALGORITHM_LZO1X_999 = 4, LEVEL_UNSAID = 8 };

/* The functions that are used, once the library is open. */
static struct {
    __typeof__(&__lzo_init_v2) init;
    __typeof__(&lzo1x_999_compress_level) compress;
    __typeof__(&lzo1x_decompress_safe) decompress;
} lzo;

bool lzo_load(struct error *error)
{
    lzo.init = library_find(LIBLZO, "__lzo_init_v2");
    lzo.compress = library_find(LIBLZO, "lzo1x_999_compress_level");
    lzo.decompress = library_find(LIBLZO, "lzo1x_decompress_safe");
    /* What lzo_init of its header hands over, which calls the library by name. */
    return (lzo.init && lzo.compress && lzo.decompress &&
            lzo.init(LZO_VERSION, (int)sizeof(short), (int)sizeof(int), (int)sizeof(long),
                     (int)sizeof(lzo_uint32_t), (int)sizeof(lzo_uint), (int)lzo_sizeof_dict_t,
                     (int)sizeof(char *), (int)sizeof(lzo_voidp),
                     (int)sizeof(lzo_callback_t)) == LZO_E_OK) ||
           error_set(error, "lzo needs " LIBLZO ", which could not be loaded");
}

/* --- Compressing ------------------------------------------------------------------------------- */

struct context {
    unsigned char work[LZO1X_999_MEM_COMPRESS] __attribute__((aligned(16)));
    unsigned char out[]; /* as long as a block may become */
};

void *lzo_start(int level, size_t block_bytes)
{
    (void)level;
    return malloc(sizeof(struct context) + block_bytes + block_bytes / 16 + 64 + 3);
}

void lzo_end(void *context)
{
    free(context);
}

sqfs_s32 lzo_compress(void *context, int level, const void *in, size_t size, void *out,
                      size_t out_size)
{
    struct context *own = context;
    lzo_uint length = 0; /* nothing bounds it while it compresses */
    int code = lzo.compress(in, size, own->out, &length, own->work, NULL, 0, NULL, level);
    if (code != LZO_E_OK || length >= size || length > out_size)
        return 0;
    memcpy(out, own->out, length);
    return (sqfs_s32)length;
}

/* --- As libsquashfs wants it -------------------------------------------------------------------- */

struct compressor {
    sqfs_compressor_t base;
    int level;
};

static void destroy(sqfs_object_t *object)
{
    free(object);
}

static sqfs_object_t *copy(const sqfs_object_t *object)
{
    return (sqfs_object_t *)lzo_make(((const struct compressor *)object)->level);
}

static void get_configuration(const sqfs_compressor_t *base, sqfs_compressor_config_t *config)
{
    memset(config, 0, sizeof *config);
    config->id = SQFS_COMP_LZO;
    config->level = (sqfs_u32)((const struct compressor *)base)->level;
}

/* Returns how many bytes it has written. */
static int write_options(sqfs_compressor_t *base, sqfs_file_t *file)
{
    unsigned char bytes[sizeof(uint16_t) + OPTIONS_BYTES];
    uint16_t length = htole16(OPTIONS_STORED | OPTIONS_BYTES);
    uint32_t options[] = { htole32(ALGORITHM_LZO1X_999),
                           htole32((uint32_t)((struct compressor *)base)->level) };
    if (((struct compressor *)base)->level == LEVEL_UNSAID)
        return 0;
    memcpy(bytes, &length, sizeof length);
    memcpy(bytes + sizeof length, options, sizeof options);
    int code = file->write_at(file, sizeof(sqfs_super_t), bytes, sizeof bytes);
    return code < 0 ? code : (int)sizeof bytes;
}

static int read_options(sqfs_compressor_t *base, sqfs_file_t *file)
{
    (void)base;
    (void)file;
    return 0; /* they do not matter to who decompresses */
}

static sqfs_s32 decompress(sqfs_compressor_t *base, const sqfs_u8 *in, sqfs_u32 size, sqfs_u8 *out,
                           sqfs_u32 out_size)
{
    lzo_uint length = out_size;
    (void)base;
    return lzo.decompress(in, size, out, &length, NULL) == LZO_E_OK ? (sqfs_s32)length
                                                                    : SQFS_ERROR_COMPRESSOR;
}

sqfs_compressor_t *lzo_make(int level)
{
    struct compressor *compressor = calloc(1, sizeof *compressor);
    if (!compressor)
        return NULL;
    *compressor = (struct compressor){
        .base = {
            .base = { .destroy = destroy, .copy = copy },
            .get_configuration = get_configuration,
            .write_options = write_options,
            .read_options = read_options,
            .do_block = decompress,
        },
        .level = level,
    };
    return &compressor->base;
}
