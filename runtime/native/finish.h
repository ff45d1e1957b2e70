// From sums to float values and their signs, for any vector unit. Each instruction set describes its registers by a
// class of its own, which also keeps the code below apart from that of the others:
//
//     struct Vector {
//       using Float = ...;                                   a register of kLanes floats
//       static constexpr int kLanes;
//       static constexpr bool kManyRegisters;                enough for the constants of 8 registers
//       static Float Broadcast(float);
//       static Float Convert(const int32_t* sums);           to float
//       static Float ConvertClamped(const int32_t* sums, int32_t low, int32_t high);   doubled, then clamped
//       static Float Add(Float, Float), Multiply(Float, Float);
//       struct Whole { Load(const float*), Store(float*, Float) };                     all lanes
//       struct Some { Some(int count); Load, Store };                                  the first lanes
//       class Signs { Set(Float, int first_bit); uint32_t Word(); };                   of 32 values
//     };
#pragma once

#include "kernels.h"

namespace larq_igp {

constexpr int kAnyAddends = -1;

// Addends, Scaled: how many there are, all of them tensors, and whether any is scaled; or kAnyAddends of any kind.
template <class Vector, int Addends, bool Scaled, bool Clamped>
class FloatFinish {
 public:
  explicit FloatFinish(const FinishTask& task) : task_(task), multiplier_(Clamped ? task.multiplier : task.doubled) {
    for (int a = 0; a < Addends; ++a) {
      addends_[a] = task.addends[a].values;
      scales_[a] = Vector::Broadcast(task.addends[a].scale);
    }
  }

  // Row by row, as the values lie in memory. The end of a row is stored only after the next row has begun to load: where
  // a convolution writes over its addend, a load that touches the store's unused lanes would wait for it. And if rows
  // follow each other without a gap, the end is stored with all lanes, which is faster: the next row overwrites what is
  // too much.
  void Run() const {
    const ptrdiff_t whole = task_.channels / 32 * 32;
    const int left = static_cast<int>(task_.channels - whole), parts = left / Vector::kLanes;
    const typename Vector::Whole all;
    const typename Vector::Some some(left % Vector::kLanes);
    const bool spill = task_.channels == task_.step && task_.channels >= Vector::kLanes;
    Float end{};
    float* end_values = nullptr;
    for (int p = 0; p < task_.pixels; ++p) {
      const Row row(task_, p);
      float* values = task_.values ? task_.values + row.offset : nullptr;
      uint32_t* bits = task_.bits ? task_.bits + p * task_.word_step : nullptr;
      const auto store_end = [&] { spill ? all.Store(end_values, end) : some.Store(end_values, end); };
      const auto finish = [&](typename Vector::Signs* signs, ptrdiff_t c, int i) {
        const Float y = Values(row, c + i, all);
        if (c + i == 0 && end_values) store_end();
        if (values) all.Store(values + c + i, y);
        signs->Set(y, i);
      };
      for (ptrdiff_t c = 0; c < whole; c += 32) {
        typename Vector::Signs signs;
#pragma GCC unroll 8
        for (int i = 0; i < 32; i += Vector::kLanes) finish(&signs, c, i);
        if (bits) *bits++ = signs.Word();
      }
      if (left == 0) continue;
      typename Vector::Signs signs;
      int i = 0;
      for (; i < parts * Vector::kLanes; i += Vector::kLanes) finish(&signs, whole, i);
      if (i < left) {
        const Float y = Values(row, whole + i, some);
        if (whole + i == 0 && end_values) some.Store(end_values, end);
        end = y;
        end_values = values ? values + whole + i : nullptr;
        signs.Set(y, i);
      }
      if (bits) *bits = signs.Word() & ((1u << left) - 1);
    }
    if (end_values) some.Store(end_values, end);
  }

  // The same for rows of so many registers, the last one perhaps not full: few enough for all constants to stay in
  // registers.
  template <int Registers>
  void RunInRegisters() const {
    constexpr int kLast = Registers - 1, kLanes = Vector::kLanes, kPerWord = 32 / kLanes;
    const typename Vector::Whole all;
    const typename Vector::Some some(static_cast<int>(task_.channels - kLast * kLanes));
    const bool spill = task_.channels == task_.step && Registers > 1;
    const uint32_t last_bits = ~0u >> (-task_.channels & 31);
    Float multiplier[Registers], bias[Registers], end{};
#pragma GCC unroll 8
    for (int r = 0; r < Registers; ++r) multiplier[r] = all.Load(multiplier_ + r * kLanes), bias[r] = all.Load(task_.bias + r * kLanes);
    float* end_values = nullptr;
    for (int p = 0; p < task_.pixels; ++p) {
      const Row row(task_, p);
      Float y[Registers];
#pragma GCC unroll 8
      for (int r = 0; r < kLast; ++r) y[r] = Values(row, r * kLanes, all, multiplier[r], bias[r]);
      y[kLast] = Values(row, kLast * kLanes, some, multiplier[kLast], bias[kLast]);
      if (task_.values) {
        if (end_values) spill ? all.Store(end_values, end) : some.Store(end_values, end);
        float* values = task_.values + row.offset;
#pragma GCC unroll 8
        for (int r = 0; r < kLast; ++r) all.Store(values + r * kLanes, y[r]);
        end = y[kLast];
        end_values = values + kLast * kLanes;
      }
      if (!task_.bits) continue;
      uint32_t* bits = task_.bits + p * task_.word_step;
#pragma GCC unroll 4
      for (int w = 0; w <= kLast / kPerWord; ++w) {
        typename Vector::Signs signs;
#pragma GCC unroll 2
        for (int i = 0; i < kPerWord; ++i) {
          if (w * kPerWord + i < Registers) signs.Set(y[w * kPerWord + i], i * kLanes);
        }
        bits[w] = w < kLast / kPerWord ? signs.Word() : signs.Word() & last_bits;
      }
    }
    if (end_values) some.Store(end_values, end);
  }

