#include "op_arithmetic.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "node_reader.h"
#include "parallel.h"

namespace larq_igp {
namespace {

// The constant among two operands; -1 if there is none, or another operand that fits it.
int ConstantPlace(NodeReader* reader) {
  return reader->Input(0)->constant ? 0 : reader->Input(1)->constant ? 1 : -1;
}

// One constant, or one per channel: how many, or 0 if it is another shape.
int64_t ConstantCount(const std::vector<int64_t>& constant, const std::vector<int64_t>& shape) {
  if (constant.size() > shape.size()) return 0;
  for (size_t i = 0; i + 1 < constant.size(); ++i) {
    if (constant[i] != 1) return 0;
  }
  return constant.empty() ? 1 : constant.back();
}

std::string SameShape(Preparation* preparation, const Tensor& a, const Tensor& b, Tensor* output) {
  if (a.shape != b.shape)
    return "shapes differ: " + ShapeText(a.shape) + " and " + ShapeText(b.shape);
  return preparation->SetShape(output, a.shape);
}

}  // namespace

std::unique_ptr<Operator> NewArithmetic(NodeReader* reader, bool multiply) {
  // Both builtin structs begin with the fused activation.
  const int* activation = reader->Builtin<int>();
  if (!activation || *activation != kTfLiteActNone || !reader->ExpectCounts(2, 1)) return nullptr;
  const Tensor *a = reader->Input(0), *b = reader->Input(1), *y = reader->Output(0);
  if (!a || !b || !y) return nullptr;
  if (!multiply && a->type == kTfLiteInt8) return std::make_unique<AddBytes>();
  if (!IsFloat(a) || !IsFloat(b) || !IsFloat(y) || (a->constant && b->constant)) return nullptr;
  const int place = ConstantPlace(reader);
  if (place < 0) return multiply ? nullptr : std::make_unique<Add>();
  const std::vector<int64_t> shape = reader->Shape(place == 0 ? b : a);
  if (shape.empty() || shape != reader->Shape(y)) return nullptr;
  const int64_t count = ConstantCount(reader->Shape(place == 0 ? a : b), shape);
  if (count == 1 && (multiply || shape.back() != 1)) return std::make_unique<Scalar>(multiply);
  if (count == 0 || count != shape.back()) return nullptr;
  return std::make_unique<PerChannel>(multiply ? Addend::kChannelScale : Addend::kChannelShift);
}

bool Add::Read(NodeReader* reader) {
  input = reader->Input(0);
  other = reader->Input(1);
  output = reader->Output(0);
  const std::vector<int64_t> shape = reader->Shape(input);
  return !shape.empty() && shape == reader->Shape(other) && shape == reader->Shape(output);
}

std::string Add::Reshape(Preparation* preparation) {
  return SameShape(preparation, *input, *other, output);
}

void Add::Run(Team* team) {
  const float *a = input->values<float>(), *b = other->values<float>();
  float* out = output->values<float>();
  ForRanges(team, input->count(), kNanosecondsPerValue, [&](size_t begin, size_t end) {
    for (size_t i = begin; i < end; ++i) out[i] = a[i] + b[i];
  });
}

bool AddBytes::Read(NodeReader* reader) {
  input = reader->Input(0);
  other = reader->Input(1);
  output = reader->Output(0);
  const std::vector<int64_t> shape = reader->Shape(input);
  if (shape.empty() || shape != reader->Shape(other) || shape != reader->Shape(output))
    return false;
  float scales[3];
  int32_t zeros[3];
  const Tensor* tensors[3] = {input, other, output};
  for (int i = 0; i < 3; ++i) {
    if (tensors[i]->type != kTfLiteInt8 || tensors[i]->constant) return false;
    if (!reader->Quantization(tensors[i], "operand", &scales[i], &zeros[i])) return false;
  }
  const float own = scales[0] / scales[2], theirs = scales[1] / scales[2];
  const float most = std::max(own, theirs), least = std::min(own, theirs);
  if (!(least >= 0x1p-10f && most < 0x1p+8f)) return false;
  sum.shift = 20 - std::ilogb(most);
  sum.own = static_cast<int32_t>(std::lrint(std::ldexp(own, sum.shift)));
  sum.other = static_cast<int32_t>(std::lrint(std::ldexp(theirs, sum.shift)));
  sum.bias = (1 << (sum.shift - 1)) - sum.own * zeros[0] - sum.other * zeros[1];
  sum.zero = zeros[2];
  return true;
}

std::string AddBytes::Reshape(Preparation* preparation) {
  return SameShape(preparation, *input, *other, output);
}

void AddBytes::Run(Team* team) {
  const int8_t *a = input->values<int8_t>(), *b = other->values<int8_t>();
  int8_t* out = output->values<int8_t>();
  ForRanges(team, input->count(), kNanosecondsPerValue, [&](size_t begin, size_t end) {
    for (size_t i = begin; i < end; ++i) {
      const int32_t q = ((a[i] * sum.own + b[i] * sum.other + sum.bias) >> sum.shift) + sum.zero;
      out[i] = static_cast<int8_t>(std::max(-128, std::min(127, q)));
    }
  });
}

bool Scalar::Read(NodeReader* reader) {
  const int place = ConstantPlace(reader);
  input = reader->Input(1 - place);
  output = reader->Output(0);
  const Tensor* constant = reader->Constant(place, "operand", kTfLiteFloat32, 1);
  if (constant) std::memcpy(&value, reader->Bytes(constant), sizeof value);
  return constant != nullptr;
}

std::string Scalar::Reshape(Preparation* preparation) {
  return preparation->SetShape(output, input->shape);
}

void Scalar::Run(Team* team) {
  const float* in = input->values<float>();
  float* out = output->values<float>();
  ForRanges(team, input->count(), kNanosecondsPerValue, [&](size_t begin, size_t end) {
    if (multiplies) {
      for (size_t i = begin; i < end; ++i) out[i] = in[i] * value;
    } else {
      for (size_t i = begin; i < end; ++i) out[i] = in[i] + value;
    }
  });
}

const char* PerChannel::name() const {
  return kind == Addend::kChannelSlope   ? "PRELU"
         : kind == Addend::kChannelScale ? "MUL per channel"
                                         : "ADD per channel";
}

bool PerChannel::Read(NodeReader* reader) {
  if (!reader->ExpectCounts(2, 1)) return false;
  const bool first = kind != Addend::kChannelSlope && ConstantPlace(reader) == 0;
  input = reader->Input(first ? 1 : 0);
  output = reader->Output(0);
  if (!IsFloat(input) || !IsFloat(output) || input->constant) return false;
  const std::vector<int64_t> shape = reader->Shape(input);
  if (shape.empty() || shape != reader->Shape(output)) return false;
  constant = reader->PerChannel(first ? 0 : 1, shape);
  return constant != nullptr;
}

std::string PerChannel::Reshape(Preparation* preparation) {
  // Read with the model's own shapes; after a resize the constants must still fit.
  if (input->channels() * sizeof(float) > constant->bytes)
    return "channels do not match the constants";
  return preparation->SetShape(output, input->shape);
}

template <class Apply>
void PerChannel::RunRows(Team* team, const Apply& apply) {
  const float *in = input->values<float>(), *constants = constant->values<float>();
  float* out = output->values<float>();
  const size_t channels = input->channels();
  const double per_row = kNanosecondsPerValue * static_cast<double>(channels);
  ForRanges(team, input->rows(), per_row, [&](size_t begin, size_t end) {
    for (size_t i = begin * channels; i < end * channels; i += channels) {
      for (size_t c = 0; c < channels; ++c) out[i + c] = apply(in[i + c], constants[c]);
    }
  });
}

void PerChannel::Run(Team* team) {
  if (input->count() == 0) return;
  if (kind == Addend::kChannelScale) return RunRows(team, [](float x, float k) { return x * k; });
  if (kind == Addend::kChannelShift) return RunRows(team, [](float x, float k) { return x + k; });
  RunRows(team, [](float x, float k) { return x < 0 ? x * k : x; });
}

}  // namespace larq_igp
