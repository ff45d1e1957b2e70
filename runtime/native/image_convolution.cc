#include "image_convolution.h"

#include <algorithm>

namespace larq_igp {
namespace {

constexpr int64_t kStripRegisters = 3;
// At the least, with AVX-512: by these, loops are shared out.
constexpr double kNanosecondsPerCopy = 0.5, kNanosecondsPerProduct = 0.015;

int64_t CeilDivide(int64_t a, int64_t b) { return (a + b - 1) / b; }

}  // namespace

bool ImageConvolution::Setup(const ConvAttributes& attributes, const float* filter,
                             const float* bias, const PoolAttributes* pool,
                             const PixelInput& pixels, const Kernels& kernels) {
  kernels_ = &kernels;
  attributes_ = attributes;
  pools_ = pool != nullptr;
  if (pool) pool_ = *pool;
  bounds_ = BoundsOf(attributes.activation);

  lanes_ = pixels.factor.empty() ? kernels.image_lanes : kernels.pixel_lanes;
  if (!pixels.factor.empty()) {
    pixels_.reset(new PixelFilter);
    return pixels_->Setup(attributes, pixels, filter, bias, kernels);
  }
  // Strips of nearly equal size; channels that would leave much of a register empty are a strip
  // with pixels in its lanes.
  const int64_t lanes = kernels.image_lanes, depth = attributes.depth(),
                channels = attributes.channels_out;
  const int64_t rest =
      channels % lanes <= MostPixelLaneChannels(static_cast<int>(lanes)) ? channels % lanes : 0;
  const int64_t registers = CeilDivide(channels - rest, lanes),
                strips = CeilDivide(registers, kStripRegisters);
  size_t filters = 0;
  strips_.clear();
  for (int64_t s = 0; s < strips; ++s) {
    const int64_t begin = registers * s / strips * lanes,
                  end = registers * (s + 1) / strips * lanes;
    strips_.push_back({false, begin, std::min(end, channels) - begin, filters});
    filters += static_cast<size_t>((end - begin) * depth);
  }
  if (rest) strips_.push_back({true, channels - rest, rest, filters});
  filters += static_cast<size_t>(rest * depth);
  if (!filters_.Reserve(filters) ||
      !bias_.Reserve(static_cast<size_t>(CeilDivide(channels, lanes) * lanes)))
    return false;
  std::copy(bias, bias + channels, bias_.data());
  for (const Strip& strip : strips_) {
    const int64_t width =
        strip.pixel_lanes ? strip.channels : CeilDivide(strip.channels, lanes) * lanes;
    float* out = filters_.data() + strip.filters;
    for (int64_t d = 0; d < depth; ++d, out += width) {
      for (int64_t c = 0; c < strip.channels; ++c) out[c] = filter[(strip.channel + c) * depth + d];
    }
  }
  return true;
}

std::string ImageConvolution::Resize(int64_t batch, int64_t height, int64_t width,
                                     Workspace* workspace) {
  batch_ = batch;
  rows_ = {height, attributes_.kernel_height, attributes_.stride_height, 1};
  columns_ = {width, attributes_.kernel_width, attributes_.stride_width, 1};
  if (batch < 1) return "the batch is empty";
  if (!rows_.Resolve(attributes_.padding) || !columns_.Resolve(attributes_.padding))
    return "the input is smaller than the filter";
  if (pixels_) {
    const std::string error = pixels_->Resize(batch, rows_, columns_);
    return error.empty() ? ResizePool(workspace) : error;
  }
  if (!LayOutPlanes(rows_, columns_, attributes_.channels_in, &layout_))
    return "the padded input is too large";
  size_t planes = static_cast<size_t>(layout_.image_step());
  if (!MultiplySize(&planes, static_cast<size_t>(batch))) return "the padded input is too large";
  planes += static_cast<size_t>(
      kernels_->image_lanes);  // a last register may be read behind the last row
  if (!planes_.Reserve(planes)) return "out of memory for the padded input";
  std::fill(planes_.data(), planes_.data() + planes, 0u);

  offsets_.clear();
  for (int64_t y = 0; y < attributes_.kernel_height; ++y) {
    for (int64_t x = 0; x < attributes_.kernel_width; ++x) {
      for (int64_t c = 0; c < attributes_.channels_in; ++c) {
        offsets_.push_back(y * layout_.row_step() + layout_.Column(x) + c * layout_.plane_step());
      }
    }
  }
  return ResizePool(workspace);
}

std::string ImageConvolution::ResizePool(Workspace* workspace) {
  if (!pools_) return "";
  pool_rows_ = {rows_.output, pool_.filter_height, pool_.stride_height, 1};
  pool_columns_ = {columns_.output, pool_.filter_width, pool_.stride_width, 1};
  if (!pool_rows_.Resolve(pool_.padding) || !pool_columns_.Resolve(pool_.padding))
    return "the input is smaller than the pooling window";
  size_t ring = static_cast<size_t>(std::min(pool_.filter_height, rows_.output));
  const int64_t step = CeilDivide(attributes_.channels_out, lanes_) * lanes_;
  if (!MultiplySize(&ring, static_cast<size_t>(columns_.output)) ||
      !MultiplySize(&ring, static_cast<size_t>(step)) || !MultiplySize(&ring, sizeof(float))) {
    return "the pooled rows are too large";
  }
  workspace_ = workspace;
  if (!workspace_->Reserve(ring)) return "out of memory for pooled rows";
  return "";
}

void ImageConvolution::Run(const void* image, float* out, Team* team) {
  constexpr int64_t kRowsPerTask = 8;
  const int64_t copy_tasks = CeilDivide(rows_.input, kRowsPerTask);
  const int64_t row_values = columns_.input * attributes_.channels_in;
  const double copied = static_cast<double>(batch_ * rows_.input * row_values);
  const int copiers = team->Width(copied * kNanosecondsPerCopy);
  team->For(static_cast<size_t>(batch_ * copy_tasks), copiers, [&](size_t task, int) {
    const int64_t n = static_cast<int64_t>(task) / copy_tasks,
                  y = static_cast<int64_t>(task) % copy_tasks * kRowsPerTask;
    const int64_t end = std::min(rows_.input, y + kRowsPerTask);
    if (pixels_) return pixels_->CopyRows(image, n, y, end);
    CopyToPlanes(static_cast<const uint32_t*>(image) + n * rows_.input * row_values, rows_,
                 columns_, y, end, layout_, planes_.data() + n * layout_.image_step());
  });

  // A task is a band of rows. With pooling the rows that two bands share are computed twice, so
  // bands are few.
  const int64_t height = out_height(), row_step = out_width() * attributes_.channels_out;
  const double products = static_cast<double>(batch_ * rows_.output * columns_.output) *
                          static_cast<double>(attributes_.channels_out * attributes_.depth());
  const int width = team->Width(products * kNanosecondsPerProduct);
  const int64_t bands = std::min<int64_t>(height, width == 1 ? 1 : 4 * width);
  team->For(static_cast<size_t>(batch_ * bands), width, [&](size_t task, int worker) {
    const int64_t n = static_cast<int64_t>(task) / bands, band = static_cast<int64_t>(task) % bands;
    const int64_t begin = height * band / bands, end = height * (band + 1) / bands;
    float* result = out + (n * height + begin) * row_step;
    if (pools_)
      return RunPooledRows(n, begin, end, reinterpret_cast<float*>(workspace_->Of(worker)), result);
    for (int64_t y = begin; y < end; ++y, result += row_step)
      RunRow(n, y, result, attributes_.channels_out);
  });
}

// One row of the convolution. Where pixels lie further apart than channels need, whole registers of
// channels are written.
void ImageConvolution::RunRow(int64_t image, int64_t row, float* out, int64_t step) const {
  if (pixels_)
    return pixels_->RunRow(image, row, bounds_.low, bounds_.high, step > attributes_.channels_out,
                           out, step);
  ImageTask task;
  task.image = reinterpret_cast<const float*>(planes_.data() + image * layout_.image_step() +
                                              row * rows_.stride * layout_.row_step());
  task.offsets = offsets_.data();
  task.depth = offsets_.size();
  task.low = bounds_.low;
  task.high = bounds_.high;
  task.pixels = columns_.output;
  task.out_step = step;
  for (const Strip& strip : strips_) {
    task.filters = filters_.data() + strip.filters;
    task.bias = bias_.data() + strip.channel;
    task.pixel_lanes = strip.pixel_lanes;
    const bool whole = !strip.pixel_lanes && step > attributes_.channels_out;
    task.channels = whole
                        ? CeilDivide(strip.channels, kernels_->image_lanes) * kernels_->image_lanes
                        : strip.channels;
    task.out = out + strip.channel;
    kernels_->image_row(task);
  }
}

void ImageConvolution::RunPooledRows(int64_t image, int64_t begin, int64_t end, float* ring,
                                     float* out) const {
  const Bounds pool_bounds = BoundsOf(pool_.activation);
  PoolTask task;
  task.low = pool_bounds.low;
  task.high = pool_bounds.high;
  task.step = CeilDivide(attributes_.channels_out, lanes_) * lanes_;
  task.rows = ring;
  task.ring = std::min(pool_.filter_height, rows_.output);
  task.row_step = columns_.output * task.step;
  task.columns = &pool_columns_;
  task.channels = attributes_.channels_out;
  task.out = out;
  int64_t computed = 0;
  for (int64_t y = begin; y < end;
       ++y, task.out += pool_columns_.output * attributes_.channels_out) {
    const int64_t top = y * pool_.stride_height - pool_rows_.before;
    task.begin = std::max<int64_t>(0, top);
    task.end = std::min(rows_.output, top + pool_.filter_height);
    for (computed = std::max(computed, task.begin); computed < task.end; ++computed) {
      RunRow(image, computed, ring + computed % task.ring * task.row_step, task.step);
    }
    kernels_->pool_row(task);
  }
}

}  // namespace larq_igp
