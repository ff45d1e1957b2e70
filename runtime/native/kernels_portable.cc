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

// `signs` are the bits of the run, its first channel lowest. Other bits of the words are kept, but those behind the
// last channel are cleared.
void StoreBits(const ConvOutput& output, size_t pixel, const LaneRun& run, uint32_t signs) {
  uint32_t* word = output.bits + pixel * output.words + run.channel / 32;
  const int shift = run.channel % 32;
  uint64_t mask = ((uint64_t{1} << run.count) - 1) << shift;
  const uint64_t value = uint64_t{signs} << shift;
  if (run.channel + run.count == output.channels) mask |= ~uint64_t{0} << shift;
  word[0] = (word[0] & ~static_cast<uint32_t>(mask)) | static_cast<uint32_t>(value);
  if (shift + run.count > 32) word[1] = (word[1] & ~static_cast<uint32_t>(mask >> 32)) | static_cast<uint32_t>(value >> 32);
}

int8_t SaturateToInt8(float y) {
  const float rounded = std::round(y);
  if (!(rounded > -128.0f)) return -128;  // NaN too
  return rounded > 127.0f ? 127 : static_cast<int8_t>(rounded);
}

void Convolve(const ConvTask& task) {
  for (int block = task.block_begin; block < task.block_end; ++block) {
    for (int p = 0; p < task.pixels; ++p) {
      uint32_t sums[kBlockChannels] = {};
      const uint32_t* filter = task.filters + block * task.depth * kBlockChannels;
      const uint32_t* patch = task.patches + p;
      for (size_t d = 0; d < task.depth; ++d, filter += kBlockChannels, patch += kPanelPixels) {
        const uint32_t word = *patch;
        for (int c = 0; c < kBlockChannels; ++c) sums[c] += PopCount(word ^ filter[c]);
      }
      int32_t signed_sums[kBlockChannels];
      std::memcpy(signed_sums, sums, sizeof sums);
      if (task.raw) {
        std::memcpy(task.raw + ((block - task.block_begin) * kPanelPixels + p) * kBlockChannels, sums, sizeof sums);
      } else {
        FinishPixels(task, block, p, 1, signed_sums);
      }
    }
  }
}

}  // namespace

// The order of the float operations is the contract between instruction sets: all of them give the same bits.
void FinishPixels(const ConvTask& task, int block, int first_pixel, int pixels, const int32_t* sums) {
  const ConvFinish& finish = *task.finish;
  const Block& runs = finish.blocks[block];
  const size_t lane0 = static_cast<size_t>(block) * kBlockChannels;
  for (int p = first_pixel; p < first_pixel + pixels; ++p, sums += kBlockChannels) {
    const size_t pixel = task.first_pixel + p;
    const float* border = task.border ? task.border[p] : nullptr;
    const int32_t* shift = task.shift ? task.shift[p] : nullptr;
    for (int r = 0; r < runs.runs; ++r) {
      const LaneRun& run = finish.runs[runs.first_run + r];
      const ConvOutput& output = finish.outputs[run.output];
      uint32_t signs = 0;
      for (int i = 0; i < run.count; ++i) {
        const size_t lane = lane0 + run.lane + i;
        int32_t twice = sums[run.lane + i] * 2 + (shift ? shift[lane] : 0);
        if (finish.mode == ConvMode::kThreshold) {
          signs |= static_cast<uint32_t>(twice > int64_t{2} * finish.threshold[lane]) << i;
          continue;
        }
        twice = std::max(std::min(twice, finish.clamp_max), finish.clamp_min);
        float y = static_cast<float>(twice) * finish.multiplier[lane];
        y = y + finish.bias[lane];
        if (border) y = y + border[lane];
        const size_t at = pixel * output.channels + run.channel + i;
        if (finish.mode == ConvMode::kInt8) {
          output.bytes[at] = SaturateToInt8(y);
          continue;
        }
        for (int a = 0; a < output.addend_count; ++a) {
          if (output.addends[a].values) y = y + output.addends[a].values[at];
          if (output.addends[a].scale != 1.0f) y = y * output.addends[a].scale;
        }
        if (output.values) output.values[at] = y;
        signs |= static_cast<uint32_t>(y < 0) << i;
      }
      if (output.bits) StoreBits(output, pixel, run, signs);
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

const Kernels kPortableKernels = {"portable", Convolve, GatherPortable, QuantizePortable, AffineQuantizePortable};

}  // namespace larq_igp
