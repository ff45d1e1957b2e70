// AVX2. It cannot count bits, but look up 32 bytes at a time in a table of 16. A table is made for
// one nibble each of two pixels p and q, and says for every nibble f that a filter may have in that
// place in how many bits it differs:
//
//     table:                    | f=0000 | f=0001 | ... | f=1111 |  bits(p ^ f) + 16 * bits(q ^ f)
//
//     ymm filters, nibble n:    | c0 | c1 | ... | c15 |                        lower half: nibble n
//                  nibble n+1:                        | c0 | ... | c15 |  upper half: nibble n + 1
//     ymm found:                | c0 | c1 | ... | c15 | c0 | ... | c15 |  two pixels of 16 channels
//
// There are 16 * 16 tables, 4 kB. So one look-up does what took xor, two look-ups and four more
// instructions, and three look-ups can be added up before the two pixels' counts must be taken
// apart. What looks up is the patch: its words are turned into places of tables once, when they are
// gathered.

#include "kernels.h"

#if defined(__x86_64__)

#include <immintrin.h>

#include <cstring>

// Everything below is compiled for the instruction set; nothing above may be, or the linker could
// choose, for all files, a copy of an inline function that not every CPU can run.
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2,fma")
#endif

#include "gather.h"
#include "vector_avx2.h"

namespace larq_igp {
namespace {

constexpr int kHalf = kBlockChannels / 2;  // channels per register of 32 bits
constexpr int kTileBlocks = 4;
constexpr int kNibbles = 8;                // of a word
constexpr size_t kRowWords = 32;           // of 16 patches or filters as `Count` reads them
constexpr size_t kWordsPerByteCount = 15;  // a word adds at most 16 to a byte
constexpr size_t kWordsPerSpan =
    45;  // whose filters, of one tile's blocks, stay in the first cache

// tables.rows[16 * upper + lower][f]: what a filter's nibble f disagrees in with the nibbles of two
// pixels.
struct Tables {
  alignas(64) uint8_t rows[256][16];
  constexpr Tables() : rows() {
    constexpr uint8_t bits[16] = {0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4};
    for (int pair = 0; pair < 256; ++pair) {
      for (int f = 0; f < 16; ++f)
        rows[pair][f] = static_cast<uint8_t>(bits[pair % 16 ^ f] + 16 * bits[pair / 16 ^ f]);
    }
  }
};
constexpr Tables kTables;

// How many pixels of a panel are the lower of their pair; pixel p + Pairs(pixels) is the upper one
// of pair p.
inline int Pairs(int pixels) { return (pixels + 1) / 2; }

// The sums of a pair of pixels with some blocks.
template <int Blocks>
struct Tile {
  // Counters of 8 bits. In `both` the lower pixel's count and 16 times the upper's, modulo 256.
  __m256i both[Blocks], upper[Blocks];
  // Of 16 bits: [block][lower, upper pixel][first, last channels]; even nibbles in one half, odd
  // ones in the other.
  __m256i wide[Blocks][2][2];

  inline void Clear() {
    for (int b = 0; b < Blocks; ++b)
      both[b] = upper[b] = wide[b][0][0] = wide[b][0][1] = wide[b][1][0] = wide[b][1][1] =
          _mm256_setzero_si256();
  }

  // Three look-ups of a pair's counts, 0 to 12 each, fit one byte; then they are taken apart.
  template <int Words>
  inline void Count(const uint16_t* places, const char* filters, size_t filter_step) {
    const __m256i nibbles = _mm256_set1_epi8(15);
    constexpr int kSteps = Words * kNibbles / 2;
    __m256i counts[Blocks];
#pragma GCC unroll 12
    for (int n = 0; n < kSteps; ++n) {
      const uint16_t* place = places + n / 4 * 2 * kRowWords + n % 4 * 2;
      const char* tables = reinterpret_cast<const char*>(&kTables);
      const __m128i even = _mm_load_si128(reinterpret_cast<const __m128i*>(tables + place[0]));
      const __m128i odd = _mm_load_si128(reinterpret_cast<const __m128i*>(tables + place[1]));
      const __m256i table = _mm256_inserti128_si256(_mm256_castsi128_si256(even), odd, 1);
#pragma GCC unroll 4
      for (int b = 0; b < Blocks; ++b) {
        const __m256i found = _mm256_shuffle_epi8(
            table,
            _mm256_load_si256(reinterpret_cast<const __m256i*>(filters + b * filter_step) + n));
        counts[b] = n % 3 == 0 ? found : _mm256_add_epi8(counts[b], found);
        if (n % 3 != 2 && n + 1 != kSteps) continue;
        both[b] = _mm256_add_epi8(both[b], counts[b]);
        upper[b] =
            _mm256_add_epi8(upper[b], _mm256_and_si256(_mm256_srli_epi16(counts[b], 4), nibbles));
        asm volatile("" : "+x"(both[b]), "+x"(upper[b]));  // in registers, and in this order
      }
    }
  }

