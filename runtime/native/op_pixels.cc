#include "op_pixels.h"

#include "node_reader.h"
#include "parallel.h"

namespace larq_igp {

bool Pixels::Read(NodeReader* reader) {
  if (!reader->OneToOne(&input, &output) || input->constant || !IsFloat(output) ||
      reader->Shape(input) != reader->Shape(output))
    return false;
  if (input->type != kTfLiteUInt8 && input->type != kTfLiteInt8) return false;
  const TfLiteTensor& source = reader->Source(input);
  scale = source.params.scale;
  zero_point = source.params.zero_point;
  const bool zero_is_byte = zero_point >= -128 && zero_point <= 255;
  return source.quantization.type == kTfLiteAffineQuantization && IsUsableScale(scale) &&
         zero_is_byte;
}

std::string Pixels::Reshape(Preparation* preparation) {
  return preparation->SetShape(output, input->shape);
}

template <class T>
void Pixels::RunBytes(Team* team) {
  const T* bytes = input->values<T>();
  float* out = output->values<float>();
  ForRanges(team, input->count(), kNanosecondsPerValue, [&](size_t begin, size_t end) {
    for (size_t i = begin; i < end; ++i) out[i] = static_cast<float>(bytes[i] - zero_point) * scale;
  });
}

void Pixels::Run(Team* team) {
  input->type == kTfLiteInt8 ? RunBytes<int8_t>(team) : RunBytes<uint8_t>(team);
}

}  // namespace larq_igp
