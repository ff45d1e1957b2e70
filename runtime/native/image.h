// A float convolution over an image, for any vector unit (see vector.h).
#pragma once

#include "denormals.h"
#include "kernels.h"
#include "tile.h"
#include "transpose.h"

namespace larq_igp {

// Sums of a tile stay in registers if every loop over them is unrolled and some registers are free
// beside them; else clang, which compiles the wheels, keeps them in memory, and takes twice the
// time.

// Sums of a tile of `Pixels` pixels and `Registers` registers of channels. A filter row is loaded
// as it stands, a value of the image is broadcast.
template <class Vector, int Pixels, int Registers>
inline void SumBroadcasts(const ImageTask& task, int64_t first,
                          typename Vector::Float (&sums)[Pixels][Registers]) {
  using Float = typename Vector::Float;
  constexpr int kLanes = Vector::kLanes;
  const typename Vector::Whole all;
  const float* filter = task.filters;
  for (size_t d = 0; d < task.depth; ++d, filter += Registers * kLanes) {
    const float* values = task.image + task.offsets[d] + first;
    Float row[Registers];
#pragma GCC unroll 4
    for (int r = 0; r < Registers; ++r) row[r] = all.Load(filter + r * kLanes);
#pragma GCC unroll 16
    for (int p = 0; p < Pixels; ++p) {
      const Float value = Vector::Broadcast(values[p]);
#pragma GCC unroll 4
      for (int r = 0; r < Registers; ++r)
        sums[p][r] = Vector::MultiplyAdd(value, row[r], sums[p][r]);
    }
  }
}

// The same with values of neighbouring pixels in one register, whose lanes are factors.
template <class Vector, int Pixels, int Registers>
inline void SumLanes(const ImageTask& task, int64_t first,
                     typename Vector::Float (&sums)[Pixels][Registers]) {
  using Float = typename Vector::Float;
  constexpr int kLanes = Vector::kLanes;
  const typename Vector::Whole all;
  const float* filter = task.filters;
  const float* image = task.image + first;
#pragma GCC unroll 4
  for (size_t d = 0; d < task.depth; ++d, filter += Registers * kLanes) {
    const float* values = image + task.offsets[d];
    Float row[Registers];
#pragma GCC unroll 4
    for (int r = 0; r < Registers; ++r) row[r] = all.Load(filter + r * kLanes);
#pragma GCC unroll 4
    for (int q = 0; q < Pixels; q += kLanes) {
      const Float pixels = all.Load(values + q);
#pragma GCC unroll 4
      for (int lane = 0; lane < kLanes; ++lane) {
#pragma GCC unroll 4
        for (int r = 0; r < Registers; ++r)
          sums[q + lane][r] = Vector::MultiplyAddLane(row[r], pixels, lane, sums[q + lane][r]);
      }
    }
  }
}

template <class Vector, int Pixels, int Registers>
inline void ImageTile(const ImageTask& task, int64_t first) {
  using Float = typename Vector::Float;
  const typename Vector::Whole all;
  Float sums[Pixels][Registers];
#pragma GCC unroll 4
  for (int r = 0; r < Registers; ++r) {
    const Float bias = all.Load(task.bias + r * Vector::kLanes);
#pragma GCC unroll 16
    for (int p = 0; p < Pixels; ++p) sums[p][r] = bias;
  }
  if constexpr (Vector::kMultipliesByLane && Pixels % Vector::kLanes == 0) {
    SumLanes<Vector>(task, first, sums);
  } else {
    SumBroadcasts<Vector>(task, first, sums);
  }
  StoreTile<Vector, Pixels, Registers>(task, first, [&](int p, int r) { return sums[p][r]; });
}

// A tile of `Channels` channels and `Registers` registers of neighbouring pixels: values are loaded
// as they stand, a weight of the filter is broadcast.
template <class Vector, int Channels, int Registers>
inline void PixelLaneTile(const ImageTask& task, int64_t first) {
  using Float = typename Vector::Float;
  constexpr int kLanes = Vector::kLanes;
  const typename Vector::Whole all;
  Float sums[Channels][Registers];
#pragma GCC unroll 16
  for (int c = 0; c < Channels; ++c) {
#pragma GCC unroll 8
    for (int r = 0; r < Registers; ++r) sums[c][r] = Vector::Broadcast(task.bias[c]);
  }
  const float* filter = task.filters;
  for (size_t d = 0; d < task.depth; ++d, filter += Channels) {
    const float* values = task.image + task.offsets[d] + first;
    Float row[Registers];
#pragma GCC unroll 8
    for (int r = 0; r < Registers; ++r) row[r] = all.Load(values + r * kLanes);
#pragma GCC unroll 16
    for (int c = 0; c < Channels; ++c) {
      const Float weight = Vector::Broadcast(filter[c]);
#pragma GCC unroll 8
      for (int r = 0; r < Registers; ++r)
        sums[c][r] = Vector::MultiplyAdd(row[r], weight, sums[c][r]);
    }
  }
  const Float low = Vector::Broadcast(task.low), high = Vector::Broadcast(task.high);
  float* out = task.out + first * task.out_step;
#pragma GCC unroll 8
  for (int r = 0; r < Registers; ++r, out += kLanes * task.out_step) {
    alignas(sizeof(Float)) float values[Channels][kLanes];
#pragma GCC unroll 16
    for (int c = 0; c < Channels; ++c)
      all.Store(values[c], Vector::Min(high, Vector::Max(low, sums[c][r])));
    const int64_t left = task.pixels - first - r * kLanes;
    Transpose(values, left < kLanes ? static_cast<int>(left) : kLanes, out, task.out_step);
  }
}

// Pixels left over after whole tiles are computed register by register. The last one may have
// pixels that do not exist.
template <class Vector, int Channels>
void PixelLaneRow(const ImageTask& task) {
  if constexpr (Channels > 1) {
    if (task.channels < Channels) return PixelLaneRow<Vector, Channels - 1>(task);
  }
  // Channels * kRegisters sums, kRegisters of values, a weight, and one to spare are at most all
  // registers. Seven are a row of 112 pixels, which images of 224 have.
  constexpr int kMost = (Vector::kAllRegisters - 2) / (Channels + 1),
                kRegisters = kMost < 7 ? kMost : 7;
  constexpr int kLanes = Vector::kLanes, kPixels = kRegisters * kLanes;
  int64_t first = 0;
  for (; first + kPixels <= task.pixels; first += kPixels)
    PixelLaneTile<Vector, Channels, kRegisters>(task, first);
  for (; first < task.pixels; first += kLanes) PixelLaneTile<Vector, Channels, 1>(task, first);
}

template <class Vector>
void ImageRow(const ImageTask& task) {
  const NoDenormals no_denormals;
  if (task.pixel_lanes) return PixelLaneRow<Vector, MostPixelLaneChannels(Vector::kLanes)>(task);
  ByRegisters<Vector, 3>(task, [&](auto registers) {
    ForTiles<Vector::kTilePixels[registers]>(task, [&](int64_t first, auto pixels) {
      ImageTile<Vector, pixels, registers>(task, first);
    });
  });
}

}  // namespace larq_igp
