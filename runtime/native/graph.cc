#include "graph.h"

#include <algorithm>
#include <chrono>
#include <climits>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace larq_igp {
namespace {

size_t ElementSize(int type) { return type == kTfLiteFloat32 || type == kTfLiteInt32 ? 4 : 1; }

bool ByteSize(const std::vector<int64_t>& shape, int type, size_t* bytes) {
  *bytes = ElementSize(type);
  for (int64_t extent : shape) {
    if (extent < 0 || extent > INT_MAX || !MultiplySize(bytes, static_cast<size_t>(extent))) return false;
  }
  return true;
}

size_t ElementCount(const std::vector<int64_t>& shape) {
  size_t count = 1;
  for (int64_t extent : shape) count *= static_cast<size_t>(extent);
  return count;
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
    case OpKind::kChannelScale: return "MUL per channel";
    case OpKind::kChannelShift: return "ADD per channel";
    case OpKind::kAffineQuantize: return "MUL+ADD+LceQuantize";
    case OpKind::kImageConvolution: return "CONV_2D";
    case OpKind::kFloatMaxPool: return "MAX_POOL_2D";
  }
  return "?";
}

// Splits `count` items among the threads, in pieces large enough to be worth it.
template <class Body>
void ForRanges(ThreadPool* pool, size_t count, size_t least, const Body& body) {
  const size_t pieces = std::max<size_t>(1, std::min<size_t>(count / std::max<size_t>(least, 1), 4 * pool->threads()));
  pool->For(pool->threads() == 1 ? 1 : pieces, [&](size_t piece, int) {
    const size_t all = pool->threads() == 1 ? 1 : pieces;
    body(count * piece / all, count * (piece + 1) / all);
  });
}

template <class T, class IsNegative>
void QuantizeRows(const T* values, size_t rows, size_t channels, uint32_t* bits, const IsNegative& is_negative) {
  for (size_t r = 0; r < rows; ++r, values += channels) {
    for (size_t c = 0; c < channels; c += 32) {
      uint32_t word = 0;
      for (size_t i = c; i < std::min(channels, c + 32); ++i) word |= static_cast<uint32_t>(is_negative(values[i])) << (i - c);
      *bits++ = word;
    }
  }
}

template <class T>
void DequantizeRows(const uint32_t* bits, size_t rows, size_t channels, T plus, T minus, T* values) {
  const size_t words = (channels + 31) / 32;
  for (size_t r = 0; r < rows; ++r, bits += words) {
    for (size_t c = 0; c < channels; ++c) *values++ = bits[c / 32] >> (c % 32) & 1 ? minus : plus;
  }
}

// The maximum of +-1 is -1 only where all are -1: the AND over the window.
void MaxPoolRow(const uint32_t* image, const WindowAxis& rows, const WindowAxis& columns, size_t words, int64_t y, uint32_t* out) {
  const int64_t top = y * rows.stride - rows.before;
  for (int64_t x = 0; x < columns.output; ++x, out += words) {
    const int64_t left = x * columns.stride - columns.before;
    std::fill(out, out + words, 0xffffffffu);
    for (int64_t iy = std::max<int64_t>(0, top); iy < std::min(rows.input, top + rows.kernel); ++iy) {
      for (int64_t ix = std::max<int64_t>(0, left); ix < std::min(columns.input, left + columns.kernel); ++ix) {
        const uint32_t* pixel = image + (iy * columns.input + ix) * words;
        for (size_t w = 0; w < words; ++w) out[w] &= pixel[w];
      }
    }
  }
}

std::string ResolvePool(const PoolAttributes& pool, int64_t height, int64_t width, WindowAxis* rows, WindowAxis* columns) {
  *rows = {height, pool.filter_height, pool.stride_height, 1};
  *columns = {width, pool.filter_width, pool.stride_width, 1};
  return rows->Resolve(pool.padding) && columns->Resolve(pool.padding) ? "" : "the input is smaller than the window";
}

}  // namespace

