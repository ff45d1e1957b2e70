#include "geometry.h"

#include <algorithm>
#include <limits>

#include "attributes.h"

namespace larq_igp {

bool WindowAxis::Resolve(Padding padding) {
  if (input < 1 || kernel < 1 || stride < 1 || dilation < 1) return false;
  if (padding == Padding::kSame) {
    output = (input + stride - 1) / stride;
    before = std::max<int64_t>(0, padded() - input) / 2;
  } else {
    output = (input - effective_kernel() + stride) / stride;
    before = 0;
    if (input < effective_kernel()) return false;
  }
  return output >= 1;
}

PanelPlan CutIntoPanels(int64_t out_height, int64_t out_width, int64_t row_step) {
  PanelPlan plan;
  const int64_t pixels = out_height * out_width;
  const int64_t quads = (pixels + 3) / 4, count = (pixels + kPanelPixels - 1) / kPanelPixels;
  for (int64_t i = 0; i < count; ++i) {
    const int64_t begin = 4 * (quads * i / count),
                  end = std::min(pixels, 4 * (quads * (i + 1) / count));
    plan.panels.push_back(
        {begin, static_cast<int>(end - begin), static_cast<int>(plan.pieces.size()), 0});
    for (int64_t at = begin; at < end; at = (at / out_width + 1) * out_width) {
      plan.pieces.push_back(
          {at / out_width * row_step + at % out_width, static_cast<int>(at - begin)});
      ++plan.panels.back().pieces;
    }
  }
  return plan;
}

Bounds BoundsOf(Activation activation) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  switch (activation) {
    case Activation::kRelu: return {0.0f, kInfinity};
    case Activation::kReluN1To1: return {-1.0f, 1.0f};
    case Activation::kRelu6: return {0.0f, 6.0f};
    case Activation::kNone: break;
  }
  return {-kInfinity, kInfinity};
}

std::string PoolAttributes::Resolve(const std::vector<int64_t>& shape, WindowAxis* rows,
                                    WindowAxis* columns) const {
  if (shape.size() != 4) return "its input has rank " + std::to_string(shape.size()) + ", not 4";
  *rows = {shape[1], filter_height, stride_height, 1};
  *columns = {shape[2], filter_width, stride_width, 1};
  return rows->Resolve(padding) && columns->Resolve(padding)
             ? ""
             : "the input is smaller than the window";
}

}  // namespace larq_igp
