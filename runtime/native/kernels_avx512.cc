// AVX-512 with VPOPCNTDQ. 16 channels fill a register; a tile is up to 8 pixels of one block.
//
//     zmm sums[p]:   | c0 | c1 | c2 | ... | c15 |     one register per pixel p, 32 bits per channel
//
// Counting costs three instructions per word if done plainly: xor, popcnt, add. A carry-save adder takes the words in
// pairs instead, and keeps for every bit position the parity seen so far in `ones`:
//
//     x = patch0 ^ filter0,  y = patch1 ^ filter1          (two new bits per position)
//     half  = ones ^ patch0 ^ filter0                      vpternlogd: xor of three
//     next  = half ^ patch1 ^ filter1                      vpternlogd: xor of three, the new parity
//     carry = half ? ~next : ones                          vpternlogd: what overflowed, worth 2 per bit
//     twos += popcnt(carry)
//
// Five instructions for two words instead of six, and three of them read a patch word from memory as a broadcast
// operand. In the end sum = 2 * twos + popcnt(ones).

#include "kernels.h"

#if defined(__x86_64__)

#include <immintrin.h>

// Everything below is compiled for the instruction set; nothing above may be, or the linker could choose, for all
// files, a copy of an inline function that not every CPU can run.
#if defined(__clang__)
#if __clang_major__ >= 18 && __clang_major__ < 22
#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512vpopcntdq,evex512"))), apply_to = function)
#else
#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512vpopcntdq"))), apply_to = function)
#endif
#else
#pragma GCC push_options
#pragma GCC target("avx512f,avx512bw,avx512vl,avx512dq,avx512vpopcntdq")
#endif

