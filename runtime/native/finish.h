// From sums to values and their signs, for any vector unit (see vector.h).
#pragma once

#include "kernels.h"
#include "signs.h"

namespace larq_igp {

constexpr int kAnyAddends = -1;

// Doubled sums, moved by the padding and clamped by the activation.
template <class Vector>
inline typename Vector::Int ClampedSums(const FinishTask& task, const int32_t* sums,
                                        const int32_t* shift, ptrdiff_t c) {
  const auto once = Vector::LoadInt(sums + c);
  auto twice = Vector::AddInt(once, once);
  if (shift) twice = Vector::AddInt(twice, Vector::LoadInt(shift + c));
  twice = Vector::MinInt(twice, Vector::BroadcastInt(task.clamp_max));
  return Vector::MaxInt(twice, Vector::BroadcastInt(task.clamp_min));
}

namespace {  // compiled once for every instruction set

// The row of signs of pixel `p`; null if there is none.
inline uint32_t* BitsOf(const FinishTask& task, int p) {
  return task.bits ? task.bits + p * task.word_step : nullptr;
}

}  // namespace

// Signs by thresholds of the sums.
template <class Vector>
void FinishThreshold(const FinishTask& task) {
  for (int p = 0; p < task.pixels; ++p) {
    const int32_t* sums = task.sums + p * task.sums_step;
    const int32_t* shift = task.shift && task.shift[p] ? task.shift[p] + task.lane : nullptr;
    PackRow<Vector>(
        task.channels, BitsOf(task, p), [&](const auto&, ptrdiff_t c, auto* signs, int bit) {
          auto sum = Vector::LoadInt(sums + c);
          // 2 * sum + shift > 2 * threshold, without doubling, which a threshold would not bear.
          if (shift) {
            const auto odd = Vector::AddInt(Vector::LoadInt(shift + c), Vector::BroadcastInt(1));
            sum = Vector::AddInt(sum, Vector::ShiftRight(odd, 1));
          }
          signs->SetGreater(sum, Vector::LoadInt(task.threshold + c), bit);
        });
  }
}

// Quantised values, perhaps added to others, and their signs.
template <class Vector>
void FinishBytes(const FinishTask& task) {
  const ByteSum* sum = task.byte_sum;
  const auto low = Vector::BroadcastInt(-128), high = Vector::BroadcastInt(127);
  const auto limit = Vector::BroadcastInt(task.sign_below);
  const auto finish_rows = [&](const auto& convert) {
    for (int p = 0; p < task.pixels; ++p) {
      const int32_t* sums = task.sums + p * task.sums_step;
      const int32_t* shift = task.shift && task.shift[p] ? task.shift[p] + task.lane : nullptr;
      const ptrdiff_t at = task.offset + p * task.step;
      PackRow<Vector>(task.channels, BitsOf(task, p),
                      [&](const auto& lanes, ptrdiff_t c, auto* signs, int bit) {
                        auto q = Vector::Round(convert(lanes, sums, shift, c));
                        if (sum) {
                          q = Vector::MultiplyInt(q, Vector::BroadcastInt(sum->own));
                          const auto other = Vector::BroadcastInt(sum->other);
                          q = Vector::AddInt(
                              q, Vector::MultiplyInt(lanes.LoadBytes(sum->values + at + c), other));
                          q = Vector::ShiftRight(Vector::AddInt(q, Vector::BroadcastInt(sum->bias)),
                                                 sum->shift);
                          q = Vector::AddInt(q, Vector::BroadcastInt(sum->zero));
                          q = Vector::MaxInt(Vector::MinInt(q, high), low);
                        }
                        if (task.bytes) lanes.StoreBytes(task.bytes + at + c, q);
                        signs->SetGreater(limit, q, bit);
                      });
    }
  };
  if (task.doubled && !task.shift) {
    finish_rows([&](const auto& lanes, const int32_t* sums, const int32_t*, ptrdiff_t c) {
      const auto product =
          Vector::Multiply(Vector::Convert(sums + c), lanes.Load(task.doubled + c));
      return Vector::Add(product, lanes.Load(task.bias + c));
    });
  } else {
    finish_rows([&](const auto& lanes, const int32_t* sums, const int32_t* shift, ptrdiff_t c) {
      const auto y = Vector::ToFloat(ClampedSums<Vector>(task, sums, shift, c));
      return Vector::Add(Vector::Multiply(y, lanes.Load(task.multiplier + c)),
                         lanes.Load(task.bias + c));
    });
  }
}

// Addends, Scaled: how many there are, all of them tensors, and whether any is scaled; or
// kAnyAddends of any kind.
template <class Vector, int Addends, bool Scaled, bool Clamped>
class FloatFinish {
 public:
  explicit FloatFinish(const FinishTask& task)
      : task_(task), multiplier_(Clamped ? task.multiplier : task.doubled) {
    for (int a = 0; a < Addends; ++a) {
      addends_[a] = task.addends[a].values;
      scales_[a] = Vector::Broadcast(task.addends[a].scale);
    }
  }

