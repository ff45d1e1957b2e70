// AVX2: registers of 8 lanes, see vector.h.
#pragma once

#include <immintrin.h>

#include <cstring>

#include "vector.h"

namespace larq_igp {
namespace {

struct Vector {
  using Float = __m256;
  static constexpr int kLanes = 8;
  static constexpr int kTilePixels[] = {0, 8, 6, 3};  // of images, by registers of channels
  static constexpr int kPixelTile[] = {0, 12, 6, 0};
  static constexpr int kPointTile[] = {0, 8, 6};
  static constexpr int kAllRegisters = 16;
  static constexpr bool kMultipliesByLane = false;
  static constexpr bool kManyRegisters = false;
  static inline __m256i Sums(const int32_t* sums) {
    return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(sums));
  }
  static inline Float Broadcast(float x) { return _mm256_set1_ps(x); }
  static inline Float Convert(const int32_t* sums) { return _mm256_cvtepi32_ps(Sums(sums)); }
  using Int = __m256i;
  static inline Int LoadInt(const int32_t* from) { return Sums(from); }
  static inline Int BroadcastInt(int32_t x) { return _mm256_set1_epi32(x); }
  static inline Int AddInt(Int a, Int b) { return _mm256_add_epi32(a, b); }
  static inline Int MultiplyInt(Int a, Int b) { return _mm256_mullo_epi32(a, b); }
  static inline Int MaxInt(Int a, Int b) { return _mm256_max_epi32(a, b); }
  static inline Int MinInt(Int a, Int b) { return _mm256_min_epi32(a, b); }
  static inline Int BroadcastPair(const int16_t* from) {
    int32_t pair;
    std::memcpy(&pair, from, sizeof pair);
    return _mm256_set1_epi32(pair);
  }
  static inline Int MultiplyPairs(Int a, Int b, Int c) {
    return _mm256_add_epi32(c, _mm256_madd_epi16(a, b));
  }
  static inline Int ShiftRight(Int x, int count) {
    return _mm256_sra_epi32(x, _mm_cvtsi32_si128(count));
  }
  static inline Float ToFloat(Int x) { return _mm256_cvtepi32_ps(x); }
  static inline Int Round(Float y) {
    // A NaN becomes the second operand. The constant is just below a half, so that only true halves
    // reach 1.
    y = _mm256_min_ps(_mm256_max_ps(y, _mm256_set1_ps(-128)), _mm256_set1_ps(127));
    const __m256 sign = _mm256_and_ps(y, _mm256_set1_ps(-0.0f));
    return _mm256_cvttps_epi32(
        _mm256_add_ps(y, _mm256_or_ps(sign, _mm256_set1_ps(0x1.fffffep-2f))));
  }
  static inline Float Negative(Float if_so, Float otherwise, Float x) {
    return _mm256_blendv_ps(otherwise, if_so, _mm256_cmp_ps(x, _mm256_setzero_ps(), _CMP_LT_OQ));
  }
  static inline Float Add(Float a, Float b) { return _mm256_add_ps(a, b); }
  static inline Float MultiplyAdd(Float a, Float b, Float c) { return _mm256_fmadd_ps(a, b, c); }
  static inline Float Max(Float a, Float b) { return _mm256_max_ps(a, b); }
  static inline Float Min(Float a, Float b) { return _mm256_min_ps(a, b); }
  static inline Float Multiply(Float a, Float b) { return _mm256_mul_ps(a, b); }
  struct Whole {
    inline Float Load(const float* from) const { return _mm256_loadu_ps(from); }
    inline void Store(float* to, Float y) const { _mm256_storeu_ps(to, y); }
    inline Int LoadBytes(const int8_t* from) const {
      return _mm256_cvtepi8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(from)));
    }
    inline void StoreBytes(int8_t* to, Int q) const {
      const __m128i words =
          _mm_packs_epi32(_mm256_castsi256_si128(q), _mm256_extracti128_si256(q, 1));
      _mm_storel_epi64(reinterpret_cast<__m128i*>(to), _mm_packs_epi16(words, words));
    }
  };
  struct Some {
    __m256i mask;
    size_t bytes;
    explicit Some(int count)
        : mask(_mm256_cmpgt_epi32(_mm256_set1_epi32(count),
                                  _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7))),
          bytes(static_cast<size_t>(count)) {}
    inline Int LoadBytes(const int8_t* from) const {
      int8_t lanes[8] = {};
      std::memcpy(lanes, from, bytes);
      return Whole().LoadBytes(lanes);
    }
    inline void StoreBytes(int8_t* to, Int q) const {
      int8_t lanes[8];
      Whole().StoreBytes(lanes, q);
      std::memcpy(to, lanes, bytes);
    }
    inline Float Load(const float* from) const { return _mm256_maskload_ps(from, mask); }
    inline void Store(float* to, Float y) const { _mm256_maskstore_ps(to, mask, y); }
  };
  class Signs {
   public:
    inline void Set(Float y, int first_bit) {
      word_ |= static_cast<uint32_t>(
                   _mm256_movemask_ps(_mm256_cmp_ps(y, _mm256_setzero_ps(), _CMP_LT_OQ)))
               << first_bit;
    }
    inline void SetGreater(Int a, Int b, int first_bit) {
      word_ |=
          static_cast<uint32_t>(_mm256_movemask_ps(_mm256_castsi256_ps(_mm256_cmpgt_epi32(a, b))))
          << first_bit;
    }
    inline uint32_t Word() const { return word_; }

   private:
    uint32_t word_ = 0;
  };
  struct Bytes {
    const __m256i flip, limit;
    Bytes(uint8_t flipped, int8_t below)
        : flip(_mm256_set1_epi8(static_cast<char>(flipped))), limit(_mm256_set1_epi8(below)) {}
    inline uint32_t Less(const int8_t* values) const {
      const __m256i bytes = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(values));
      return static_cast<uint32_t>(
          _mm256_movemask_epi8(_mm256_cmpgt_epi8(limit, _mm256_xor_si256(bytes, flip))));
    }
  };
};

}  // namespace
}  // namespace larq_igp
