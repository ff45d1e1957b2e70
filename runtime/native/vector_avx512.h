// AVX-512: registers of 16 lanes, see vector.h.
#pragma once

#include <immintrin.h>

#include <cstring>

#include "vector.h"

namespace larq_igp {
namespace {

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
  static constexpr int kPointTile[] = {0, 14, 14};
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
  struct Bytes {
    const __m256i flip, limit;
    Bytes(uint8_t flipped, int8_t below)
        : flip(_mm256_set1_epi8(static_cast<char>(flipped))), limit(_mm256_set1_epi8(below)) {}
    inline uint32_t Less(const int8_t* values) const {
      const __m256i bytes = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(values));
      return _mm256_cmpgt_epi8_mask(limit, _mm256_xor_si256(bytes, flip));
    }
  };
};

}  // namespace
}  // namespace larq_igp
