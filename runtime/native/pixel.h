// A convolution over the pixels of an image in whole numbers, for vector units that multiply pairs of 16 bits. Beside what
// finish.h asks for, `Vector` has
//
//       static Int BroadcastPair(const int16_t*);              two values, in all lanes
//       static Int MultiplyPairs(Int a, Int b, Int c);         a0 * b0 + a1 * b1 + c in every lane
//       static constexpr int kPixelTile[];                     pixels that one, two, three registers of sums allow
#pragma once

#include "kernels.h"

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
  const int64_t step = task.pixel_step;
  const int16_t* row = task.image + first * step;
  const int16_t* filter = task.filters;
  for (int64_t y = 0; y < task.rows; ++y, row += task.row_step) {
    const int16_t* values = row;
    for (int64_t s = 0; s < task.steps; ++s, values += 2, filter += 2 * Registers * kLanes) {
      Int weights[Registers];
#pragma GCC unroll 4
      for (int r = 0; r < Registers; ++r) weights[r] = Vector::LoadInt(reinterpret_cast<const int32_t*>(filter + 2 * r * kLanes));
#pragma GCC unroll 16
      for (int p = 0; p < Pixels; ++p) {
        const Int pair = Vector::BroadcastPair(values + p * step);
#pragma GCC unroll 4
        for (int r = 0; r < Registers; ++r) sums[p][r] = Vector::MultiplyPairs(pair, weights[r], sums[p][r]);
      }
    }
  }
  const typename Vector::Whole all;
  const Float low = Vector::Broadcast(task.low), high = Vector::Broadcast(task.high);
  const int left = static_cast<int>(task.channels - (Registers - 1) * kLanes);  // in the last register
  const typename Vector::Some some(left);
  float* out = task.out + first * task.out_step;
#pragma GCC unroll 16
  for (int p = 0; p < Pixels; ++p, out += task.out_step) {
    const float* bias = task.bias[first + p] + task.channel;
#pragma GCC unroll 4
    for (int r = 0; r < Registers; ++r) {
      const Float scaled = Vector::Multiply(Vector::ToFloat(sums[p][r]), all.Load(task.scale + r * kLanes));
      const Float y = Vector::Min(high, Vector::Max(low, Vector::Add(scaled, all.Load(bias + r * kLanes))));
      if (r + 1 < Registers || left == kLanes) {
        all.Store(out + r * kLanes, y);
      } else {
        some.Store(out + r * kLanes, y);
      }
    }
  }
}

// A last tile that would be too long begins earlier and computes some pixels again.
template <class Vector, int Registers>
void PixelTiles(const PixelTask& task) {
  constexpr int kPixels = Vector::kPixelTile[Registers];
  int64_t first = 0;
  if (task.pixels >= kPixels) {
    for (; first + kPixels <= task.pixels; first += kPixels) PixelTile<Vector, kPixels, Registers>(task, first);
    if (first < task.pixels) PixelTile<Vector, kPixels, Registers>(task, task.pixels - kPixels);
    return;
  }
  for (; first < task.pixels; ++first) PixelTile<Vector, 1, Registers>(task, first);
}

template <class Vector>
void PixelRow(const PixelTask& task) {
  switch ((task.channels + Vector::kLanes - 1) / Vector::kLanes) {
    case 1: return PixelTiles<Vector, 1>(task);
    case 2: return PixelTiles<Vector, 2>(task);
    case 3:
      if constexpr (Vector::kPixelTile[3] > 0) return PixelTiles<Vector, 3>(task);
  }
}

}  // namespace larq_igp
