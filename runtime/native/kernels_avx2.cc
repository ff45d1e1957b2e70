// AVX2. It cannot count bits, but it can look up 16 nibbles at a time. A block is two registers, a tile 4 pixels.
//
//     ymm bytes[p][0]: | c0 c0 c0 c0 | c1 c1 c1 c1 | ... | c7 ... |     counters of 8 bits, four per channel
//     ymm bytes[p][1]: | c8 ...      |                   | c15 ... |
//
// A word adds at most 8 to a byte, so after 31 words the bytes are added up to 32-bit sums per channel.

#include "kernels.h"

#if defined(__x86_64__)

#include <immintrin.h>

// Everything below is compiled for the instruction set; nothing above may be, or the linker could choose, for all
// files, a copy of an inline function that not every CPU can run.
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2")
#endif

#include "finish.h"

namespace larq_igp {
namespace {

constexpr int kTilePixels = 4;
constexpr size_t kWordsPerByteCount = 31;
constexpr int kHalf = kBlockChannels / 2;  // channels per register

inline __m256i CountBytes(__m256i x, __m256i table, __m256i low_nibbles) {
  const __m256i low = _mm256_shuffle_epi8(table, _mm256_and_si256(x, low_nibbles));
  const __m256i high = _mm256_shuffle_epi8(table, _mm256_and_si256(_mm256_srli_epi16(x, 4), low_nibbles));
  return _mm256_add_epi8(low, high);
}

// Four byte counters to one 32-bit sum per channel.
inline __m256i Widen(__m256i bytes) {
  return _mm256_madd_epi16(_mm256_maddubs_epi16(bytes, _mm256_set1_epi8(1)), _mm256_set1_epi16(1));
}

template <int Pixels>
inline void CountTile(const CountTask& task, int block, int first) {
  const __m256i table = _mm256_setr_epi8(0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4,  //
                                         0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4);
  const __m256i low_nibbles = _mm256_set1_epi8(15);
  __m256i sums[Pixels][2];
  for (int p = 0; p < Pixels; ++p) sums[p][0] = sums[p][1] = _mm256_setzero_si256();
  const uint32_t* filter = task.filters + block * task.depth * kBlockChannels;
  const uint32_t* patch = task.patches + first;
  for (size_t left = task.depth; left > 0;) {
    const size_t words = left < kWordsPerByteCount ? left : kWordsPerByteCount;
    left -= words;
    __m256i bytes[Pixels][2];
#pragma GCC unroll 4
    for (int p = 0; p < Pixels; ++p) bytes[p][0] = bytes[p][1] = _mm256_setzero_si256();
    for (size_t d = 0; d < words; ++d, filter += kBlockChannels, patch += kPanelPixels) {
      const __m256i filter0 = _mm256_load_si256(reinterpret_cast<const __m256i*>(filter));
      const __m256i filter1 = _mm256_load_si256(reinterpret_cast<const __m256i*>(filter + kHalf));
#pragma GCC unroll 4
      for (int p = 0; p < Pixels; ++p) {
        const __m256i word = _mm256_set1_epi32(static_cast<int>(patch[p]));
        bytes[p][0] = _mm256_add_epi8(bytes[p][0], CountBytes(_mm256_xor_si256(word, filter0), table, low_nibbles));
        bytes[p][1] = _mm256_add_epi8(bytes[p][1], CountBytes(_mm256_xor_si256(word, filter1), table, low_nibbles));
      }
    }
#pragma GCC unroll 4
    for (int p = 0; p < Pixels; ++p) {
      sums[p][0] = _mm256_add_epi32(sums[p][0], Widen(bytes[p][0]));
      sums[p][1] = _mm256_add_epi32(sums[p][1], Widen(bytes[p][1]));
    }
  }

  int32_t* out = task.sums + first * task.sums_step + (block - task.block_begin) * kBlockChannels;
  for (int p = 0; p < Pixels; ++p, out += task.sums_step) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(out), sums[p][0]);
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(out + kHalf), sums[p][1]);
  }
}

void Count(const CountTask& task) {
  const int tiles = (task.pixels + kTilePixels - 1) / kTilePixels;
  for (int block = task.block_begin; block < task.block_end; ++block) {
    for (int t = 0; t < tiles; ++t) {
      const int first = task.pixels * t / tiles, end = task.pixels * (t + 1) / tiles;
      switch (end - first) {
        case 4: CountTile<4>(task, block, first); break;
        case 3: CountTile<3>(task, block, first); break;
        case 2: CountTile<2>(task, block, first); break;
        case 1: CountTile<1>(task, block, first); break;
      }
    }
  }
}