namespace larq_igp {
namespace {

constexpr int kTilePixels = 8;

constexpr int kXor3 = 0x96;
// Truth table of (a ? ~b : c) for inputs (a, b, c): bit 4a + 2b + c.
constexpr int kCarry = 0x3a;

inline __m512i Broadcast(const uint32_t* word) { return _mm512_set1_epi32(static_cast<int>(*word)); }

inline __mmask16 LaneMask(const LaneRun& run) { return static_cast<__mmask16>(((1u << run.count) - 1) << run.lane); }

// Stores the signs of one pixel: 16 bits, or 32 where the last half word has no partner.
inline void StoreSigns(const ConvOutput& output, const LaneRun& run, size_t pixel, __mmask16 signs) {
  uint32_t* word = output.bits + pixel * output.words + run.channel / 32;
  if (run.channel % 32) {
    reinterpret_cast<uint16_t*>(word)[1] = signs;
  } else if (run.channel + run.count == output.channels) {
    *word = signs;
  } else {
    *reinterpret_cast<uint16_t*>(word) = signs;
  }
}

template <int Pixels>
inline void FinishFloat(const ConvTask& task, int block, int first, const __m512i* sums) {
  const ConvFinish& finish = *task.finish;
  const size_t lane0 = static_cast<size_t>(block) * kBlockChannels;
  const __m512 bias = _mm512_loadu_ps(finish.bias + lane0);
  __m512 y[Pixels];
  if (finish.doubled) {
    const __m512 doubled = _mm512_loadu_ps(finish.doubled + lane0);
#pragma GCC unroll 8
    for (int p = 0; p < Pixels; ++p) y[p] = _mm512_add_ps(_mm512_mul_ps(_mm512_cvtepi32_ps(sums[p]), doubled), bias);
  } else {
    const __m512 multiplier = _mm512_loadu_ps(finish.multiplier + lane0);
    const __m512i low = _mm512_set1_epi32(finish.clamp_min), high = _mm512_set1_epi32(finish.clamp_max);
#pragma GCC unroll 8
    for (int p = 0; p < Pixels; ++p) {
      const __m512i twice = _mm512_max_epi32(_mm512_min_epi32(_mm512_slli_epi32(sums[p], 1), high), low);
      y[p] = _mm512_add_ps(_mm512_mul_ps(_mm512_cvtepi32_ps(twice), multiplier), bias);
    }
  }
  if (task.border) {
#pragma GCC unroll 8
    for (int p = 0; p < Pixels; ++p) {
      if (task.border[first + p]) y[p] = _mm512_add_ps(y[p], _mm512_loadu_ps(task.border[first + p] + lane0));
    }
  }
  const Block& runs = finish.blocks[block];
  for (int r = 0; r < runs.runs; ++r) {
    const LaneRun& run = finish.runs[runs.first_run + r];
    const ConvOutput& output = finish.outputs[run.output];
    const __mmask16 mask = LaneMask(run);
    // Lane `run.lane` is channel `run.channel`; lanes outside the mask are neither read nor written.
    const ptrdiff_t step = output.channels;
    const ptrdiff_t at = static_cast<ptrdiff_t>(task.first_pixel + first) * step + run.channel - run.lane;
    __m512 z[Pixels];
#pragma GCC unroll 8
    for (int p = 0; p < Pixels; ++p) z[p] = y[p];
    for (int a = 0; a < output.addend_count; ++a) {
      const Addend& addend = output.addends[a];
      if (addend.values) {
        const float* values = addend.values + at;
#pragma GCC unroll 8
        for (int p = 0; p < Pixels; ++p) z[p] = _mm512_add_ps(z[p], _mm512_maskz_loadu_ps(mask, values + p * step));
      }
      if (addend.scale != 1.0f) {
        const __m512 scale = _mm512_set1_ps(addend.scale);
#pragma GCC unroll 8
        for (int p = 0; p < Pixels; ++p) z[p] = _mm512_mul_ps(z[p], scale);
      }
    }
    if (output.values) {
      float* values = output.values + at;
#pragma GCC unroll 8
      for (int p = 0; p < Pixels; ++p) _mm512_mask_storeu_ps(values + p * step, mask, z[p]);
    }
    if (output.bits) {
#pragma GCC unroll 8
      for (int p = 0; p < Pixels; ++p) {
        const __mmask16 signs = _mm512_mask_cmp_ps_mask(mask, z[p], _mm512_setzero_ps(), _CMP_LT_OQ);
        StoreSigns(output, run, task.first_pixel + first + p, signs >> run.lane);
      }
    }
  }
}

template <int Pixels>
inline void FinishThreshold(const ConvTask& task, int block, int first, const __m512i* sums) {
  const ConvFinish& finish = *task.finish;
  const __m512i threshold = _mm512_loadu_si512(finish.threshold + static_cast<size_t>(block) * kBlockChannels);
  const Block& runs = finish.blocks[block];
  for (int r = 0; r < runs.runs; ++r) {
    const LaneRun& run = finish.runs[runs.first_run + r];
    const __mmask16 mask = LaneMask(run);
#pragma GCC unroll 8
    for (int p = 0; p < Pixels; ++p) {
      const __mmask16 signs = _mm512_mask_cmpgt_epi32_mask(mask, sums[p], threshold);
      StoreSigns(finish.outputs[run.output], run, task.first_pixel + first + p, signs >> run.lane);
    }
  }
}

template <int Pixels>
inline void ConvolveTile(const ConvTask& task, int block, int first) {
  __m512i ones[Pixels], twos[Pixels];
  const uint32_t* filter = task.filters + block * task.depth * kBlockChannels;
  const uint32_t* patch = task.patches + first;
  size_t d = 0;
  if (task.depth >= 2) {
    // The first pair, with nothing counted yet: the carry is what both words have.
    const __m512i filter0 = _mm512_load_si512(filter), filter1 = _mm512_load_si512(filter + kBlockChannels);
#pragma GCC unroll 8
    for (int p = 0; p < Pixels; ++p) {
      const __m512i half = _mm512_xor_si512(filter0, Broadcast(patch + p));
      ones[p] = _mm512_ternarylogic_epi32(half, filter1, Broadcast(patch + kPanelPixels + p), kXor3);
      twos[p] = _mm512_popcnt_epi32(_mm512_andnot_si512(ones[p], half));
    }
    d = 2, filter += 2 * kBlockChannels, patch += 2 * kPanelPixels;
  } else {
#pragma GCC unroll 8
    for (int p = 0; p < Pixels; ++p) ones[p] = twos[p] = _mm512_setzero_si512();
  }
  for (; d + 2 <= task.depth; d += 2, filter += 2 * kBlockChannels, patch += 2 * kPanelPixels) {
    const __m512i filter0 = _mm512_load_si512(filter), filter1 = _mm512_load_si512(filter + kBlockChannels);
#pragma GCC unroll 8
    for (int p = 0; p < Pixels; ++p) {
      const __m512i half = _mm512_ternarylogic_epi32(ones[p], filter0, Broadcast(patch + p), kXor3);
      const __m512i next = _mm512_ternarylogic_epi32(half, filter1, Broadcast(patch + kPanelPixels + p), kXor3);
      const __m512i carry = _mm512_ternarylogic_epi32(half, next, ones[p], kCarry);
      twos[p] = _mm512_add_epi32(twos[p], _mm512_popcnt_epi32(carry));
      ones[p] = next;
    }
  }
  __m512i sums[Pixels];
#pragma GCC unroll 8
  for (int p = 0; p < Pixels; ++p) {
    sums[p] = _mm512_add_epi32(_mm512_add_epi32(twos[p], twos[p]), _mm512_popcnt_epi32(ones[p]));
  }
  if (d < task.depth) {
    const __m512i filter0 = _mm512_load_si512(filter);
#pragma GCC unroll 8
    for (int p = 0; p < Pixels; ++p) {
      sums[p] = _mm512_add_epi32(sums[p], _mm512_popcnt_epi32(_mm512_xor_si512(filter0, Broadcast(patch + p))));
    }
  }
  if (task.raw) {
    int32_t* raw = task.raw + ((block - task.block_begin) * kPanelPixels + first) * kBlockChannels;
#pragma GCC unroll 8
    for (int p = 0; p < Pixels; ++p) _mm512_storeu_si512(raw + p * kBlockChannels, sums[p]);
  } else if (task.finish->mode == ConvMode::kThreshold) {
    FinishThreshold<Pixels>(task, block, first, sums);
  } else {
    FinishFloat<Pixels>(task, block, first, sums);
  }
}

// All blocks of a panel that is cut into tiles of one size.
template <int Pixels>
void ConvolvePanel(const ConvTask& task) {
  for (int block = task.block_begin; block < task.block_end; ++block) {
    for (int first = 0; first < task.pixels; first += Pixels) ConvolveTile<Pixels>(task, block, first);
  }
}

template <int Pixels>
void ConvolveRest(const ConvTask& task, int first) {
  for (int block = task.block_begin; block < task.block_end; ++block) ConvolveTile<Pixels>(task, block, first);
}

void Convolve(const ConvTask& task) {
  // 9 to 16 pixels are two tiles. An odd number is cut as 2n + 1 = n + (n + 1).
  const bool two = task.pixels > kTilePixels;
  const int size = two ? (task.pixels + 1) / 2 : task.pixels;
  if (two && task.pixels % 2) {
    switch (size) {
      case 8: ConvolveRest<7>(task, 8); break;
      case 7: ConvolveRest<6>(task, 7); break;
      case 6: ConvolveRest<5>(task, 6); break;
      case 5: ConvolveRest<4>(task, 5); break;
    }
    ConvTask even = task;
    even.pixels = size;
    return Convolve(even);
  }
  switch (size) {
    case 8: return ConvolvePanel<8>(task);
    case 7: return ConvolvePanel<7>(task);
    case 6: return ConvolvePanel<6>(task);
    case 5: return ConvolvePanel<5>(task);
    case 4: return ConvolvePanel<4>(task);
    case 3: return ConvolvePanel<3>(task);
    case 2: return ConvolvePanel<2>(task);
    case 1: return ConvolvePanel<1>(task);
  }
}

// One patch word of up to 16 pixels. Pieces are copied in order: what one writes too much, the next overwrites.
inline __m512i LoadPieces(const uint32_t* image, const RowPiece* pieces, int piece_count) {
  __m512i row = _mm512_loadu_si512(image + pieces[0].source);
  for (int i = 1; i < piece_count; ++i) {
    const __mmask16 mask = static_cast<__mmask16>(0xffffu << pieces[i].lane);
    row = _mm512_mask_loadu_epi32(row, mask, image + pieces[i].source - pieces[i].lane);
  }
  return row;
}

void Gather(const PatchPlan& plan, const uint32_t* image, const RowPiece* pieces, int piece_count, uint32_t* patches) {
  if (!plan.gapless) {
    for (size_t t = 0; t < plan.tap_count; ++t) {
      const uint32_t* word = image + plan.taps[t];
      for (size_t w = 0; w < plan.words; ++w, word += plan.plane, patches += kPanelPixels) {
        _mm512_storeu_si512(patches, LoadPieces(word, pieces, piece_count));
      }
    }
    return;
  }
  // As GatherPortable: every word is shifted to its place behind `filled` bits and split over two. Shifts by 32 give 0.
  __m512i open = _mm512_setzero_si512();
  unsigned filled = 0;
  const unsigned last_bits = static_cast<unsigned>(plan.channels - 32 * (plan.words - 1));
  for (size_t t = 0; t < plan.tap_count; ++t) {
    const uint32_t* word = image + plan.taps[t];
    for (size_t w = 0; w < plan.words; ++w, word += plan.plane) {
      const unsigned bits = w + 1 == plan.words ? last_bits : 32;
      const __m512i row = LoadPieces(word, pieces, piece_count);
      open = _mm512_or_si512(open, _mm512_sll_epi32(row, _mm_cvtsi32_si128(static_cast<int>(filled))));
      filled += bits;
      if (filled < 32) continue;
      _mm512_storeu_si512(patches, open);
      patches += kPanelPixels;
      filled -= 32;
      open = _mm512_srl_epi32(row, _mm_cvtsi32_si128(static_cast<int>(bits - filled)));
    }
  }
  if (filled) _mm512_storeu_si512(patches, open);
}

template <class Signs>
inline void PackRows(size_t rows, size_t channels, uint32_t* bits, const Signs& signs) {
  for (size_t r = 0; r < rows; ++r) {
    for (size_t c = 0; c < channels; c += 32) {
      const size_t left = channels - c;
      const __mmask16 low = static_cast<__mmask16>(left >= 16 ? 0xffff : (1u << left) - 1);
      const __mmask16 high = static_cast<__mmask16>(left >= 32 ? 0xffff : left <= 16 ? 0 : (1u << (left - 16)) - 1);
      *bits++ = static_cast<uint32_t>(signs(r * channels, c, low)) | static_cast<uint32_t>(signs(r * channels, c + 16, high)) << 16;
    }
  }
}

struct PlainSigns {
  const float* values;
  __mmask16 operator()(size_t row, size_t c, __mmask16 mask) const {
    return _mm512_cmp_ps_mask(_mm512_maskz_loadu_ps(mask, values + row + c), _mm512_setzero_ps(), _CMP_LT_OQ);
  }
};

struct AffineSigns {
  const float *values, *multiplier, *bias;
  __mmask16 operator()(size_t row, size_t c, __mmask16 mask) const {
    const __m512 scaled = _mm512_mul_ps(_mm512_maskz_loadu_ps(mask, values + row + c), _mm512_maskz_loadu_ps(mask, multiplier + c));
    return _mm512_cmp_ps_mask(_mm512_add_ps(scaled, _mm512_maskz_loadu_ps(mask, bias + c)), _mm512_setzero_ps(), _CMP_LT_OQ);
  }
};

void Quantize(const float* values, size_t rows, size_t channels, uint32_t* bits) {
  PackRows(rows, channels, bits, PlainSigns{values});
}

void AffineQuantize(const float* values, size_t rows, size_t channels, const float* multiplier, const float* bias, uint32_t* bits) {
  PackRows(rows, channels, bits, AffineSigns{values, multiplier, bias});
}

}  // namespace

const Kernels kAvx512Kernels = {"avx512", Convolve, Gather, Quantize, AffineQuantize};

}  // namespace larq_igp

#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif

#endif  // __x86_64__
