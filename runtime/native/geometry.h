// Where the values of a window operation lie: output size, padding, and how pixels are cut into
// panels.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace larq_igp {

enum class Padding { kSame, kValid };

// One spatial dimension of a convolution or pooling.
struct WindowAxis {
  int64_t input = 0;
  int64_t kernel = 1;
  int64_t stride = 1;
  int64_t dilation = 1;
  int64_t output = 0;  // from Resolve
  int64_t before = 0;  // padding before the first input, from Resolve

  int64_t effective_kernel() const { return (kernel - 1) * dilation + 1; }
  // Extent of the padded input that windows touch.
  int64_t padded() const { return (output - 1) * stride + effective_kernel(); }
  // Sets `output` and `before`. False where no output would be left.
  bool Resolve(Padding padding);
};

// A panel is up to 16 consecutive output pixels of one image, multiplied together. They are cut
// into pieces where rows end: each is one run of neighbours in the planar input (see packing.h).
constexpr int kPanelPixels = 16;

struct RowPiece {
  ptrdiff_t source;  // words from the start of an image plane to the window of the first pixel
  int lane;          // pixel index inside the panel
};

struct Panel {
  int64_t first_pixel;  // inside the image, row-major
  int pixels;
  int first_piece;
  int pieces;
};

struct PanelPlan {
  std::vector<Panel> panels;
  std::vector<RowPiece> pieces;
};

// Cuts an output map into as few panels as there can be, of nearly equal size, and all but the last
// a multiple of 4.
PanelPlan CutIntoPanels(int64_t out_height, int64_t out_width, int64_t row_step);

}  // namespace larq_igp
