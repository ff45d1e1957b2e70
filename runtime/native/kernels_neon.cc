// NEON, as every aarch64 CPU has it. CNT counts bits per byte. A block is four registers, a tile 4
// pixels: 16 byte counters and 4 filter registers of the 32 there are.
//
//     bytes[p][0]: | c0 c0 c0 c0 | c1 c1 c1 c1 | c2 ... | c3 ... |  8-bit counters, 4 a channel
//     bytes[p][3]: | c12 ...     | ...                 | c15 ... |
//
// Three instructions per 128 bits: EOR, CNT, ADD. A word adds at most 8 to a byte, so after 31
// words the bytes are added up to 32-bit sums per channel.

#include "kernels.h"

#if defined(__aarch64__)

#include <arm_neon.h>

#include <cstring>

#include "vector_neon.h"

namespace larq_igp {
namespace {

constexpr int kTilePixels = 4;
constexpr size_t kWordsPerByteCount = 31;
constexpr int kRegisters = kBlockChannels / 4;

template <int Pixels>
inline void CountTile(const CountTask& task, int block, int first) {
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
      for (int n = 0; n < kRegisters; ++n)
        filters[n] = vreinterpretq_u8_u32(vld1q_u32(filter + 4 * n));
      // One load and a broadcast per pixel; a panel's rows have words to spare behind a short tile.
      const uint32x4_t pixels = vld1q_u32(patch);
      const uint32x4_t broadcast[kTilePixels] = {
          vdupq_laneq_u32(pixels, 0), vdupq_laneq_u32(pixels, 1), vdupq_laneq_u32(pixels, 2),
          vdupq_laneq_u32(pixels, 3)};
#pragma GCC unroll 4
      for (int p = 0; p < Pixels; ++p) {
        const uint8x16_t word = vreinterpretq_u8_u32(broadcast[p]);
#pragma GCC unroll 4
        for (int n = 0; n < kRegisters; ++n)
          bytes[p][n] = vaddq_u8(bytes[p][n], vcntq_u8(veorq_u8(word, filters[n])));
      }
    }
#pragma GCC unroll 4
    for (int p = 0; p < Pixels; ++p) {
#pragma GCC unroll 4
      for (int n = 0; n < kRegisters; ++n)
        sums[p][n] = vpadalq_u16(sums[p][n], vpaddlq_u8(bytes[p][n]));
    }
  }

  int32_t* out = task.sums + first * task.sums_step + (block - task.block_begin) * kBlockChannels;
  for (int p = 0; p < Pixels; ++p, out += task.sums_step) {
    for (int n = 0; n < kRegisters; ++n) vst1q_s32(out + 4 * n, vreinterpretq_s32_u32(sums[p][n]));
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

}  // namespace

const Kernels kNeonKernels =
    KernelsOf<Vector>("neon", kPanelPixels, nullptr, Count, GatherPortable);

}  // namespace larq_igp

#endif  // __aarch64__
