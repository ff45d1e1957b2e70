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

// Stores the signs of one pixel: 16 bits, or 32 where the last half word has no partner.
inline void StoreSigns(const ConvOutput& output, const LaneRun& run, size_t pixel, uint32_t signs) {
  uint32_t* word = output.bits + pixel * output.words + run.channel / 32;
  if (run.channel % 32) {
    reinterpret_cast<uint16_t*>(word)[1] = static_cast<uint16_t>(signs);
  } else if (run.channel + run.count == output.channels) {
    *word = signs;
  } else {
    *reinterpret_cast<uint16_t*>(word) = static_cast<uint16_t>(signs);
  }
}

// Lanes of one register that belong to a run: all ones there, zeros elsewhere.
inline __m256i LaneMask(const LaneRun& run, int half) {
  const __m256i lane = _mm256_add_epi32(_mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7), _mm256_set1_epi32(half * kHalf));
  return _mm256_and_si256(_mm256_cmpgt_epi32(lane, _mm256_set1_epi32(run.lane - 1)),
                          _mm256_cmpgt_epi32(_mm256_set1_epi32(run.lane + run.count), lane));
}

template <bool Whole>
inline __m256 Load(const float* values, __m256i mask) {
  return Whole ? _mm256_loadu_ps(values) : _mm256_maskload_ps(values, mask);
}

// The part of a block that belongs to one output. Whole: all 16 lanes.
template <int Pixels, bool Whole>
inline void FinishRun(const ConvTask& task, int block, const LaneRun& run, int first, const __m256i sums[][2]) {
  const ConvFinish& finish = *task.finish;
  const ConvOutput& output = finish.outputs[run.output];
  const __m256i low = _mm256_set1_epi32(finish.clamp_min), high = _mm256_set1_epi32(finish.clamp_max);
  uint32_t signs[Pixels] = {};
  for (int half = 0; half < 2; ++half) {
    const __m256i mask = LaneMask(run, half);
    const size_t lane0 = static_cast<size_t>(block) * kBlockChannels + half * kHalf;
    const __m256 bias = _mm256_loadu_ps(finish.bias + lane0);
    const __m256 multiplier = _mm256_loadu_ps((finish.doubled ? finish.doubled : finish.multiplier) + lane0);
    for (int p = 0; p < Pixels; ++p) {
      __m256i x = sums[p][half];
      if (!finish.doubled) x = _mm256_max_epi32(_mm256_min_epi32(_mm256_slli_epi32(x, 1), high), low);
      __m256 y = _mm256_add_ps(_mm256_mul_ps(_mm256_cvtepi32_ps(x), multiplier), bias);
      if (task.border && task.border[first + p]) y = _mm256_add_ps(y, _mm256_loadu_ps(task.border[first + p] + lane0));
      // Lane `run.lane` is channel `run.channel`; lanes outside the mask are neither read nor written.
      const ptrdiff_t at = static_cast<ptrdiff_t>(task.first_pixel + first + p) * output.channels + run.channel - run.lane + half * kHalf;
      for (int a = 0; a < output.addend_count; ++a) {
        const Addend& addend = output.addends[a];
        if (addend.values) y = _mm256_add_ps(y, Load<Whole>(addend.values + at, mask));
        if (addend.scale != 1.0f) y = _mm256_mul_ps(y, _mm256_set1_ps(addend.scale));
      }
      if (output.values) {
        if (Whole) {
          _mm256_storeu_ps(output.values + at, y);
        } else {
          _mm256_maskstore_ps(output.values + at, mask, y);
        }
      }
      const __m256 negative = _mm256_and_ps(_mm256_cmp_ps(y, _mm256_setzero_ps(), _CMP_LT_OQ), _mm256_castsi256_ps(mask));
      signs[p] |= static_cast<uint32_t>(_mm256_movemask_ps(negative)) << (half * kHalf);
    }
  }
  if (!output.bits) return;
  for (int p = 0; p < Pixels; ++p) StoreSigns(output, run, task.first_pixel + first + p, signs[p] >> run.lane);
}

template <int Pixels>
inline void ConvolveTile(const ConvTask& task, int block, int first) {
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

  if (!task.raw && task.finish->mode == ConvMode::kFloat) {
    const Block& runs = task.finish->blocks[block];
    for (int r = 0; r < runs.runs; ++r) {
      const LaneRun& run = task.finish->runs[runs.first_run + r];
      if (run.count == kBlockChannels) {
        FinishRun<Pixels, true>(task, block, run, first, sums);
      } else {
        FinishRun<Pixels, false>(task, block, run, first, sums);
      }
    }
    return;
  }
  int32_t scratch[Pixels * kBlockChannels];
  int32_t* out = task.raw ? task.raw + ((block - task.block_begin) * kPanelPixels + first) * kBlockChannels : scratch;
  for (int p = 0; p < Pixels; ++p) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(out + p * kBlockChannels), sums[p][0]);
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(out + p * kBlockChannels + kHalf), sums[p][1]);
  }
  if (!task.raw) FinishPixels(task, block, first, Pixels, scratch);
}

void Convolve(const ConvTask& task) {
  const int tiles = (task.pixels + kTilePixels - 1) / kTilePixels;
  for (int block = task.block_begin; block < task.block_end; ++block) {
    for (int t = 0; t < tiles; ++t) {
      const int first = task.pixels * t / tiles, end = task.pixels * (t + 1) / tiles;
      switch (end - first) {
        case 4: ConvolveTile<4>(task, block, first); break;
        case 3: ConvolveTile<3>(task, block, first); break;
        case 2: ConvolveTile<2>(task, block, first); break;
        case 1: ConvolveTile<1>(task, block, first); break;
      }
    }
  }
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

const Kernels kAvx2Kernels = {"avx2", Convolve, GatherPortable, Quantize, AffineQuantize};

}  // namespace larq_igp

#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif

#endif  // __x86_64__
