// What the convolutions of image.h, pixel.h and pointwise.h share: the tiles of a row, and how
// results leave them. `Task` is an ImageTask, a PixelTask or a PointwiseTask.
#pragma once

#include <cstdint>
#include <limits>
#include <type_traits>

#include "kernels.h"

namespace larq_igp {

// Calls `body` with the number of registers that the task's channels fill, `Most` at most, as a
// constant.
template <class Vector, int Most, class Task, class Body>
inline void ByRegisters(const Task& task, const Body& body) {
  const int64_t registers = (task.channels + Vector::kLanes - 1) / Vector::kLanes;
  if (registers == 1) return body(std::integral_constant<int, 1>());
  if (registers == 2) return body(std::integral_constant<int, 2>());
  if constexpr (Most == 3) {
    if (registers == 3) return body(std::integral_constant<int, 3>());
  }
}

// Calls `tile(first pixel, number of pixels)` for whole tiles of a row. A last tile that would be
// too long begins earlier and computes some pixels again. A row that is shorter than a tile is
// computed pixel by pixel.
template <int Pixels, class Task, class Tile>
inline void ForTiles(const Task& task, const Tile& tile) {
  constexpr std::integral_constant<int, Pixels> kWhole;
  int64_t first = 0;
  if (task.pixels >= Pixels) {
    for (; first + Pixels <= task.pixels; first += Pixels) tile(first, kWhole);
    if (first < task.pixels) tile(task.pixels - Pixels, kWhole);
    return;
  }
  for (; first < task.pixels; ++first) tile(first, std::integral_constant<int, 1>());
}

// Stores `value(pixel, register)` for a tile that begins at pixel `first`, after the activation.
template <class Vector, int Pixels, int Registers, bool Clamps, class Task, class Value>
inline void StoreTileAs(const Task& task, int64_t first, const Value& value) {
  using Float = typename Vector::Float;
  constexpr int kLanes = Vector::kLanes;
  const typename Vector::Whole all;
  const Float low = Vector::Broadcast(task.low), high = Vector::Broadcast(task.high);
  const int left =
      static_cast<int>(task.channels - (Registers - 1) * kLanes);  // in the last register
  const typename Vector::Some some(left);
  float* out = task.out + first * task.out_step;
#pragma GCC unroll 16
  for (int p = 0; p < Pixels; ++p, out += task.out_step) {
#pragma GCC unroll 4
    for (int r = 0; r < Registers; ++r) {
      const Float y = Clamps ? Vector::Min(high, Vector::Max(low, value(p, r))) : value(p, r);
      if (r + 1 < Registers || left == kLanes) {
        all.Store(out + r * kLanes, y);
      } else {
        some.Store(out + r * kLanes, y);
      }
    }
  }
}

template <class Vector, int Pixels, int Registers, class Task, class Value>
inline void StoreTile(const Task& task, int64_t first, const Value& value) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  if (task.low == -kInfinity && task.high == kInfinity)
    return StoreTileAs<Vector, Pixels, Registers, false>(task, first, value);
  StoreTileAs<Vector, Pixels, Registers, true>(task, first, value);
}

}  // namespace larq_igp