struct Vector {
  using Float = __m256;
  static constexpr int kLanes = kHalf;
  static inline __m256i Sums(const int32_t* sums) { return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(sums)); }
  static inline Float Broadcast(float x) { return _mm256_set1_ps(x); }
  static inline Float Convert(const int32_t* sums) { return _mm256_cvtepi32_ps(Sums(sums)); }
  static inline Float ConvertClamped(const int32_t* sums, int32_t low, int32_t high) {
    const __m256i twice = _mm256_slli_epi32(Sums(sums), 1);
    return _mm256_cvtepi32_ps(_mm256_max_epi32(_mm256_min_epi32(twice, _mm256_set1_epi32(high)), _mm256_set1_epi32(low)));
  }
  static inline Float Add(Float a, Float b) { return _mm256_add_ps(a, b); }
  static inline Float Multiply(Float a, Float b) { return _mm256_mul_ps(a, b); }
  struct Whole {
    inline Float Load(const float* from) const { return _mm256_loadu_ps(from); }
    inline void Store(float* to, Float y) const { _mm256_storeu_ps(to, y); }
  };
  struct Some {
    __m256i mask;
    explicit Some(int count) : mask(_mm256_cmpgt_epi32(_mm256_set1_epi32(count), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7))) {}
    inline Float Load(const float* from) const { return _mm256_maskload_ps(from, mask); }
    inline void Store(float* to, Float y) const { _mm256_maskstore_ps(to, mask, y); }
  };
  class Signs {
   public:
    inline void Set(Float y, int first_bit) {
      word_ |= static_cast<uint32_t>(_mm256_movemask_ps(_mm256_cmp_ps(y, _mm256_setzero_ps(), _CMP_LT_OQ))) << first_bit;
    }
    inline uint32_t Word() const { return word_; }

   private:
    uint32_t word_ = 0;
  };
};

void Finish(const FinishTask& task) {
  if (task.mode != ConvMode::kFloat || task.first_bit || task.shift) return FinishPortable(task);
  FinishFloat<Vector>(task);
}

// Signs of 32 values, from 4 registers.
struct PlainSigns {
  const float* values;
  uint32_t operator()(size_t row, size_t c) const {
    uint32_t word = 0;
    for (int i = 0; i < 4; ++i) {
      const __m256 y = _mm256_loadu_ps(values + row + c + 8 * i);
      word |= static_cast<uint32_t>(_mm256_movemask_ps(_mm256_cmp_ps(y, _mm256_setzero_ps(), _CMP_LT_OQ))) << (8 * i);
    }
    return word;
  }
};

struct AffineSigns {
  const float *values, *multiplier, *bias;
  uint32_t operator()(size_t row, size_t c) const {
    uint32_t word = 0;
    for (int i = 0; i < 4; ++i) {
      const size_t at = c + 8 * i;
      const __m256 scaled = _mm256_mul_ps(_mm256_loadu_ps(values + row + at), _mm256_loadu_ps(multiplier + at));
      const __m256 y = _mm256_add_ps(scaled, _mm256_loadu_ps(bias + at));
      word |= static_cast<uint32_t>(_mm256_movemask_ps(_mm256_cmp_ps(y, _mm256_setzero_ps(), _CMP_LT_OQ))) << (8 * i);
    }
    return word;
  }
};

// Whole words by `signs`, the last channels of a row one by one by `sign`.
template <class Signs, class Sign>
inline void PackRows(size_t rows, size_t channels, uint32_t* bits, const Signs& signs, const Sign& sign) {
  for (size_t r = 0; r < rows; ++r) {
    size_t c = 0;
    for (; c + 32 <= channels; c += 32) *bits++ = signs(r * channels, c);
    if (c == channels) continue;
    uint32_t word = 0;
    for (size_t i = c; i < channels; ++i) word |= static_cast<uint32_t>(sign(r * channels, i)) << (i - c);
    *bits++ = word;
  }
}

struct PlainSign {
  const float* values;
  bool operator()(size_t row, size_t c) const { return values[row + c] < 0; }
};

struct AffineSign {
  const float *values, *multiplier, *bias;
  bool operator()(size_t row, size_t c) const {
    const float scaled = values[row + c] * multiplier[c];
    return scaled + bias[c] < 0;
  }
};

void Quantize(const float* values, size_t rows, size_t channels, uint32_t* bits) {
  PackRows(rows, channels, bits, PlainSigns{values}, PlainSign{values});
}

void AffineQuantize(const float* values, size_t rows, size_t channels, const float* multiplier, const float* bias, uint32_t* bits) {
  PackRows(rows, channels, bits, AffineSigns{values, multiplier, bias}, AffineSign{values, multiplier, bias});
}

}  // namespace

const Kernels kAvx2Kernels = {"avx2", Count, Finish, GatherPortable, Quantize, AffineQuantize};

}  // namespace larq_igp

#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif

#endif  // __x86_64__
