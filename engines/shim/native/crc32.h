/* CRC-32 as zlib computes it. */
#ifndef NARTHEX_CRC32_H
#define NARTHEX_CRC32_H

#include "base.h"

/* Makes the tables; to be called once, before anything is forked, so that they are shared. */
void crc32_prepare(void);
uint32_t crc32_of(uint32_t before, const void *data, size_t size);

#endif
