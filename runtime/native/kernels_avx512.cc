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

#include "byte_signs.h"
#include "finish.h"
#include "gather.h"
#include "image.h"
#include "pixel.h"
#include "transpose.h"

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

inline __mmask16 FirstLanes(ptrdiff_t count) {
  return static_cast<__mmask16>(count >= kBlockChannels ? 0xffff
                                : count <= 0            ? 0
                                                        : (1u << count) - 1);
}

struct Vector {
  using Float = __m512;
  static constexpr int kLanes = kBlockChannels;
  static constexpr int kTilePixels[] = {0, 14, 14, 8};  // of images, by registers of channels
  static constexpr int kPixelTile[] = {0, 14, 14, 9};
  static constexpr int kAllRegisters = 32;
  static constexpr bool kMultipliesByLane = false;
  static constexpr bool kManyRegisters = true;
  static inline Float Broadcast(float x) { return _mm512_set1_ps(x); }
  static inline Float Convert(const int32_t* sums) {
    return _mm512_cvtepi32_ps(_mm512_loadu_si512(sums));
  }
  using Int = __m512i;
  static inline Int LoadInt(const int32_t* from) { return _mm512_loadu_si512(from); }
  static inline Int BroadcastInt(int32_t x) { return _mm512_set1_epi32(x); }
  static inline Int AddInt(Int a, Int b) { return _mm512_add_epi32(a, b); }
  static inline Int MultiplyInt(Int a, Int b) { return _mm512_mullo_epi32(a, b); }
  static inline Int MaxInt(Int a, Int b) { return _mm512_max_epi32(a, b); }
  static inline Int MinInt(Int a, Int b) { return _mm512_min_epi32(a, b); }
  static inline Int BroadcastPair(const int16_t* from) {
    int32_t pair;
    std::memcpy(&pair, from, sizeof pair);
    return _mm512_set1_epi32(pair);
  }
  static inline Int MultiplyPairs(Int a, Int b, Int c) {
    // As an intrinsic, gcc copies every sum to another register and back.
    asm("vpdpwssd %2, %1, %0" : "+v"(c) : "v"(a), "v"(b));
    return c;
  }
  static inline Int ShiftRight(Int x, int count) {
    return _mm512_sra_epi32(x, _mm_cvtsi32_si128(count));
  }
  static inline Float ToFloat(Int x) { return _mm512_cvtepi32_ps(x); }
  static inline Int Round(Float y) {
    // A NaN becomes the second operand. The constant is just below a half, so that only true halves
    // reach 1.
    y = _mm512_min_ps(_mm512_max_ps(y, _mm512_set1_ps(-128)), _mm512_set1_ps(127));
    const __m512 sign = _mm512_and_ps(y, _mm512_set1_ps(-0.0f));
    return _mm512_cvttps_epi32(
        _mm512_add_ps(y, _mm512_or_ps(sign, _mm512_set1_ps(0x1.fffffep-2f))));
  }
  static inline Float Negative(Float if_so, Float otherwise, Float x) {
    return _mm512_mask_blend_ps(_mm512_cmp_ps_mask(x, _mm512_setzero_ps(), _CMP_LT_OQ), otherwise,
                                if_so);
  }
  static inline Float Add(Float a, Float b) { return _mm512_add_ps(a, b); }
  static inline Float MultiplyAdd(Float a, Float b, Float c) { return _mm512_fmadd_ps(a, b, c); }
  static inline Float Max(Float a, Float b) { return _mm512_max_ps(a, b); }
  static inline Float Min(Float a, Float b) { return _mm512_min_ps(a, b); }
  static inline Float Multiply(Float a, Float b) { return _mm512_mul_ps(a, b); }
  struct Whole {
    inline Float Load(const float* from) const { return _mm512_loadu_ps(from); }
    inline void Store(float* to, Float y) const { _mm512_storeu_ps(to, y); }
    inline Int LoadBytes(const int8_t* from) const {
      return _mm512_cvtepi8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from)));
    }
    inline void StoreBytes(int8_t* to, Int q) const {
      _mm_storeu_si128(reinterpret_cast<__m128i*>(to), _mm512_cvtepi32_epi8(q));
    }
  };
  struct Some {
    __mmask16 mask;
    explicit Some(int count) : mask(FirstLanes(count)) {}
    inline Float Load(const float* from) const { return _mm512_maskz_loadu_ps(mask, from); }
    inline void Store(float* to, Float y) const { _mm512_mask_storeu_ps(to, mask, y); }
    inline Int LoadBytes(const int8_t* from) const {
      return _mm512_cvtepi8_epi32(_mm_maskz_loadu_epi8(mask, from));
    }
    inline void StoreBytes(int8_t* to, Int q) const {
      _mm512_mask_cvtepi32_storeu_epi8(to, mask, q);
    }
  };
  class Signs {
   public:
    inline void Set(Float y, int first_bit) {
      word_ |= static_cast<uint32_t>(_mm512_cmp_ps_mask(y, _mm512_setzero_ps(), _CMP_LT_OQ))
               << first_bit;
    }
    inline void SetGreater(Int a, Int b, int first_bit) {
      word_ |= static_cast<uint32_t>(_mm512_cmpgt_epi32_mask(a, b)) << first_bit;
    }
    inline uint32_t Word() const { return word_; }

   private:
    uint32_t word_ = 0;
  };
};

