#include "packing.h"

#include <algorithm>
#include <cstring>

#include "kernels.h"

namespace larq_igp {

bool LayOutPlanes(const WindowAxis& rows, const WindowAxis& columns, int64_t words,
                  PlanarLayout* layout) {
  layout->words = words;
  layout->rows = rows.padded();
  layout->phases = columns.stride;
  layout->phase_width = (columns.padded() + columns.stride - 1) / columns.stride;
  size_t size = static_cast<size_t>(words);
  return MultiplySize(&size, layout->rows) && MultiplySize(&size, layout->phases) &&
         MultiplySize(&size, layout->phase_width);
}

void CopyToPlanes(const uint32_t* image, const WindowAxis& rows, const WindowAxis& columns,
                  int64_t row_begin, int64_t row_end, const PlanarLayout& layout,
                  uint32_t* planes) {
  const int64_t words = layout.words;
  // Inputs beyond the last window are not read by anyone.
  const int64_t width = std::min(columns.input, columns.padded() - columns.before);
  row_end = std::min(row_end, layout.rows - rows.before);
  for (int64_t y = row_begin; y < row_end; ++y) {
    const uint32_t* source = image + y * columns.input * words;
    for (int64_t w = 0; w < words; ++w) {
      uint32_t* row = planes + w * layout.plane_step() + (y + rows.before) * layout.row_step();
      if (layout.phases == 1) {
        uint32_t* target = row + columns.before;
        for (int64_t x = 0; x < width; ++x) target[x] = source[x * words + w];
        continue;
      }
      for (int64_t phase = 0; phase < layout.phases; ++phase) {
        // First column of this phase that is inside the image.
        int64_t x = (phase - columns.before) % layout.phases;
        if (x < 0) x += layout.phases;
        uint32_t* target = row + layout.Column(x + columns.before);
        for (; x < width; x += layout.phases) *target++ = source[x * words + w];
      }
    }
  }
}

int64_t PatchDepth(int64_t taps, int64_t channels, bool gapless) {
  return gapless ? (taps * channels + 31) / 32 : taps * ((channels + 31) / 32);
}

void PackFilterLane(const uint32_t* filter, int64_t taps, int64_t channels, bool gapless,
                    uint32_t* block, int lane) {
  const int64_t words = (channels + 31) / 32;
  uint32_t* out = block + lane;
  if (!gapless) {
    for (int64_t d = 0; d < taps * words; ++d) out[d * kBlockChannels] = filter[d];
    return;
  }
  int64_t at = 0;  // next bit of the patch
  for (int64_t t = 0; t < taps; ++t) {
    for (int64_t w = 0; w < words; ++w) {
      const int bits = static_cast<int>(std::min<int64_t>(32, channels - 32 * w));
      const uint64_t value =
          (filter[t * words + w] & (0xffffffffu >> (32 - bits))) * (uint64_t{1} << (at % 32));
      out[at / 32 * kBlockChannels] |= static_cast<uint32_t>(value);
      if (at % 32 + bits > 32)
        out[(at / 32 + 1) * kBlockChannels] |= static_cast<uint32_t>(value >> 32);
      at += bits;
    }
  }
}

}  // namespace larq_igp