std::vector<int> Step::Inputs() const {
  std::vector<int> inputs = {op.input};
  if (op.kind == OpKind::kAdd) inputs.push_back(op.other);
  for (const Member& member : members) {
    for (const Member::AddendTensor& addend : member.addends) {
      if (addend.tensor >= 0) inputs.push_back(addend.tensor);
    }
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

std::string Graph::Build(TfLiteContext* context, const TfLiteDelegateParams& partition, const Kernels& kernels, const FloatOps& wanted) {
  kernels_ = &kernels;
  for (int i = 0; i < partition.output_tensors->size; ++i) partition_outputs_.insert(partition.output_tensors->data[i]);
  for (int i = 0; i < partition.nodes_to_replace->size; ++i) {
    Step step;
    std::string reason;
    if (!ReadNode(context, partition.nodes_to_replace->data[i], wanted, &step.op, &reason)) return "a claimed node changed: " + reason;
    if (step.op.kind == OpKind::kConvolution) {
      Member member;
      member.attributes = step.op.conv;
      (step.op.output_type == kTfLiteInt32 ? member.bits : member.values) = step.op.output;
      step.members.push_back(std::move(member));
    }
    steps_.push_back(std::move(step));
  }
  if (wanted.arithmetic || wanted.images) Fuse();
  steps_.erase(std::remove_if(steps_.begin(), steps_.end(), [](const Step& step) { return step.done; }), steps_.end());
  return "";
}

std::string Graph::SetShape(TfLiteContext* context, int index, int type, const std::vector<int64_t>& shape) {
  if (tensors_.count(index)) return "tensor " + std::to_string(index) + " is written by two operators, or read before it is written";
  Tensor& tensor = tensors_[index];
  tensor.shape = shape;
  if (!ByteSize(shape, type, &tensor.bytes)) return "an output of shape " + ShapeText(shape) + " is too large";
  tensor.internal = !partition_outputs_.count(index);
  if (tensor.internal) return "";
  TfLiteIntArray* dims = static_cast<TfLiteIntArray*>(std::malloc(sizeof(int) * (shape.size() + 1)));
  if (!dims) return "out of memory";
  dims->size = static_cast<int>(shape.size());
  for (size_t i = 0; i < shape.size(); ++i) dims->data[i] = static_cast<int>(shape[i]);
  return context->ResizeTensor(context, &context->tensors[index], dims) == kTfLiteOk ? "" : "the interpreter cannot resize an output";
}

std::string Graph::SetupConvolution(TfLiteContext* context, Step* step) {
  std::vector<ConvConstants> constants;
  ConvMode mode = ConvMode::kFloat;
  if (step->op.output_type == kTfLiteInt32) mode = ConvMode::kThreshold;
  if (step->op.output_type == kTfLiteInt8) mode = ConvMode::kInt8;
  for (const Member& member : step->members) {
    const auto data = [&](int tensor) { return tensor < 0 ? nullptr : static_cast<const void*>(context->tensors[tensor].data); };
    ConvConstants one;
    one.attributes = member.attributes;
    one.filter = static_cast<const uint32_t*>(data(member.attributes.filter));
    one.multiplier = static_cast<const float*>(data(member.attributes.multiplier));
    one.bias = static_cast<const float*>(data(member.attributes.bias));
    one.threshold = static_cast<const int32_t*>(data(member.attributes.threshold));
    one.packs_signs = mode == ConvMode::kFloat && member.bits >= 0;
    constants.push_back(one);
  }
  step->outputs.resize(step->members.size());
  step->addends.resize(step->members.size());
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
  if (!convolution->Setup(op.conv, filter, bias, op.pools ? &op.pool : nullptr, *kernels_)) return "out of memory for filters";
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
    case OpKind::kChannelShift: {
      // Read with the model's own shapes; after a resize the constants must still fit.
      const int constants[] = {op.other, op.shift};
      for (int index : constants) {
        if (index >= 0 && static_cast<size_t>(shape.back()) * sizeof(float) > context->tensors[index].bytes) return "channels do not match the constants";
      }
      if (op.kind != OpKind::kAffineQuantize) return SetShape(context, op.output, kTfLiteFloat32, shape);
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
      if (shape != ShapeAt(op.other)) return "shapes differ: " + ShapeText(shape) + " and " + ShapeText(ShapeAt(op.other));
      return SetShape(context, op.output, kTfLiteFloat32, shape);
    case OpKind::kScale:
      return SetShape(context, op.output, kTfLiteFloat32, shape);
    case OpKind::kMaxPool: {
      if (shape.size() != 4) return "its input has rank " + std::to_string(shape.size()) + ", not 4";
      WindowAxis rows, columns;
      const std::string error = ResolvePool(op.pool, shape[1], shape[2], &rows, &columns);
      if (!error.empty()) return error;
      return SetShape(context, op.output, kTfLiteInt32, {shape[0], rows.output, columns.output, shape[3]});
    }
    case OpKind::kFloatMaxPool: {
      if (shape.size() != 4) return "its input has rank " + std::to_string(shape.size()) + ", not 4";
      WindowAxis rows, columns;
      const std::string error = ResolvePool(op.pool, shape[1], shape[2], &rows, &columns);
      if (!error.empty()) return error;
      return SetShape(context, op.output, kTfLiteFloat32, {shape[0], rows.output, columns.output, shape[3]});
    }
    case OpKind::kImageConvolution: {
      if (shape.size() != 4 || shape[3] != op.conv.channels_in) return "its input " + ShapeText(shape) + " does not match the filter";
      std::string error;
      if (!step->image_convolution) error = SetupImageConvolution(context, step);
      if (error.empty()) error = step->image_convolution->Resize(shape[0], shape[1], shape[2], threads);
      if (!error.empty()) return error;
      return SetShape(context, op.output, kTfLiteFloat32,
                      {shape[0], step->image_convolution->out_height(), step->image_convolution->out_width(), op.conv.channels_out});
    }
    case OpKind::kConvolution: {
      if (shape.size() != 4) return "its input has rank " + std::to_string(shape.size()) + ", not 4";
      if (shape[3] != (op.conv.channels_in + 31) / 32) {
        return "its input has " + std::to_string(shape[3]) + " words per pixel, which does not match channels_in = " + std::to_string(op.conv.channels_in);
      }
      std::string error;
      if (!step->convolution) error = SetupConvolution(context, step);
      if (error.empty()) error = step->convolution->Resize(shape[0], shape[1], shape[2], threads);
      for (const Member& member : step->members) {
        if (!error.empty()) break;
        const int64_t channels = member.attributes.channels_out;
        const std::vector<int64_t> out = {shape[0], step->convolution->out_height(), step->convolution->out_width(), channels};
        std::vector<int64_t> packed = out;
        packed[3] = (channels + 31) / 32;
        for (const Member::AddendTensor& addend : member.addends) {
          if (addend.tensor >= 0 && ShapeAt(addend.tensor) != out) return "shapes differ: " + ShapeText(out) + " and " + ShapeText(ShapeAt(addend.tensor));
        }
        if (member.values >= 0) error = SetShape(context, member.values, op.output_type, out);
        if (error.empty() && member.bits >= 0) error = SetShape(context, member.bits, kTfLiteInt32, packed);
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
  return PlanMemory();
}

// Tensors between steps share one arena: each gets the lowest place that is free for as long as it lives.
std::string Graph::PlanMemory() {
  struct Life {
    int tensor;
    size_t bytes;
    int first, last;
    size_t offset;
  };
  std::map<int, int> first, last;
  for (size_t s = 0; s < steps_.size(); ++s) {
    for (int tensor : steps_[s].Outputs()) first[tensor] = static_cast<int>(s);
    for (int tensor : steps_[s].Inputs()) last[tensor] = static_cast<int>(s);
    for (int tensor : steps_[s].Outputs()) last[tensor] = static_cast<int>(s);
  }
  // A convolution may write over what is added to it, if that is read for the last time: every element is read
  // before it is written. This keeps a chain of residual blocks in one place of the cache.
  std::map<int, int> home;
  for (size_t s = 0; s < steps_.size(); ++s) {
    if (steps_[s].members.size() != 1) continue;
    const Member& member = steps_[s].members[0];
    if (member.values < 0 || !tensors_[member.values].internal) continue;
    for (const Member::AddendTensor& addend : member.addends) {
      if (addend.tensor < 0 || !tensors_[addend.tensor].internal || last[addend.tensor] != static_cast<int>(s)) continue;
      int root = addend.tensor;
      while (home.count(root)) root = home[root];
      home[member.values] = root;
      break;
    }
  }
  for (size_t s = 0; s < steps_.size(); ++s) {
    for (int tensor : steps_[s].Outputs()) {
      int root = tensor;
      while (home.count(root)) root = home[root];
      last[root] = std::max(last[root], last[tensor]);
    }
  }
  std::vector<Life> lives;
  for (const auto& entry : first) {
    const Tensor& tensor = tensors_[entry.first];
    if (!tensor.internal || home.count(entry.first)) continue;
    lives.push_back({entry.first, (tensor.bytes + 127) / 64 * 64, entry.second, last[entry.first], 0});
  }
  std::stable_sort(lives.begin(), lives.end(), [](const Life& a, const Life& b) { return a.bytes > b.bytes; });
  size_t total = 0;
  for (size_t i = 0; i < lives.size(); ++i) {
    std::vector<std::pair<size_t, size_t>> taken;
    for (size_t j = 0; j < i; ++j) {
      if (lives[j].first <= lives[i].last && lives[i].first <= lives[j].last) taken.push_back({lives[j].offset, lives[j].offset + lives[j].bytes});
    }
    std::sort(taken.begin(), taken.end());
    size_t offset = 0;
    for (const auto& range : taken) {
      if (offset + lives[i].bytes <= range.first) break;
      offset = std::max(offset, range.second);
    }
    lives[i].offset = offset;
    tensors_[lives[i].tensor].offset = offset;
    if (__builtin_add_overflow(offset, lives[i].bytes, &offset)) return "too much memory between operations";
    total = std::max(total, offset);
  }
  for (const auto& entry : home) {
    int root = entry.first;
    while (home.count(root)) root = home[root];
    tensors_[entry.first].offset = tensors_[root].offset;
  }
  return arena_.Reserve(total) ? "" : "out of memory between operations";
}

std::string Graph::CollectPointers(TfLiteContext* context) {
  for (const auto& entry : tensors_) {
    if (entry.second.internal) {
      pointers_[entry.first] = arena_.data() + entry.second.offset;
      continue;
    }
    const TfLiteTensor& tensor = context->tensors[entry.first];
    if ((!tensor.data && entry.second.bytes) || tensor.bytes < entry.second.bytes) {
      return "tensor " + std::to_string(entry.first) + " has no data, or less than its shape needs";
    }
    pointers_[entry.first] = tensor.data;
  }
  for (const Step& step : steps_) {
    for (int index : {step.op.other, step.op.shift}) {
      if (index >= 0 && !tensors_.count(index)) pointers_[index] = context->tensors[index].data;
    }
  }
  return "";
}

std::string Graph::Run(TfLiteContext* context, ThreadPool* pool, bool profile) {
  const std::string error = CollectPointers(context);
  if (!error.empty()) return error;
  for (Step& step : steps_) {
    if (!profile) {
      RunStep(&step, pool);
      continue;
    }
    const auto start = std::chrono::steady_clock::now();
    RunStep(&step, pool);
    const double milliseconds = std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
    if (step.runs++ == 0 || milliseconds < step.milliseconds) step.milliseconds = milliseconds;
  }
  return "";
}

void Graph::RunStep(Step* step, ThreadPool* pool) {
  const Op& op = step->op;
  const std::vector<int64_t>& shape = ShapeAt(op.input);
  const size_t count = ElementCount(shape);
  if (count == 0) return;
  const size_t channels = static_cast<size_t>(shape.back());
  const size_t rows = count / channels;
  constexpr size_t kLeastValues = 8192;  // per thread
  const size_t least_rows = kLeastValues / channels + 1;

  switch (op.kind) {
    case OpKind::kQuantize: {
      const size_t words = (channels + 31) / 32;
      uint32_t* bits = Data<uint32_t>(op.output);
      if (op.input_type == kTfLiteFloat32) {
        const float* values = Data<float>(op.input);
        ForRanges(pool, rows, least_rows, [&](size_t begin, size_t end) {
          kernels_->quantize(values + begin * channels, end - begin, channels, bits + begin * words);
        });
      } else if (op.input_type == kTfLiteInt8) {
        const int32_t zero = op.zero_point;
        QuantizeRows(Data<int8_t>(op.input), rows, channels, bits, [zero](int8_t q) { return q < zero; });
      } else {
        QuantizeRows(Data<uint8_t>(op.input), rows, channels, bits, [](uint8_t b) { return b == 0; });
      }
      return;
    }
    case OpKind::kAffineQuantize: {
      const size_t words = (channels + 31) / 32;
      const float *values = Data<float>(op.input), *multiplier = Data<float>(op.other), *bias = Data<float>(op.shift);
      uint32_t* bits = Data<uint32_t>(op.output);
      ForRanges(pool, rows, least_rows, [&](size_t begin, size_t end) {
        kernels_->affine_quantize(values + begin * channels, end - begin, channels, multiplier, bias, bits + begin * words);
      });
      return;
    }
    case OpKind::kDequantize: {
      const size_t out_channels = static_cast<size_t>(ShapeAt(op.output).back());
      const uint32_t* bits = Data<uint32_t>(op.input);
      if (op.output_type == kTfLiteFloat32) {
        DequantizeRows(bits, rows, out_channels, 1.0f, -1.0f, Data<float>(op.output));
      } else if (op.output_type == kTfLiteInt8) {
        const double one = std::min(std::round(1.0 / op.scale), 1024.0);
        const auto clip = [](double q) { return static_cast<int8_t>(std::max(-128.0, std::min(127.0, q))); };
        DequantizeRows(bits, rows, out_channels, clip(op.zero_point + one), clip(op.zero_point - one), Data<int8_t>(op.output));
      } else {
        DequantizeRows(bits, rows, out_channels, uint8_t{1}, uint8_t{0}, Data<uint8_t>(op.output));
      }
      return;
    }
    case OpKind::kMaxPool: {
      WindowAxis y_axis, x_axis;
      ResolvePool(op.pool, shape[1], shape[2], &y_axis, &x_axis);
      const uint32_t* in = Data<uint32_t>(op.input);
      uint32_t* out = Data<uint32_t>(op.output);
      pool->For(static_cast<size_t>(shape[0] * y_axis.output), [&](size_t task, int) {
        const int64_t image = static_cast<int64_t>(task) / y_axis.output, y = static_cast<int64_t>(task) % y_axis.output;
        MaxPoolRow(in + image * y_axis.input * x_axis.input * channels, y_axis, x_axis, channels, y, out + task * x_axis.output * channels);
      });
      return;
    }
    case OpKind::kFloatMaxPool: {
      WindowAxis y_axis, x_axis;
      ResolvePool(op.pool, shape[1], shape[2], &y_axis, &x_axis);
      const float* in = Data<float>(op.input);
      float* out = Data<float>(op.output);
      const int64_t step = static_cast<int64_t>(channels), row_step = x_axis.input * step;
      pool->For(static_cast<size_t>(shape[0] * y_axis.output), [&](size_t task, int) {
        const int64_t image = static_cast<int64_t>(task) / y_axis.output, top = static_cast<int64_t>(task) % y_axis.output * y_axis.stride - y_axis.before;
        const int64_t begin = std::max<int64_t>(0, top), end = std::min(y_axis.input, top + y_axis.kernel);
        kernels_->max_pool_row({in + image * y_axis.input * row_step, y_axis.input, row_step, begin, end, &x_axis, step, step,
                                out + static_cast<int64_t>(task) * x_axis.output * step});
      });
      return;
    }
    case OpKind::kImageConvolution:
      return step->image_convolution->Run(Data<float>(op.input), Data<float>(op.output), pool);
    case OpKind::kAdd: {
      const float *a = Data<float>(op.input), *b = Data<float>(op.other);
      float* out = Data<float>(op.output);
      ForRanges(pool, count, kLeastValues, [&](size_t begin, size_t end) {
        for (size_t i = begin; i < end; ++i) out[i] = a[i] + b[i];
      });
      return;
    }
    case OpKind::kScale: {
      const float* in = Data<float>(op.input);
      float* out = Data<float>(op.output);
      for (size_t i = 0; i < count; ++i) out[i] = in[i] * op.scale;
      return;
    }
    case OpKind::kChannelScale:
    case OpKind::kChannelShift: {
      const float *in = Data<float>(op.input), *constant = Data<float>(op.other);
      float* out = Data<float>(op.output);
      const bool multiply = op.kind == OpKind::kChannelScale;
      for (size_t i = 0; i < count; ++i) out[i] = multiply ? in[i] * constant[i % channels] : in[i] + constant[i % channels];
      return;
    }
    case OpKind::kConvolution: {
      for (size_t m = 0; m < step->members.size(); ++m) {
        const Member& member = step->members[m];
        std::vector<Addend>& addends = step->addends[m];
        addends.clear();
        for (const Member::AddendTensor& addend : member.addends) {
          addends.push_back({addend.tensor < 0 ? nullptr : Data<float>(addend.tensor), addend.scale});
        }
        ConvOutput& output = step->outputs[m];
        output = ConvOutput();
        if (member.values >= 0 && op.output_type == kTfLiteInt8) output.bytes = Data<int8_t>(member.values);
        if (member.values >= 0 && op.output_type == kTfLiteFloat32) output.values = Data<float>(member.values);
        if (member.bits >= 0) output.bits = Data<uint32_t>(member.bits);
        output.addends = addends.data();
        output.addend_count = static_cast<int>(addends.size());
      }
      step->convolution->Run(Data<uint32_t>(op.input), step->outputs.data(), pool);
      return;
    }
  }
}

std::string Graph::Profile() const {
  std::string text;
  for (const Step& step : steps_) {
    if (!step.runs) continue;
    char line[256];
    std::string fused;
    for (const Member& member : step.members) {
      fused += " [" + std::to_string(member.attributes.channels_out);
      for (const Member::AddendTensor& addend : member.addends) fused += addend.tensor >= 0 ? (addend.scale == 1.0f ? "+add" : "+add*mul") : "+mul";
      fused += member.bits >= 0 ? (member.values >= 0 ? "+sign" : " sign only") : "";
      fused += "]";
    }
    const auto& shape = tensors_.at(step.op.input).shape;
    std::snprintf(line, sizeof line, "larq-igp-runtime %s %8.4f ms  %s %s", kernels_->name, step.milliseconds, KindName(step.op.kind), ShapeText(shape).c_str());
    text += line + fused + "\n";
  }
  return text;
}

}  // namespace larq_igp
