// From a node of the model to an Op: every attribute is checked here, and nothing is believed later
// that is not checked here.

#include "ops.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "flexbuffers.h"
#include "memory.h"

namespace larq_igp {
namespace {

constexpr int64_t kMaxExtent = 1 << 24;  // of kernels, strides, dilations, channels
constexpr int64_t kMaxDepth = 1 << 28;   // of one output: sums are doubled in 32 bits

// Reads nodes and keeps the first complaint.
class NodeReader {
 public:
  NodeReader(TfLiteContext* context, const TfLiteNode* node, const char* name, int index,
             std::string* reason)
      : context_(context), node_(node), reason_(reason) {
    prefix_ = std::string(name) + " (node " + std::to_string(index) + "): ";
  }

  bool Fail(const std::string& what) {
    *reason_ = prefix_ + what;
    return false;
  }

  bool ExpectCounts(int inputs, int outputs) {
    const int has_inputs = node_->inputs ? node_->inputs->size : 0;
    const int has_outputs = node_->outputs ? node_->outputs->size : 0;
    if (has_inputs != inputs)
      return Fail("has " + std::to_string(has_inputs) + " inputs, not " + std::to_string(inputs));
    if (has_outputs != outputs)
      return Fail("has " + std::to_string(has_outputs) + " outputs, not " +
                  std::to_string(outputs));
    return true;
  }

  int input(int i) const { return node_->inputs->data[i]; }
  int output(int i) const { return node_->outputs->data[i]; }

  // The tensor behind an index, or null (absent, or out of range).
  const TfLiteTensor* Tensor(int index) const {
    if (index < 0 || static_cast<size_t>(index) >= context_->tensors_size) return nullptr;
    return &context_->tensors[index];
  }

  const TfLiteTensor* Present(int index, const char* what) {
    const TfLiteTensor* tensor = Tensor(index);
    if (!tensor) Fail(std::string(what) + " is absent");
    return tensor;
  }

  // A constant of `type` with `count` elements whose bytes are all there.
  const TfLiteTensor* Constant(int index, const char* what, int type, int64_t count,
                               size_t element_size) {
    const TfLiteTensor* tensor = Present(index, what);
    if (!tensor) return nullptr;
    if (tensor->type != type)
      return Fail(std::string(what) + " has type " + std::to_string(tensor->type)), nullptr;
    if (tensor->allocation_type != kTfLiteMmapRo || !tensor->data)
      return Fail(std::string(what) + " is not a constant"), nullptr;
    size_t elements = 1;
    for (int64_t extent : ShapeOf(*tensor)) {
      if (extent < 0 || !MultiplySize(&elements, static_cast<size_t>(extent)))
        return Fail(std::string(what) + " is too large"), nullptr;
    }
    if (count >= 0 && elements != static_cast<size_t>(count)) {
      return Fail(std::string(what) + " has " + std::to_string(elements) + " elements, not " +
                  std::to_string(count)),
             nullptr;
    }
    if (!MultiplySize(&elements, element_size) || tensor->bytes < elements) {
      return Fail(std::string(what) + " has fewer bytes than its shape needs"), nullptr;
    }
    return tensor;
  }

  bool OpenOptions(FlexMap* map) {
    if (node_->custom_initial_data_size < 0 ||
        !map->Open(node_->custom_initial_data,
                   static_cast<size_t>(node_->custom_initial_data_size))) {
      return Fail("its options are not a FlexBuffer map");
    }
    return true;
  }

  bool Option(const FlexMap& map, const char* key, int64_t low, int64_t high, int64_t* value) {
    if (!map.Get(key, value)) return Fail(std::string("option ") + key + " is missing");
    if (*value < low || *value > high)
      return Fail(std::string("option ") + key + " = " + std::to_string(*value) +
                  " is not supported");
    return true;
  }

  bool PaddingOption(const FlexMap& map, Padding* padding) {
    int64_t value;
    if (!Option(map, "padding", 0, 1, &value)) return false;
    *padding = value == 0 ? Padding::kSame : Padding::kValid;
    return true;
  }

  const TfLiteNode* node() const { return node_; }

