/* little_endian.h — numbers in formats that store the lowest byte first, at any address.
 */
#pragma once

#include <endian.h>
#include <stdint.h>
#include <string.h>

static inline uint16_t little_16(const void *bytes)
{
    uint16_t number;
    memcpy(&number, bytes, sizeof number);
    return le16toh(number);
}

static inline uint32_t little_32(const void *bytes)
{
    uint32_t number;
    memcpy(&number, bytes, sizeof number);
    return le32toh(number);
}

static inline uint64_t little_64(const void *bytes)
{
    uint64_t number;
    memcpy(&number, bytes, sizeof number);
    return le64toh(number);
}

static inline void little_put_16(void *bytes, uint16_t number)
{
    number = htole16(number);
    memcpy(bytes, &number, sizeof number);
}

static inline void little_put_32(void *bytes, uint32_t number)
{
    number = htole32(number);
    memcpy(bytes, &number, sizeof number);
}
