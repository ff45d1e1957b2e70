// finish ISA CASES: the finishing of sums, and the packing of bytes, give the bits of the portable
// code.
//
// Random tasks of all modes: padding, activations, addends of all kinds, sums of int8, odd
// channels.

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>
#include <vector>

#include "../../native/kernels.h"

using namespace larq_igp;

namespace {

std::mt19937 generator(1);

int Draw(int low, int high) {
  return low + static_cast<int>(generator() % static_cast<unsigned>(high - low + 1));
}

std::vector<float> Floats(int count) {
  std::vector<float> values(static_cast<size_t>(count) + 64);
  for (float& value : values) value = Draw(0, 20) ? static_cast<float>(Draw(-400, 400)) / 64 : 0;
  return values;
}

std::vector<int32_t> Integers(int count, int low, int high) {
  std::vector<int32_t> values(static_cast<size_t>(count) + 64);
  for (int32_t& value : values) value = Draw(low, high);
  return values;
}

// Addends of the sequences that have code of their own, and of any.
std::vector<Addend> DrawAddends(const float* tensor, const float* channels) {
  const auto channel = [&](Addend::Kind kind) { return Addend{channels + Draw(0, 60), 1, kind}; };
  const Addend sum = {tensor, 1}, join = {tensor, 0.5f}, factor = {nullptr, 0.25f};
  const auto scale = Addend::kChannelScale, shift = Addend::kChannelShift,
             slope = Addend::kChannelSlope;
  switch (Draw(0, 8)) {
    case 0: return {};
    case 1: return {sum};
    case 2: return {sum, channel(scale), channel(shift)};
    case 3: return {channel(scale), channel(shift)};
    case 4: return {sum, channel(shift), channel(slope), channel(shift)};
    case 5: return {sum, channel(shift), channel(slope), channel(shift), channel(shift)};
    case 6: return {join, channel(slope), sum};
    case 7: return {sum, factor, join};
  }
  std::vector<Addend> any;
  for (int i = Draw(1, 4); i > 0; --i)
    any.push_back(channel(static_cast<Addend::Kind>(Draw(1, 3))));
  return any;
}

bool Same(float a, float b) { return std::memcmp(&a, &b, sizeof a) == 0 || (a != a && b != b); }

bool FinishIsSame(const Kernels& kernels) {
  FinishTask task;
  task.mode = static_cast<ConvMode>(Draw(0, 2));
  task.pixels = Draw(1, 16);
  task.channels = Draw(0, 3) ? Draw(1, 130) : 32 * Draw(1, 4);
  task.step = task.channels + Draw(0, 1) * Draw(0, 40);
  task.offset = Draw(0, 3);
  task.values_step = Draw(0, 1) ? task.channels : task.channels + Draw(0, 40);
  task.word_step = (task.channels + 31) / 32;
  task.sign_below = Draw(-128, 127);
  const int lanes = static_cast<int>(task.channels + 31) / 16 * 16;
  const std::vector<int32_t> sums = Integers(16 * lanes, 0, 300), shift = Integers(lanes, -30, 30);
  std::vector<int32_t> threshold = Integers(lanes, 0, 300);
  for (int32_t& value : threshold) value = Draw(0, 9) ? value : Draw(0, 1) ? INT32_MIN : INT32_MAX;
  std::vector<float> multiplier = Floats(lanes), bias = Floats(lanes), doubled = multiplier;
  const std::vector<float> border = Floats(lanes);
  for (float& value : doubled) value *= 2;
  if (Draw(0, 30) == 0) bias[0] = NAN;
  task.sums = sums.data();
  task.sums_step = lanes;
  task.threshold = threshold.data();
  task.multiplier = multiplier.data();
  task.bias = bias.data();
  const bool activation = Draw(0, 2) == 0;
  task.doubled = activation ? nullptr : doubled.data();
  task.clamp_min = activation ? Draw(0, 300) : -100000;
  task.clamp_max = activation ? Draw(300, 600) : 100000;
  const float* borders[16];
  const int32_t* shifts[16];
  for (int p = 0; p < 16; ++p) {
    borders[p] = Draw(0, 1) ? border.data() : nullptr;
    shifts[p] = Draw(0, 1) ? shift.data() : nullptr;
  }
  if (Draw(0, 1)) {
    if (task.mode == ConvMode::kFloat && !activation) {
      task.border = borders;
    } else {
      task.shift = shifts;
    }
  }
  const int size = static_cast<int>(16 * std::max(task.step, task.values_step)) + 200;
  const std::vector<float> tensor = Floats(size), channels = Floats(200);
  std::vector<int8_t> bytes(static_cast<size_t>(size));
  for (int8_t& value : bytes) value = static_cast<int8_t>(Draw(-128, 127));
  const std::vector<Addend> addends = DrawAddends(tensor.data(), channels.data());
  task.addends = addends.data();
  task.addend_count = static_cast<int>(addends.size());
  task.stored_after = Draw(0, task.addend_count);
  const ByteSum sum = {bytes.data(), Draw(0, 1 << 20), Draw(0, 1 << 20), Draw(-(1 << 28), 1 << 28),
                       Draw(12, 22), Draw(-128, 127)};
  if (Draw(0, 1)) task.byte_sum = &sum;

  std::vector<float> values[2];
  std::vector<int8_t> quantised[2];
  std::vector<uint32_t> bits[2];
  const bool stores = Draw(0, 3) > 0, packs = task.mode == ConvMode::kThreshold || Draw(0, 3) > 0;
  for (int i = 0; i < 2; ++i) {
    values[i].assign(static_cast<size_t>(size), 7);
    quantised[i].assign(static_cast<size_t>(size), 7);
    bits[i].assign(16 * 8, 5);
    FinishTask one = task;
    if (stores && task.mode == ConvMode::kFloat) one.values = values[i].data();
    if (stores && task.mode == ConvMode::kInt8) one.bytes = quantised[i].data();
    if (packs) one.bits = bits[i].data();
    (i ? kernels.finish : FinishPortable)(one);
  }
  bool same = bits[0] == bits[1] && quantised[0] == quantised[1];
  const ptrdiff_t last = (task.pixels - 1) * task.values_step + task.channels;
  for (ptrdiff_t at = 0; at < last;
       ++at) {  // gaps too; behind the last row a register may be stored
    const auto i = static_cast<size_t>(at);
    same = same && Same(values[0][i], values[1][i]);
  }
  return same;
}

bool BytesAreSame(const Kernels& kernels) {
  const size_t rows = static_cast<size_t>(Draw(1, 5)), channels = static_cast<size_t>(Draw(1, 100));
  std::vector<int8_t> values(rows * channels);
  for (int8_t& value : values)
    value = static_cast<int8_t>(Draw(0, 1) ? Draw(-128, 127) : Draw(0, 1));
  std::vector<uint32_t> expected(rows * 4), got(rows * 4);
  const auto flip = static_cast<uint8_t>(Draw(0, 1) ? 0x80 : 0);
  const auto limit = static_cast<int8_t>(Draw(-128, 127));
  kPortableKernels.quantize_bytes(values.data(), rows, channels, flip, limit, expected.data());
  kernels.quantize_bytes(values.data(), rows, channels, flip, limit, got.data());
  return expected == got;
}

bool SignsAreSame(const Kernels& kernels) {
  const size_t rows = static_cast<size_t>(Draw(1, 5)), channels = static_cast<size_t>(Draw(1, 100));
  const size_t step = channels + static_cast<size_t>(Draw(0, 1) * Draw(0, 20));
  std::vector<float> values(rows * step), multiplier(channels), bias(channels);
  for (std::vector<float>* some : {&values, &multiplier, &bias}) {
    for (float& value : *some) value = static_cast<float>(Draw(-8, 8)) / 4;
  }
  const float special[] = {-0.0f, NAN, -INFINITY, -1e-40f};
  for (float value : special) values[static_cast<size_t>(Draw(0, 99)) % values.size()] = value;
  std::vector<uint32_t> expected(rows * 4), got(rows * 4);
  kPortableKernels.quantize(values.data(), rows, channels, step, expected.data());
  kernels.quantize(values.data(), rows, channels, step, got.data());
  if (expected != got) return false;
  kPortableKernels.affine_quantize(values.data(), rows, channels, step, multiplier.data(),
                                   bias.data(), expected.data());
  kernels.affine_quantize(values.data(), rows, channels, step, multiplier.data(), bias.data(),
                          got.data());
  return expected == got;
}

}  // namespace

int main(int argc, char** argv) {
  const char* error = nullptr;
  const Kernels* kernels = argc == 3 ? SelectKernels(argv[1], &error) : nullptr;
  if (!kernels) {
    std::fprintf(stderr, "%s, %s\n", argv[0], error ? error : "usage: finish ISA CASES");
    return 2;
  }
  const int cases = std::atoi(argv[2]);
  for (int i = 0; i < cases; ++i) {
    if (!FinishIsSame(*kernels) || !BytesAreSame(*kernels) || !SignsAreSame(*kernels)) {
      std::fprintf(stderr, "%s differs from portable in case %d\n", argv[1], i);
      return 1;
    }
  }
  std::printf("%d cases are the same\n", cases);
}
