// Packs signs, 32 channels to a word, for any vector unit (see vector.h).
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace larq_igp {
namespace {  // compiled once for every instruction set

// Calls finish(lanes, c, &signs, bit) for every register of a row of channels, which sets signs
// from `bit` on, and stores the words. `bits` may be null. Bits behind the last channel are 0.
template <class Vector, class Finish>
inline void PackRow(ptrdiff_t channels, uint32_t* bits, const Finish& finish) {
  const typename Vector::Whole all;
  const typename Vector::Some some(static_cast<int>(channels % Vector::kLanes));
  ptrdiff_t c = 0;
  for (; c + 32 <= channels; c += 32) {
    typename Vector::Signs signs;
#pragma GCC unroll 8
    for (int i = 0; i < 32; i += Vector::kLanes) finish(all, c + i, &signs, i);
    if (bits) *bits++ = signs.Word();
  }
  if (c == channels) return;
  typename Vector::Signs signs;
  const int left = static_cast<int>(channels - c);
  int i = 0;
  for (; i + Vector::kLanes <= left; i += Vector::kLanes) finish(all, c + i, &signs, i);
  if (i < left) finish(some, c + i, &signs, i);
  if (bits) *bits = signs.Word() & ((1u << left) - 1);
}

inline size_t WordsOf(size_t channels) { return (channels + 31) / 32; }

// Where there are gaps between rows, the processor does not foresee what is read next.
inline void PrefetchRow(const float* values, size_t channels) {
  constexpr size_t kLine = 64 / sizeof(float);
  for (size_t c = 0; c < channels; c += kLine) __builtin_prefetch(values + c);
}
constexpr size_t kRowsAhead = 6;

// Kernels::quantize.
template <class Vector>
void QuantizeRows(const float* values, size_t rows, size_t channels, size_t step, uint32_t* bits) {
  for (size_t r = 0; r < rows; ++r, values += step, bits += WordsOf(channels)) {
    if (step != channels && r + kRowsAhead < rows)
      PrefetchRow(values + kRowsAhead * step, channels);
    PackRow<Vector>(static_cast<ptrdiff_t>(channels), bits,
                    [&](const auto& lanes, ptrdiff_t c, auto* signs, int bit) {
                      signs->Set(lanes.Load(values + c), bit);
                    });
  }
}

// Kernels::affine_quantize.
template <class Vector>
void AffineQuantizeRows(const float* values, size_t rows, size_t channels, size_t step,
                        const float* multiplier, const float* bias, uint32_t* bits) {
  for (size_t r = 0; r < rows; ++r, values += step, bits += WordsOf(channels)) {
    if (step != channels && r + kRowsAhead < rows)
      PrefetchRow(values + kRowsAhead * step, channels);
    PackRow<Vector>(static_cast<ptrdiff_t>(channels), bits,
                    [&](const auto& lanes, ptrdiff_t c, auto* signs, int bit) {
                      const auto y =
                          Vector::Multiply(lanes.Load(values + c), lanes.Load(multiplier + c));
                      signs->Set(Vector::Add(y, lanes.Load(bias + c)), bit);
                    });
  }
}

// Kernels::quantize_bytes.
template <class Vector>
void QuantizeByteRows(const int8_t* values, size_t rows, size_t channels, uint8_t flip,
                      int8_t limit, uint32_t* bits) {
  const typename Vector::Bytes bytes(flip, limit);
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