void Finish(const FinishTask& task) { FinishAny<Vector>(task); }

struct Bytes {
  const __m256i flip, limit;
  Bytes(uint8_t flipped, int8_t below)
      : flip(_mm256_set1_epi8(static_cast<char>(flipped))), limit(_mm256_set1_epi8(below)) {}
  inline uint32_t Less(const int8_t* values) const {
    const __m256i bytes = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(values));
    return _mm256_cmpgt_epi8_mask(limit, _mm256_xor_si256(bytes, flip));
  }
};

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

template <class Signs>
inline void PackRows(size_t rows, size_t channels, uint32_t* bits, const Signs& signs) {
  for (size_t r = 0; r < rows; ++r) {
    for (size_t c = 0; c < channels; c += 32) {
      const size_t left = channels - c;
      const __mmask16 low = static_cast<__mmask16>(left >= 16 ? 0xffff : (1u << left) - 1);
      const __mmask16 high = static_cast<__mmask16>(left >= 32   ? 0xffff
                                                    : left <= 16 ? 0
                                                                 : (1u << (left - 16)) - 1);
      *bits++ = static_cast<uint32_t>(signs(r * channels, c, low)) |
                static_cast<uint32_t>(signs(r * channels, c + 16, high)) << 16;
    }
  }
}

struct PlainSigns {
  const float* values;
  __mmask16 operator()(size_t row, size_t c, __mmask16 mask) const {
    return _mm512_cmp_ps_mask(_mm512_maskz_loadu_ps(mask, values + row + c), _mm512_setzero_ps(),
                              _CMP_LT_OQ);
  }
};

struct AffineSigns {
  const float *values, *multiplier, *bias;
  __mmask16 operator()(size_t row, size_t c, __mmask16 mask) const {
    const __m512 scaled = _mm512_mul_ps(_mm512_maskz_loadu_ps(mask, values + row + c),
                                        _mm512_maskz_loadu_ps(mask, multiplier + c));
    return _mm512_cmp_ps_mask(_mm512_add_ps(scaled, _mm512_maskz_loadu_ps(mask, bias + c)),
                              _mm512_setzero_ps(), _CMP_LT_OQ);
  }
};

void Quantize(const float* values, size_t rows, size_t channels, uint32_t* bits) {
  PackRows(rows, channels, bits, PlainSigns{values});
}

void AffineQuantize(const float* values, size_t rows, size_t channels, const float* multiplier,
                    const float* bias, uint32_t* bits) {
  PackRows(rows, channels, bits, AffineSigns{values, multiplier, bias});
}

}  // namespace

const Kernels kAvx512Kernels = {"avx512",
                                kPanelPixels,
                                nullptr,
                                Count<CarrySave>,
                                Finish,
                                Gather,
                                Quantize,
                                AffineQuantize,
                                QuantizeByteRows<Bytes>,
                                kBlockChannels,
                                ImageRow<Vector>,
                                MaxPoolRow<Vector>,
                                kBlockChannels,
                                2,
                                3,
                                PixelRow<Vector>};
const Kernels kAvx512PlainKernels = {"avx512_plain",
                                     kPanelPixels,
                                     nullptr,
                                     Count<Plain>,
                                     Finish,
                                     Gather,
                                     Quantize,
                                     AffineQuantize,
                                     QuantizeByteRows<Bytes>,
                                     kBlockChannels,
                                     ImageRow<Vector>,
                                     MaxPoolRow<Vector>,
                                     kBlockChannels,
                                     2,
                                     3,
                                     PixelRow<Vector>};

}  // namespace larq_igp

#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif

#endif  // __x86_64__
