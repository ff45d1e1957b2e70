// What makes floats of bytes becomes part of the filter of the image convolution, see
// pixel_filter.h.

#include <cmath>

#include "graph.h"
#include "op_arithmetic.h"
#include "op_conv2d.h"
#include "op_pixels.h"

namespace larq_igp {
namespace {

constexpr double kMostWeight = 1e6;      // of what becomes whole numbers
constexpr int64_t kMostDepth = 1 << 16;  // likewise: products that are added

// Applies an operation to what the bytes stand for. False where numbers are so large that floats
// would overflow, which whole numbers do not.
bool Apply(const TfLiteContext& context, Operator* op, PixelInput* pixels) {
  const auto* scalar = As<Scalar>(op);
  const auto* constants = As<PerChannel>(op);
  const size_t channels = pixels->factor.size();
  const float* values = nullptr;
  if (constants) {
    const TfLiteTensor& source = context.tensors[constants->constant->index];
    if (source.bytes < channels * sizeof(float)) return false;
    values = static_cast<const float*>(source.data);
  }
  const bool multiplies = scalar ? scalar->multiplies : constants->kind == Addend::kChannelScale;
  for (size_t c = 0; c < channels; ++c) {
    const double value = values ? values[c] : scalar->value;
    if (multiplies) {
      pixels->factor[c] *= value;
      pixels->offset[c] *= value;
    } else {
      pixels->offset[c] += value;
    }
    if (!std::isfinite(pixels->factor[c]) || !std::isfinite(pixels->offset[c])) return false;
  }
  return true;
}

bool IsSmall(const TfLiteContext& context, const ImageConvolutionOp& convolution,
             const PixelInput& pixels) {
  const TfLiteTensor& filter = context.tensors[convolution.filter->index];
  const auto* weights = static_cast<const float*>(filter.data);
  for (size_t w = 0; w < filter.bytes / sizeof(float); ++w) {
    if (!(std::fabs(weights[w]) < kMostWeight)) return false;
  }
  for (size_t c = 0; c < pixels.factor.size(); ++c) {
    if (!(std::fabs(pixels.factor[c]) < kMostWeight && std::fabs(pixels.offset[c]) < kMostWeight))
      return false;
  }
  return convolution.conv.depth() <= kMostDepth;
}

}  // namespace

bool IsLinear(Operator* op) {
  const auto* constants = As<PerChannel>(op);
  return As<Scalar>(op) || (constants && constants->kind != Addend::kChannelSlope);
}

void Graph::FusePixels(const TfLiteContext& context) {
  for (size_t i = 0; i < steps_.size(); ++i) {
    const auto* bytes = As<Pixels>(steps_[i].op);
    if (!bytes) continue;
    std::vector<size_t> way = {i};
    int at = OnlyReaderAfter(i, bytes->output);
    while (at >= 0 && IsLinear(steps_[at].op.get())) {
      way.push_back(static_cast<size_t>(at));
      at = OnlyReaderAfter(way.back(), steps_[at].op->output);
    }
    auto* convolution = at >= 0 ? As<ImageConvolutionOp>(steps_[at].op) : nullptr;
    if (!convolution) continue;
    const auto channels = static_cast<size_t>(convolution->conv.channels_in);
    PixelInput pixels;
    pixels.is_signed = bytes->input->type == kTfLiteInt8;
    pixels.factor.assign(channels, bytes->scale);
    pixels.offset.assign(channels, -static_cast<double>(bytes->scale) * bytes->zero_point);
    bool fits = true;
    for (size_t k = 1; fits && k < way.size(); ++k)
      fits = Apply(context, steps_[way[k]].op.get(), &pixels);
    if (!fits || !IsSmall(context, *convolution, pixels)) continue;
    convolution->pixels = pixels;
    convolution->input = bytes->input;
    for (size_t step : way) steps_[step].op.reset();
  }
}

}  // namespace larq_igp
