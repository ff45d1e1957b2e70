// NEON: registers of 4 lanes, see vector.h.
#pragma once

#include <arm_neon.h>

#include <cstring>

#include "vector.h"

namespace larq_igp {
namespace {

// Weights of the sign bits of a word.
#define FOUR_BITS(first) 1u << (first), 1u << (first + 1), 1u << (first + 2), 1u << (first + 3)
alignas(16) constexpr uint32_t kBitOfLane[32] = {FOUR_BITS(0),  FOUR_BITS(4),  FOUR_BITS(8),
                                                 FOUR_BITS(12), FOUR_BITS(16), FOUR_BITS(20),
                                                 FOUR_BITS(24), FOUR_BITS(28)};
#undef FOUR_BITS

struct Vector {
  using Float = float32x4_t;
  static constexpr int kLanes = 4;
  static constexpr int kTilePixels[] = {0, 16, 8, 8};  // of images, by registers of channels
  static constexpr int kPixelTile[] = {0, 8, 8, 0};
  static constexpr int kPointTile[] = {0, 8, 8};
  static constexpr int kAllRegisters = 32;
  static constexpr bool kMultipliesByLane = true;
  static constexpr bool kManyRegisters = false;
  static inline Float Broadcast(float x) { return vdupq_n_f32(x); }
  static inline Float Convert(const int32_t* sums) { return vcvtq_f32_s32(vld1q_s32(sums)); }
  using Int = int32x4_t;
  static inline Int LoadInt(const int32_t* from) { return vld1q_s32(from); }
  static inline Int BroadcastInt(int32_t x) { return vdupq_n_s32(x); }
  static inline Int AddInt(Int a, Int b) { return vaddq_s32(a, b); }
  static inline Int MultiplyInt(Int a, Int b) { return vmulq_s32(a, b); }
  static inline Int MaxInt(Int a, Int b) { return vmaxq_s32(a, b); }
  static inline Int MinInt(Int a, Int b) { return vminq_s32(a, b); }
  static inline Int ShiftRight(Int x, int count) { return vshlq_s32(x, vdupq_n_s32(-count)); }
  static inline Float ToFloat(Int x) { return vcvtq_f32_s32(x); }
  static inline Int Round(Float y) {  // of a NaN and a number, the number
    return vcvtaq_s32_f32(vminq_f32(vmaxnmq_f32(y, vdupq_n_f32(-128)), vdupq_n_f32(127)));
  }
  static inline Float Negative(Float if_so, Float otherwise, Float x) {
    return vbslq_f32(vcltzq_f32(x), if_so, otherwise);
  }
  static inline Float MultiplyAdd(Float a, Float b, Float c) { return vfmaq_f32(c, a, b); }
  static inline Float MultiplyAddLane(Float a, Float b, int lane,
                                      Float c) {  // known when loops are unrolled
    switch (lane) {
      case 0: return vfmaq_laneq_f32(c, a, b, 0);
      case 1: return vfmaq_laneq_f32(c, a, b, 1);
      case 2: return vfmaq_laneq_f32(c, a, b, 2);
      default: return vfmaq_laneq_f32(c, a, b, 3);
    }
  }
  static inline Float Max(Float a, Float b) { return vmaxq_f32(a, b); }
  static inline Float Min(Float a, Float b) { return vminq_f32(a, b); }
  template <int Pixels, int Registers>
  static inline void SumWindows(const PixelTask& task, int64_t first,
                                int32x4_t (&sums)[Pixels][Registers]);
  // Not fused: a multiplication and an addition, each rounded, as on every other CPU.
  static inline Float Add(Float a, Float b) { return vaddq_f32(a, b); }
  static inline Float Multiply(Float a, Float b) { return vmulq_f32(a, b); }
  struct Whole {
    inline Float Load(const float* from) const { return vld1q_f32(from); }
    inline void Store(float* to, Float y) const { vst1q_f32(to, y); }
    inline Int LoadBytes(const int8_t* from) const {
      uint32_t lanes;
      std::memcpy(&lanes, from, sizeof lanes);
      return vmovl_s16(vget_low_s16(vmovl_s8(vreinterpret_s8_u32(vdup_n_u32(lanes)))));
    }
    inline void StoreBytes(int8_t* to, Int q) const {
      const int16x4_t words = vmovn_s32(q);
      const uint32_t lanes =
          vget_lane_u32(vreinterpret_u32_s8(vmovn_s16(vcombine_s16(words, words))), 0);
      std::memcpy(to, &lanes, sizeof lanes);
    }
  };
  struct Some {
    int count;
    explicit Some(int lanes) : count(lanes) {}
    inline Float Load(const float* from) const {
      const float32x2_t none = vdup_n_f32(0);
      switch (count) {
        case 1: return vcombine_f32(vld1_lane_f32(from, none, 0), none);
        case 2: return vcombine_f32(vld1_f32(from), none);
        case 3: return vcombine_f32(vld1_f32(from), vld1_lane_f32(from + 2, none, 0));
        case 4: return vld1q_f32(from);
        default: return vdupq_n_f32(0);
      }
    }
    inline void Store(float* to, Float y) const {
      switch (count) {
        case 1: return vst1q_lane_f32(to, y, 0);
        case 2: return vst1_f32(to, vget_low_f32(y));
        case 3: return vst1_f32(to, vget_low_f32(y)), vst1q_lane_f32(to + 2, y, 2);
        case 4: return vst1q_f32(to, y);
      }
    }
    inline Int LoadBytes(const int8_t* from) const {
      int32_t lanes[4] = {};
      for (int i = 0; i < count; ++i) lanes[i] = from[i];
      return vld1q_s32(lanes);
    }
    inline void StoreBytes(int8_t* to, Int q) const {
      int32_t lanes[4];
      vst1q_s32(lanes, q);
      for (int i = 0; i < count; ++i) to[i] = static_cast<int8_t>(lanes[i]);
    }
  };
  class Signs {
   public:
    inline void Set(Float y, int first_bit) {
      bits_ = vorrq_u32(bits_, vandq_u32(vcltzq_f32(y), vld1q_u32(kBitOfLane + first_bit)));
    }
    inline void SetGreater(Int a, Int b, int first_bit) {
      bits_ = vorrq_u32(bits_, vandq_u32(vcgtq_s32(a, b), vld1q_u32(kBitOfLane + first_bit)));
    }
    inline uint32_t Word() const { return vaddvq_u32(bits_); }