  // Row by row, as the values lie in memory. The end of a row is stored only after the next row has
  // begun to load: where a convolution writes over its addend, a load that touches the store's
  // unused lanes would wait for it. And if rows follow each other without a gap, the end is stored
  // with all lanes, which is faster: the next row overwrites what is too much.
  void Run() const {
    const ptrdiff_t whole = task_.channels / 32 * 32;
    const int left = static_cast<int>(task_.channels - whole), parts = left / Vector::kLanes;
    const typename Vector::Whole all;
    const typename Vector::Some some(left % Vector::kLanes);
    const bool spill = task_.channels == task_.values_step && task_.channels >= Vector::kLanes;
    Float end{};
    float* end_values = nullptr;
    for (int p = 0; p < task_.pixels; ++p) {
      const Row row(task_, p);
      float* values = row.values;
      uint32_t* bits = BitsOf(task_, p);
      const auto store_end = [&] {
        spill ? all.Store(end_values, end) : some.Store(end_values, end);
      };
      const auto finish = [&](typename Vector::Signs* signs, ptrdiff_t c, int i) {
        const Float y = Values(row, c + i, all);
        if (c + i == 0 && end_values) store_end();
        if (values && !kStaged) all.Store(values + c + i, y);
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
        end_values = values && !kStaged ? values + whole + i : nullptr;
        signs.Set(y, i);
      }
      if (bits) *bits = signs.Word() & ((1u << left) - 1);
    }
    if (end_values) some.Store(end_values, end);
  }

