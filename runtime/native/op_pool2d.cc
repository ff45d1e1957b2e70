#include "op_pool2d.h"

#include <algorithm>

#include "node_reader.h"
#include "parallel.h"

namespace larq_igp {

const char* Pool::name() const {
  if (pool.averages) return "AVERAGE_POOL_2D";
  return !multiplier ? "MAX_POOL_2D" : bias ? "MUL+ADD+MAX_POOL_2D" : "MUL+MAX_POOL_2D";
}

bool Pool::Read(NodeReader* reader) {
  const auto* said = reader->Builtin<TfLitePoolParams>();
  if (!said || !reader->OneFloatToOne(&input, &output) || reader->Shape(input).size() != 4)
    return false;
  pool.stride_height = said->stride_height;
  pool.stride_width = said->stride_width;
  pool.filter_height = said->filter_height;
  pool.filter_width = said->filter_width;
  if (!ReadPadding(said->padding, &pool.padding) ||
      !ReadActivation(said->activation, &pool.activation))
    return false;
  // Of wider strides XNNPACK runs none, and the interpreter adds and divides in another way.
  if (pool.averages && (pool.filter_height != 2 || pool.filter_width != 2 ||
                        pool.stride_height > 2 || pool.stride_width > 2))
    return false;
  return IsExtent(pool.stride_height) && IsExtent(pool.stride_width) &&
         IsExtent(pool.filter_height) && IsExtent(pool.filter_width);
}

std::string Pool::Resize(const std::vector<int64_t>& shape) {
  // Read with the model's own shapes; after a resize the constants must still fit.
  for (const Tensor* constant : {multiplier, bias}) {
    if (constant && static_cast<size_t>(shape.back()) * sizeof(float) > constant->bytes)
      return "channels do not match the constants";
  }
  return pool.Resolve(shape, &rows_, &columns_);
}

std::string Pool::Reshape(Preparation* preparation) {
  const std::string error = Resize(input->shape);
  if (!error.empty()) return error;
  return preparation->SetShape(output,
                               {input->shape[0], rows_.output, columns_.output, input->shape[3]});
}

void Pool::RunRow(int64_t row, float* out) const {
  const Bounds bounds = BoundsOf(pool.activation);
  PoolTask task;
  task.step = static_cast<int64_t>(input->step);
  task.ring = rows_.input;
  task.row_step = columns_.input * task.step;
  task.rows = input->values<float>() + row / rows_.output * rows_.input * task.row_step;
  task.top = row % rows_.output * rows_.stride - rows_.before;
  task.begin = std::max<int64_t>(0, task.top);
  task.end = std::min(rows_.input, task.top + rows_.kernel);
  task.columns = &columns_;
  task.channels = input->shape[3];
  task.out = out;
  task.averages = pool.averages;
  if (multiplier) task.multiplier = multiplier->values<float>();
  if (bias) task.bias = bias->values<float>();
  task.low = bounds.low;
  task.high = bounds.high;
  kernels->pool_row(task);
}

void Pool::Run(Team* team) {
  if (input->count() == 0) return;
  const int64_t rows = input->shape[0] * rows_.output;
  const int64_t row_values = columns_.output * input->shape[3];
  const double read = static_cast<double>(rows * row_values) * static_cast<double>(pool.taps());
  team->For(static_cast<size_t>(rows), team->Width(read * kNanosecondsPerValue),
            [&](size_t task, int) {
              const auto row = static_cast<int64_t>(task);
              RunRow(row, output->values<float>() + row * row_values);
            });
}

}  // namespace larq_igp
