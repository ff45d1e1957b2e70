#include "pixel_filter.h"

#include <algorithm>
#include <cmath>

namespace larq_igp {
namespace {

int64_t CeilDivide(int64_t a, int64_t b) { return (a + b - 1) / b; }

constexpr double kMiddle[] = {127.5, -0.5};  // of unsigned and signed bytes
constexpr double kMostWeight = 32767, kMostByte = 255, kMostSum = 2147483647;
// A last tap is read with the value behind it, and a register of taps with all behind it.
constexpr int64_t kSpareValues = 32;

}  // namespace

bool PixelFilter::Setup(const ConvAttributes& attributes, const PixelInput& input,
                        const float* filter, const float* bias, const Kernels& kernels) {
  kernels_ = &kernels;
  attributes_ = attributes;
  input_ = input;
  const int64_t lanes = kernels.pixel_lanes, pair = kernels.pixel_pair;
  const int64_t depth = attributes.depth(), channels = attributes.channels_out,
                taps = attributes.taps();
  const int64_t row_values = attributes.kernel_width * attributes.channels_in;
  const int64_t steps = CeilDivide(row_values, pair);
  padded_channels_ = CeilDivide(channels, lanes) * lanes;

  const int64_t registers = padded_channels_ / lanes,
                strips = CeilDivide(registers, kernels.pixel_registers);
  size_t filters = 0;
  strips_.clear();
  for (int64_t s = 0; s < strips; ++s) {
    const int64_t begin = registers * s / strips * lanes,
                  end = registers * (s + 1) / strips * lanes;
    strips_.push_back({begin, std::min(end, channels) - begin, filters});
    filters += static_cast<size_t>((end - begin) * attributes.kernel_height * steps * pair);
  }
  if (!filters_.Reserve(filters) || !scales_.Reserve(static_cast<size_t>(padded_channels_)))
    return false;
  std::fill(filters_.data(), filters_.data() + filters, int16_t{0});
  constant_.assign(static_cast<size_t>(channels * taps), 0);
  bias_.assign(bias, bias + channels);

  // A byte at which the rounding of weights changes nothing: one that stands for 0, as flat areas
  // have it, so that their signs are those of the bias; else the middle.
  std::vector<double> where;
  for (const double offset : input.offset)
    where.push_back(offset == 0 ? 0 : kMiddle[input.is_signed]);

  for (const Strip& strip : strips_) {
    const int64_t width = CeilDivide(strip.channels, lanes) * lanes;
    for (int64_t i = 0; i < strip.channels; ++i) {
      const int64_t o = strip.channel + i;
      const float* weights = filter + o * depth;
      const auto exact = [&](int64_t d) {
        return weights[d] * input.factor[static_cast<size_t>(d % attributes.channels_in)];
      };
      double most = 0, sum = 0;
      for (int64_t d = 0; d < depth; ++d) {
        most = std::max(most, std::fabs(exact(d)));
        sum += std::fabs(exact(d));
      }
      // No sum may leave 32 bits; only filters of more than 257 taps can come near.
      const double scale =
          std::max(most / kMostWeight,
                   sum * kMostByte / (kMostSum - kMostByte * static_cast<double>(depth)));
      const auto stored = static_cast<float>(scale);
      scales_[static_cast<size_t>(o)] = stored;
      for (int64_t d = 0; d < depth; ++d) {
        const int64_t c = d % attributes.channels_in, tap = d / attributes.channels_in,
                      y = d / row_values, x = d % row_values;
        // Bounded, as a scale that is no normal number is a rough one.
        const double rounded =
            stored > 0
                ? std::max(-kMostWeight, std::min(kMostWeight, std::nearbyint(exact(d) / stored)))
                : 0;
        const int64_t at = ((y * steps + x / pair) * width + i) * pair + x % pair;
        filters_[strip.filters + static_cast<size_t>(at)] = static_cast<int16_t>(rounded);
        constant_[static_cast<size_t>(o * taps + tap)] +=
            weights[d] * input.offset[static_cast<size_t>(c)] +
            (exact(d) - rounded * stored) * where[static_cast<size_t>(c)];
      }
    }
  }
  return true;
}

// The different ways in which windows reach out of an axis, and which of them each has.
std::vector<PixelFilter::Reach> PixelFilter::Reaches(const WindowAxis& axis,
                                                     std::vector<int>* kind_of) {
  std::vector<Reach> kinds;
  kind_of->clear();
  for (int64_t i = 0; i < axis.output; ++i) {
    const int64_t first = i * axis.stride - axis.before;
    const Reach reach = {std::max<int64_t>(0, -first), std::min(axis.kernel, axis.input - first)};
    const auto found = std::find(kinds.begin(), kinds.end(), reach);
    kind_of->push_back(static_cast<int>(found - kinds.begin()));
    if (found == kinds.end()) kinds.push_back(reach);
  }
  return kinds;
}

std::string PixelFilter::Resize(int64_t batch, const WindowAxis& rows, const WindowAxis& columns) {
  rows_ = rows;
  columns_ = columns;
  const int64_t channels_in = attributes_.channels_in, channels = attributes_.channels_out,
                taps = attributes_.taps();
  row_step_ = columns.padded() * channels_in;
  size_t values = static_cast<size_t>(row_step_);
  if (!MultiplySize(&values, static_cast<size_t>(rows.padded())))
    return "the padded input is too large";
  image_step_ = static_cast<int64_t>(values);
  if (!MultiplySize(&values, static_cast<size_t>(batch))) return "the padded input is too large";
  values += kSpareValues;
  if (!images_.Reserve(values)) return "out of memory for the padded input";
  std::fill(images_.data(), images_.data() + values, int16_t{0});

  std::vector<int> column_kind;
  const std::vector<Reach> down = Reaches(rows, &row_kind_),
                           across = Reaches(columns, &column_kind);
  size_t brackets = down.size() * across.size();
  if (!MultiplySize(&brackets, static_cast<size_t>(padded_channels_)) ||
      !brackets_.Reserve(brackets)) {
    return "out of memory for the border";
  }
  size_t row_biases = down.size();
  if (!MultiplySize(&row_biases, static_cast<size_t>(columns.output)))
    return "the padded input is too large";
  pixel_bias_.clear();
  float* bracket = brackets_.data();
  for (const Reach& y_reach : down) {
    const float* first = bracket;
    for (const Reach& x_reach : across) {
      for (int64_t o = 0; o < channels; ++o) {
        double sum = bias_[static_cast<size_t>(o)];
        for (int64_t y = y_reach.begin; y < y_reach.end; ++y) {
          for (int64_t x = x_reach.begin; x < x_reach.end; ++x) {
            sum += constant_[static_cast<size_t>(o * taps + y * attributes_.kernel_width + x)];
          }
        }
        bracket[o] = static_cast<float>(sum);
      }
      bracket += padded_channels_;
    }
    for (int kind : column_kind) pixel_bias_.push_back(first + kind * padded_channels_);
  }
  return "";
}

void PixelFilter::CopyRows(const void* image, int64_t number, int64_t begin, int64_t end) {
  const int64_t row_values = columns_.input * attributes_.channels_in,
                left = columns_.before * attributes_.channels_in;
  const int64_t count = std::min(row_values, row_step_ - left);
  const auto widen = [&](const auto* bytes) {
    for (int64_t y = begin; y < end && y + rows_.before < rows_.padded(); ++y) {
      int16_t* to = images_.data() + number * image_step_ + (y + rows_.before) * row_step_ + left;
      const auto* from = bytes + (number * rows_.input + y) * row_values;
      for (int64_t i = 0; i < count; ++i) to[i] = from[i];
    }
  };
  if (input_.is_signed) return widen(static_cast<const int8_t*>(image));
  widen(static_cast<const uint8_t*>(image));
}

void PixelFilter::RunRow(int64_t number, int64_t row, float low, float high, bool whole, float* out,
                         int64_t step) const {
  PixelTask task;
  task.image = images_.data() + number * image_step_ + row * rows_.stride * row_step_;
  task.row_step = row_step_;
  task.pixel_step = columns_.stride * attributes_.channels_in;
  task.rows = attributes_.kernel_height;
  task.steps = CeilDivide(attributes_.kernel_width * attributes_.channels_in, kernels_->pixel_pair);
  task.bias = pixel_bias_.data() + row_kind_[static_cast<size_t>(row)] * columns_.output;
  task.low = low;
  task.high = high;
  task.pixels = columns_.output;
  task.out_step = step;
  for (const Strip& strip : strips_) {
    task.filters = filters_.data() + strip.filters;
    task.channel = strip.channel;
    task.scale = scales_.data() + strip.channel;
    task.channels = whole
                        ? CeilDivide(strip.channels, kernels_->pixel_lanes) * kernels_->pixel_lanes
                        : strip.channels;
    task.out = out + strip.channel;
    kernels_->pixel_row(task);
  }
}

}  // namespace larq_igp
