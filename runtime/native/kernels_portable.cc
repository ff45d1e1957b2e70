// Plain C++: the fallback, and the meaning of the others.

#include <algorithm>
#include <cmath>
#include <cstring>

#include "gather.h"
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

struct Words {
  uint32_t words[2 * kPanelPixels];  // the second half takes what pieces write too much
  static inline Words Zero() { return {}; }
  inline Words Or(const Words& other) const {
    Words result;
    for (int p = 0; p < kPanelPixels; ++p) result.words[p] = words[p] | other.words[p];
    return result;
  }
  inline Words Left(unsigned count) const {
    Words result;
    for (int p = 0; p < kPanelPixels; ++p)
      result.words[p] = static_cast<uint32_t>(uint64_t{words[p]} << count);
    return result;
  }
  inline Words Right(unsigned count) const {
    Words result;
    for (int p = 0; p < kPanelPixels; ++p)
      result.words[p] = static_cast<uint32_t>(uint64_t{words[p]} >> count);
    return result;
  }
  inline void Store(uint32_t* to) const { std::memcpy(to, words, kPanelPixels * sizeof(uint32_t)); }
};

struct Pieces {
  const RowPiece* pieces;
  int count;
  // In order: what one piece writes too much, the next overwrites.
  inline Words Load(const uint32_t* image) const {
    Words row;
    for (int i = 0; i < count; ++i)
      std::memcpy(row.words + pieces[i].lane, image + pieces[i].source,
                  kPanelPixels * sizeof(uint32_t));
    return row;
  }
};

inline float Apply(const Addend& addend, ptrdiff_t at, ptrdiff_t channel, float y) {
  switch (addend.kind) {
    case Addend::kChannelScale: return y * addend.values[channel];
    case Addend::kChannelShift: return y + addend.values[channel];
    case Addend::kChannelSlope: return y < 0 ? y * addend.values[channel] : y;
    case Addend::kTensor: break;
  }
  if (addend.values) y = y + addend.values[at];
  return addend.scale != 1.0f ? y * addend.scale : y;
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
      std::memcpy(task.sums + p * task.sums_step + (block - task.block_begin) * kBlockChannels,
                  sums, sizeof sums);
    }
  }
}

}  // namespace

// The order of the float operations is the contract between instruction sets: all of them give the
// same bits.
void FinishPortable(const FinishTask& task) {
  for (int p = 0; p < task.pixels; ++p) {
    const int32_t* sums = task.sums + p * task.sums_step;
    const float* border = task.border && task.border[p] ? task.border[p] + task.lane : nullptr;
    const int32_t* shift = task.shift && task.shift[p] ? task.shift[p] + task.lane : nullptr;
    uint32_t* bits = task.bits ? task.bits + p * task.word_step : nullptr;
    float* values = task.values ? task.values + p * task.values_step : nullptr;
    int bit = task.first_bit;
    uint32_t word = bits && bit ? *bits & ((1u << bit) - 1) : 0;
    for (ptrdiff_t c = 0; c < task.channels; ++c) {
      const int32_t twice = sums[c] * 2 + (shift ? shift[c] : 0);
      bool negative;
      if (task.mode == ConvMode::kThreshold) {
        negative = twice > int64_t{2} * task.threshold[c];
      } else {
        float y = static_cast<float>(std::max(std::min(twice, task.clamp_max), task.clamp_min)) *
                  task.multiplier[c];
        y = y + task.bias[c];
        if (border) y = y + border[c];
        const ptrdiff_t at = task.offset + p * task.step + c;
        if (task.mode == ConvMode::kInt8) {
          int32_t q = SaturateToInt8(y);
          if (const ByteSum* sum = task.byte_sum) {
            q = ((q * sum->own + sum->values[at] * sum->other + sum->bias) >> sum->shift) +
                sum->zero;
            q = std::max(-128, std::min(127, q));
          }
          if (task.bytes) task.bytes[at] = static_cast<int8_t>(q);
          negative = q < task.sign_below;
        } else {
          for (int a = 0; a < task.addend_count; ++a) {
            if (a == task.stored_after && values) values[c] = y;
            y = Apply(task.addends[a], at, task.channel + c, y);
          }
          if (task.stored_after >= task.addend_count && values) values[c] = y;
          negative = y < 0;
        }
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

void GatherPortable(const PatchPlan& plan, const uint32_t* image, const RowPiece* pieces,
                    int piece_count, int, uint32_t* patches) {
  GatherPatches<Words>(plan, image, Pieces{pieces, piece_count}, patches);
}

void QuantizePortable(const float* values, size_t rows, size_t channels, size_t step,
                      uint32_t* bits) {
  for (size_t r = 0; r < rows; ++r) {
    for (size_t c = 0; c < channels; c += 32) {
      const size_t count = std::min<size_t>(32, channels - c);
      uint32_t word = 0;
      for (size_t i = 0; i < count; ++i) word |= static_cast<uint32_t>(values[c + i] < 0) << i;
      *bits++ = word;
    }
    values += step;
  }
}

void AffineQuantizePortable(const float* values, size_t rows, size_t channels, size_t step,
                            const float* multiplier, const float* bias, uint32_t* bits) {
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
    values += step;
  }
}

void QuantizeBytesPortable(const int8_t* values, size_t rows, size_t channels, uint8_t flip,
                           int8_t limit, uint32_t* bits) {
  for (size_t r = 0; r < rows; ++r, values += channels) {
    for (size_t c = 0; c < channels; c += 32) {
      const size_t count = std::min<size_t>(32, channels - c);
      uint32_t word = 0;
      for (size_t i = 0; i < count; ++i) {
        const auto value = static_cast<int8_t>(static_cast<uint8_t>(values[c + i]) ^ flip);
        word |= static_cast<uint32_t>(value < limit) << i;
      }
      *bits++ = word;
    }
  }
}

const Kernels kPortableKernels = {"portable",
                                  kPanelPixels,
                                  nullptr,
                                  Count,
                                  FinishPortable,
                                  GatherPortable,
                                  QuantizePortable,
                                  AffineQuantizePortable,
                                  QuantizeBytesPortable,
                                  0,
                                  nullptr,
                                  nullptr,
                                  nullptr,
                                  0,
                                  0,
                                  0,
                                  nullptr};

}  // namespace larq_igp
