// What nodes say of windows: the numbers that convolutions and poolings are made by.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "geometry.h"

namespace larq_igp {

enum class Activation { kNone, kRelu, kReluN1To1, kRelu6 };

// What an activation clamps floats to.
struct Bounds {
  float low, high;
};
Bounds BoundsOf(Activation activation);

struct ConvAttributes {
  int64_t channels_in = 0;
  int64_t channels_out = 0;
  int64_t groups = 1;
  int64_t kernel_height = 1, kernel_width = 1;
  int64_t stride_height = 1, stride_width = 1;
  int64_t dilation_height = 1, dilation_width = 1;
  Padding padding = Padding::kSame;
  bool pad_one = true;  // what SAME padding stands for: +1, or 0
  Activation activation = Activation::kNone;
  float output_scale = 1.0f;  // int8 outputs
  int32_t output_zero_point = 0;

  int64_t group_channels() const { return channels_in / groups; }
  int64_t filter_words() const { return (group_channels() + 31) / 32; }  // per tap
  int64_t taps() const { return kernel_height * kernel_width; }
  // Number of +-1 products in one output.
  int64_t depth() const { return taps() * group_channels(); }
};

struct PoolAttributes {
  bool averages = false;  // else the greatest value
  Activation activation = Activation::kNone;
  Padding padding = Padding::kSame;
  int64_t stride_height = 1, stride_width = 1;
  int64_t filter_height = 1, filter_width = 1;

  int64_t taps() const { return filter_height * filter_width; }
  // The window along both axes of an input of the shape [N][H][W][C]. An empty string, or what is
  // wrong.
  std::string Resolve(const std::vector<int64_t>& shape, WindowAxis* rows,
                      WindowAxis* columns) const;
};

// What an image convolution reads bytes as: q * factor + offset, per channel.
struct PixelInput {
  bool is_signed = false;
  std::vector<double> factor, offset;  // empty: it reads floats
};

}  // namespace larq_igp
