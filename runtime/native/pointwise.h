// 1x1 convolutions of floats: matrix products of pixels and filters, for any vector unit (see
// vector.h).
#pragma once

#include <cstddef>

#include "denormals.h"
#include "kernels.h"
#include "tile.h"

namespace larq_igp {

// Sums of a tile, see image.h. Pixels lie `step` apart: of three, a processor's addresses name the
// second and third by the first.
template <class Vector, int Pixels, int Registers>
inline void SumPoints(const PointwiseTask& task, int64_t first,
                      typename Vector::Float (&sums)[Pixels][Registers]) {
  using Float = typename Vector::Float;
  constexpr int kLanes = Vector::kLanes, kThrees = (Pixels + 2) / 3;
  const typename Vector::Whole all;
  const float* filter = task.filters;
  const ptrdiff_t step = task.step;
  const float* from[kThrees];
#pragma GCC unroll 8
  for (int t = 0; t < kThrees; ++t) from[t] = task.values + (first + 3 * t) * step;
  for (int64_t d = 0; d < task.depth; ++d, filter += Registers * kLanes) {
    Float row[Registers];
#pragma GCC unroll 4
    for (int r = 0; r < Registers; ++r) row[r] = all.Load(filter + r * kLanes);
#pragma GCC unroll 16
    for (int p = 0; p < Pixels; ++p) {
      const Float value = Vector::Broadcast(from[p / 3][p % 3 * step]);
#pragma GCC unroll 4
      for (int r = 0; r < Registers; ++r)
        sums[p][r] = Vector::MultiplyAdd(value, row[r], sums[p][r]);
    }
#pragma GCC unroll 8
    for (int t = 0; t < kThrees; ++t) ++from[t];
  }
}

// The same where a register of a pixel's values is loaded, whose lanes are factors. The depth's
// rest is less than a register.
template <class Vector, int Pixels, int Registers>
inline void SumPointLanes(const PointwiseTask& task, int64_t first,
                          typename Vector::Float (&sums)[Pixels][Registers]) {
  using Float = typename Vector::Float;
  constexpr int kLanes = Vector::kLanes;
  const typename Vector::Whole all;
  const float* filter = task.filters;
  const float* from[Pixels];
#pragma GCC unroll 16
  for (int p = 0; p < Pixels; ++p) from[p] = task.values + (first + p) * task.step;
  int64_t d = 0;
  for (; d + kLanes <= task.depth; d += kLanes) {
    Float values[Pixels];
#pragma GCC unroll 16
    for (int p = 0; p < Pixels; ++p) values[p] = all.Load(from[p] + d);
#pragma GCC unroll 4
    for (int lane = 0; lane < kLanes; ++lane, filter += Registers * kLanes) {
      Float row[Registers];
#pragma GCC unroll 4
      for (int r = 0; r < Registers; ++r) row[r] = all.Load(filter + r * kLanes);
#pragma GCC unroll 16
      for (int p = 0; p < Pixels; ++p) {
#pragma GCC unroll 4
        for (int r = 0; r < Registers; ++r)
          sums[p][r] = Vector::MultiplyAddLane(row[r], values[p], lane, sums[p][r]);
      }
    }
  }
  for (; d < task.depth; ++d, filter += Registers * kLanes) {
#pragma GCC unroll 4
    for (int r = 0; r < Registers; ++r) {
      const Float row = all.Load(filter + r * kLanes);
#pragma GCC unroll 16
      for (int p = 0; p < Pixels; ++p)
        sums[p][r] = Vector::MultiplyAdd(row, Vector::Broadcast(from[p][d]), sums[p][r]);
    }
  }
}

template <class Vector, int Pixels, int Registers>
inline void PointwiseTile(const PointwiseTask& task, int64_t first) {
  using Float = typename Vector::Float;
  const typename Vector::Whole all;
  Float sums[Pixels][Registers];
#pragma GCC unroll 4
  for (int r = 0; r < Registers; ++r) {
    const Float bias = all.Load(task.bias + r * Vector::kLanes);
#pragma GCC unroll 16
    for (int p = 0; p < Pixels; ++p) sums[p][r] = bias;
  }
  if constexpr (Vector::kMultipliesByLane) {
    SumPointLanes<Vector>(task, first, sums);
  } else {
    SumPoints<Vector>(task, first, sums);
  }
  StoreTile<Vector, Pixels, Registers>(task, first, [&](int p, int r) { return sums[p][r]; });
}

// Tiles of nearly equal size, so that none is much smaller than registers allow; where that is not
// possible, whole and half ones, the last of which may compute some pixels again.
template <class Vector>
void PointwiseRows(const PointwiseTask& task) {
  const NoDenormals no_denormals;
  ByRegisters<Vector, kPointwiseRegisters>(task, [&](auto registers) {
    constexpr int64_t kMost = Vector::kPointTile[registers], kHalf = kMost / 2;
    const auto tile = [&](int64_t first, auto pixels) {
      PointwiseTile<Vector, pixels, registers>(task, first);
    };
    constexpr std::integral_constant<int, kMost> kWholeTile;
    constexpr std::integral_constant<int, kMost - 1> kNearlyWholeTile;
    constexpr std::integral_constant<int, kHalf> kHalfTile;
    const int64_t pixels = task.pixels, tiles = (pixels + kMost - 1) / kMost;
    const int64_t whole = pixels - tiles * (kMost - 1);  // the others have a pixel less
    int64_t first = 0;
    if (whole >= 0) {
      for (int64_t t = 0; t < whole; ++t, first += kMost) tile(first, kWholeTile);
      for (; first < pixels; first += kMost - 1) tile(first, kNearlyWholeTile);
      return;
    }
    for (; first + kMost <= pixels; first += kMost) tile(first, kWholeTile);
    if (first && pixels - first > kHalf) return tile(pixels - kMost, kWholeTile);
    for (; first + kHalf <= pixels; first += kHalf) tile(first, kHalfTile);
    if (first && first < pixels) return tile(pixels - kHalf, kHalfTile);
    for (; first < pixels; ++first) tile(first, std::integral_constant<int, 1>());
  });
}

}  // namespace larq_igp
