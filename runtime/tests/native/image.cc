// image ISA CASES: rows of a convolution over an image, of floats and of bytes, of a 1x1
// convolution and of a pooling, give the bits of a plain loop.

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

int64_t Draw(int low, int high) {
  return low + static_cast<int64_t>(generator() % static_cast<unsigned>(high - low + 1));
}

float DrawFloat() { return static_cast<float>(Draw(-1000, 1000)) / 128; }

int64_t RoundUp(int64_t value, int64_t step) { return (value + step - 1) / step * step; }

bool Same(float a, float b) { return std::memcmp(&a, &b, sizeof a) == 0; }

void DrawActivation(float* low, float* high) {
  *low = Draw(0, 1) ? -INFINITY : 0;
  *high = Draw(0, 1) ? INFINITY : 6;
}

// Every result, and nothing behind: between pixels and behind the row there stands 77.
template <class Expected>
bool Check(const char* what, const std::vector<float>& out, int64_t pixels, int64_t channels,
           int64_t step, const Expected& expected) {
  for (int64_t p = 0; p < pixels; ++p) {
    for (int64_t c = 0; c < step; ++c) {
      const float wanted = c < channels ? expected(p, c) : 77.0f;
      const float found = out[static_cast<size_t>(p * step + c)];
      if (Same(found, wanted)) continue;
      std::fprintf(stderr, "%s: pixel %d channel %d of %d: %.9g, not %.9g\n", what,
                   static_cast<int>(p), static_cast<int>(c), static_cast<int>(channels), found,
                   wanted);
      return false;
    }
  }
  return true;
}

bool FloatsAreRight(const Kernels& kernels) {
  const int64_t lanes = kernels.image_lanes;
  ImageTask task;
  task.depth = static_cast<size_t>(Draw(1, 40));
  task.pixels = Draw(1, 40);
  task.pixel_lanes = Draw(0, 2) == 0;
  task.channels = task.pixel_lanes ? Draw(1, MostPixelLaneChannels(static_cast<int>(lanes)))
                                   : Draw(1, static_cast<int>(3 * lanes));
  task.out_step = task.channels + Draw(0, 5);
  DrawActivation(&task.low, &task.high);
  const int64_t width = task.pixel_lanes ? task.channels : RoundUp(task.channels, lanes);
  std::vector<float> image(400), filters(task.depth * static_cast<size_t>(width) + 64),
      bias(static_cast<size_t>(width) + 64);
  for (auto* values : {&image, &filters, &bias}) {
    for (float& value : *values) value = DrawFloat();
  }
  std::vector<ptrdiff_t> offsets;
  for (size_t d = 0; d < task.depth; ++d) offsets.push_back(static_cast<ptrdiff_t>(Draw(0, 300)));
  std::vector<float> out(static_cast<size_t>(task.pixels * task.out_step) + 64, 77.0f);
  task.image = image.data();
  task.offsets = offsets.data();
  task.filters = filters.data();
  task.bias = bias.data();
  task.out = out.data();
  kernels.image_row(task);
  return Check("floats", out, task.pixels, task.channels, task.out_step, [&](int64_t p, int64_t c) {
    float y = bias[static_cast<size_t>(c)];
    for (size_t d = 0; d < task.depth; ++d)
      y = std::fmaf(image[static_cast<size_t>(offsets[d] + p)],
                    filters[d * static_cast<size_t>(width) + static_cast<size_t>(c)], y);
    return std::fmin(task.high, std::fmax(task.low, y));
  });
}

bool BytesAreRight(const Kernels& kernels) {
  const int64_t lanes = kernels.pixel_lanes, pair = kernels.pixel_pair;
  PixelTask task;
  task.rows = Draw(1, 5);
  task.steps = Draw(1, 24);
  task.pixel_step = Draw(1, 9);
  task.pixels = Draw(1, 40);
  task.row_step = task.pixels * task.pixel_step + task.steps * pair + Draw(0, 3);
  task.channel = Draw(0, 3);
  task.channels = Draw(1, static_cast<int>(kernels.pixel_registers * lanes));
  task.out_step = task.channels + Draw(0, 5);
  DrawActivation(&task.low, &task.high);
  const int64_t width = RoundUp(task.channels, lanes);
  std::vector<int16_t> image(static_cast<size_t>(task.rows * task.row_step) + 64);
  for (int16_t& value : image) value = static_cast<int16_t>(Draw(-128, 255));
  std::vector<int16_t> filters(static_cast<size_t>(task.rows * task.steps * pair * width) + 64);
  for (int16_t& value : filters) value = static_cast<int16_t>(Draw(-32767, 32767));
  std::vector<float> scale(static_cast<size_t>(width) + 64), biases(400);
  for (float& value : scale) value = std::ldexp(DrawFloat(), -20);
  for (float& value : biases) value = DrawFloat();
  std::vector<const float*> bias;
  for (int64_t p = 0; p < task.pixels; ++p) bias.push_back(biases.data() + Draw(0, 200));
  std::vector<float> out(static_cast<size_t>(task.pixels * task.out_step) + 64, 77.0f);
  task.image = image.data();
  task.filters = filters.data();
  task.scale = scale.data();
  task.bias = bias.data();
  task.out = out.data();
  kernels.pixel_row(task);
  return Check("bytes", out, task.pixels, task.channels, task.out_step, [&](int64_t p, int64_t c) {
    int64_t sum = 0;
    for (int64_t y = 0; y < task.rows; ++y) {
      for (int64_t i = 0; i < task.steps * pair; ++i) {
        const int64_t step = y * task.steps + i / pair;
        sum += int64_t{image[static_cast<size_t>(y * task.row_step + p * task.pixel_step + i)]} *
               filters[static_cast<size_t>((step * width + c) * pair + i % pair)];
      }
    }
    const float scaled =
        static_cast<float>(static_cast<int32_t>(sum)) * scale[static_cast<size_t>(c)];
    const float y = scaled + bias[static_cast<size_t>(p)][task.channel + c];
    return std::fmin(task.high, std::fmax(task.low, y));
  });
}

