// What the templates of signs.h, finish.h, image.h, pixel.h, pointwise.h, pool.h and gather.h know
// of a vector unit.
//
// Each instruction set describes its registers by one class, `Vector`, in vector_avx2.h,
// vector_avx512.h or vector_neon.h. It lies in an unnamed namespace, which keeps the code made of
// it apart from that of the others:
//
//     struct Vector {
//       using Float = ...;                      a register of kLanes floats
//       using Int = ...;                        a register of as many whole numbers of 32 bits
//       static constexpr int kLanes;
//       static constexpr int kAllRegisters;     how many the processor has
//       static constexpr bool kManyRegisters;   enough to keep constants in 8
//
//       static Float Broadcast(float), Add(Float, Float), Multiply(Float, Float);
//       static Float Max(Float, Float), Min(Float, Float);
//       static Float MultiplyAdd(Float a, Float b, Float c);              a * b + c, rounded once
//       static Float Negative(Float if_so, Float otherwise, Float x);     lanes where x < 0
//       static Float Convert(const int32_t*), ToFloat(Int);
//       static Int LoadInt(const int32_t*), BroadcastInt(int32_t), AddInt(Int, Int);
//       static Int MultiplyInt(Int, Int), MaxInt(Int, Int), MinInt(Int, Int);
//       static Int ShiftRight(Int, int);        copies of the sign come in
//       static Int Round(Float);                to [-128, 127], halves away from 0, NaN to -128
//
//       Lanes: all of a register, or the first `count`. Others are not read or written, and are 0.
//       struct Whole { Float Load(const float*); void Store(float*, Float);
//                      Int LoadBytes(const int8_t*); void StoreBytes(int8_t*, Int); };
//       struct Some { explicit Some(int count); ... };                    the same functions
//
//       Signs: a word of 32, filled from bit `first` on.
//       class Signs { void Set(Float, int first);                         x < 0
//                     void SetGreater(Int a, Int b, int first);           a > b
//                     uint32_t Word(); };
//       struct Bytes { Bytes(uint8_t flip, int8_t limit);
//                      uint32_t Less(const int8_t*); };     (value ^ flip) < limit, of 32 bytes
//
//       Tiles of the convolutions over an image, in pixels, for 1, 2 and 3 registers of channels;
//       0 where sums need more registers than there are.
//       static constexpr int kTilePixels[4];    of floats, image.h
//       static constexpr int kPixelTile[4];     of bytes, pixel.h
//       static constexpr int kPointTile[3];     for 1 and 2 registers, pointwise.h
//       static constexpr bool kMultipliesByLane;
//     };
//
// If it multiplies by lane (NEON), filters of pixel.h are [rows][steps][registers of lanes], and
//
//       static Float MultiplyAddLane(Float a, Float b, int lane, Float c);     a * b[lane] + c
//       static void SumWindows(const PixelTask&, int64_t first, Int (&sums)[Pixels][Registers]);
//
// and else a step of a window is a pair of values:
//
//       static Int BroadcastPair(const int16_t*);           two values, in all lanes
//       static Int MultiplyPairs(Int a, Int b, Int c);      a0 * b0 + a1 * b1 + c in every lane
#pragma once

#include "finish.h"
#include "image.h"
#include "pixel.h"
#include "pointwise.h"
#include "pool.h"
#include "signs.h"

namespace larq_igp {
namespace {  // compiled once for every instruction set

// The kernels of a vector unit: what the templates make of `Vector`, and what is written by hand.
template <class Vector>
constexpr Kernels KernelsOf(const char* name, size_t row_words,
                            decltype(Kernels::arrange_filters) arrange_filters,
                            decltype(Kernels::count) count, decltype(Kernels::gather) gather) {
  return {name,
          row_words,
          arrange_filters,
          count,
          FinishAny<Vector>,
          gather,
          QuantizeRows<Vector>,
          AffineQuantizeRows<Vector>,
          QuantizeByteRows<Vector>,
          Vector::kLanes,
          ImageRow<Vector>,
          PoolRow<Vector>,
          PointwiseRows<Vector>,
          Vector::kLanes,
          Vector::kMultipliesByLane ? 1 : 2,
          kMostPixelRegisters<Vector>,
          PixelRow<Vector>};
}

}  // namespace
}  // namespace larq_igp