  // The same for rows of so many registers, the last one perhaps not full: few enough for all
  // constants to stay in registers.
  template <int Registers>
  void RunInRegisters() const {
    constexpr int kLast = Registers - 1, kLanes = Vector::kLanes, kPerWord = 32 / kLanes;
    const typename Vector::Whole all;
    const typename Vector::Some some(static_cast<int>(task_.channels - kLast * kLanes));
    const bool spill = task_.channels == task_.values_step && Registers > 1;
    const uint32_t last_bits = ~0u >> (-task_.channels & 31);
    Float multiplier[Registers], bias[Registers], end{};
#pragma GCC unroll 8
    for (int r = 0; r < Registers; ++r)
      multiplier[r] = all.Load(multiplier_ + r * kLanes),
      bias[r] = all.Load(task_.bias + r * kLanes);
    float* end_values = nullptr;
    for (int p = 0; p < task_.pixels; ++p) {
      const Row row(task_, p);
      Float y[Registers];
#pragma GCC unroll 8
      for (int r = 0; r < kLast; ++r) y[r] = Values(row, r * kLanes, all, multiplier[r], bias[r]);
      y[kLast] = Values(row, kLast * kLanes, some, multiplier[kLast], bias[kLast]);
      if (task_.values) {
        if (end_values) spill ? all.Store(end_values, end) : some.Store(end_values, end);
        float* values = row.values;
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
  // Values are stored before the last addends, where they stand.
  static constexpr bool kStaged = Addends == kAnyAddends;

  struct Row {
    Row(const FinishTask& task, int p)
        : sums(task.sums + p * task.sums_step),
          border(task.border && task.border[p] ? task.border[p] + task.lane : nullptr),
          shift(task.shift && task.shift[p] ? task.shift[p] + task.lane : nullptr),
          offset(task.offset + p * task.step),
          values(task.values ? task.values + p * task.values_step : nullptr) {}
    const int32_t* sums;
    const float* border;
    const int32_t* shift;
    ptrdiff_t offset;  // of addends
    float* values;
  };

  // The float operations stand in the order of FinishPortable, each rounded for itself.
  template <class Lanes>
  inline Float Values(const Row& row, ptrdiff_t c, const Lanes& lanes) const {
    return Values(row, c, lanes, lanes.Load(multiplier_ + c), lanes.Load(task_.bias + c));
  }
  template <class Lanes>
  inline Float Values(const Row& row, ptrdiff_t c, const Lanes& lanes, Float multiplier,
                      Float bias) const {
    Float y = Clamped ? Vector::ToFloat(ClampedSums<Vector>(task_, row.sums, row.shift, c))
                      : Vector::Convert(row.sums + c);
    y = Vector::Add(Vector::Multiply(y, multiplier), bias);
    if (row.border) y = Vector::Add(y, lanes.Load(row.border + c));
    const ptrdiff_t at = row.offset + c;
    if (kStaged) {
      for (int a = 0; a < task_.addend_count; ++a) {
        if (a == task_.stored_after && row.values) lanes.Store(row.values + c, y);
        y = Apply(task_.addends[a], at, c, lanes, y);
      }
      if (task_.stored_after >= task_.addend_count && row.values) lanes.Store(row.values + c, y);
    }
#pragma GCC unroll 4
    for (int a = 0; a < Addends; ++a) {
      y = Vector::Add(y, lanes.Load(addends_[a] + at));
      if (Scaled) y = Vector::Multiply(y, scales_[a]);
    }
    return y;
  }

  template <class Lanes>
  inline Float Apply(const Addend& addend, ptrdiff_t at, ptrdiff_t c, const Lanes& lanes,
                     Float y) const {
    if (addend.kind == Addend::kTensor) {
      if (addend.values) y = Vector::Add(y, lanes.Load(addend.values + at));
      return addend.scale != 1.0f ? Vector::Multiply(y, Vector::Broadcast(addend.scale)) : y;
    }
    const Float value = lanes.Load(addend.values + task_.channel + c);
    if (addend.kind == Addend::kChannelShift) return Vector::Add(y, value);
    const Float scaled = Vector::Multiply(y, value);
    return addend.kind == Addend::kChannelScale ? scaled : Vector::Negative(scaled, y, y);
  }

  const FinishTask& task_;
  const float* multiplier_;
  const float* addends_[Addends > 0 ? Addends : 1];
  Float scales_[Addends > 0 ? Addends : 1];
};

// A sequence of addends that is known to the compiler; values are stored after `Stored` of them.
// Scales are 1.
template <class Vector, int Stored, Addend::Kind... Kinds>
void FinishSequence(const FinishTask& task) {
  constexpr int kCount = sizeof...(Kinds);
  constexpr Addend::Kind kKinds[] = {Kinds...};
  const float* operands[kCount];
  for (int a = 0; a < kCount; ++a) {
    operands[a] =
        task.addends[a].values + (kKinds[a] == Addend::kTensor ? task.offset : task.channel);
  }
  for (int p = 0; p < task.pixels; ++p) {
    const int32_t* sums = task.sums + p * task.sums_step;
    const float* border = task.border && task.border[p] ? task.border[p] + task.lane : nullptr;
    const ptrdiff_t row = p * task.step;
    float* values = task.values ? task.values + p * task.values_step : nullptr;
    PackRow<Vector>(
        task.channels, BitsOf(task, p), [&](const auto& lanes, ptrdiff_t c, auto* signs, int bit) {
          auto y = Vector::Multiply(Vector::Convert(sums + c), lanes.Load(task.doubled + c));
          y = Vector::Add(y, lanes.Load(task.bias + c));
          if (border) y = Vector::Add(y, lanes.Load(border + c));
#pragma GCC unroll 8
          for (int a = 0; a < kCount; ++a) {
            if (a == Stored && values) lanes.Store(values + c, y);
            const auto operand =
                lanes.Load(operands[a] + (kKinds[a] == Addend::kTensor ? row + c : c));
            switch (kKinds[a]) {
              case Addend::kTensor:
              case Addend::kChannelShift: y = Vector::Add(y, operand); break;
              case Addend::kChannelScale: y = Vector::Multiply(y, operand); break;
              case Addend::kChannelSlope:
                y = Vector::Negative(Vector::Multiply(y, operand), y, y);
                break;
            }
          }
          if (Stored == kCount && values) lanes.Store(values + c, y);
          signs->Set(y, bit);
        });
  }
}

template <int Stored, Addend::Kind... Kinds>
bool IsSequence(const FinishTask& task) {
  constexpr Addend::Kind kKinds[] = {Kinds...};
  if (task.addend_count != sizeof...(Kinds) || task.stored_after != Stored) return false;
  for (int a = 0; a < task.addend_count; ++a) {
    const Addend& addend = task.addends[a];
    if (addend.kind != kKinds[a] || !addend.values || addend.scale != 1.0f) return false;
  }
  return true;
}

// False if there is no such sequence: those around the sign of ReActNet, and batch normalisation
// before a sign.
template <class Vector>
bool FinishKnownSequence(const FinishTask& task) {
  constexpr auto kTensor = Addend::kTensor;
  constexpr auto kScale = Addend::kChannelScale, kShift = Addend::kChannelShift,
                 kSlope = Addend::kChannelSlope;
  const auto run = [&](auto known, auto finish) {
    return known(task) ? (finish(task), true) : false;
  };
#define LARQ_IGP_SEQUENCE(...) run(IsSequence<__VA_ARGS__>, FinishSequence<Vector, __VA_ARGS__>)
  return LARQ_IGP_SEQUENCE(1, kTensor, kScale, kShift) || LARQ_IGP_SEQUENCE(0, kScale, kShift) ||
         LARQ_IGP_SEQUENCE(1, kTensor, kShift) || LARQ_IGP_SEQUENCE(0, kShift) ||
         LARQ_IGP_SEQUENCE(4, kTensor, kShift, kSlope, kShift) ||
         LARQ_IGP_SEQUENCE(4, kTensor, kShift, kSlope, kShift, kShift) ||
         LARQ_IGP_SEQUENCE(3, kShift, kSlope, kShift) ||
         LARQ_IGP_SEQUENCE(3, kShift, kSlope, kShift, kShift) || LARQ_IGP_SEQUENCE(1, kSlope) ||
         LARQ_IGP_SEQUENCE(2, kTensor, kSlope) || LARQ_IGP_SEQUENCE(2, kSlope, kTensor);
#undef LARQ_IGP_SEQUENCE
}

template <class Vector, int Addends, bool Scaled>
void FinishUnclamped(const FinishTask& task) {
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
    tensors = tensors && task.addends[a].values && task.addends[a].kind == Addend::kTensor;
  }
  tensors = tensors && task.stored_after >= task.addend_count;
  if (!task.doubled || task.shift) {
    if (tensors && task.addend_count == 0) return FloatFinish<Vector, 0, false, true>(task).Run();
    if (tensors && task.addend_count == 1 && !scaled)
      return FloatFinish<Vector, 1, false, true>(task).Run();
    return FloatFinish<Vector, kAnyAddends, true, true>(task).Run();
  }
  switch (tensors ? task.addend_count * 2 + scaled : -1) {
    case 0: return FinishUnclamped<Vector, 0, false>(task);
    case 2: return FinishUnclamped<Vector, 1, false>(task);
    case 3: return FinishUnclamped<Vector, 1, true>(task);
    case 4: return FinishUnclamped<Vector, 2, false>(task);
    case 5: return FinishUnclamped<Vector, 2, true>(task);
    case 7: return FinishUnclamped<Vector, 3, true>(task);
    case 9: return FinishUnclamped<Vector, 4, true>(task);
  }
  if (FinishKnownSequence<Vector>(task)) return;
  FloatFinish<Vector, kAnyAddends, true, false>(task).Run();
}

// What FinishPortable computes. Only slices that begin inside a word are left to it: groups of odd
// sizes.
template <class Vector>
void FinishAny(const FinishTask& task) {
  if (task.first_bit) return FinishPortable(task);
  switch (task.mode) {
    case ConvMode::kFloat: return FinishFloat<Vector>(task);
    case ConvMode::kInt8: return FinishBytes<Vector>(task);
    case ConvMode::kThreshold: return FinishThreshold<Vector>(task);
  }
}

}  // namespace larq_igp
