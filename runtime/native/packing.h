// Rearranges packed bits into the order in which the inner loops read them.
//
// Packed activations come as rows of pixels, the words of a pixel side by side. Convolutions read
// them from a planar copy with padding around it, one plane per word. A row of a plane is split by
// the phase of its column modulo the stride, so that neighbouring windows are neighbouring words
// whatever the stride:
//
//     row, stride 1:   0 1 2 3 4 5 6 7 8
//     row, stride 2:   0 2 4 6 8 | 1 3 5 7      windows that start at 0, 2, 4 ... lie side by side
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "geometry.h"
#include "memory.h"

namespace larq_igp {

struct PlanarLayout {
  int64_t words = 0;        // planes per image
  int64_t rows = 0;         // per plane, padding included
  int64_t phases = 1;       // stride of the columns
  int64_t phase_width = 0;  // words per phase of a row
  int64_t row_step() const { return phases * phase_width; }
  int64_t plane_step() const { return rows * row_step(); }
  int64_t image_step() const { return words * plane_step(); }
  // Where column x of the padded image lies in its row.
  int64_t Column(int64_t x) const { return x % phases * phase_width + x / phases; }
};

// The planar layout that a convolution over these axes reads. False if it would be too large for
// any machine.
bool LayOutPlanes(const WindowAxis& rows, const WindowAxis& columns, int64_t words,
                  PlanarLayout* layout);

// Copies rows [row_begin, row_end) of one image; padding is left as it is.
void CopyToPlanes(const uint32_t* image, const WindowAxis& rows, const WindowAxis& columns,
                  int64_t row_begin, int64_t row_end, const PlanarLayout& layout, uint32_t* planes);

// Writes the filter of one output channel, `taps` x ceil(channels / 32) words, into one lane of a
// filter block [depth][16]. Gapless: the bits of the taps follow each other without filling up
// words.
void PackFilterLane(const uint32_t* filter, int64_t taps, int64_t channels, bool gapless,
                    uint32_t* block, int lane);

// Words per patch.
int64_t PatchDepth(int64_t taps, int64_t channels, bool gapless);

}  // namespace larq_igp