 private:
  TfLiteContext* context_;
  const TfLiteNode* node_;
  std::string* reason_;
  std::string prefix_;
};

bool IsUsableScale(float scale) { return std::isfinite(scale) && scale > 0; }

bool ReadInt8Parameters(NodeReader* reader, const TfLiteTensor& tensor, const char* what,
                        float* scale, int32_t* zero_point) {
  if (tensor.quantization.type != kTfLiteAffineQuantization ||
      !IsUsableScale(tensor.params.scale)) {
    return reader->Fail(std::string(what) + " is int8 without affine quantisation");
  }
  *scale = tensor.params.scale;
  *zero_point = tensor.params.zero_point;
  if (*zero_point < -128 || *zero_point > 127)
    return reader->Fail(std::string(what) + " has a zero point that is no int8");
  return true;
}

bool ReadQuantize(NodeReader* reader, Op* op) {
  op->kind = OpKind::kQuantize;
  if (!reader->ExpectCounts(1, 1)) return false;
  op->input = reader->input(0);
  op->output = reader->output(0);
  const TfLiteTensor* input = reader->Present(op->input, "input");
  const TfLiteTensor* output = reader->Present(op->output, "output");
  if (!input || !output) return false;
  if (output->type != kTfLiteInt32) return reader->Fail("output is not int32");
  if (input->type != kTfLiteFloat32 && input->type != kTfLiteInt8 && input->type != kTfLiteBool) {
    return reader->Fail("input type " + std::to_string(input->type) +
                        " is not float32, int8 or bool");
  }
  float scale;
  if (input->type == kTfLiteInt8 &&
      !ReadInt8Parameters(reader, *input, "input", &scale, &op->zero_point))
    return false;
  return true;
}

bool ReadDequantize(NodeReader* reader, Op* op) {
  op->kind = OpKind::kDequantize;
  if (!reader->ExpectCounts(1, 1)) return false;
  op->input = reader->input(0);
  op->output = reader->output(0);
  const TfLiteTensor* input = reader->Present(op->input, "input");
  const TfLiteTensor* output = reader->Present(op->output, "output");
  if (!input || !output) return false;
  if (input->type != kTfLiteInt32) return reader->Fail("input is not int32");
  if (output->type != kTfLiteFloat32 && output->type != kTfLiteInt8 &&
      output->type != kTfLiteBool) {
    return reader->Fail("output type " + std::to_string(output->type) +
                        " is not float32, int8 or bool");
  }
  if (output->type == kTfLiteInt8 &&
      !ReadInt8Parameters(reader, *output, "output", &op->scale, &op->zero_point))
    return false;
  if (ShapeOf(*output).empty()) return reader->Fail("output has no shape");
  return true;
}

bool ReadConvolution(NodeReader* reader, Op* op) {
  op->kind = OpKind::kConvolution;
  if (!reader->ExpectCounts(5, 1)) return false;
  op->input = reader->input(0);
  op->output = reader->output(0);
  ConvAttributes& conv = op->conv;
  const TfLiteTensor* input = reader->Present(op->input, "input");
  const TfLiteTensor* output = reader->Present(op->output, "output");
  if (!input || !output) return false;
  if (input->type != kTfLiteInt32) return reader->Fail("input is not int32");

  FlexMap options;
  int64_t activation, pad_values;
  if (!reader->OpenOptions(&options) ||
      !reader->Option(options, "channels_in", 1, kMaxExtent, &conv.channels_in) ||
      !reader->Option(options, "stride_height", 1, kMaxExtent, &conv.stride_height) ||
      !reader->Option(options, "stride_width", 1, kMaxExtent, &conv.stride_width) ||
      !reader->Option(options, "dilation_height_factor", 1, kMaxExtent, &conv.dilation_height) ||
      !reader->Option(options, "dilation_width_factor", 1, kMaxExtent, &conv.dilation_width) ||
      !reader->Option(options, "fused_activation_function", 0, 3, &activation) ||
      !reader->Option(options, "pad_values", 0, 1, &pad_values) ||
      !reader->PaddingOption(options, &conv.padding)) {
    return false;
  }
  conv.pad_one = pad_values == 1;
  conv.activation = static_cast<Activation>(activation);

  conv.filter = reader->input(1);
  const TfLiteTensor* filter =
      reader->Constant(conv.filter, "filter", kTfLiteInt32, -1, sizeof(int32_t));
  if (!filter) return false;
  const std::vector<int64_t> shape = ShapeOf(*filter);
  if (shape.size() != 4)
    return reader->Fail("filter has rank " + std::to_string(shape.size()) + ", not 4");
  for (int64_t extent : shape) {
    if (extent < 1 || extent > kMaxExtent)
      return reader->Fail("filter dimension " + std::to_string(extent) + " is not supported");
  }
  conv.channels_out = shape[0];
  conv.kernel_height = shape[1];
  conv.kernel_width = shape[2];

  // Groups are not written down; they follow from the filter's depth.
  const int64_t input_words = (conv.channels_in + 31) / 32;
  if (shape[3] != input_words) {
    if (input_words % shape[3] != 0)
      return reader->Fail("filter depth does not divide channels_in");
    conv.groups = input_words / shape[3];
    if (conv.channels_in % conv.groups != 0 || conv.group_channels() % 32 != 0) {
      return reader->Fail("channels_in per group is not a multiple of 32");
    }
    if (conv.channels_out % conv.groups != 0)
      return reader->Fail("channels_out is not a multiple of the groups");
  }
  int64_t depth = conv.kernel_height * conv.kernel_width;  // at most 2^48
  if (depth > kMaxDepth || depth * conv.group_channels() > kMaxDepth)
    return reader->Fail("filter is too large");

  const bool packed = output->type == kTfLiteInt32;
  conv.multiplier = reader->input(2);
  conv.bias = reader->input(3);
  conv.threshold = reader->input(4);
  if (packed) {
    if (conv.multiplier != kTfLiteOptionalTensor || conv.bias != kTfLiteOptionalTensor) {
      return reader->Fail("packed output with post_activation_multiplier or post_activation_bias");
    }
    if (!reader->Constant(conv.threshold, "output_threshold", kTfLiteInt32, conv.channels_out,
                          sizeof(int32_t)))
      return false;
  } else {
    if (output->type != kTfLiteFloat32 && output->type != kTfLiteInt8) {
      return reader->Fail("output type " + std::to_string(output->type) +
                          " is not float32, int8 or int32");
    }
    if (conv.threshold != kTfLiteOptionalTensor)
      return reader->Fail("output_threshold without packed output");
    if (!reader->Constant(conv.multiplier, "post_activation_multiplier", kTfLiteFloat32,
                          conv.channels_out, sizeof(float)) ||
        !reader->Constant(conv.bias, "post_activation_bias", kTfLiteFloat32, conv.channels_out,
                          sizeof(float))) {
      return false;
    }
    if (output->type == kTfLiteInt8 &&
        !ReadInt8Parameters(reader, *output, "output", &conv.output_scale,
                            &conv.output_zero_point)) {
      return false;
    }
  }
  return true;
}

bool ReadMaxPool(NodeReader* reader, Op* op) {
  op->kind = OpKind::kMaxPool;
  if (!reader->ExpectCounts(1, 1)) return false;
  op->input = reader->input(0);
  op->output = reader->output(0);
  const TfLiteTensor* input = reader->Present(op->input, "input");
  const TfLiteTensor* output = reader->Present(op->output, "output");
  if (!input || !output) return false;
  if (input->type != kTfLiteInt32) return reader->Fail("input is not int32");
  if (output->type != kTfLiteInt32) return reader->Fail("output is not int32");
  FlexMap options;
  PoolAttributes& pool = op->pool;
  return reader->OpenOptions(&options) &&
         reader->Option(options, "stride_height", 1, kMaxExtent, &pool.stride_height) &&
         reader->Option(options, "stride_width", 1, kMaxExtent, &pool.stride_width) &&
         reader->Option(options, "filter_height", 1, kMaxExtent, &pool.filter_height) &&
         reader->Option(options, "filter_width", 1, kMaxExtent, &pool.filter_width) &&
         reader->PaddingOption(options, &pool.padding);
}

// int8 ADD, in the numbers of XNNPACK: multipliers of 21 bits and one shift.
bool ReadByteAdd(NodeReader* reader, Op* op) {
  op->kind = OpKind::kAddBytes;
  op->input = reader->input(0);
  op->other = reader->input(1);
  const TfLiteTensor *a = reader->Tensor(op->input), *b = reader->Tensor(op->other),
                     *y = reader->Tensor(op->output);
  const std::vector<int64_t> shape = ShapeOf(*a);
  if (shape.empty() || shape != ShapeOf(*b) || shape != ShapeOf(*y)) return false;
  float scales[3];
  int32_t zeros[3];
  const TfLiteTensor* tensors[3] = {a, b, y};
  for (int i = 0; i < 3; ++i) {
    if (tensors[i]->type != kTfLiteInt8 || tensors[i]->allocation_type == kTfLiteMmapRo)
      return false;
    if (!ReadInt8Parameters(reader, *tensors[i], "operand", &scales[i], &zeros[i])) return false;
  }
  const float own = scales[0] / scales[2], other = scales[1] / scales[2];
  const float most = std::max(own, other), least = std::min(own, other);
  if (!(least >= 0x1p-10f && most < 0x1p+8f)) return false;
  ByteSum& sum = op->sum;
  sum.shift = 20 - std::ilogb(most);
  sum.own = static_cast<int32_t>(std::lrint(std::ldexp(own, sum.shift)));
  sum.other = static_cast<int32_t>(std::lrint(std::ldexp(other, sum.shift)));
  sum.bias = (1 << (sum.shift - 1)) - sum.own * zeros[0] - sum.other * zeros[1];
  sum.zero = zeros[2];
  return true;
}

// Float ADD and MUL, in the forms that merge into binary operations. Whatever else they may be is
// left to others.
bool ReadFloatOp(NodeReader* reader, bool multiply, Op* op) {
  const TfLiteNode* node = reader->node();
  // Both builtin structs begin with the fused activation.
  if (!node->builtin_data || *static_cast<const int*>(node->builtin_data) != kTfLiteActNone)
    return false;
  if (!node->inputs || node->inputs->size != 2 || !node->outputs || node->outputs->size != 1)
    return false;
  op->output = reader->output(0);
  const TfLiteTensor* operands[2] = {reader->Tensor(reader->input(0)),
                                     reader->Tensor(reader->input(1))};
  const TfLiteTensor* output = reader->Tensor(op->output);
  if (!operands[0] || !operands[1] || !output) return false;
  if (!multiply && operands[0]->type == kTfLiteInt8) return ReadByteAdd(reader, op);
  if (operands[0]->type != kTfLiteFloat32 || operands[1]->type != kTfLiteFloat32 ||
      output->type != kTfLiteFloat32)
    return false;

  const bool constant[2] = {operands[0]->allocation_type == kTfLiteMmapRo,
                            operands[1]->allocation_type == kTfLiteMmapRo};
  if (constant[0] && constant[1]) return false;
  if (!constant[0] && !constant[1]) {
    const std::vector<int64_t> shape = ShapeOf(*operands[0]);
    if (multiply || shape.empty() || shape != ShapeOf(*operands[1]) || shape != ShapeOf(*output))
      return false;
    op->kind = OpKind::kAdd;
    op->input = reader->input(0);
    op->other = reader->input(1);
    return true;
  }

  const int constant_at = constant[0] ? 0 : 1;
  op->input = reader->input(1 - constant_at);
  op->other = reader->input(constant_at);
  const std::vector<int64_t> shape = ShapeOf(*operands[1 - constant_at]);
  if (shape.empty() || shape != ShapeOf(*output)) return false;
  int64_t elements = 1;
  const std::vector<int64_t> constant_shape = ShapeOf(*operands[constant_at]);
  for (size_t i = 0; i < constant_shape.size(); ++i) {
    if (i + 1 < constant_shape.size() && constant_shape[i] != 1) return false;
    elements = constant_shape[i];
  }
  if (constant_shape.size() > shape.size()) return false;
  if (!reader->Constant(op->other, "operand", kTfLiteFloat32, elements, sizeof(float)))
    return false;
  if (elements == 1 && (multiply || shape.back() != 1)) {
    op->kind = multiply ? OpKind::kScale : OpKind::kShift;
    op->other = -1;
    std::memcpy(&op->scale, operands[constant_at]->data, sizeof(float));
    return true;
  }
  if (elements != shape.back()) return false;
  op->kind = multiply ? OpKind::kChannelScale : OpKind::kChannelShift;
  if (!multiply) op->shift = op->other;
  return true;
}

// One constant per channel of `shape`.
bool ReadChannelConstant(NodeReader* reader, int index, const std::vector<int64_t>& shape) {
  const std::vector<int64_t> constant = ShapeOf(*reader->Tensor(index));
  if (constant.empty() || constant.size() > shape.size() || constant.back() != shape.back())
    return false;
  for (size_t i = 0; i + 1 < constant.size(); ++i) {
    if (constant[i] != 1) return false;
  }
  return reader->Constant(index, "operand", kTfLiteFloat32, shape.back(), sizeof(float)) != nullptr;
}

bool IsFloat(const TfLiteTensor* tensor) { return tensor && tensor->type == kTfLiteFloat32; }

bool ReadPrelu(NodeReader* reader, Op* op) {
  op->kind = OpKind::kChannelSlope;
  if (!reader->ExpectCounts(2, 1)) return false;
  op->input = reader->input(0);
  op->other = reader->input(1);
  op->output = reader->output(0);
  const TfLiteTensor *input = reader->Tensor(op->input), *output = reader->Tensor(op->output);
  if (!IsFloat(input) || !IsFloat(output) || !IsFloat(reader->Tensor(op->other))) return false;
  const std::vector<int64_t> shape = ShapeOf(*input);
  if (shape.empty() || shape != ShapeOf(*output) || input->allocation_type == kTfLiteMmapRo)
    return false;
  return ReadChannelConstant(reader, op->other, shape);
}

constexpr int64_t kMaxImageChannels = 4;
constexpr int64_t kMinImageFilters = 4;  // for one filter XNNPACK adds in another order

bool ReadPadding(int value, Padding* padding) {
  *padding = value == kTfLitePaddingSame ? Padding::kSame : Padding::kValid;
  return value == kTfLitePaddingSame || value == kTfLitePaddingValid;
}

bool IsExtent(int64_t value) { return value >= 1 && value <= kMaxExtent; }

bool ReadImageConvolution(NodeReader* reader, Op* op) {
  op->kind = OpKind::kImageConvolution;
  if (!reader->node()->builtin_data || !reader->ExpectCounts(3, 1)) return false;
  op->input = reader->input(0);
  op->output = reader->output(0);
  const TfLiteTensor* input = reader->Tensor(op->input);
  if (!IsFloat(input) || !IsFloat(reader->Tensor(op->output)) ||
      input->allocation_type == kTfLiteMmapRo)
    return false;

  const auto& params = *static_cast<const TfLiteConvParams*>(reader->node()->builtin_data);
  ConvAttributes& conv = op->conv;
  if (!ReadPadding(params.padding, &conv.padding) || params.activation < kTfLiteActNone ||
      params.activation > kTfLiteActRelu6)
    return false;
  if (params.dilation_height_factor != 1 || params.dilation_width_factor != 1) return false;
  if (!IsExtent(params.stride_height) || !IsExtent(params.stride_width)) return false;
  conv.activation = static_cast<Activation>(params.activation);
  conv.stride_height = params.stride_height;
  conv.stride_width = params.stride_width;

  conv.filter = reader->input(1);
  conv.bias = reader->input(2);
  const TfLiteTensor* filter =
      reader->Constant(conv.filter, "filter", kTfLiteFloat32, -1, sizeof(float));
  if (!filter) return false;
  const std::vector<int64_t> shape = ShapeOf(*filter), image = ShapeOf(*input);
  if (shape.size() != 4 || image.size() != 4 || image[3] != shape[3] ||
      shape[3] > kMaxImageChannels || shape[0] < kMinImageFilters)
    return false;
  for (int64_t extent : shape) {
    if (!IsExtent(extent)) return false;
  }
  conv.channels_out = shape[0];
  conv.kernel_height = shape[1];
  conv.kernel_width = shape[2];
  conv.channels_in = shape[3];
  return conv.taps() <= kMaxExtent &&
         reader->Constant(conv.bias, "bias", kTfLiteFloat32, conv.channels_out, sizeof(float));
}

// Bytes of an image as floats.
bool ReadPixels(NodeReader* reader, Op* op) {
  op->kind = OpKind::kPixels;
  if (!reader->ExpectCounts(1, 1)) return false;
  op->input = reader->input(0);
  op->output = reader->output(0);
  const TfLiteTensor *input = reader->Tensor(op->input), *output = reader->Tensor(op->output);
  if (!input || !IsFloat(output) || input->allocation_type == kTfLiteMmapRo ||
      ShapeOf(*input) != ShapeOf(*output))
    return false;
  if (input->type != kTfLiteUInt8 && input->type != kTfLiteInt8) return false;
  op->scale = input->params.scale;
  op->zero_point = input->params.zero_point;
  const bool zero_is_byte = op->zero_point >= -128 && op->zero_point <= 255;
  return input->quantization.type == kTfLiteAffineQuantization && IsUsableScale(op->scale) &&
         zero_is_byte;
}

bool ReadFloatMaxPool(NodeReader* reader, Op* op) {
  op->kind = OpKind::kFloatMaxPool;
  if (!reader->node()->builtin_data || !reader->ExpectCounts(1, 1)) return false;
  op->input = reader->input(0);
  op->output = reader->output(0);
  const TfLiteTensor* input = reader->Tensor(op->input);
  if (!IsFloat(input) || !IsFloat(reader->Tensor(op->output)) || ShapeOf(*input).size() != 4)
    return false;
  const auto& params = *static_cast<const TfLitePoolParams*>(reader->node()->builtin_data);
  PoolAttributes& pool = op->pool;
  pool.stride_height = params.stride_height;
  pool.stride_width = params.stride_width;
  pool.filter_height = params.filter_height;
  pool.filter_width = params.filter_width;
  return ReadPadding(params.padding, &pool.padding) && params.activation == kTfLiteActNone &&
         IsExtent(pool.stride_height) && IsExtent(pool.stride_width) &&
         IsExtent(pool.filter_height) && IsExtent(pool.filter_width);
}

// Floats side by side, along the last axis.
bool ReadConcatenation(NodeReader* reader, Op* op) {
  op->kind = OpKind::kConcatenation;
  const TfLiteNode* node = reader->node();
  if (!node->builtin_data || !node->inputs || node->inputs->size < 2) return false;
  if (!reader->ExpectCounts(node->inputs->size, 1)) return false;
  op->input = reader->input(0);
  op->output = reader->output(0);
  const TfLiteTensor* output = reader->Tensor(op->output);
  if (!IsFloat(output)) return false;
  std::vector<int64_t> joined = ShapeOf(*output);
  const auto& params = *static_cast<const TfLiteConcatenationParams*>(node->builtin_data);
  const int last = static_cast<int>(joined.size()) - 1;
  if (last < 0 || (params.axis != last && params.axis != -1) || params.activation != kTfLiteActNone)
    return false;
  for (int i = 0; i < node->inputs->size; ++i) {
    const TfLiteTensor* part = reader->Tensor(reader->input(i));
    if (!IsFloat(part) || part->allocation_type == kTfLiteMmapRo) return false;
    std::vector<int64_t> shape = ShapeOf(*part);
    if (shape.size() != joined.size() || shape.back() < 1) return false;
    joined.back() -= shape.back();
    shape.back() = joined.back();
    if (shape != joined) return false;
    op->parts.push_back(reader->input(i));
  }
  return joined.back() == 0;
}

bool ReadBuiltin(NodeReader* reader, int code, const FloatOps& wanted, Op* op) {
  switch (code) {
    case kTfLiteBuiltinAdd: return wanted.arithmetic && ReadFloatOp(reader, false, op);
    case kTfLiteBuiltinConcatenation: return wanted.arithmetic && ReadConcatenation(reader, op);
    case kTfLiteBuiltinPrelu: return wanted.arithmetic && ReadPrelu(reader, op);
    case kTfLiteBuiltinMul: return wanted.arithmetic && ReadFloatOp(reader, true, op);
    case kTfLiteBuiltinConv2d: return wanted.images && ReadImageConvolution(reader, op);
    case kTfLiteBuiltinMaxPool2d: return wanted.images && ReadFloatMaxPool(reader, op);
    case kTfLiteBuiltinDequantize: return wanted.pixels && ReadPixels(reader, op);
  }
  return false;
}

}  // namespace

std::vector<int64_t> ShapeOf(const TfLiteTensor& tensor) {
  std::vector<int64_t> shape;
  if (tensor.dims && tensor.dims->size > 0)
    shape.assign(tensor.dims->data, tensor.dims->data + tensor.dims->size);
  return shape;
}

bool ReadNode(TfLiteContext* context, int node_index, const FloatOps& wanted, Op* op,
              std::string* reason) {
  reason->clear();
  TfLiteNode* node = nullptr;
  TfLiteRegistration* registration = nullptr;
  if (context->GetNodeAndRegistration(context, node_index, &node, &registration) != kTfLiteOk ||
      !node || !registration)
    return false;

  bool claimed = false;
  if (const char* name = registration->custom_name) {
    NodeReader reader(context, node, name, node_index, reason);
    if (std::strcmp(name, "LceQuantize") == 0) {
      claimed = ReadQuantize(&reader, op);
    } else if (std::strcmp(name, "LceDequantize") == 0) {
      claimed = ReadDequantize(&reader, op);
    } else if (std::strcmp(name, "LceBconv2d") == 0) {
      claimed = ReadConvolution(&reader, op);
    } else if (std::strcmp(name, "LceBMaxPool2d") == 0) {
      claimed = ReadMaxPool(&reader, op);
    }
  } else {
    std::string unused;  // a float node that does not fit is not an error
    NodeReader reader(context, node, "float", node_index, &unused);
    claimed = ReadBuiltin(&reader, registration->builtin_code, wanted, op);
  }
  if (claimed) {
    op->input_type = context->tensors[op->input].type;
    op->output_type = context->tensors[op->output].type;
  }
  return claimed;
}

std::string ShapeText(const std::vector<int64_t>& shape) {
  std::string text = "(";
  for (size_t i = 0; i < shape.size(); ++i) text += (i ? ", " : "") + std::to_string(shape[i]);
  return text + ")";
}

const char* KindName(OpKind kind) {
  switch (kind) {
    case OpKind::kQuantize: return "LceQuantize";
    case OpKind::kDequantize: return "LceDequantize";
    case OpKind::kConvolution: return "LceBconv2d";
    case OpKind::kMaxPool: return "LceBMaxPool2d";
    case OpKind::kAdd: return "ADD";
    case OpKind::kScale: return "MUL";
    case OpKind::kShift: return "ADD of one";
    case OpKind::kChannelScale: return "MUL per channel";
    case OpKind::kChannelShift: return "ADD per channel";
    case OpKind::kChannelSlope: return "PRELU";
    case OpKind::kAddBytes: return "ADD of int8";
    case OpKind::kAffineQuantize: return "MUL+ADD+LceQuantize";
    case OpKind::kImageConvolution: return "CONV_2D";
    case OpKind::kFloatMaxPool: return "MAX_POOL_2D";
    case OpKind::kPixels: return "DEQUANTIZE";
    case OpKind::kConcatenation: return "CONCATENATION";
  }
  return "?";
}

std::string PoolAttributes::Resolve(int64_t height, int64_t width, WindowAxis* rows,
                                    WindowAxis* columns) const {
  *rows = {height, filter_height, stride_height, 1};
  *columns = {width, filter_width, stride_width, 1};
  return rows->Resolve(padding) && columns->Resolve(padding)
             ? ""
             : "the input is smaller than the window";
}

}  // namespace larq_igp