bool PointsAreRight(const Kernels& kernels) {
  const int64_t lanes = kernels.image_lanes;
  PointwiseTask task;
  task.depth = Draw(1, 40);
  task.step = task.depth + Draw(0, 3);
  task.pixels = Draw(1, 60);
  task.channels = Draw(1, static_cast<int>(kPointwiseRegisters * lanes));
  task.out_step = task.channels + Draw(0, 5);
  DrawActivation(&task.low, &task.high);
  const int64_t width = RoundUp(task.channels, lanes);
  // As long as it must be, and no longer.
  std::vector<float> values(static_cast<size_t>((task.pixels - 1) * task.step + task.depth)),
      filters(static_cast<size_t>(task.depth * width)), bias(static_cast<size_t>(width));
  for (auto* drawn : {&values, &filters, &bias}) {
    for (float& value : *drawn) value = DrawFloat();
  }
  std::vector<float> out(static_cast<size_t>(task.pixels * task.out_step), 77.0f);
  task.values = values.data();
  task.filters = filters.data();
  task.bias = bias.data();
  task.out = out.data();
  kernels.pointwise(task);
  return Check("points", out, task.pixels, task.channels, task.out_step, [&](int64_t p, int64_t c) {
    float y = bias[static_cast<size_t>(c)];
    for (int64_t d = 0; d < task.depth; ++d)
      y = std::fmaf(values[static_cast<size_t>(p * task.step + d)],
                    filters[static_cast<size_t>(d * width + c)], y);
    return std::fmin(task.high, std::fmax(task.low, y));
  });
}

bool PoolingIsRight(const Kernels& kernels) {
  PoolTask task;
  task.averages = Draw(0, 1);
  const int64_t height = Draw(1, 4);  // of the window
  WindowAxis columns = {Draw(1, 20), task.averages ? 2 : Draw(1, 4), Draw(1, 3), 1};
  columns.Resolve(columns.input < columns.kernel || Draw(0, 1) ? Padding::kSame : Padding::kValid);
  task.ring = Draw(static_cast<int>(height), 6);
  task.top = Draw(-1, 4);
  task.begin = std::max<int64_t>(task.top, 0);
  task.end = task.averages ? task.top + 2 : task.begin + height;
  if (task.averages && task.top >= 0 && Draw(0, 2) == 0) --task.end;
  task.columns = &columns;
  task.channels = Draw(1, 80);
  task.step = task.channels + Draw(0, 3);
  task.row_step = columns.input * task.step;
  DrawActivation(&task.low, &task.high);
  std::vector<float> rows(static_cast<size_t>(task.ring * task.row_step)),
      factors(static_cast<size_t>(task.channels)), shifts(factors.size());
  for (auto* drawn : {&rows, &factors, &shifts}) {
    for (float& value : *drawn) value = DrawFloat();
  }
  if (!task.averages && Draw(0, 1)) task.multiplier = factors.data();
  if (task.multiplier && Draw(0, 1)) task.bias = shifts.data();
  std::vector<float> out(static_cast<size_t>(columns.output * task.channels), 77.0f);
  task.rows = rows.data();
  task.out = out.data();
  kernels.pool_row(task);
  const auto expected = [&](int64_t p, int64_t c) {
    const int64_t left = p * columns.stride - columns.before;
    float greatest = -INFINITY, sums[2] = {};
    int inside = 0;
    for (int64_t x = std::max<int64_t>(left, 0); x < std::min(left + columns.kernel, columns.input);
         ++x) {
      for (int64_t y = task.begin; y < task.end; ++y, ++inside) {
        float value = rows[static_cast<size_t>(y % task.ring * task.row_step + x * task.step + c)];
        if (task.averages) sums[x - left] += value;
        if (task.multiplier) value = value * factors[static_cast<size_t>(c)];
        if (task.bias) value = value + shifts[static_cast<size_t>(c)];
        greatest = std::fmax(greatest, value);
      }
    }
    const float mean = (sums[0] + sums[1]) * (1.0f / static_cast<float>(inside));
    return std::fmin(task.high, std::fmax(task.low, task.averages ? mean : greatest));
  };
  return Check("pooling", out, columns.output, task.channels, task.channels, expected);
}

}  // namespace

int main(int, char** arguments) {
  const char* error = nullptr;
  const Kernels* kernels = SelectKernels(arguments[1], &error);
  if (!kernels) return std::fprintf(stderr, "%s\n", error), 2;
  const long cases = std::atol(arguments[2]);
  for (long i = 0; i < cases; ++i) {
    if (kernels->image_row && !FloatsAreRight(*kernels)) return 1;
    if (kernels->pointwise && !PointsAreRight(*kernels)) return 1;
    if (kernels->pool_row && !PoolingIsRight(*kernels)) return 1;
    if (kernels->pixel_row && !BytesAreRight(*kernels)) return 1;
  }
  std::printf("%ld cases\n", cases);
  return 0;
}