 private:
  using Float = typename Vector::Float;
  struct Row {
    Row(const FinishTask& task, int p)
        : sums(task.sums + p * task.sums_step),
          border(task.border && task.border[p] ? task.border[p] + task.lane : nullptr),
          offset(task.offset + p * task.step) {}
    const int32_t* sums;
    const float* border;
    ptrdiff_t offset;
  };

  // The float operations stand in the order of FinishPortable, each rounded for itself.
  template <class Lanes>
  inline Float Values(const Row& row, ptrdiff_t c, const Lanes& lanes) const {
    return Values(row, c, lanes, lanes.Load(multiplier_ + c), lanes.Load(task_.bias + c));
  }
  template <class Lanes>
  inline Float Values(const Row& row, ptrdiff_t c, const Lanes& lanes, Float multiplier, Float bias) const {
    Float y = Clamped ? Vector::ConvertClamped(row.sums + c, task_.clamp_min, task_.clamp_max) : Vector::Convert(row.sums + c);
    y = Vector::Add(Vector::Multiply(y, multiplier), bias);
    if (row.border) y = Vector::Add(y, lanes.Load(row.border + c));
    const ptrdiff_t at = row.offset + c;
    if (Addends == kAnyAddends) {
      for (int a = 0; a < task_.addend_count; ++a) {
        if (task_.addends[a].values) y = Vector::Add(y, lanes.Load(task_.addends[a].values + at));
        if (task_.addends[a].scale != 1.0f) y = Vector::Multiply(y, Vector::Broadcast(task_.addends[a].scale));
      }
    }
#pragma GCC unroll 4
    for (int a = 0; a < Addends; ++a) {
      y = Vector::Add(y, lanes.Load(addends_[a] + at));
      if (Scaled) y = Vector::Multiply(y, scales_[a]);
    }
    return y;
  }

  const FinishTask& task_;
  const float* multiplier_;
  const float* addends_[Addends > 0 ? Addends : 1];
  Float scales_[Addends > 0 ? Addends : 1];
};

template <class Vector, int Addends, bool Scaled>
void FinishPlain(const FinishTask& task) {
  const FloatFinish<Vector, Addends, Scaled, false> finish(task);
  if constexpr (Vector::kManyRegisters) {
    switch ((task.channels + Vector::kLanes - 1) / Vector::kLanes) {
      case 1: return finish.template RunInRegisters<1>();
      case 2: return finish.template RunInRegisters<2>();
      case 3: return finish.template RunInRegisters<3>();
      case 4: return finish.template RunInRegisters<4>();
      case 5: return finish.template RunInRegisters<5>();
      case 6: return finish.template RunInRegisters<6>();
      case 7: return finish.template RunInRegisters<7>();
      case 8: return finish.template RunInRegisters<8>();
    }
  }
  finish.Run();
}

template <class Vector>
void FinishFloat(const FinishTask& task) {
  bool scaled = false, tensors = true;
  for (int a = 0; a < task.addend_count; ++a) {
    scaled = scaled || task.addends[a].scale != 1.0f;
    tensors = tensors && task.addends[a].values;
  }
  if (!task.doubled) return FloatFinish<Vector, kAnyAddends, true, true>(task).Run();
  switch (tensors ? task.addend_count * 2 + scaled : -1) {
    case 0: return FinishPlain<Vector, 0, false>(task);
    case 2: return FinishPlain<Vector, 1, false>(task);
    case 3: return FinishPlain<Vector, 1, true>(task);
    case 4: return FinishPlain<Vector, 2, false>(task);
    case 5: return FinishPlain<Vector, 2, true>(task);
    case 7: return FinishPlain<Vector, 3, true>(task);
    case 9: return FinishPlain<Vector, 4, true>(task);
  }
  FloatFinish<Vector, kAnyAddends, true, false>(task).Run();
}

}  // namespace larq_igp
