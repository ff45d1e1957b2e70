#include "op_bmaxpool2d.h"

#include <algorithm>

#include "node_reader.h"
#include "parallel.h"

namespace larq_igp {
namespace {

// The maximum of +-1 is -1 only where all are -1: the AND over the window.
void PoolRow(const uint32_t* image, const WindowAxis& rows, const WindowAxis& columns, size_t words,
             int64_t y, uint32_t* out) {
  const int64_t top = y * rows.stride - rows.before;
  for (int64_t x = 0; x < columns.output; ++x, out += words) {
    const int64_t left = x * columns.stride - columns.before;
    std::fill(out, out + words, 0xffffffffu);
    for (int64_t iy = std::max<int64_t>(0, top); iy < std::min(rows.input, top + rows.kernel);
         ++iy) {
      for (int64_t ix = std::max<int64_t>(0, left);
           ix < std::min(columns.input, left + columns.kernel); ++ix) {
        const uint32_t* pixel = image + (iy * columns.input + ix) * words;
        for (size_t w = 0; w < words; ++w) out[w] &= pixel[w];
      }
    }
  }
}

}  // namespace

bool BinaryMaxPool::Read(NodeReader* reader) {
  if (!reader->OneToOne(&input, &output)) return false;
  if (input->type != kTfLiteInt32) return reader->Fail("input is not int32");
  if (output->type != kTfLiteInt32) return reader->Fail("output is not int32");
  FlexMap options;
  return reader->OpenOptions(&options) &&
         reader->Option(options, "stride_height", 1, kMaxExtent, &pool_.stride_height) &&
         reader->Option(options, "stride_width", 1, kMaxExtent, &pool_.stride_width) &&
         reader->Option(options, "filter_height", 1, kMaxExtent, &pool_.filter_height) &&
         reader->Option(options, "filter_width", 1, kMaxExtent, &pool_.filter_width) &&
         reader->PaddingOption(options, &pool_.padding);
}

std::string BinaryMaxPool::Reshape(Preparation* preparation) {
  const std::string error = pool_.Resolve(input->shape, &rows_, &columns_);
  if (!error.empty()) return error;
  return preparation->SetShape(output,
                               {input->shape[0], rows_.output, columns_.output, input->shape[3]});
}

void BinaryMaxPool::Run(Team* team) {
  if (input->count() == 0) return;
  const size_t words = input->channels();
  const auto tasks = static_cast<size_t>(input->shape[0] * rows_.output);
  const double read = static_cast<double>(output->rows()) *
                      static_cast<double>(pool_.filter_height * pool_.filter_width);
  const int width = team->Width(read * static_cast<double>(words) * kNanosecondsPerWord);
  team->For(tasks, width, [&](size_t task, int) {
    const auto image = static_cast<int64_t>(task) / rows_.output,
               y = static_cast<int64_t>(task) % rows_.output;
    PoolRow(input->values<uint32_t>() + image * rows_.input * columns_.input * words, rows_,
            columns_, words, y, output->values<uint32_t>() + task * columns_.output * words);
  });
}

}  // namespace larq_igp