   private:
    uint32x4_t bits_ = vdupq_n_u32(0);
  };
  struct Bytes {
    const uint8x16_t flip;
    const int8x16_t limit;
    Bytes(uint8_t flipped, int8_t below) : flip(vdupq_n_u8(flipped)), limit(vdupq_n_s8(below)) {}
    // The weights of the bits of a byte twice; sums of 8 lanes are bytes of the word.
    inline uint32_t Half(const int8_t* values) const {
      static constexpr uint8_t kWeights[16] = {1, 2, 4, 8, 16, 32, 64, 128,
                                               1, 2, 4, 8, 16, 32, 64, 128};
      const uint8x16_t bytes = veorq_u8(vreinterpretq_u8_s8(vld1q_s8(values)), flip);
      const uint8x16_t bits =
          vandq_u8(vcltq_s8(vreinterpretq_s8_u8(bytes), limit), vld1q_u8(kWeights));
      return static_cast<uint32_t>(vaddv_u8(vget_low_u8(bits))) |
             static_cast<uint32_t>(vaddv_u8(vget_high_u8(bits))) << 8;
    }
    inline uint32_t Less(const int8_t* values) const {
      return Half(values) | Half(values + 16) << 16;
    }
  };
};

// Products of eight values of a window, or fewer, of every pixel: one load for all of them.
template <int Lane, int Lanes, int Pixels, int Registers>
inline void SumLanes(const int16x8_t (&values)[Pixels], const int16_t* filter,
                     int32x4_t (&sums)[Pixels][Registers]) {
  if constexpr (Lane < Lanes) {
    if constexpr (Registers == 2) {
      const int16x8_t weights = vld1q_s16(filter);
#pragma GCC unroll 16
      for (int p = 0; p < Pixels; ++p) {
        sums[p][0] = vmlal_laneq_s16(sums[p][0], vget_low_s16(weights), values[p], Lane);
        sums[p][1] = vmlal_high_laneq_s16(sums[p][1], weights, values[p], Lane);
      }
    } else {
      const int16x4_t weights = vld1_s16(filter);
#pragma GCC unroll 16
      for (int p = 0; p < Pixels; ++p)
        sums[p][0] = vmlal_laneq_s16(sums[p][0], weights, values[p], Lane);
    }
    SumLanes<Lane + 1, Lanes>(values, filter + 4 * Registers, sums);
  }
}

// A window is read through a pointer for each pixel, which a load moves on; else an addition would
// stand before each load.
template <int Lanes, int Pixels, int Registers>
inline void SumSteps(const int16_t* (&from)[Pixels], const int16_t** filter,
                     int32x4_t (&sums)[Pixels][Registers]) {
  int16x8_t values[Pixels];
#pragma GCC unroll 16
  for (int p = 0; p < Pixels; ++p) {
    values[p] = vld1q_s16(from[p]);
    from[p] += 8;
    asm(""
        : "+r"(from[p]), "+w"(values[p]));  // as it stands: a compiler would go back to additions,
                                            // and load lane by lane
  }
  SumLanes<0, Lanes>(values, *filter, sums);
  *filter += Lanes * 4 * Registers;
}

template <int Pixels, int Registers>
inline void Vector::SumWindows(const PixelTask& task, int64_t first,
                               int32x4_t (&sums)[Pixels][Registers]) {
  const int16_t* row = task.image + first * task.pixel_step;
  const int16_t* filter = task.filters;
  for (int64_t y = 0; y < task.rows; ++y, row += task.row_step) {
    const int16_t* from[Pixels];
#pragma GCC unroll 16
    for (int p = 0; p < Pixels; ++p) from[p] = row + p * task.pixel_step;
    int64_t left = task.steps;
    for (; left >= 8; left -= 8) SumSteps<8>(from, &filter, sums);
    switch (left) {
      case 1: SumSteps<1>(from, &filter, sums); break;
      case 2: SumSteps<2>(from, &filter, sums); break;
      case 3: SumSteps<3>(from, &filter, sums); break;
      case 4: SumSteps<4>(from, &filter, sums); break;
      case 5: SumSteps<5>(from, &filter, sums); break;
      case 6: SumSteps<6>(from, &filter, sums); break;
      case 7: SumSteps<7>(from, &filter, sums); break;
    }
  }
}

}  // namespace
}  // namespace larq_igp
