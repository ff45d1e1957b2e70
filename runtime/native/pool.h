// Max and average pooling, for any vector unit (see vector.h).
#pragma once

#include <algorithm>
#include <cstdint>
#include <type_traits>

#include "denormals.h"
#include "kernels.h"

namespace larq_igp {

// Calls store(registers, lanes, channel) for all channels.
template <class Vector, class Store>
inline void ForChannels(int64_t channels, const Store& store) {
  constexpr int kLanes = Vector::kLanes;
  const typename Vector::Whole all;
  int64_t c = 0;
  for (; c + 4 * kLanes <= channels; c += 4 * kLanes)
    store(std::integral_constant<int, 4>(), all, c);
  for (; c + kLanes <= channels; c += kLanes) store(std::integral_constant<int, 1>(), all, c);
  if (c < channels) {
    const typename Vector::Some some(static_cast<int>(channels - c));
    store(std::integral_constant<int, 1>(), some, c);
  }
}

// One register of channels for each of `Registers`: the greatest values of a window, those of
// pixels [begin, end) of all rows.
template <class Vector, int Registers, bool Scales, bool Shifts, class Lanes>
inline void StoreMaximum(const PoolTask& task, int64_t begin, int64_t end, int64_t channel,
                         const Lanes& lanes, float* out) {
  using Float = typename Vector::Float;
  constexpr int kLanes = Vector::kLanes;
  const float* first = task.rows + begin * task.step + channel;
  int64_t slot = task.begin % task.ring;
  Float y[Registers], multiplier[Registers], bias[Registers];
  const auto load = [&](const float* values, int i) {
    Float x = lanes.Load(values + i * kLanes);
    if (Scales) x = Vector::Multiply(x, multiplier[i]);
    return Shifts ? Vector::Add(x, bias[i]) : x;
  };
#pragma GCC unroll 4
  for (int i = 0; i < Registers; ++i) {
    if (Scales) multiplier[i] = lanes.Load(task.multiplier + channel + i * kLanes);
    if (Shifts) bias[i] = lanes.Load(task.bias + channel + i * kLanes);
    y[i] = load(first + slot * task.row_step, i);
  }
  for (int64_t r = task.begin; r < task.end; ++r) {
    const float* values = first + slot * task.row_step;
    for (int64_t x = begin; x < end; ++x, values += task.step) {
#pragma GCC unroll 4
      for (int i = 0; i < Registers; ++i) y[i] = Vector::Max(y[i], load(values, i));
    }
    if (++slot == task.ring) slot = 0;
  }
  const Float low = Vector::Broadcast(task.low), high = Vector::Broadcast(task.high);
#pragma GCC unroll 4
  for (int i = 0; i < Registers; ++i)
    lanes.Store(out + channel + i * kLanes, Vector::Min(high, Vector::Max(low, y[i])));
}

// Means of 2x2 taps in some registers of channels. Taps outside the map are null, if not all are
// inside.
template <class Vector, int Registers, bool AllInside, class Lanes>
inline void StoreMean(const PoolTask& task, const float* const (&taps)[4], float scale,
                      int64_t channel, const Lanes& lanes, float* out) {
  using Float = typename Vector::Float;
  const Float low = Vector::Broadcast(task.low), high = Vector::Broadcast(task.high),
              factor = Vector::Broadcast(scale), zero = Vector::Broadcast(0.0f);
#pragma GCC unroll 4
  for (int i = 0; i < Registers; ++i) {
    const int64_t c = channel + i * Vector::kLanes;
    const auto load = [&](const float* tap) {
      return AllInside || tap ? lanes.Load(tap + c) : zero;
    };
    const Float left = Vector::Add(load(taps[0]), load(taps[1])),
                right = Vector::Add(load(taps[2]), load(taps[3]));
    const Float mean = Vector::Multiply(Vector::Add(Vector::Add(left, right), zero), factor);
    lanes.Store(out + c, Vector::Min(Vector::Max(mean, low), high));  // of NaN `low`, on x86
  }
}

template <class Vector>
void AverageRow(const PoolTask& task) {
  const WindowAxis& axis = *task.columns;
  const auto row = [&](int64_t y) {
    return y >= task.begin && y < task.end ? task.rows + y % task.ring * task.row_step : nullptr;
  };
  const float *const upper = row(task.top), *const lower = row(task.top + 1);
  float* out = task.out;
  for (int64_t x = 0; x < axis.output; ++x, out += task.channels) {
    const int64_t left = x * axis.stride - axis.before;
    const auto tap = [&](const float* values, int64_t at) {
      return values && at >= 0 && at < axis.input ? values + at * task.step : nullptr;
    };
    const float* const taps[4] = {tap(upper, left), tap(lower, left), tap(upper, left + 1),
                                  tap(lower, left + 1)};
    const int64_t inside = std::count_if(taps, taps + 4, [](const float* tap) { return tap; });
    const float scale = 1.0f / static_cast<float>(inside);
    ForChannels<Vector>(task.channels, [&](auto registers, const auto& lanes, int64_t c) {
      if (inside == 4) {
        StoreMean<Vector, registers, true>(task, taps, scale, c, lanes, out);
      } else {
        StoreMean<Vector, registers, false>(task, taps, scale, c, lanes, out);
      }
    });
  }
}

template <class Vector, bool Scales, bool Shifts>
void MaximumRow(const PoolTask& task) {
  const WindowAxis& axis = *task.columns;
  float* out = task.out;
  for (int64_t x = 0; x < axis.output; ++x, out += task.channels) {
    const int64_t left = x * axis.stride - axis.before;
    const int64_t begin = left > 0 ? left : 0,
                  end = left + axis.kernel < axis.input ? left + axis.kernel : axis.input;
    ForChannels<Vector>(task.channels, [&](auto registers, const auto& lanes, int64_t c) {
      StoreMaximum<Vector, registers, Scales, Shifts>(task, begin, end, c, lanes, out);
    });
  }
}

template <class Vector>
void PoolRow(const PoolTask& task) {
  const NoDenormals no_denormals;
  if (task.averages) return AverageRow<Vector>(task);
  if (!task.multiplier) return MaximumRow<Vector, false, false>(task);
  task.bias ? MaximumRow<Vector, true, true>(task) : MaximumRow<Vector, true, false>(task);
}

}  // namespace larq_igp
