// AVX-512 with VPOPCNTDQ. 16 channels fill a register; a tile is up to 8 pixels of one block. (Only
// the channels of a last block of one to four are counted with 16 pixels in a register: see
// CountPixelLanes.)
//
//     zmm sums[p]:   | c0 | c1 | c2 | ... | c15 |     one register per pixel p, 32 bits per channel
//
// Counting costs three instructions per word if done plainly: xor, popcnt, add. Intel's processors,
// which have one port for popcnt, are faster with a carry-save adder. It takes the words in pairs,
// and keeps for every bit position the parity seen so far in `ones`:
//
//     x = patch0 ^ filter0,  y = patch1 ^ filter1          (two new bits per position)
//     half  = ones ^ patch0 ^ filter0             vpternlogd: xor of three
//     next  = half ^ patch1 ^ filter1             vpternlogd: xor of three, the new parity
//     carry = half ? ~next : ones                 vpternlogd: what overflowed, worth 2 per bit
//     twos += popcnt(carry)
//
// Five instructions for two words instead of six, and three of them read a patch word from memory
// as a broadcast operand. In the end sum = 2 * twos + popcnt(ones). AMD's Zen 4 starts two 512-bit
// instructions per cycle whatever they are, and copies count, of which the adder needs two or
// three: there the plain form is 3 to 6 % faster.

#include "kernels.h"

#if defined(__x86_64__)

#include <immintrin.h>

#include <cstring>

// Everything below is compiled for the instruction set; nothing above may be, or the linker could
// choose, for all files, a copy of an inline function that not every CPU can run.
#if defined(__clang__)
#if __clang_major__ >= 18 && __clang_major__ < 22
#pragma clang attribute push(                                                              \
    __attribute__((                                                                        \
        target("avx512f,avx512bw,avx512vl,avx512dq,avx512vpopcntdq,avx512vnni,evex512"))), \
    apply_to = function)
#else
#pragma clang attribute push(                                                                 \
    __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512vpopcntdq,avx512vnni"))), \
    apply_to = function)
#endif
#else
#pragma GCC push_options
#pragma GCC target("avx512f,avx512bw,avx512vl,avx512dq,avx512vpopcntdq,avx512vnni")
#endif

#include "gather.h"
#include "transpose.h"
#include "vector_avx512.h"

