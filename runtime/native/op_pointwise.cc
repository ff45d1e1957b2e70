#include "op_pointwise.h"

#include <algorithm>

#include "node_reader.h"
#include "op_conv2d.h"

namespace larq_igp {
namespace {

constexpr double kNanosecondsPerProduct = 0.015;  // at the least, with AVX-512
// A block reads all filters, so it should not be small, nor its values leave the first cache.
constexpr int64_t kBlockPixels = 56;

int64_t CeilDivide(int64_t a, int64_t b) { return (a + b - 1) / b; }

}  // namespace

bool Pointwise::Read(NodeReader* reader) {
  return ReadConvolution(reader, this, &conv_, &filter_, &bias_) && conv_.taps() == 1 &&
         conv_.stride_height == 1 && conv_.stride_width == 1;
}

std::string Pointwise::Fused() const {
  return pool ? std::string(" [after ") + pool->name() + "]" : "";
}

// False: out of memory.
bool Pointwise::Pack() {
  const int64_t lanes = kernels->image_lanes, strip = kPointwiseRegisters * lanes;
  const int64_t channels = conv_.channels_out, depth = conv_.channels_in;
  const int64_t padded = CeilDivide(channels, lanes) * lanes;
  size_t size = static_cast<size_t>(padded);
  if (!MultiplySize(&size, static_cast<size_t>(depth)) || !filters_.Reserve(size) ||
      !biases_.Reserve(static_cast<size_t>(padded)))
    return false;
  std::fill(filters_.data(), filters_.data() + size, 0.0f);
  std::fill(biases_.data(), biases_.data() + padded, 0.0f);
  std::copy(bias_->values<float>(), bias_->values<float>() + channels, biases_.data());
  const float* filter = filter_->values<float>();
  float* out = filters_.data();
  for (int64_t begin = 0; begin < padded; begin += strip) {
    const int64_t width = std::min(strip, padded - begin), used = std::min(width, channels - begin);
    for (int64_t d = 0; d < depth; ++d, out += width) {
      for (int64_t c = 0; c < used; ++c) out[c] = filter[(begin + c) * depth + d];
    }
  }
  return true;
}

std::string Pointwise::Reshape(Preparation* preparation) {
  const std::vector<int64_t>& shape = input->shape;
  if (shape.size() != 4 || shape[3] != conv_.channels_in)
    return "its input " + ShapeText(shape) + " does not match the filter";
  std::vector<int64_t> out = shape;
  out[3] = conv_.channels_out;
  if (!packed_ && !(packed_ = Pack())) return "out of memory for filters";
  units_ = shape[0] * shape[1] * shape[2];
  unit_pixels_ = 1;
  if (pool) {
    pool->kernels = kernels;
    const std::string error = pool->Resize(shape);
    if (!error.empty()) return error;
    out[1] = pool->out_height();
    out[2] = unit_pixels_ = pool->out_width();
    units_ = shape[0] * out[1];
  }
  const std::string error = preparation->SetShape(output, out);
  if (!error.empty() || units_ == 0) return error;
  blocks_ = CeilDivide(units_, std::max<int64_t>(1, kBlockPixels / unit_pixels_));
  if (!pool) return "";
  size_t pooled = static_cast<size_t>(CeilDivide(units_, blocks_)) * sizeof(float);
  if (!MultiplySize(&pooled, static_cast<size_t>(unit_pixels_)) ||
      !MultiplySize(&pooled, static_cast<size_t>(conv_.channels_in)))
    return "the pooled rows are too large";
  workspace_ = preparation->workspace;
  return workspace_->Reserve(pooled) ? "" : "out of memory for pooled rows";
}

void Pointwise::Run(Team* team) {
  if (units_ == 0) return;
  const double products = static_cast<double>(units_ * unit_pixels_) *
                          static_cast<double>(conv_.channels_in * conv_.channels_out);
  const int width = team->Width(products * kNanosecondsPerProduct);
  const int64_t blocks = width == 1 ? blocks_ : std::max(blocks_, std::min<int64_t>(units_, width));
  const int64_t depth = conv_.channels_in, step = static_cast<int64_t>(input->step);
  team->For(static_cast<size_t>(blocks), width, [&](size_t task, int worker) {
    const auto block = static_cast<int64_t>(task);
    const int64_t begin = units_ * block / blocks, end = units_ * (block + 1) / blocks;
    const int64_t pixels = (end - begin) * unit_pixels_;
    float* out = output->values<float>() + begin * unit_pixels_ * conv_.channels_out;
    if (!pool) return RunPixels(input->values<float>() + begin * step, step, pixels, out);
    auto* pooled = reinterpret_cast<float*>(workspace_->Of(worker));
    for (int64_t row = begin; row < end; ++row)
      pool->RunRow(row, pooled + (row - begin) * unit_pixels_ * depth);
    RunPixels(pooled, depth, pixels, out);
  });
}

// Strip by strip, so that each filter is read once.
void Pointwise::RunPixels(const float* values, int64_t step, int64_t pixels, float* out) const {
  const Bounds bounds = BoundsOf(conv_.activation);
  const int64_t lanes = kernels->image_lanes, strip = kPointwiseRegisters * lanes;
  PointwiseTask task;
  task.values = values;
  task.step = step;
  task.depth = conv_.channels_in;
  task.low = bounds.low;
  task.high = bounds.high;
  task.pixels = pixels;
  task.out_step = conv_.channels_out;
  for (int64_t c = 0; c < conv_.channels_out; c += strip) {
    task.filters = filters_.data() + c * task.depth;
    task.bias = biases_.data() + c;
    task.channels = std::min(strip, conv_.channels_out - c);
    task.out = out + c;
    kernels->pointwise(task);
  }
}

}  // namespace larq_igp
