// What zero padding takes away from the sums of a binary convolution.

#include <algorithm>
#include <map>
#include <utility>

#include "convolution.h"

namespace larq_igp {
namespace {

int SignsIn(uint32_t word) { return __builtin_popcount(word); }

}  // namespace

// Windows read zero words outside the image, which stand for +1. Where padding stands for 0, the
// sum of the filter's values at those taps must be taken away again. It depends only on which rows
// and which columns of the window are outside, so it is computed once per pair of such patterns.
// Right for maps smaller than the window too.
bool Convolution::BuildBorders() {
  border_of_pixel_.clear();
  shift_of_pixel_.clear();
  panel_has_border_.clear();
  const ConvAttributes& conv = members_[0].attributes;
  if (conv.pad_one || conv.padding == Padding::kValid) return true;

  // Per output position the taps inside, [begin, end): the taps outside are a prefix and a suffix.
  using Span = std::pair<int64_t, int64_t>;
  const auto inside = [](const WindowAxis& axis, int64_t at) {
    const int64_t start = at * axis.stride - axis.before;
    const int64_t begin =
        start >= 0 ? 0 : std::min(axis.kernel, (-start + axis.dilation - 1) / axis.dilation);
    const int64_t last = axis.input - 1 - start;
    const int64_t end = last < 0 ? 0 : std::min(axis.kernel, last / axis.dilation + 1);
    return Span{begin, std::max(begin, end)};
  };
  const auto classify = [&](const WindowAxis& axis, std::vector<int>* class_of,
                            std::vector<Span>* spans) {
    std::map<Span, int> known;
    for (int64_t at = 0; at < axis.output; ++at) {
      const Span span = inside(axis, at);
      const auto found = known.emplace(span, static_cast<int>(spans->size()));
      if (found.second) spans->push_back(span);
      class_of->push_back(found.first->second);
    }
  };
  std::vector<int> row_class, column_class;
  std::vector<Span> row_spans, column_spans;
  classify(rows_, &row_class, &row_spans);
  classify(columns_, &column_class, &column_spans);

  const size_t lanes = static_cast<size_t>(blocks_) * kBlockChannels;
  const bool as_values = mode_ == ConvMode::kFloat && conv.activation == Activation::kNone;
  size_t size = lanes;
  if (!MultiplySize(&size, row_spans.size()) || !MultiplySize(&size, column_spans.size()))
    return false;
  if (as_values ? !border_values_.Reserve(size) : !border_sums_.Reserve(size)) return false;

  // Sum of the filter's values at every tap, per lane.
  std::vector<int32_t> tap_sums(static_cast<size_t>(conv.taps()) * lanes);
  const int64_t words = conv.filter_words();
  for (const Slice& slice : slices_) {
    for (int64_t i = 0; i < slice.count; ++i) {
      const uint32_t* filter =
          members_[slice.member].filter + (slice.channel + i) * conv.taps() * words;
      for (int64_t t = 0; t < conv.taps(); ++t) {
        int32_t signs = 0;
        for (int64_t w = 0; w < words; ++w) signs += SignsIn(filter[t * words + w]);
        tap_sums[t * lanes + slice.lane + i] =
            static_cast<int32_t>(conv.group_channels()) - 2 * signs;
      }
    }
  }
  for (size_t rc = 0; rc < row_spans.size(); ++rc) {
    for (size_t cc = 0; cc < column_spans.size(); ++cc) {
      std::vector<int32_t> outside(lanes, 0);
      for (int64_t y = 0; y < conv.kernel_height; ++y) {
        const bool row_inside = y >= row_spans[rc].first && y < row_spans[rc].second;
        for (int64_t x = 0; x < conv.kernel_width; ++x) {
          if (row_inside && x >= column_spans[cc].first && x < column_spans[cc].second) continue;
          const int32_t* sums = tap_sums.data() + (y * conv.kernel_width + x) * lanes;
          for (size_t l = 0; l < lanes; ++l) outside[l] += sums[l];
        }
      }
      const size_t at = (rc * column_spans.size() + cc) * lanes;
      for (size_t l = 0; l < lanes; ++l) {
        if (as_values) {
          border_values_[at + l] = multiplier_[l] * static_cast<float>(outside[l]);
        } else {
          border_sums_[at + l] = outside[l];
        }
      }
    }
  }

  const auto whole = [](const Span& span, const WindowAxis& axis) {
    return span == Span{0, axis.kernel};
  };
  for (int64_t y = 0; y < rows_.output; ++y) {
    for (int64_t x = 0; x < columns_.output; ++x) {
      const int rc = row_class[y], cc = column_class[x];
      const bool none = whole(row_spans[rc], rows_) && whole(column_spans[cc], columns_);
      const size_t at = (rc * column_spans.size() + cc) * lanes;
      if (as_values) {
        border_of_pixel_.push_back(none ? nullptr : border_values_.data() + at);
      } else {
        shift_of_pixel_.push_back(none ? nullptr : border_sums_.data() + at);
      }
    }
  }
  for (const Panel& panel : panels_.panels) {
    bool any = false;
    for (int p = 0; p < panel.pixels; ++p) {
      any = any || (as_values ? border_of_pixel_[panel.first_pixel + p] != nullptr
                              : shift_of_pixel_[panel.first_pixel + p] != nullptr);
    }
    panel_has_border_.push_back(any);
  }
  return true;
}

}  // namespace larq_igp