  inline void Widen() {
    const __m256i zero = _mm256_setzero_si256();
    for (int b = 0; b < Blocks; ++b) {
      const __m256i lower = _mm256_sub_epi8(
          both[b], _mm256_and_si256(_mm256_slli_epi16(upper[b], 4), _mm256_set1_epi8(-16)));
      wide[b][0][0] = _mm256_add_epi16(wide[b][0][0], _mm256_unpacklo_epi8(lower, zero));
      wide[b][0][1] = _mm256_add_epi16(wide[b][0][1], _mm256_unpackhi_epi8(lower, zero));
      wide[b][1][0] = _mm256_add_epi16(wide[b][1][0], _mm256_unpacklo_epi8(upper[b], zero));
      wide[b][1][1] = _mm256_add_epi16(wide[b][1][1], _mm256_unpackhi_epi8(upper[b], zero));
      both[b] = upper[b] = zero;
    }
  }

  // The sums of the lower (0) or upper (1) pixel.
  inline void Store(int pixel, bool add, int32_t* sums) const {
    for (int b = 0; b < Blocks; ++b) {
      for (int half = 0; half < 2; ++half, sums += kHalf) {
        const __m256i nibbles = wide[b][pixel][half];
        const __m128i sum16 =
            _mm_add_epi16(_mm256_castsi256_si128(nibbles), _mm256_extracti128_si256(nibbles, 1));
        __m256i sum = _mm256_cvtepu16_epi32(sum16);
        __m256i* out = reinterpret_cast<__m256i*>(sums);
        if (add) sum = _mm256_add_epi32(sum, _mm256_load_si256(out));
        _mm256_store_si256(out, sum);
      }
    }
  }
};

template <int Blocks>
void CountBlocks(const CountTask& task, int block) {
  const size_t row_bytes = kRowWords * sizeof(uint32_t), filter_step = task.depth * row_bytes;
  const int pairs = Pairs(task.pixels);
  int32_t* sums = task.sums + (block - task.block_begin) * kBlockChannels;
  for (size_t begin = 0; begin < task.depth; begin += kWordsPerSpan) {
    const size_t end = begin + kWordsPerSpan < task.depth ? begin + kWordsPerSpan : task.depth;
    for (int pair = 0; pair < pairs; ++pair) {
      const char* filters =
          reinterpret_cast<const char*>(task.filters) + block * filter_step + begin * row_bytes;
      const uint16_t* places =
          reinterpret_cast<const uint16_t*>(task.patches) + begin * 2 * kRowWords + pair * kNibbles;
      Tile<Blocks> tile;
      tile.Clear();
      for (size_t d = begin; d < end;) {
        size_t left = end - d < kWordsPerByteCount ? end - d : kWordsPerByteCount;
        d += left;
        for (; left >= 3; left -= 3, places += 3 * 2 * kRowWords, filters += 3 * row_bytes)
          tile.template Count<3>(places, filters, filter_step);
        for (; left > 0; --left, places += 2 * kRowWords, filters += row_bytes)
          tile.template Count<1>(places, filters, filter_step);
        tile.Widen();
      }
      tile.Store(0, begin > 0, sums + pair * task.sums_step);
      if (pair + pairs < task.pixels)
        tile.Store(1, begin > 0, sums + (pair + pairs) * task.sums_step);
    }
  }
}

void Count(const CountTask& task) {
  int block = task.block_begin;
  for (; block + kTileBlocks <= task.block_end; block += kTileBlocks)
    CountBlocks<kTileBlocks>(task, block);
  switch (task.block_end - block) {
    case 3: return CountBlocks<3>(task, block);
    case 2: return CountBlocks<2>(task, block);
    case 1: return CountBlocks<1>(task, block);
  }
}

struct Words {
  __m256i low, high;  // pixels 0 to 7, 8 to 15
  static inline Words Zero() { return {_mm256_setzero_si256(), _mm256_setzero_si256()}; }
  inline Words Or(Words other) const {
    return {_mm256_or_si256(low, other.low), _mm256_or_si256(high, other.high)};
  }
  inline Words Left(unsigned count) const {
    const __m128i by = _mm_cvtsi32_si128(static_cast<int>(count));
    return {_mm256_sll_epi32(low, by), _mm256_sll_epi32(high, by)};
  }
  inline Words Right(unsigned count) const {
    const __m128i by = _mm_cvtsi32_si128(static_cast<int>(count));
    return {_mm256_srl_epi32(low, by), _mm256_srl_epi32(high, by)};
  }
  inline void Store(uint32_t* to) const {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), low);
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(to + 8), high);
  }
};

