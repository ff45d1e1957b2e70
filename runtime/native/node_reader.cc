#include "node_reader.h"

#include <cmath>

#include "memory.h"

namespace larq_igp {

bool NodeReader::Fail(const std::string& what) {
  *reason_ = prefix_ + what;
  return false;
}

bool NodeReader::ExpectCounts(int inputs, int outputs) {
  const int has_inputs = this->inputs();
  const int has_outputs = node_->outputs ? node_->outputs->size : 0;
  if (has_inputs != inputs)
    return Fail("has " + std::to_string(has_inputs) + " inputs, not " + std::to_string(inputs));
  if (has_outputs != outputs)
    return Fail("has " + std::to_string(has_outputs) + " outputs, not " + std::to_string(outputs));
  return true;
}

bool NodeReader::OneToOne(Tensor** input, Tensor** output) {
  if (!ExpectCounts(1, 1)) return false;
  *input = Input(0);
  *output = Output(0);
  if (!*input) return Fail("input is absent");
  if (!*output) return Fail("output is absent");
  return true;
}

bool NodeReader::OneFloatToOne(Tensor** input, Tensor** output) {
  return OneToOne(input, output) && IsFloat(*input) && !(*input)->constant && IsFloat(*output);
}

Tensor* NodeReader::Constant(int place, const char* what, int type, int64_t count) {
  Tensor* tensor = Input(place);
  const auto fail = [&](const std::string& complaint) {
    return Fail(std::string(what) + complaint), nullptr;
  };
  if (!tensor) return fail(" is absent");
  const TfLiteTensor& source = Source(tensor);
  if (source.type != type) return fail(" has type " + std::to_string(source.type));
  if (!tensor->constant || !source.data) return fail(" is not a constant");
  size_t elements = 1;
  for (int64_t extent : ShapeOf(source)) {
    if (extent < 0 || !MultiplySize(&elements, static_cast<size_t>(extent)))
      return fail(" is too large");
  }
  if (count >= 0 && elements != static_cast<size_t>(count))
    return fail(" has " + std::to_string(elements) + " elements, not " + std::to_string(count));
  if (!MultiplySize(&elements, 4) || source.bytes < elements)  // they are float32 or int32
    return fail(" has fewer bytes than its shape needs");
  return tensor;
}

Tensor* NodeReader::PerChannel(int place, const std::vector<int64_t>& shape) {
  const Tensor* tensor = Input(place);
  if (!tensor) return nullptr;
  const std::vector<int64_t> constant = Shape(tensor);
  if (constant.empty() || constant.size() > shape.size() || constant.back() != shape.back())
    return nullptr;
  for (size_t i = 0; i + 1 < constant.size(); ++i) {
    if (constant[i] != 1) return nullptr;
  }
  return Constant(place, "operand", kTfLiteFloat32, shape.back());
}

bool NodeReader::Quantization(const Tensor* tensor, const char* what, float* scale,
                              int32_t* zero_point) {
  const TfLiteTensor& source = Source(tensor);
  if (source.quantization.type != kTfLiteAffineQuantization || !IsUsableScale(source.params.scale))
    return Fail(std::string(what) + " is int8 without affine quantisation");
  *scale = source.params.scale;
  *zero_point = source.params.zero_point;
  if (*zero_point < -128 || *zero_point > 127)
    return Fail(std::string(what) + " has a zero point that is no int8");
  return true;
}

bool NodeReader::OpenOptions(FlexMap* map) {
  if (node_->custom_initial_data_size < 0 ||
      !map->Open(node_->custom_initial_data, static_cast<size_t>(node_->custom_initial_data_size)))
    return Fail("its options are not a FlexBuffer map");
  return true;
}

bool NodeReader::Option(const FlexMap& map, const char* key, int64_t low, int64_t high,
                        int64_t* value) {
  if (!map.Get(key, value)) return Fail(std::string("option ") + key + " is missing");
  if (*value < low || *value > high)
    return Fail(std::string("option ") + key + " = " + std::to_string(*value) +
                " is not supported");
  return true;
}

bool NodeReader::PaddingOption(const FlexMap& map, Padding* padding) {
  int64_t value;
  if (!Option(map, "padding", 0, 1, &value)) return false;
  *padding = value == 0 ? Padding::kSame : Padding::kValid;
  return true;
}

bool IsUsableScale(float scale) { return std::isfinite(scale) && scale > 0; }

bool ReadPadding(int value, Padding* padding) {
  *padding = value == kTfLitePaddingSame ? Padding::kSame : Padding::kValid;
  return value == kTfLitePaddingSame || value == kTfLitePaddingValid;
}

bool ReadActivation(int value, Activation* activation) {
  *activation = static_cast<Activation>(value);
  return value >= kTfLiteActNone && value <= kTfLiteActRelu6;
}

}  // namespace larq_igp
