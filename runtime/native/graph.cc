// From nodes to steps, and their shapes.

#include "graph.h"

#include <algorithm>
#include <climits>
#include <cstdlib>

namespace larq_igp {
namespace {

size_t ElementSize(int type) { return type == kTfLiteFloat32 || type == kTfLiteInt32 ? 4 : 1; }

bool ByteSize(const std::vector<int64_t>& shape, int type, size_t* bytes) {
  *bytes = ElementSize(type);
  for (int64_t extent : shape) {
    if (extent < 0 || extent > INT_MAX || !MultiplySize(bytes, static_cast<size_t>(extent)))
      return false;
  }
  return true;
}

}  // namespace

std::vector<int> Step::Inputs() const {
  if (op.kind == OpKind::kConcatenation) return op.parts;
  std::vector<int> inputs = {op.input};
  if (op.kind == OpKind::kAdd || op.kind == OpKind::kAddBytes) inputs.push_back(op.other);
  for (const Member& member : members) {
    for (const Member::AddendTensor& addend : member.addends) {
      if (addend.tensor >= 0 && addend.kind == Addend::kTensor) inputs.push_back(addend.tensor);
    }
    if (member.byte_addend >= 0) inputs.push_back(member.byte_addend);
  }
  return inputs;
}

std::vector<int> Step::Outputs() const {
  if (op.kind != OpKind::kConvolution) return {op.output};
  std::vector<int> outputs;
  for (const Member& member : members) {
    if (member.values >= 0) outputs.push_back(member.values);
    if (member.bits >= 0) outputs.push_back(member.bits);
  }
  return outputs;
}

std::string Graph::Build(TfLiteContext* context, const TfLiteDelegateParams& partition,
                         const Kernels& kernels, const FloatOps& wanted) {
  kernels_ = &kernels;
  for (int i = 0; i < partition.output_tensors->size; ++i)
    partition_outputs_.insert(partition.output_tensors->data[i]);
  for (int i = 0; i < partition.nodes_to_replace->size; ++i) {
    Step step;
    std::string reason;
    if (!ReadNode(context, partition.nodes_to_replace->data[i], wanted, &step.op, &reason))
      return "a claimed node changed: " + reason;
    if (step.op.kind == OpKind::kConvolution) {
      Member member;
      member.attributes = step.op.conv;
      (step.op.output_type == kTfLiteInt32 ? member.bits : member.values) = step.op.output;
      step.members.push_back(std::move(member));
    }
    steps_.push_back(std::move(step));
  }
  if (wanted.arithmetic || wanted.images) Fuse(context);
  steps_.erase(
      std::remove_if(steps_.begin(), steps_.end(), [](const Step& step) { return step.done; }),
      steps_.end());
  return "";
}

std::string Graph::SetShape(TfLiteContext* context, int index, int type,
                            const std::vector<int64_t>& shape) {
  if (tensors_.count(index))
    return "tensor " + std::to_string(index) +
           " is written by two operators, or read before it is written";
  Tensor& tensor = tensors_[index];
  tensor.shape = shape;
  if (!ByteSize(shape, type, &tensor.bytes))
    return "an output of shape " + ShapeText(shape) + " is too large";
  tensor.internal = !partition_outputs_.count(index);
  if (tensor.internal) return "";
  TfLiteIntArray* dims =
      static_cast<TfLiteIntArray*>(std::malloc(sizeof(int) * (shape.size() + 1)));
  if (!dims) return "out of memory";
  dims->size = static_cast<int>(shape.size());
  for (size_t i = 0; i < shape.size(); ++i) dims->data[i] = static_cast<int>(shape[i]);
  return context->ResizeTensor(context, &context->tensors[index], dims) == kTfLiteOk
             ? ""
             : "the interpreter cannot resize an output";
}

std::string Graph::SetupConvolution(TfLiteContext* context, Step* step) {
  std::vector<ConvConstants> constants;
  ConvMode mode = ConvMode::kFloat;
  if (step->op.output_type == kTfLiteInt32) mode = ConvMode::kThreshold;
  if (step->op.output_type == kTfLiteInt8) mode = ConvMode::kInt8;
  for (const Member& member : step->members) {
    const auto data = [&](int tensor) {
      return tensor < 0 ? nullptr : static_cast<const void*>(context->tensors[tensor].data);
    };
    ConvConstants one;
    one.attributes = member.attributes;
    one.filter = static_cast<const uint32_t*>(data(member.attributes.filter));
    one.multiplier = static_cast<const float*>(data(member.attributes.multiplier));
    one.bias = static_cast<const float*>(data(member.attributes.bias));
    one.threshold = static_cast<const int32_t*>(data(member.attributes.threshold));
    one.packs_signs = mode != ConvMode::kThreshold && member.bits >= 0;
    constants.push_back(one);
  }
  step->outputs.resize(step->members.size());
  step->addends.resize(step->members.size());
  step->sums.resize(step->members.size());
  // Kept only once it is whole: after a failure the interpreter may prepare again.
  std::unique_ptr<Convolution> convolution(new Convolution);
  if (!convolution->Setup(constants, mode, *kernels_)) return "out of memory for filters";
  step->convolution = std::move(convolution);
  return "";
}

std::string Graph::SetupImageConvolution(TfLiteContext* context, Step* step) {
  const Op& op = step->op;
  std::unique_ptr<ImageConvolution> convolution(new ImageConvolution);
  const auto* filter = static_cast<const float*>(context->tensors[op.conv.filter].data);
  const auto* bias = static_cast<const float*>(context->tensors[op.conv.bias].data);
  if (!convolution->Setup(op.conv, filter, bias, op.pools ? &op.pool : nullptr, op.pixels,
                          *kernels_))
    return "out of memory for filters";
  step->image_convolution = std::move(convolution);
  return "";
}

std::string Graph::InferShapes(TfLiteContext* context, Step* step, int threads) {
  // Shapes from outside come with the tensors; those from inside were set by earlier steps.
  for (int index : step->Inputs()) {
    if (tensors_.count(index)) continue;
    const TfLiteTensor& outside = context->tensors[index];
    Tensor& tensor = tensors_[index];
    tensor.shape = ShapeOf(outside);
    if (tensor.shape.empty()) return "an input has no shape";
    if (!ByteSize(tensor.shape, outside.type, &tensor.bytes)) return "an input is too large";
  }
  const Op& op = step->op;
  std::vector<int64_t> shape = ShapeAt(op.input);
  switch (op.kind) {
    case OpKind::kQuantize:
      shape.back() = (shape.back() + 31) / 32;
      return SetShape(context, op.output, kTfLiteInt32, shape);
    case OpKind::kAffineQuantize:
    case OpKind::kChannelScale:
    case OpKind::kChannelShift:
    case OpKind::kChannelSlope: {
      // Read with the model's own shapes; after a resize the constants must still fit.
      const int constants[] = {op.other, op.shift};
      for (int index : constants) {
        if (index >= 0 &&
            static_cast<size_t>(shape.back()) * sizeof(float) > context->tensors[index].bytes)
          return "channels do not match the constants";
      }
      if (op.kind != OpKind::kAffineQuantize)
        return SetShape(context, op.output, kTfLiteFloat32, shape);
      if (op.other < 0 && ones_.size() < static_cast<size_t>(shape.back())) {
        ones_.assign(static_cast<size_t>(shape.back()), 1.0f);
      }
      shape.back() = (shape.back() + 31) / 32;
      return SetShape(context, op.output, kTfLiteInt32, shape);
    }
    case OpKind::kDequantize: {
      const std::vector<int64_t> declared = ShapeOf(context->tensors[op.output]);
      if (declared.empty() || declared.back() < 1 || (declared.back() + 31) / 32 != shape.back()) {
        return "its output's channels do not match the packed input " + ShapeText(shape);
      }
      shape.back() = declared.back();
      return SetShape(context, op.output, op.output_type, shape);
    }
    case OpKind::kAdd:
      if (shape != ShapeAt(op.other))
        return "shapes differ: " + ShapeText(shape) + " and " + ShapeText(ShapeAt(op.other));
      return SetShape(context, op.output, kTfLiteFloat32, shape);
    case OpKind::kAddBytes:
      if (shape != ShapeAt(op.other))
        return "shapes differ: " + ShapeText(shape) + " and " + ShapeText(ShapeAt(op.other));
      return SetShape(context, op.output, kTfLiteInt8, shape);
    case OpKind::kScale:
    case OpKind::kShift:
    case OpKind::kPixels: return SetShape(context, op.output, kTfLiteFloat32, shape);
    case OpKind::kConcatenation: {
      shape.back() = 0;
      for (int part : op.parts) {
        std::vector<int64_t> one = ShapeAt(part);
        if (one.size() != shape.size() || one.back() < 1) return "shapes do not fit";
        shape.back() += one.back();
        one.back() = shape.back();
        if (one != shape) {
          return "shapes differ: " + ShapeText(ShapeAt(op.input)) + " and " +
                 ShapeText(ShapeAt(part));
        }
      }
      return SetShape(context, op.output, kTfLiteFloat32, shape);
    }
    case OpKind::kMaxPool: {
      if (shape.size() != 4)
        return "its input has rank " + std::to_string(shape.size()) + ", not 4";
      WindowAxis rows, columns;
      const std::string error = op.pool.Resolve(shape[1], shape[2], &rows, &columns);
      if (!error.empty()) return error;
      return SetShape(context, op.output, kTfLiteInt32,
                      {shape[0], rows.output, columns.output, shape[3]});
    }
    case OpKind::kFloatMaxPool: {
      if (shape.size() != 4)
        return "its input has rank " + std::to_string(shape.size()) + ", not 4";
      WindowAxis rows, columns;
      const std::string error = op.pool.Resolve(shape[1], shape[2], &rows, &columns);
      if (!error.empty()) return error;
      return SetShape(context, op.output, kTfLiteFloat32,
                      {shape[0], rows.output, columns.output, shape[3]});
    }
    case OpKind::kImageConvolution: {
      if (shape.size() != 4 || shape[3] != op.conv.channels_in)
        return "its input " + ShapeText(shape) + " does not match the filter";
      std::string error;
      if (!step->image_convolution) error = SetupImageConvolution(context, step);
      if (error.empty())
        error = step->image_convolution->Resize(shape[0], shape[1], shape[2], threads);
      if (!error.empty()) return error;
      return SetShape(context, op.output, kTfLiteFloat32,
                      {shape[0], step->image_convolution->out_height(),
                       step->image_convolution->out_width(), op.conv.channels_out});
    }
    case OpKind::kConvolution: {
      if (shape.size() != 4)
        return "its input has rank " + std::to_string(shape.size()) + ", not 4";
      if (shape[3] != (op.conv.channels_in + 31) / 32) {
        return "its input has " + std::to_string(shape[3]) +
               " words per pixel, which does not match channels_in = " +
               std::to_string(op.conv.channels_in);
      }
      std::string error;
      if (!step->convolution) error = SetupConvolution(context, step);
      if (error.empty()) error = step->convolution->Resize(shape[0], shape[1], shape[2], threads);
      for (const Member& member : step->members) {
        if (!error.empty()) break;
        const int64_t channels = member.attributes.channels_out;
        const std::vector<int64_t> out = {shape[0], step->convolution->out_height(),
                                          step->convolution->out_width(), channels};
        std::vector<int64_t> packed = out;
        packed[3] = (channels + 31) / 32;
        for (const Member::AddendTensor& addend : member.addends) {
          if (addend.kind != Addend::kTensor) {
            const size_t needed = static_cast<size_t>(channels) * sizeof(float);
            if (context->tensors[addend.tensor].bytes < needed)
              return "channels do not match the constants";
            continue;
          }
          if (addend.tensor >= 0 && ShapeAt(addend.tensor) != out)
            return "shapes differ: " + ShapeText(out) + " and " + ShapeText(ShapeAt(addend.tensor));
        }
        if (member.byte_addend >= 0 && ShapeAt(member.byte_addend) != out) {
          return "shapes differ: " + ShapeText(out) + " and " +
                 ShapeText(ShapeAt(member.byte_addend));
        }
        if (member.values >= 0) error = SetShape(context, member.values, op.output_type, out);
        if (error.empty() && member.bits >= 0)
          error = SetShape(context, member.bits, kTfLiteInt32, packed);
      }
      return error;
    }
  }
  return "";
}

std::string Graph::Prepare(TfLiteContext* context, int threads) {
  tensors_.clear();
  for (Step& step : steps_) {
    const std::string error = InferShapes(context, &step, threads);
    if (!error.empty()) return std::string(KindName(step.op.kind)) + ": " + error;
  }
  PlanSlices();
  return PlanMemory();
}

}  // namespace larq_igp
