// From a node of the model to an operator.

#include "operator.h"

#include <cstdlib>
#include <cstring>

#include "node_reader.h"
#include "op_arithmetic.h"
#include "op_bconv2d.h"
#include "op_bmaxpool2d.h"
#include "op_concatenation.h"
#include "op_conv2d.h"
#include "op_dequantize.h"
#include "op_pixels.h"
#include "op_pool2d.h"
#include "op_quantize.h"

namespace larq_igp {
namespace {

std::unique_ptr<Operator> OfLce(const char* name) {
  if (std::strcmp(name, "LceQuantize") == 0) return std::make_unique<Quantize>();
  if (std::strcmp(name, "LceDequantize") == 0) return std::make_unique<Dequantize>();
  if (std::strcmp(name, "LceBconv2d") == 0) return std::make_unique<BinaryConvolution>();
  if (std::strcmp(name, "LceBMaxPool2d") == 0) return std::make_unique<BinaryMaxPool>();
  return nullptr;
}

std::unique_ptr<Operator> Builtin(int code, const FloatOps& wanted, NodeReader* reader) {
  if (wanted.arithmetic) {
    switch (code) {
      case kTfLiteBuiltinAdd:
      case kTfLiteBuiltinMul: return NewArithmetic(reader, code == kTfLiteBuiltinMul);
      case kTfLiteBuiltinPrelu: return std::make_unique<PerChannel>(Addend::kChannelSlope);
      case kTfLiteBuiltinConcatenation: return std::make_unique<Concatenation>();
    }
  }
  if (wanted.images) {
    switch (code) {
      case kTfLiteBuiltinConv2d: return NewConvolution(reader);
      case kTfLiteBuiltinAveragePool2d:
      case kTfLiteBuiltinMaxPool2d:
        return std::make_unique<Pool>(code == kTfLiteBuiltinAveragePool2d);
    }
  }
  if (wanted.pixels && code == kTfLiteBuiltinDequantize) return std::make_unique<Pixels>();
  return nullptr;
}

}  // namespace

std::unique_ptr<Operator> ReadNode(TfLiteContext* context, int node_index, const FloatOps& wanted,
                                   Tensors* tensors, std::string* reason) {
  reason->clear();
  TfLiteNode* node = nullptr;
  TfLiteRegistration* registration = nullptr;
  if (context->GetNodeAndRegistration(context, node_index, &node, &registration) != kTfLiteOk ||
      !node || !registration)
    return nullptr;
  std::string unused;  // a float node that does not fit is not an error
  const char* name = registration->custom_name;
  NodeReader reader(context, node, tensors, name ? name : "float", node_index,
                    name ? reason : &unused);
  std::unique_ptr<Operator> op =
      name ? OfLce(name) : Builtin(registration->builtin_code, wanted, &reader);
  if (op && !op->Read(&reader)) op.reset();
  return op;
}

std::string Preparation::SetShape(Tensor* output, const std::vector<int64_t>& shape) {
  if (!output->shape.empty()) {
    return "tensor " + std::to_string(output->index) +
           " is written by two operators, or read before it is written";
  }
  if (output->constant) return "tensor " + std::to_string(output->index) + " is a constant";
  if (shape.empty() || !ByteSize(shape, output->type, &output->bytes))
    return "an output of shape " + ShapeText(shape) + " is too large";
  output->shape = shape;
  if (output->internal) return "";
  auto* dims = static_cast<TfLiteIntArray*>(std::malloc(sizeof(int) * (shape.size() + 1)));
  if (!dims) return "out of memory";
  dims->size = static_cast<int>(shape.size());
  for (size_t i = 0; i < shape.size(); ++i) dims->data[i] = static_cast<int>(shape[i]);
  return context_->ResizeTensor(context_, &context_->tensors[output->index], dims) == kTfLiteOk
             ? ""
             : "the interpreter cannot resize an output";
}

}  // namespace larq_igp
