#include "op_quantize.h"

#include "denormals.h"
#include "node_reader.h"
#include "parallel.h"

namespace larq_igp {

const char* Quantize::name() const {
  return !normalises() ? "LceQuantize" : bias ? "MUL+ADD+LceQuantize" : "MUL+LceQuantize";
}

bool Quantize::Read(NodeReader* reader) {
  if (!reader->OneToOne(&input, &output)) return false;
  if (output->type != kTfLiteInt32) return reader->Fail("output is not int32");
  if (input->type != kTfLiteFloat32 && input->type != kTfLiteInt8 && input->type != kTfLiteBool) {
    return reader->Fail("input type " + std::to_string(input->type) +
                        " is not float32, int8 or bool");
  }
  float scale;
  return input->type != kTfLiteInt8 || reader->Quantization(input, "input", &scale, &zero_point);
}

std::string Quantize::Reshape(Preparation* preparation) {
  std::vector<int64_t> shape = input->shape;
  // Read with the model's own shapes; after a resize the constants must still fit.
  for (const Tensor* constant : {multiplier, bias}) {
    if (constant && input->channels() * sizeof(float) > constant->bytes)
      return "channels do not match the constants";
  }
  if (normalises() && !(multiplier && bias))
    absent_.assign(input->channels(), multiplier ? 0.0f : 1.0f);
  shape.back() = (shape.back() + 31) / 32;
  return preparation->SetShape(output, shape);
}

void Quantize::Run(Team* team) {
  if (input->count() == 0) return;
  input->type == kTfLiteFloat32 ? RunFloats(team) : RunBytes(team);
}

void Quantize::RunFloats(Team* team) {
  const size_t channels = input->channels(), step = input->step, words = output->channels();
  const float* values = input->values<float>();
  const float* shift = bias ? bias->values<float>() : absent_.data();
  const float* factor = multiplier ? multiplier->values<float>() : absent_.data();
  uint32_t* bits = output->values<uint32_t>();
  const double per_row = kNanosecondsPerValue * static_cast<double>(channels);
  ForRanges(team, input->rows(), per_row, [&](size_t begin, size_t end) {
    const float* from = values + begin * step;
    uint32_t* to = bits + begin * words;
    if (normalises()) {
      const NoDenormals no_denormals;
      kernels->affine_quantize(from, end - begin, channels, step, factor, shift, to);
    } else {
      kernels->quantize(from, end - begin, channels, step, to);
    }
  });
}

void Quantize::RunBytes(Team* team) {
  // A bool is negative if it is 0, the least of unsigned bytes: flipped, the least of signed ones.
  const bool is_bool = input->type != kTfLiteInt8;
  const uint8_t flip = is_bool ? 0x80 : 0;
  const auto limit = static_cast<int8_t>(is_bool ? -127 : zero_point);
  const size_t channels = input->channels(), words = output->channels();
  const int8_t* values = input->values<int8_t>();
  uint32_t* bits = output->values<uint32_t>();
  const double per_row = kNanosecondsPerValue / sizeof(float) * static_cast<double>(channels);
  ForRanges(team, input->rows(), per_row, [&](size_t begin, size_t end) {
    kernels->quantize_bytes(values + begin * channels, end - begin, channels, flip, limit,
                            bits + begin * words);
  });
}

}  // namespace larq_igp