struct Pieces {
  const RowPiece* pieces;
  int count;
  // In order: what one piece reads too much, the next overwrites. Lanes before a piece are not
  // read.
  inline Words Load(const uint32_t* image) const {
    const uint32_t* first = image + pieces[0].source;
    Words row = {_mm256_loadu_si256(reinterpret_cast<const __m256i*>(first)),
                 _mm256_loadu_si256(reinterpret_cast<const __m256i*>(first + 8))};
    for (int i = 1; i < count; ++i) {
      const int* from = reinterpret_cast<const int*>(image + pieces[i].source - pieces[i].lane);
      const __m256i before = _mm256_set1_epi32(pieces[i].lane - 1);
      const __m256i low = _mm256_cmpgt_epi32(_mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7), before);
      const __m256i high =
          _mm256_cmpgt_epi32(_mm256_setr_epi32(8, 9, 10, 11, 12, 13, 14, 15), before);
      row.low = _mm256_blendv_epi8(row.low, _mm256_maskload_epi32(from, low), low);
      row.high = _mm256_blendv_epi8(row.high, _mm256_maskload_epi32(from + 8, high), high);
    }
    return row;
  }
};

// Places of the tables for a panel's pixels, in place of its patch words, from the last word to the
// first.
void Gather(const PatchPlan& plan, const uint32_t* image, const RowPiece* pieces, int piece_count,
            int pixels, uint32_t* patches) {
  GatherPatches<Words>(plan, image, Pieces{pieces, piece_count}, patches);
  const __m256i low = _mm256_set1_epi8(15), high = _mm256_set1_epi8(-16),
                zero = _mm256_setzero_si256();
  for (size_t d = plan.depth; d-- > 0;) {
    const uint32_t* words = patches + d * kPanelPixels;
    const __m256i lower = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(words));
    const __m256i upper =
        _mm256_loadu_si256(reinterpret_cast<const __m256i*>(words + Pairs(pixels)));
    // Bytes of nibbles 0, 2, 4, 6 and of 1, 3, 5, 7 of every pair; then in order, and times 16, the
    // size of a table.
    const __m256i even = _mm256_or_si256(_mm256_and_si256(lower, low),
                                         _mm256_and_si256(_mm256_slli_epi16(upper, 4), high));
    const __m256i odd = _mm256_or_si256(_mm256_and_si256(_mm256_srli_epi16(lower, 4), low),
                                        _mm256_and_si256(upper, high));
    const __m256i pairs02 = _mm256_unpacklo_epi8(even, odd),
                  pairs13 = _mm256_unpackhi_epi8(even, odd);  // 0, 1, 4, 5 and 2, 3, 6, 7
    __m256i* out = reinterpret_cast<__m256i*>(patches + d * kRowWords);
    const __m256i p04 = _mm256_slli_epi16(_mm256_unpacklo_epi8(pairs02, zero), 4),
                  p15 = _mm256_slli_epi16(_mm256_unpackhi_epi8(pairs02, zero), 4);
    const __m256i p26 = _mm256_slli_epi16(_mm256_unpacklo_epi8(pairs13, zero), 4),
                  p37 = _mm256_slli_epi16(_mm256_unpackhi_epi8(pairs13, zero), 4);
    _mm256_storeu_si256(out, _mm256_permute2x128_si256(p04, p15, 0x20));
    _mm256_storeu_si256(out + 1, _mm256_permute2x128_si256(p26, p37, 0x20));
    _mm256_storeu_si256(out + 2, _mm256_permute2x128_si256(p04, p15, 0x31));
    _mm256_storeu_si256(out + 3, _mm256_permute2x128_si256(p26, p37, 0x31));
  }
}

// Nibbles of 16 filters, in place of their words.
void ArrangeFilters(uint32_t* filters, size_t depth) {
  for (size_t d = depth; d-- > 0;) {
    uint32_t words[kBlockChannels];
    for (int c = 0; c < kBlockChannels; ++c) words[c] = filters[d * kBlockChannels + c];
    uint8_t* out = reinterpret_cast<uint8_t*>(filters + d * kRowWords);
    for (int n = 0; n < kNibbles; ++n) {
      for (int c = 0; c < kBlockChannels; ++c) *out++ = words[c] >> (4 * n) & 15;
    }
  }
}

}  // namespace

const Kernels kAvx2Kernels = KernelsOf<Vector>("avx2", kRowWords, ArrangeFilters, Count, Gather);

}  // namespace larq_igp

#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif

#endif  // __x86_64__
