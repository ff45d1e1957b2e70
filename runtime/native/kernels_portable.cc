// Plain C++: the fallback, and the meaning of the others.

#include <algorithm>
#include <cmath>
#include <cstring>

#include "kernels.h"

namespace larq_igp {
namespace {

// Population count without a library call; compilers turn loops over it into baseline SIMD.
inline uint32_t PopCount(uint32_t x) {
  x = x - ((x >> 1) & 0x55555555u);
  x = (x & 0x33333333u) + ((x >> 2) & 0x33333333u);
  x = (x + (x >> 4)) & 0x0f0f0f0fu;
  x += x >> 8;
  return (x + (x >> 16)) & 0x3fu;
}

int8_t SaturateToInt8(float y) {
  const float rounded = std::round(y);
  if (!(rounded > -128.0f)) return -128;  // NaN too
  return rounded > 127.0f ? 127 : static_cast<int8_t>(rounded);
}

void Count(const CountTask& task) {
  for (int block = task.block_begin; block < task.block_end; ++block) {
    for (int p = 0; p < task.pixels; ++p) {
      uint32_t sums[kBlockChannels] = {};
      const uint32_t* filter = task.filters + block * task.depth * kBlockChannels;
      const uint32_t* patch = task.patches + p;
      for (size_t d = 0; d < task.depth; ++d, filter += kBlockChannels, patch += kPanelPixels) {
        const uint32_t word = *patch;
        for (int c = 0; c < kBlockChannels; ++c) sums[c] += PopCount(word ^ filter[c]);
      }
      std::memcpy(task.sums + p * task.sums_step + (block - task.block_begin) * kBlockChannels, sums, sizeof sums);
    }
  }
}

}  // namespace

// The order of the float operations is the contract between instruction sets: all of them give the same bits.
void FinishPortable(const FinishTask& task) {
  for (int p = 0; p < task.pixels; ++p) {
    const int32_t* sums = task.sums + p * task.sums_step;
    const float* border = task.border && task.border[p] ? task.border[p] + task.lane : nullptr;
    const int32_t* shift = task.shift && task.shift[p] ? task.shift[p] + task.lane : nullptr;
    uint32_t* bits = task.bits ? task.bits + p * task.word_step : nullptr;
    int bit = task.first_bit;
    uint32_t word = bits && bit ? *bits & ((1u << bit) - 1) : 0;
    for (ptrdiff_t c = 0; c < task.channels; ++c) {
      const int32_t twice = sums[c] * 2 + (shift ? shift[c] : 0);
      bool negative;
      if (task.mode == ConvMode::kThreshold) {
        negative = twice > int64_t{2} * task.threshold[c];
      } else {
        float y = static_cast<float>(std::max(std::min(twice, task.clamp_max), task.clamp_min)) * task.multiplier[c];
        y = y + task.bias[c];
        if (border) y = y + border[c];
        const ptrdiff_t at = task.offset + p * task.step + c;
        if (task.mode == ConvMode::kInt8) {
          task.bytes[at] = SaturateToInt8(y);
          continue;
        }
        for (int a = 0; a < task.addend_count; ++a) {
          if (task.addends[a].values) y = y + task.addends[a].values[at];
          if (task.addends[a].scale != 1.0f) y = y * task.addends[a].scale;
        }
        if (task.values) task.values[at] = y;
        negative = y < 0;
      }
      if (!bits) continue;
      word |= static_cast<uint32_t>(negative) << bit;
      if (++bit == 32 || c + 1 == task.channels) {
        *bits++ = word;
        word = 0;
        bit = 0;
      }
    }
  }
}

void GatherPortable(const PatchPlan& plan, const uint32_t* image, const RowPiece* pieces, int piece_count,
                    uint32_t* patches) {
  // Pieces are copied 16 words at a time, in order: what a piece writes too much, the next one overwrites.
  const auto load = [&](ptrdiff_t offset, uint32_t* row) {
    for (int i = 0; i < piece_count; ++i)
      std::memcpy(row + pieces[i].lane, image + offset + pieces[i].source, kPanelPixels * sizeof(uint32_t));
  };
  if (!plan.gapless) {
    for (size_t t = 0; t < plan.tap_count; ++t) {
      for (size_t w = 0; w < plan.words; ++w, patches += kPanelPixels)
        load(plan.taps[t] + static_cast<ptrdiff_t>(w) * plan.plane, patches);
    }
    return;
  }
  // Bits of the taps follow each other without gaps: every word is shifted to its place and split over two.
  //   tap 0: [41 bits] tap 1: [41 bits] ...   ->   | 32 | 9 + 23 | 18 + 14 | ...
  uint32_t row[2 * kPanelPixels], open[kPanelPixels] = {};
  int filled = 0;  // bits of `open` in use
  for (size_t t = 0; t < plan.tap_count; ++t) {
    for (size_t w = 0; w < plan.words; ++w) {
      const int bits = static_cast<int>(std::min<size_t>(32, plan.channels - 32 * w));
      load(plan.taps[t] + static_cast<ptrdiff_t>(w) * plan.plane, row);
      for (int p = 0; p < kPanelPixels; ++p) open[p] |= row[p] << filled;
      if (filled + bits >= 32) {
        std::memcpy(patches, open, sizeof open);
        patches += kPanelPixels;
        const int used = 32 - filled;
        for (int p = 0; p < kPanelPixels; ++p) open[p] = used < 32 ? row[p] >> used : 0;
        filled = bits - used;
      } else {
        filled += bits;
      }
    }
  }
  if (filled) std::memcpy(patches, open, sizeof open);
}

void QuantizePortable(const float* values, size_t rows, size_t channels, uint32_t* bits) {
  for (size_t r = 0; r < rows; ++r) {
    for (size_t c = 0; c < channels; c += 32) {
      const size_t count = std::min<size_t>(32, channels - c);
      uint32_t word = 0;
      for (size_t i = 0; i < count; ++i) word |= static_cast<uint32_t>(values[c + i] < 0) << i;
      *bits++ = word;
    }
    values += channels;
  }
}

void AffineQuantizePortable(const float* values, size_t rows, size_t channels, const float* multiplier,
                            const float* bias, uint32_t* bits) {
  for (size_t r = 0; r < rows; ++r) {
    for (size_t c = 0; c < channels; c += 32) {
      const size_t count = std::min<size_t>(32, channels - c);
      uint32_t word = 0;
      for (size_t i = 0; i < count; ++i) {
        const float scaled = values[c + i] * multiplier[c + i];
        word |= static_cast<uint32_t>(scaled + bias[c + i] < 0) << i;
      }
      *bits++ = word;
    }
    values += channels;
  }
}

const Kernels kPortableKernels = {"portable", Count, FinishPortable, GatherPortable, QuantizePortable, AffineQuantizePortable};

}  // namespace larq_igp
