// A convolution over the pixels of an image in whole numbers, for any vector unit (see vector.h).
#pragma once

#include "kernels.h"
#include "tile.h"

namespace larq_igp {

// A tile of `Pixels` pixels and `Registers` registers of channels: all its sums stay in registers.
template <class Vector, int Pixels, int Registers>
inline void PixelTile(const PixelTask& task, int64_t first) {
  using Int = typename Vector::Int;
  using Float = typename Vector::Float;
  constexpr int kLanes = Vector::kLanes;
  Int sums[Pixels][Registers];
#pragma GCC unroll 16
  for (int p = 0; p < Pixels; ++p) {
#pragma GCC unroll 4
    for (int r = 0; r < Registers; ++r) sums[p][r] = Vector::BroadcastInt(0);
  }
  if constexpr (Vector::kMultipliesByLane) {
    Vector::SumWindows(task, first, sums);
  } else {
    const int64_t step = task.pixel_step;
    const int16_t* row = task.image + first * step;
    const int16_t* filter = task.filters;
    for (int64_t y = 0; y < task.rows; ++y, row += task.row_step) {
      const int16_t* values = row;
      for (int64_t s = 0; s < task.steps; ++s, values += 2, filter += 2 * Registers * kLanes) {
        Int weights[Registers];
#pragma GCC unroll 4
        for (int r = 0; r < Registers; ++r)
          weights[r] = Vector::LoadInt(reinterpret_cast<const int32_t*>(filter + 2 * r * kLanes));
#pragma GCC unroll 16
        for (int p = 0; p < Pixels; ++p) {
          const Int pair = Vector::BroadcastPair(values + p * step);
#pragma GCC unroll 4
          for (int r = 0; r < Registers; ++r)
            sums[p][r] = Vector::MultiplyPairs(pair, weights[r], sums[p][r]);
        }
      }
    }
  }
  const typename Vector::Whole all;
  Float scale[Registers];
#pragma GCC unroll 4
  for (int r = 0; r < Registers; ++r) scale[r] = all.Load(task.scale + r * kLanes);
  StoreTile<Vector, Pixels, Registers>(task, first, [&](int p, int r) {
    const float* bias = task.bias[first + p] + task.channel;
    return Vector::Add(Vector::Multiply(Vector::ToFloat(sums[p][r]), scale[r]),
                       all.Load(bias + r * kLanes));
  });
}

// Registers of channels whose sums are computed together.
template <class Vector>
constexpr int kMostPixelRegisters = Vector::kPixelTile[3] > 0 ? 3 : 2;

template <class Vector>
void PixelRow(const PixelTask& task) {
  ByRegisters<Vector, kMostPixelRegisters<Vector>>(task, [&](auto registers) {
    ForTiles<Vector::kPixelTile[registers]>(task, [&](int64_t first, auto pixels) {
      PixelTile<Vector, pixels, registers>(task, first);
    });
  });
}

}  // namespace larq_igp
