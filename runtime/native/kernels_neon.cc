// NEON, as every aarch64 CPU has it. CNT counts bits per byte. A block is four registers, a tile 4 pixels: 16 byte
// counters and 4 filter registers of the 32 there are.
//
//     bytes[p][0]: | c0 c0 c0 c0 | c1 c1 c1 c1 | c2 ... | c3 ... |     counters of 8 bits, four per channel
//     bytes[p][3]: | c12 ...     | ...                 | c15 ... |
//
// Three instructions per 128 bits: EOR, CNT, ADD. A word adds at most 8 to a byte, so after 31 words the bytes are
// added up to 32-bit sums per channel.

#include "kernels.h"

#if defined(__aarch64__)

#include <arm_neon.h>

namespace larq_igp {
namespace {

constexpr int kTilePixels = 4;
constexpr size_t kWordsPerByteCount = 31;
constexpr int kRegisters = kBlockChannels / 4;

// Weights of the sign bits of a block.
alignas(16) constexpr uint32_t kBitOfLane[kBlockChannels] = {1 << 0, 1 << 1, 1 << 2,  1 << 3,  1 << 4,  1 << 5,  1 << 6,  1 << 7,
                                                             1 << 8, 1 << 9, 1 << 10, 1 << 11, 1 << 12, 1 << 13, 1 << 14, 1 << 15};

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

// Four values, of which only [begin, end) may be touched: all of them, or those at an end of a run.
inline float32x4_t LoadSome(const float* values, int begin, int end) {
  if (begin <= 0 && end >= 4) return vld1q_f32(values);
  float some[4] = {};
  for (int i = begin > 0 ? begin : 0; i < end && i < 4; ++i) some[i] = values[i];
  return vld1q_f32(some);
}

inline void StoreSome(float* values, float32x4_t y, int begin, int end) {
  if (begin <= 0 && end >= 4) return vst1q_f32(values, y);
  float some[4];
  vst1q_f32(some, y);
  for (int i = begin > 0 ? begin : 0; i < end && i < 4; ++i) values[i] = some[i];
}

// The part of a block that belongs to one output. Whole: all 16 lanes, known at compile time.
template <int Pixels, bool Whole>
inline void FinishRun(const ConvTask& task, int block, const LaneRun& run, int first, const uint32x4_t sums[][kRegisters]) {
  const ConvFinish& finish = *task.finish;
  const ConvOutput& output = finish.outputs[run.output];
  const size_t lane0 = static_cast<size_t>(block) * kBlockChannels;
  const int32x4_t low = vdupq_n_s32(finish.clamp_min), high = vdupq_n_s32(finish.clamp_max);
  const float* multiplier = (finish.doubled ? finish.doubled : finish.multiplier) + lane0;
  const int lane = Whole ? 0 : run.lane, lane_end = Whole ? kBlockChannels : run.lane + run.count;
  for (int p = 0; p < Pixels; ++p) {
    const size_t pixel = task.first_pixel + first + p;
    // Lane `run.lane` is channel `run.channel`; lanes outside the run are neither read nor written.
    const ptrdiff_t at = static_cast<ptrdiff_t>(pixel) * output.channels + run.channel - lane;
    const float* border = task.border ? task.border[first + p] : nullptr;
    float32x4_t y[kRegisters];
#pragma GCC unroll 4
    for (int n = 0; n < kRegisters; ++n) {
      int32x4_t x = vreinterpretq_s32_u32(sums[p][n]);
      if (!finish.doubled) x = vmaxq_s32(vminq_s32(vshlq_n_s32(x, 1), high), low);
      // Not fused: a multiplication and an addition, each rounded, as on every other CPU.
      y[n] = vaddq_f32(vmulq_f32(vcvtq_f32_s32(x), vld1q_f32(multiplier + 4 * n)), vld1q_f32(finish.bias + lane0 + 4 * n));
      if (border) y[n] = vaddq_f32(y[n], vld1q_f32(border + lane0 + 4 * n));
    }
    for (int a = 0; a < output.addend_count; ++a) {
      const Addend& addend = output.addends[a];
      if (addend.values) {
#pragma GCC unroll 4
        for (int n = 0; n < kRegisters; ++n) y[n] = vaddq_f32(y[n], LoadSome(addend.values + at + 4 * n, lane - 4 * n, lane_end - 4 * n));
      }
      if (addend.scale != 1.0f) {
#pragma GCC unroll 4
        for (int n = 0; n < kRegisters; ++n) y[n] = vmulq_n_f32(y[n], addend.scale);
      }
    }
    if (output.values) {
#pragma GCC unroll 4
      for (int n = 0; n < kRegisters; ++n) StoreSome(output.values + at + 4 * n, y[n], lane - 4 * n, lane_end - 4 * n);
    }
    if (output.bits) {
      uint32x4_t signs = vdupq_n_u32(0);
#pragma GCC unroll 4
      for (int n = 0; n < kRegisters; ++n) signs = vorrq_u32(signs, vandq_u32(vcltzq_f32(y[n]), vld1q_u32(kBitOfLane + 4 * n)));
      const uint32_t mask = (1u << (lane_end - lane)) - 1;
      StoreSigns(output, run, pixel, vaddvq_u32(signs) >> lane & mask);
    }
  }
}

template <int Pixels>
inline void ConvolveTile(const ConvTask& task, int block, int first) {
  uint32x4_t sums[Pixels][kRegisters];
  for (int p = 0; p < Pixels; ++p) {
    for (int n = 0; n < kRegisters; ++n) sums[p][n] = vdupq_n_u32(0);
  }
  const uint32_t* filter = task.filters + block * task.depth * kBlockChannels;
  const uint32_t* patch = task.patches + first;
  for (size_t left = task.depth; left > 0;) {
    const size_t words = left < kWordsPerByteCount ? left : kWordsPerByteCount;
    left -= words;
    uint8x16_t bytes[Pixels][kRegisters];
#pragma GCC unroll 4
    for (int p = 0; p < Pixels; ++p) {
#pragma GCC unroll 4
      for (int n = 0; n < kRegisters; ++n) bytes[p][n] = vdupq_n_u8(0);
    }
    for (size_t d = 0; d < words; ++d, filter += kBlockChannels, patch += kPanelPixels) {
      uint8x16_t filters[kRegisters];
#pragma GCC unroll 4
      for (int n = 0; n < kRegisters; ++n) filters[n] = vreinterpretq_u8_u32(vld1q_u32(filter + 4 * n));
      // One load and a broadcast per pixel; a panel's rows have words to spare behind a short tile.
      const uint32x4_t pixels = vld1q_u32(patch);
      const uint32x4_t broadcast[kTilePixels] = {vdupq_laneq_u32(pixels, 0), vdupq_laneq_u32(pixels, 1),
                                                 vdupq_laneq_u32(pixels, 2), vdupq_laneq_u32(pixels, 3)};
#pragma GCC unroll 4
      for (int p = 0; p < Pixels; ++p) {
        const uint8x16_t word = vreinterpretq_u8_u32(broadcast[p]);
#pragma GCC unroll 4
        for (int n = 0; n < kRegisters; ++n) bytes[p][n] = vaddq_u8(bytes[p][n], vcntq_u8(veorq_u8(word, filters[n])));
      }
    }
#pragma GCC unroll 4
    for (int p = 0; p < Pixels; ++p) {
#pragma GCC unroll 4
      for (int n = 0; n < kRegisters; ++n) sums[p][n] = vpadalq_u16(sums[p][n], vpaddlq_u8(bytes[p][n]));
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
    for (int n = 0; n < kRegisters; ++n) vst1q_s32(out + p * kBlockChannels + 4 * n, vreinterpretq_s32_u32(sums[p][n]));
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

// The signs of four values as bits 0 to 3, shifted left by `shift`, still in their lanes.
inline uint32x4_t SignBits(float32x4_t y, int shift) {
  return vshlq_u32(vandq_u32(vcltzq_f32(y), vld1q_u32(kBitOfLane)), vdupq_n_s32(shift));
}

struct PlainSigns {
  const float* values;
  uint32_t operator()(size_t row, size_t c) const {
    uint32x4_t word = vdupq_n_u32(0);
#pragma GCC unroll 8
    for (int i = 0; i < 8; ++i) word = vorrq_u32(word, SignBits(vld1q_f32(values + row + c + 4 * i), 4 * i));
    return vaddvq_u32(word);
  }
  bool One(size_t row, size_t c) const { return values[row + c] < 0; }
};

struct AffineSigns {
  const float *values, *multiplier, *bias;
  uint32_t operator()(size_t row, size_t c) const {
    uint32x4_t word = vdupq_n_u32(0);
#pragma GCC unroll 8
    for (int i = 0; i < 8; ++i) {
      const size_t at = c + 4 * i;
      const float32x4_t scaled = vmulq_f32(vld1q_f32(values + row + at), vld1q_f32(multiplier + at));
      word = vorrq_u32(word, SignBits(vaddq_f32(scaled, vld1q_f32(bias + at)), 4 * i));
    }
    return vaddvq_u32(word);
  }
  bool One(size_t row, size_t c) const {
    const float scaled = values[row + c] * multiplier[c];
    return scaled + bias[c] < 0;
  }
};

// Whole words at once, the last channels of a row one by one.
template <class Signs>
inline void PackRows(size_t rows, size_t channels, uint32_t* bits, const Signs& signs) {
  for (size_t r = 0; r < rows; ++r) {
    size_t c = 0;
    for (; c + 32 <= channels; c += 32) *bits++ = signs(r * channels, c);
    if (c == channels) continue;
    uint32_t word = 0;
    for (size_t i = c; i < channels; ++i) word |= static_cast<uint32_t>(signs.One(r * channels, i)) << (i - c);
    *bits++ = word;
  }
}

void Quantize(const float* values, size_t rows, size_t channels, uint32_t* bits) {
  PackRows(rows, channels, bits, PlainSigns{values});
}

void AffineQuantize(const float* values, size_t rows, size_t channels, const float* multiplier, const float* bias, uint32_t* bits) {
  PackRows(rows, channels, bits, AffineSigns{values, multiplier, bias});
}

}  // namespace

const Kernels kNeonKernels = {"neon", Convolve, GatherPortable, Quantize, AffineQuantize};

}  // namespace larq_igp

#endif  // __aarch64__
