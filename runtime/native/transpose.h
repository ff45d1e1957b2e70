// From a register per channel, whose lanes are pixels, to a row per pixel.
#pragma once

#include <cstddef>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace larq_igp {
namespace {  // compiled once for every instruction set

// T is of 32 bits. Four channels of four pixels at a time.
template <class T, int Channels, int Lanes>
inline void Transpose(const T (&values)[Channels][Lanes], int pixels, T* out, ptrdiff_t step) {
  int c = 0;
#if defined(__x86_64__)
  const auto load = [](const T* from) { return _mm_load_ps(reinterpret_cast<const float*>(from)); };
  for (; c + 4 <= Channels; c += 4) {
    for (int p = 0; p < pixels; p += 4) {
      __m128 x0 = load(values[c] + p), x1 = load(values[c + 1] + p), x2 = load(values[c + 2] + p),
             x3 = load(values[c + 3] + p);
      _MM_TRANSPOSE4_PS(x0, x1, x2, x3);
      const __m128 rows[4] = {x0, x1, x2, x3};
      for (int i = 0; i < 4 && p + i < pixels; ++i)
        _mm_storeu_ps(reinterpret_cast<float*>(out + (p + i) * step + c), rows[i]);
    }
  }
#endif
  for (; c < Channels; ++c) {
    for (int p = 0; p < pixels; ++p) out[p * step + c] = values[c][p];
  }
}

}  // namespace
}  // namespace larq_igp
