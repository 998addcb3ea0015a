// CRC32C (Castagnoli) with the processor's instruction where it has one.
#ifndef HAWSER_NATIVE_CRC32C_H_
#define HAWSER_NATIVE_CRC32C_H_

#include <napi.h>

#include <cstddef>
#include <cstdint>

namespace hawser {

// `seed` is 0 or the CRC of what comes before.
uint32_t Crc32c(const uint8_t* bytes, size_t length, uint32_t seed);
// The same by table, for machines without the instruction and for tests.
uint32_t Crc32cPortable(const uint8_t* bytes, size_t length, uint32_t seed);

// crc32c(bytes: Uint8Array, start, end, seed) → number
Napi::Value Crc32cOf(const Napi::CallbackInfo& info);
Napi::Value Crc32cPortableOf(const Napi::CallbackInfo& info);

}  // namespace hawser

#endif  // HAWSER_NATIVE_CRC32C_H_
