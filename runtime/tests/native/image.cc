// image ISA CASES: rows of a convolution over an image, of floats and of bytes, give the bits of a
// plain loop.

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

}  // namespace

int main(int, char** arguments) {
  const char* error = nullptr;
  const Kernels* kernels = SelectKernels(arguments[1], &error);
  if (!kernels) return std::fprintf(stderr, "%s\n", error), 2;
  const long cases = std::atol(arguments[2]);
  for (long i = 0; i < cases; ++i) {
    if (kernels->image_row && !FloatsAreRight(*kernels)) return 1;
    if (kernels->pixel_row && !BytesAreRight(*kernels)) return 1;
  }
  std::printf("%ld cases\n", cases);
  return 0;
}
