#include "crc32c.h"

#include <cstring>

#if defined(__x86_64__)
#include <nmmintrin.h>
#elif defined(__aarch64__)
#include <arm_acle.h>
#include <asm/hwcap.h>
#include <sys/auxv.h>
#endif

#include "js.h"

namespace hawser {

namespace {

// Reflected polynomial.
constexpr uint32_t kPolynomial = 0x82f63b78;

struct Tables {
  // slices[k][b]: the register after byte b and k zero bytes
  uint32_t slices[8][256];
  Tables() {
    for (uint32_t byte = 0; byte < 256; byte++) {
      uint32_t value = byte;
      for (int bit = 0; bit < 8; bit++) value = (value >> 1) ^ ((value & 1) != 0 ? kPolynomial : 0);
      slices[0][byte] = value;
    }
    for (int slice = 1; slice < 8; slice++) {
      for (uint32_t byte = 0; byte < 256; byte++) {
        const uint32_t before = slices[slice - 1][byte];
        slices[slice][byte] = (before >> 8) ^ slices[0][before & 0xff];
      }
    }
  }
};
const Tables tables;

uint32_t UpdatePortable(uint32_t crc, const uint8_t* bytes, size_t length) {
  const auto& slices = tables.slices;
  while (length >= 8) {
    uint64_t word;
    std::memcpy(&word, bytes, 8);
    word ^= crc;
    crc = slices[7][word & 0xff] ^ slices[6][(word >> 8) & 0xff] ^ slices[5][(word >> 16) & 0xff] ^
          slices[4][(word >> 24) & 0xff] ^ slices[3][(word >> 32) & 0xff] ^
          slices[2][(word >> 40) & 0xff] ^ slices[1][(word >> 48) & 0xff] ^ slices[0][word >> 56];
    bytes += 8;
    length -= 8;
  }
  while (length-- > 0) crc = (crc >> 8) ^ slices[0][(crc ^ *bytes++) & 0xff];
  return crc;
}

#if defined(__x86_64__) || defined(__aarch64__)
#define HAWSER_CRC32C_HARDWARE 1

// The instruction takes three cycles but starts anew in each: three stripes keep it busy.
constexpr size_t kLongStripeBytes = 2048;
constexpr size_t kShortStripeBytes = 256;

// The register after N more zero bytes, as four tables by byte of the register: the operator is linear over GF(2).
struct Shift {
  uint32_t by_byte[4][256];
  explicit Shift(size_t zero_bytes) {
    uint32_t basis[32];
    for (int bit = 0; bit < 32; bit++) {
      uint32_t value = 1u << bit;
      for (size_t index = 0; index < zero_bytes; index++) {
        value = (value >> 8) ^ tables.slices[0][value & 0xff];
      }
      basis[bit] = value;
    }
    for (int place = 0; place < 4; place++) {
      for (uint32_t byte = 0; byte < 256; byte++) {
        uint32_t value = 0;
        for (int bit = 0; bit < 8; bit++) {
          if ((byte >> bit & 1) != 0) value ^= basis[place * 8 + bit];
        }
        by_byte[place][byte] = value;
      }
    }
  }
  uint32_t operator()(uint32_t crc) const {
    return by_byte[0][crc & 0xff] ^ by_byte[1][(crc >> 8) & 0xff] ^ by_byte[2][(crc >> 16) & 0xff] ^
           by_byte[3][crc >> 24];
  }
};
const Shift long_shift(kLongStripeBytes);
const Shift short_shift(kShortStripeBytes);

#if defined(__x86_64__)
#define HAWSER_CRC32C_TARGET __attribute__((target("sse4.2")))
HAWSER_CRC32C_TARGET inline uint64_t Step8(uint64_t crc, uint64_t word) {
  return _mm_crc32_u64(crc, word);
}
HAWSER_CRC32C_TARGET inline uint32_t Step1(uint32_t crc, uint8_t byte) {
  return _mm_crc32_u8(crc, byte);
}
bool HasInstruction() { return __builtin_cpu_supports("sse4.2") != 0; }
#else
#define HAWSER_CRC32C_TARGET __attribute__((target("+crc")))
HAWSER_CRC32C_TARGET inline uint64_t Step8(uint64_t crc, uint64_t word) {
  return __crc32cd(static_cast<uint32_t>(crc), word);
}
HAWSER_CRC32C_TARGET inline uint32_t Step1(uint32_t crc, uint8_t byte) {
  return __crc32cb(crc, byte);
}
bool HasInstruction() { return (getauxval(AT_HWCAP) & HWCAP_CRC32) != 0; }
#endif

inline uint64_t Load(const uint8_t* bytes) {
  uint64_t word;
  std::memcpy(&word, bytes, 8);
  return word;
}

HAWSER_CRC32C_TARGET uint32_t Stripes(uint32_t crc, const uint8_t*& bytes, size_t& length,
                                      size_t stripe_bytes, const Shift& shift) {
  while (length >= 3 * stripe_bytes) {
    uint64_t first = crc;
    uint64_t second = 0;
    uint64_t third = 0;
    const uint8_t* const end = bytes + stripe_bytes;
    for (; bytes < end; bytes += 8) {
      first = Step8(first, Load(bytes));
      second = Step8(second, Load(bytes + stripe_bytes));
      third = Step8(third, Load(bytes + 2 * stripe_bytes));
    }
    crc = shift(static_cast<uint32_t>(first)) ^ static_cast<uint32_t>(second);
    crc = shift(crc) ^ static_cast<uint32_t>(third);
    bytes += 2 * stripe_bytes;
    length -= 3 * stripe_bytes;
  }
  return crc;
}

HAWSER_CRC32C_TARGET uint32_t UpdateHardware(uint32_t crc, const uint8_t* bytes, size_t length) {
  crc = Stripes(crc, bytes, length, kLongStripeBytes, long_shift);
  crc = Stripes(crc, bytes, length, kShortStripeBytes, short_shift);
  uint64_t wide = crc;
  for (; length >= 8; bytes += 8, length -= 8) wide = Step8(wide, Load(bytes));
  crc = static_cast<uint32_t>(wide);
  for (; length > 0; bytes++, length--) crc = Step1(crc, *bytes);
  return crc;
}
#endif

using Update = uint32_t (*)(uint32_t, const uint8_t*, size_t);
Update Choose() {
#if defined(HAWSER_CRC32C_HARDWARE)
  if (HasInstruction()) return UpdateHardware;
#endif
  return UpdatePortable;
}
const Update update = Choose();

napi_value Call(const Napi::CallbackInfo& info, Update with) {
  napi_env env = info.Env();
  void* data = nullptr;
  size_t bytes = 0;
  if (napi_get_buffer_info(env, info[0], &data, &bytes) != napi_ok) {
    return Throw(info.Env(), "crc32c takes a Uint8Array");
  }
  int64_t start = 0;
  int64_t end = 0;
  uint32_t seed = 0;
  napi_get_value_int64(env, info[1], &start);
  napi_get_value_int64(env, info[2], &end);
  napi_get_value_uint32(env, info[3], &seed);
  if (start < 0 || end < start || static_cast<uint64_t>(end) > bytes) {
    return Throw(info.Env(), "crc32c range lies outside the bytes");
  }
  const auto* from = static_cast<const uint8_t*>(data) + start;
  napi_value result;
  napi_create_uint32(env, ~with(~seed, from, static_cast<size_t>(end - start)), &result);
  return result;
}

}  // namespace

uint32_t Crc32c(const uint8_t* bytes, size_t length, uint32_t seed) {
  return ~update(~seed, bytes, length);
}

uint32_t Crc32cPortable(const uint8_t* bytes, size_t length, uint32_t seed) {
  return ~UpdatePortable(~seed, bytes, length);
}

Napi::Value Crc32cOf(const Napi::CallbackInfo& info) {
  return Napi::Value(info.Env(), Call(info, update));
}

Napi::Value Crc32cPortableOf(const Napi::CallbackInfo& info) {
  return Napi::Value(info.Env(), Call(info, UpdatePortable));
}

}  // namespace hawser
