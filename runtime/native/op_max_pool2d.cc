#include "op_max_pool2d.h"

#include <algorithm>

#include "node_reader.h"
#include "parallel.h"

namespace larq_igp {

bool MaxPool::Read(NodeReader* reader) {
  const auto* said = reader->Builtin<TfLitePoolParams>();
  if (!said || !reader->OneToOne(&input, &output)) return false;
  if (!IsFloat(input) || !IsFloat(output) || reader->Shape(input).size() != 4) return false;
  pool.stride_height = said->stride_height;
  pool.stride_width = said->stride_width;
  pool.filter_height = said->filter_height;
  pool.filter_width = said->filter_width;
  return ReadPadding(said->padding, &pool.padding) && said->activation == kTfLiteActNone &&
         IsExtent(pool.stride_height) && IsExtent(pool.stride_width) &&
         IsExtent(pool.filter_height) && IsExtent(pool.filter_width);
}

std::string MaxPool::Reshape(Preparation* preparation) {
  const std::string error = pool.Resolve(input->shape, &rows_, &columns_);
  if (!error.empty()) return error;
  return preparation->SetShape(output,
                               {input->shape[0], rows_.output, columns_.output, input->shape[3]});
}

void MaxPool::Run(Team* team) {
  if (input->count() == 0) return;
  const int64_t channels = input->shape[3], row_step = columns_.input * channels;
  const double read = static_cast<double>(output->rows()) *
                      static_cast<double>(pool.filter_height * pool.filter_width);
  const int width = team->Width(read * static_cast<double>(channels) * kNanosecondsPerValue);
  team->For(static_cast<size_t>(input->shape[0] * rows_.output), width, [&](size_t task, int) {
    const auto at = static_cast<int64_t>(task), image = at / rows_.output;
    const int64_t top = at % rows_.output * rows_.stride - rows_.before;
    const int64_t begin = std::max<int64_t>(0, top),
                  end = std::min(rows_.input, top + rows_.kernel);
    kernels->max_pool_row({input->values<float>() + image * rows_.input * row_step, rows_.input,
                           row_step, begin, end, &columns_, channels, channels,
                           output->values<float>() + at * columns_.output * channels});
  });
}

}  // namespace larq_igp
