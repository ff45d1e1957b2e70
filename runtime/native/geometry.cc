#include "geometry.h"

#include <algorithm>

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
  if (out_width * 2 <= kPanelPixels) {
    // Narrow map: whole rows together.
    const int64_t rows_per_panel = kPanelPixels / out_width;
    for (int64_t y = 0; y < out_height; y += rows_per_panel) {
      const int rows = static_cast<int>(std::min(rows_per_panel, out_height - y));
      plan.panels.push_back({y * out_width, static_cast<int>(rows * out_width), static_cast<int>(plan.pieces.size()), rows});
      for (int r = 0; r < rows; ++r) plan.pieces.push_back({(y + r) * row_step, static_cast<int>(r * out_width)});
    }
    return plan;
  }
  const int64_t per_row = (out_width + kPanelPixels - 1) / kPanelPixels;
  for (int64_t y = 0; y < out_height; ++y) {
    for (int64_t i = 0; i < per_row; ++i) {
      const int64_t begin = out_width * i / per_row, end = out_width * (i + 1) / per_row;
      plan.panels.push_back({y * out_width + begin, static_cast<int>(end - begin), static_cast<int>(plan.pieces.size()), 1});
      plan.pieces.push_back({y * row_step + begin, 0});
    }
  }
  return plan;
}

}  // namespace larq_igp
