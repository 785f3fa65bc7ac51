/* CRC-32, eight bytes at a time. */
#include "crc32.h"

#include <string.h>

#define POLYNOMIAL 0xEDB88320U

static uint32_t table[8][256];

void crc32_prepare(void) {
    for (uint32_t byte = 0; byte < 256; byte++) {
        uint32_t sum = byte;
        for (int bit = 0; bit < 8; bit++) {
            sum = sum & 1 ? sum >> 1 ^ POLYNOMIAL : sum >> 1;
        }
        table[0][byte] = sum;
    }
    for (uint32_t byte = 0; byte < 256; byte++) {
        for (int i = 1; i < 8; i++) {
            uint32_t before = table[i - 1][byte];
            table[i][byte] = before >> 8 ^ table[0][before & 0xFF];
        }
    }
}

uint32_t crc32_of(uint32_t before, const void *data, size_t size) {
    const unsigned char *at = data;
    uint32_t sum = ~before;
    for (; size >= 8; at += 8, size -= 8) {
        uint32_t low = sum ^ ((uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 |
                              (uint32_t)at[3] << 24);
        sum = table[7][low & 0xFF] ^ table[6][low >> 8 & 0xFF] ^ table[5][low >> 16 & 0xFF] ^
              table[4][low >> 24] ^ table[3][at[4]] ^ table[2][at[5]] ^ table[1][at[6]] ^
              table[0][at[7]];
    }
    while (size--) {
        sum = sum >> 8 ^ table[0][(sum ^ *at++) & 0xFF];
    }
    return ~sum;
}
