#include "op_concatenation.h"

#include <cstring>

#include "node_reader.h"
#include "parallel.h"

namespace larq_igp {

bool Concatenation::Read(NodeReader* reader) {
  const auto* said = reader->Builtin<TfLiteConcatenationParams>();
  const int count = reader->inputs();
  if (!said || count < 2 || !reader->ExpectCounts(count, 1)) return false;
  output = reader->Output(0);
  if (!IsFloat(output)) return false;
  std::vector<int64_t> left = reader->Shape(output);  // of channels, after the parts so far
  const int last = static_cast<int>(left.size()) - 1;
  if (last < 0 || (said->axis != last && said->axis != -1) || said->activation != kTfLiteActNone)
    return false;
  for (int i = 0; i < count; ++i) {
    Tensor* part = reader->Input(i);
    if (!IsFloat(part) || part->constant) return false;
    std::vector<int64_t> shape = reader->Shape(part);
    if (shape.size() != left.size() || shape.back() < 1) return false;
    left.back() -= shape.back();
    shape.back() = left.back();
    if (shape != left) return false;
    parts.push_back(part);
  }
  input = parts[0];
  return left.back() == 0;
}

std::string Concatenation::Reshape(Preparation* preparation) {
  std::vector<int64_t> shape = input->shape;
  shape.back() = 0;
  for (const Tensor* part : parts) {
    std::vector<int64_t> one = part->shape;
    if (one.size() != shape.size() || one.back() < 1) return "shapes do not fit";
    shape.back() += one.back();
    one.back() = shape.back();
    if (one != shape)
      return "shapes differ: " + ShapeText(input->shape) + " and " + ShapeText(part->shape);
  }
  return preparation->SetShape(output, shape);
}

void Concatenation::Run(Team* team) {
  size_t channel = 0;
  for (const Tensor* part : parts) {
    const size_t width = part->channels(), from = part->step, to = output->step;
    const float* in = part->values<float>();
    float* out = output->values<float>() + channel;
    channel += width;
    if (in == out) continue;
    const double per_row = kNanosecondsPerValue * static_cast<double>(width);
    ForRanges(team, part->rows(), per_row, [&](size_t begin, size_t end) {
      for (size_t r = begin; r < end; ++r)
        std::memcpy(out + r * to, in + r * from, width * sizeof(float));
    });
  }
}

}  // namespace larq_igp
