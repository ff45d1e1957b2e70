// Packs the signs of bytes, for any vector unit: `Bytes` compares 32 of them at once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace larq_igp {
namespace {  // compiled once for every instruction set

// Bytes::Less(values, flip, limit): a word whose bit i says whether (values[i] ^ flip) < limit.
template <class Bytes>
void QuantizeByteRows(const int8_t* values, size_t rows, size_t channels, uint8_t flip,
                      int8_t limit, uint32_t* bits) {
  const Bytes bytes(flip, limit);
  if (channels % 32 == 0) {  // words follow each other through all rows
    for (size_t i = 0; i < rows * channels; i += 32) *bits++ = bytes.Less(values + i);
    return;
  }
  for (size_t r = 0; r < rows; ++r, values += channels) {
    size_t c = 0;
    for (; c + 32 <= channels; c += 32) *bits++ = bytes.Less(values + c);
    int8_t last[32] = {};
    std::memcpy(last, values + c, channels - c);
    *bits++ = bytes.Less(last) & ((1u << (channels - c)) - 1);
  }
}

}  // namespace
}  // namespace larq_igp
