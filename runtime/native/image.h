// A float convolution over an image, and max pooling, for any vector unit. Beside what finish.h asks for, `Vector` has
//
//       static Float MultiplyAdd(Float a, Float b, Float c);                           a * b + c, rounded once
//       static Float Max(Float, Float), Min(Float, Float);
//       static constexpr int kTilePixels[4];                    pixels that one, two, three registers of sums allow
//       static constexpr int kAllRegisters;                     how many the processor has
#pragma once

#include <immintrin.h>

#include "kernels.h"
#include "transpose.h"

namespace larq_igp {

namespace {  // compiled once for every instruction set

// While it lives, denormal numbers are taken and given as zeros, as XNNPACK does.
class NoDenormals {
 public:
  NoDenormals() : former_(_mm_getcsr()) { _mm_setcsr(former_ | kFlushToZero | kDenormalsAreZero); }
  ~NoDenormals() { _mm_setcsr(former_); }

 private:
  static constexpr unsigned kFlushToZero = 0x8000, kDenormalsAreZero = 0x0040;
  const unsigned former_;
};

}  // namespace

// Sums of a tile stay in registers if every loop over them is unrolled and some registers are free beside them; else clang,
// which compiles the wheels, keeps them in memory, and takes twice the time.

// A tile of `Pixels` pixels and `Registers` registers of channels. A filter row is loaded as it stands, a value of the image
// is broadcast.
template <class Vector, int Pixels, int Registers>
inline void ImageTile(const ImageTask& task, int64_t first) {
  using Float = typename Vector::Float;
  constexpr int kLanes = Vector::kLanes;
  const typename Vector::Whole all;
  Float sums[Pixels][Registers];
#pragma GCC unroll 4
  for (int r = 0; r < Registers; ++r) {
    const Float bias = all.Load(task.bias + r * kLanes);
#pragma GCC unroll 16
    for (int p = 0; p < Pixels; ++p) sums[p][r] = bias;
  }
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
      for (int r = 0; r < Registers; ++r) sums[p][r] = Vector::MultiplyAdd(value, row[r], sums[p][r]);
    }
  }
  const Float low = Vector::Broadcast(task.low), high = Vector::Broadcast(task.high);
  const int left = static_cast<int>(task.channels - (Registers - 1) * kLanes);  // in the last register
  const typename Vector::Some some(left);
  float* out = task.out + first * task.out_step;
#pragma GCC unroll 16
  for (int p = 0; p < Pixels; ++p, out += task.out_step) {
#pragma GCC unroll 4
    for (int r = 0; r < Registers; ++r) {
      const Float y = Vector::Min(high, Vector::Max(low, sums[p][r]));
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
void ImageTiles(const ImageTask& task) {
  constexpr int kPixels = Vector::kTilePixels[Registers];
  int64_t first = 0;
  if (task.pixels >= kPixels) {
    for (; first + kPixels <= task.pixels; first += kPixels) ImageTile<Vector, kPixels, Registers>(task, first);
    if (first < task.pixels) ImageTile<Vector, kPixels, Registers>(task, task.pixels - kPixels);
    return;
  }
  for (; first < task.pixels; ++first) ImageTile<Vector, 1, Registers>(task, first);
}

// A tile of `Channels` channels and `Registers` registers of neighbouring pixels: values are loaded as they stand, a weight of the
// filter is broadcast.
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
      for (int r = 0; r < Registers; ++r) sums[c][r] = Vector::MultiplyAdd(row[r], weight, sums[c][r]);
    }
  }
  const Float low = Vector::Broadcast(task.low), high = Vector::Broadcast(task.high);
  float* out = task.out + first * task.out_step;
#pragma GCC unroll 8
  for (int r = 0; r < Registers; ++r, out += kLanes * task.out_step) {
    alignas(sizeof(Float)) float values[Channels][kLanes];
#pragma GCC unroll 16
    for (int c = 0; c < Channels; ++c) all.Store(values[c], Vector::Min(high, Vector::Max(low, sums[c][r])));
    const int64_t left = task.pixels - first - r * kLanes;
    Transpose(values, left < kLanes ? static_cast<int>(left) : kLanes, out, task.out_step);
  }
}

// Pixels left over after whole tiles are computed register by register. The last one may have pixels that do not exist.
template <class Vector, int Channels>
void PixelLaneRow(const ImageTask& task) {
  if constexpr (Channels > 1) {
    if (task.channels < Channels) return PixelLaneRow<Vector, Channels - 1>(task);
  }
  // Channels * kRegisters sums, kRegisters of values, a weight, and one to spare are at most all registers. Seven are a row of
  // 112 pixels, which images of 224 have.
  constexpr int kMost = (Vector::kAllRegisters - 2) / (Channels + 1), kRegisters = kMost < 7 ? kMost : 7;
  constexpr int kLanes = Vector::kLanes, kPixels = kRegisters * kLanes;
  int64_t first = 0;
  for (; first + kPixels <= task.pixels; first += kPixels) PixelLaneTile<Vector, Channels, kRegisters>(task, first);
  for (; first < task.pixels; first += kLanes) PixelLaneTile<Vector, Channels, 1>(task, first);
}

template <class Vector>
void ImageRow(const ImageTask& task) {
  const NoDenormals no_denormals;
  if (task.pixel_lanes) return PixelLaneRow<Vector, MostPixelLaneChannels(Vector::kLanes)>(task);
  switch ((task.channels + Vector::kLanes - 1) / Vector::kLanes) {
    case 1: return ImageTiles<Vector, 1>(task);
    case 2: return ImageTiles<Vector, 2>(task);
    case 3: return ImageTiles<Vector, 3>(task);
  }
}

// Of pixels [begin, end) of all rows.
template <class Vector, class Lanes>
inline typename Vector::Float MaxOfWindow(const MaxPoolTask& task, int64_t begin, int64_t end, int64_t channel, const Lanes& lanes) {
  const float* first = task.rows + begin * task.step + channel;
  typename Vector::Float y = lanes.Load(first + task.begin % task.ring * task.row_step);
  for (int64_t r = task.begin; r < task.end; ++r) {
    const float* row = first + r % task.ring * task.row_step;
    for (int64_t x = begin; x < end; ++x, row += task.step) y = Vector::Max(y, lanes.Load(row));
  }
  return y;
}

template <class Vector>
void MaxPoolRow(const MaxPoolTask& task) {
  const WindowAxis& axis = *task.columns;
  const typename Vector::Whole all;
  const typename Vector::Some some(static_cast<int>(task.channels % Vector::kLanes));
  float* out = task.out;
  for (int64_t x = 0; x < axis.output; ++x, out += task.channels) {
    const int64_t left = x * axis.stride - axis.before;
    const int64_t begin = left > 0 ? left : 0, end = left + axis.kernel < axis.input ? left + axis.kernel : axis.input;
    int64_t c = 0;
    for (; c + Vector::kLanes <= task.channels; c += Vector::kLanes) all.Store(out + c, MaxOfWindow<Vector>(task, begin, end, c, all));
    if (c < task.channels) some.Store(out + c, MaxOfWindow<Vector>(task, begin, end, c, some));
  }
}

}  // namespace larq_igp
