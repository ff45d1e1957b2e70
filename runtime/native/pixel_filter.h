// The convolution that a network begins with, over pixels as they are stored: bytes, not floats.
//
// What stands between bytes and the filter in the model (DEQUANTIZE, MUL and ADD with constants) is
// linear, so it becomes part of the filter: x = q * factor + offset for a byte q of channel c, and
//
//     y = bias + sum of w * x = [bias + sum of w * offset] + sum of (w * factor) * q
//
// Weights w * factor are rounded to 16 bits, with one scale per filter. Sums of products are whole
// numbers of 32 bits, exact and the same on every processor. If byte 0 stands for x = 0, a black
// window gives the bias exactly, as with floats: signs are taken of it. At the border, where the
// window reaches out of the image, x is 0 and its offset is left out of the bracket: there are as
// many brackets as ways to reach out.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "attributes.h"
#include "kernels.h"
#include "memory.h"

namespace larq_igp {

class PixelFilter {
 public:
  // `filter` is [O][H][W][I]. False: out of memory.
  bool Setup(const ConvAttributes& attributes, const PixelInput& input, const float* filter,
             const float* bias, const Kernels& kernels);
  // Adapts to an input size. An empty string, or what is wrong.
  std::string Resize(int64_t batch, const WindowAxis& rows, const WindowAxis& columns);
  // Widens rows [begin, end) of one image.
  void CopyRows(const void* image, int64_t number, int64_t begin, int64_t end);
  // One row of results, pixels `step` apart; `whole`: the last register of channels may be written
  // whole.
  void RunRow(int64_t number, int64_t row, float low, float high, bool whole, float* out,
              int64_t step) const;

 private:
  struct Strip {
    int64_t channel, channels;  // whose sums stay in registers together
    size_t filters;             // where they begin
  };

  // Where a window begins and ends, by taps that lie inside the image.
  struct Reach {
    int64_t begin, end;
    bool operator==(const Reach& other) const { return begin == other.begin && end == other.end; }
  };
  static std::vector<Reach> Reaches(const WindowAxis& axis, std::vector<int>* kind_of);

  const Kernels* kernels_ = nullptr;
  ConvAttributes attributes_;
  PixelInput input_;
  int64_t padded_channels_ = 0;
  std::vector<Strip> strips_;
  Buffer<int16_t> filters_;  // per strip, as PixelTask says
  Buffer<float> scales_;
  std::vector<double> constant_;  // [O][H][W]: what a tap adds to the bracket; rounding errors of
                                  // its weights at one byte included
  std::vector<double> bias_;

  // Depends on the input size.
  WindowAxis rows_, columns_;
  int64_t row_step_ = 0, image_step_ = 0;
  Buffer<int16_t> images_;
  std::vector<int> row_kind_;
  Buffer<float> brackets_;                // [row kind][column kind][padded channels]
  std::vector<const float*> pixel_bias_;  // [row kind][column]: a bracket
};

}  // namespace larq_igp