namespace larq_igp {
namespace {

constexpr int kTilePixels = 8;

constexpr int kXor3 = 0x96;
// Truth table of (a ? ~b : c) for inputs (a, b, c): bit 4a + 2b + c.
constexpr int kCarry = 0x3a;

inline __m512i Broadcast(const uint32_t* word) {
  return _mm512_set1_epi32(static_cast<int>(*word));
}

struct Plain {
  template <int Pixels>
  static inline void CountTile(const CountTask& task, int block, int first) {
    const uint32_t* filter = task.filters + block * task.depth * kBlockChannels;
    const uint32_t* patch = task.patches + first;
    __m512i sums[Pixels];
#pragma GCC unroll 8
    for (int p = 0; p < Pixels; ++p) sums[p] = _mm512_setzero_si512();
    for (size_t d = 0; d < task.depth; ++d, filter += kBlockChannels, patch += kPanelPixels) {
      const __m512i filter0 = _mm512_load_si512(filter);
#pragma GCC unroll 8
      for (int p = 0; p < Pixels; ++p) {
        sums[p] = _mm512_add_epi32(
            sums[p], _mm512_popcnt_epi32(_mm512_xor_si512(filter0, Broadcast(patch + p))));
      }
    }
    int32_t* out = task.sums + first * task.sums_step + (block - task.block_begin) * kBlockChannels;
#pragma GCC unroll 8
    for (int p = 0; p < Pixels; ++p) _mm512_store_si512(out + p * task.sums_step, sums[p]);
  }
};

struct CarrySave {
  template <int Pixels>
  static inline void CountTile(const CountTask& task, int block, int first) {
    __m512i ones[Pixels], twos[Pixels];
    const uint32_t* filter = task.filters + block * task.depth * kBlockChannels;
    const uint32_t* patch = task.patches + first;
    size_t d = 0;
    if (task.depth >= 2) {
      // The first pair, with nothing counted yet: the carry is what both words have.
      const __m512i filter0 = _mm512_load_si512(filter),
                    filter1 = _mm512_load_si512(filter + kBlockChannels);
#pragma GCC unroll 8
      for (int p = 0; p < Pixels; ++p) {
        const __m512i half = _mm512_xor_si512(filter0, Broadcast(patch + p));
        ones[p] =
            _mm512_ternarylogic_epi32(half, filter1, Broadcast(patch + kPanelPixels + p), kXor3);
        twos[p] = _mm512_popcnt_epi32(_mm512_andnot_si512(ones[p], half));
      }
      d = 2, filter += 2 * kBlockChannels, patch += 2 * kPanelPixels;
    } else {
#pragma GCC unroll 8
      for (int p = 0; p < Pixels; ++p) ones[p] = twos[p] = _mm512_setzero_si512();
    }
    for (; d + 2 <= task.depth; d += 2, filter += 2 * kBlockChannels, patch += 2 * kPanelPixels) {
      const __m512i filter0 = _mm512_load_si512(filter),
                    filter1 = _mm512_load_si512(filter + kBlockChannels);
#pragma GCC unroll 8
      for (int p = 0; p < Pixels; ++p) {
        const __m512i half =
            _mm512_ternarylogic_epi32(ones[p], filter0, Broadcast(patch + p), kXor3);
        const __m512i next =
            _mm512_ternarylogic_epi32(half, filter1, Broadcast(patch + kPanelPixels + p), kXor3);
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
        sums[p] = _mm512_add_epi32(
            sums[p], _mm512_popcnt_epi32(_mm512_xor_si512(filter0, Broadcast(patch + p))));
      }
    }
    int32_t* out = task.sums + first * task.sums_step + (block - task.block_begin) * kBlockChannels;
#pragma GCC unroll 8
    for (int p = 0; p < Pixels; ++p) _mm512_store_si512(out + p * task.sums_step, sums[p]);
  }
};

// All tiles of a block, then the next block: the block's filters stay in the first cache.
template <class Adder, int Pixels>
void CountTiles(const CountTask& task, int block_end, int first, int end) {
  for (int block = task.block_begin; block < block_end; ++block) {
    for (int p = first; p < end; p += Pixels) Adder::template CountTile<Pixels>(task, block, p);
  }
}

template <class Adder>
void CountPixels(const CountTask& task, int block_end, int tile, int first, int end) {
  switch (tile) {
    case 8: return CountTiles<Adder, 8>(task, block_end, first, end);
    case 7: return CountTiles<Adder, 7>(task, block_end, first, end);
    case 6: return CountTiles<Adder, 6>(task, block_end, first, end);
    case 5: return CountTiles<Adder, 5>(task, block_end, first, end);
    case 4: return CountTiles<Adder, 4>(task, block_end, first, end);
    case 3: return CountTiles<Adder, 3>(task, block_end, first, end);
    case 2: return CountTiles<Adder, 2>(task, block_end, first, end);
    case 1: return CountTiles<Adder, 1>(task, block_end, first, end);
  }
}

// A last block of one to four channels: pixels fill the lanes, which that few channels would leave
// nearly empty. Counted plainly.
constexpr int kFewChannels = 4;

template <int Channels>
void CountPixelLanes(const CountTask& task) {
  if constexpr (Channels > 1) {
    if (task.last_lanes < Channels) return CountPixelLanes<Channels - 1>(task);
  }
  const uint32_t* filter = task.filters + (task.block_end - 1) * task.depth * kBlockChannels;
  const uint32_t* patch = task.patches;
  __m512i sums[Channels];
  for (int c = 0; c < Channels; ++c) sums[c] = _mm512_setzero_si512();
  for (size_t d = 0; d < task.depth; ++d, filter += kBlockChannels, patch += kPanelPixels) {
    const __m512i row = _mm512_load_si512(patch);
#pragma GCC unroll 4
    for (int c = 0; c < Channels; ++c) {
      sums[c] = _mm512_add_epi32(sums[c],
                                 _mm512_popcnt_epi32(_mm512_xor_si512(row, Broadcast(filter + c))));
    }
  }
  alignas(64) int32_t lanes[kFewChannels][kPanelPixels];
  for (int c = 0; c < kFewChannels; ++c) _mm512_store_si512(lanes[c], sums[c < Channels ? c : 0]);
  Transpose(lanes, kPanelPixels,
            task.sums + (task.block_end - 1 - task.block_begin) * kBlockChannels, task.sums_step);
}

template <class Adder>
void Count(const CountTask& task) {
  int block_end = task.block_end;
  if (task.last_lanes <= kFewChannels) {
    CountPixelLanes<kFewChannels>(task);
    --block_end;
  }
  // 9 to 16 pixels are two tiles. An odd number is cut as 2n + 1 = (n + 1) + n.
  if (task.pixels <= kTilePixels)
    return CountPixels<Adder>(task, block_end, task.pixels, 0, task.pixels);
  const int tile = (task.pixels + 1) / 2;
  if (task.pixels % 2 == 0) return CountPixels<Adder>(task, block_end, tile, 0, task.pixels);
  CountPixels<Adder>(task, block_end, tile, 0, tile);
  CountPixels<Adder>(task, block_end, tile - 1, tile, task.pixels);
}

// Counts of shifts are loaded as broadcasts, which leaves the ports of the vector units alone.
constexpr uint32_t kShifts[33] = {0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10,
                                  11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21,
                                  22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32};

struct Words {
  __m512i words;
  static inline Words Zero() { return {_mm512_setzero_si512()}; }
  inline Words Or(Words other) const { return {_mm512_or_si512(words, other.words)}; }
  inline Words Left(unsigned count) const {
    return {_mm512_sllv_epi32(words, Broadcast(kShifts + count))};
  }
  inline Words Right(unsigned count) const {
    return {_mm512_srlv_epi32(words, Broadcast(kShifts + count))};
  }
  inline void Store(uint32_t* to) const { _mm512_storeu_si512(to, words); }
};

struct Pieces {
  const RowPiece* pieces;
  int count;
  // In order: what one piece reads too much, the next overwrites.
  inline Words Load(const uint32_t* image) const {
    __m512i row = _mm512_loadu_si512(image + pieces[0].source);
    for (int i = 1; i < count; ++i) {
      const __mmask16 mask = static_cast<__mmask16>(0xffffu << pieces[i].lane);
      row = _mm512_mask_loadu_epi32(row, mask, image + pieces[i].source - pieces[i].lane);
    }
    return {row};
  }
};

void Gather(const PatchPlan& plan, const uint32_t* image, const RowPiece* pieces, int piece_count,
            int, uint32_t* patches) {
  GatherPatches<Words>(plan, image, Pieces{pieces, piece_count}, patches);
}

}  // namespace

const Kernels kAvx512Kernels =
    KernelsOf<Vector>("avx512", kPanelPixels, nullptr, Count<CarrySave>, Gather);
const Kernels kAvx512PlainKernels =
    KernelsOf<Vector>("avx512_plain", kPanelPixels, nullptr, Count<Plain>, Gather);

}  // namespace larq_igp

#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif

#endif  // __x86_64__
