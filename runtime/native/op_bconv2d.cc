#include "op_bconv2d.h"

#include "node_reader.h"

namespace larq_igp {
namespace {

constexpr int64_t kMaxDepth = 1 << 28;  // of one output: sums are doubled in 32 bits

std::string DifferentShapes(const std::vector<int64_t>& a, const std::vector<int64_t>& b) {
  return "shapes differ: " + ShapeText(a) + " and " + ShapeText(b);
}

const char* Text(const BinaryConvolution::FusedAddend& addend) {
  switch (addend.kind) {
    case Addend::kChannelSlope: return "+prelu";
    case Addend::kChannelScale: return "+mul per channel";
    case Addend::kChannelShift: return "+add per channel";
    case Addend::kTensor: break;
  }
  return !addend.tensor ? "+mul" : addend.scale == 1.0f ? "+add" : "+add*mul";
}

}  // namespace

bool BinaryConvolution::Read(NodeReader* reader) {
  if (!reader->ExpectCounts(5, 1)) return false;
  input = reader->Input(0);
  output = reader->Output(0);
  if (!input) return reader->Fail("input is absent");
  if (!output) return reader->Fail("output is absent");
  if (input->type != kTfLiteInt32) return reader->Fail("input is not int32");

  Member member;
  ConvAttributes& conv = member.attributes;
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
  if (!ReadFilter(reader, &member) || !ReadConstants(reader, &member)) return false;
  (mode == ConvMode::kThreshold ? member.bits : member.values) = output;
  members.push_back(std::move(member));
  return true;
}

bool BinaryConvolution::ReadFilter(NodeReader* reader, Member* member) {
  member->filter = reader->Constant(1, "filter", kTfLiteInt32, -1);
  if (!member->filter) return false;
  const std::vector<int64_t> shape = reader->Shape(member->filter);
  if (shape.size() != 4)
    return reader->Fail("filter has rank " + std::to_string(shape.size()) + ", not 4");
  for (int64_t extent : shape) {
    if (!IsExtent(extent))
      return reader->Fail("filter dimension " + std::to_string(extent) + " is not supported");
  }
  ConvAttributes& conv = member->attributes;
  conv.channels_out = shape[0];
  conv.kernel_height = shape[1];
  conv.kernel_width = shape[2];

  // Groups are not written down; they follow from the filter's depth.
  const int64_t input_words = (conv.channels_in + 31) / 32;
  if (shape[3] != input_words) {
    if (input_words % shape[3] != 0)
      return reader->Fail("filter depth does not divide channels_in");
    conv.groups = input_words / shape[3];
    if (conv.channels_in % conv.groups != 0 || conv.group_channels() % 32 != 0)
      return reader->Fail("channels_in per group is not a multiple of 32");
    if (conv.channels_out % conv.groups != 0)
      return reader->Fail("channels_out is not a multiple of the groups");
  }
  const int64_t taps = conv.taps();  // at most 2^48
  if (taps > kMaxDepth || taps * conv.group_channels() > kMaxDepth)
    return reader->Fail("filter is too large");
  return true;
}

bool BinaryConvolution::ReadConstants(NodeReader* reader, Member* member) {
  ConvAttributes& conv = member->attributes;
  if (output->type == kTfLiteInt32) {
    mode = ConvMode::kThreshold;
    if (!reader->IsAbsent(2) || !reader->IsAbsent(3)) {
      return reader->Fail("packed output with post_activation_multiplier or post_activation_bias");
    }
    member->threshold = reader->Constant(4, "output_threshold", kTfLiteInt32, conv.channels_out);
    return member->threshold != nullptr;
  }
  if (output->type != kTfLiteFloat32 && output->type != kTfLiteInt8) {
    return reader->Fail("output type " + std::to_string(output->type) +
                        " is not float32, int8 or int32");
  }
  if (!reader->IsAbsent(4)) return reader->Fail("output_threshold without packed output");
  member->multiplier =
      reader->Constant(2, "post_activation_multiplier", kTfLiteFloat32, conv.channels_out);
  if (!member->multiplier) return false;
  member->bias = reader->Constant(3, "post_activation_bias", kTfLiteFloat32, conv.channels_out);
  if (!member->bias) return false;
  if (output->type == kTfLiteFloat32) return true;
  mode = ConvMode::kInt8;
  return reader->Quantization(output, "output", &conv.output_scale, &conv.output_zero_point);
}

std::string BinaryConvolution::Fused() const {
  std::string text;
  for (const Member& member : members) {
    text += " [" + std::to_string(member.attributes.channels_out);
    for (const FusedAddend& addend : member.addends) text += Text(addend);
    if (member.byte_addend) text += "+add";
    text += !member.bits ? "" : member.values ? "+sign" : " sign only";
    text += "]";
  }
  return text;
}

std::vector<Tensor*> BinaryConvolution::Inputs() const {
  std::vector<Tensor*> inputs = {input};
  for (const Member& member : members) {
    for (const FusedAddend& addend : member.addends) {
      if (addend.tensor && addend.kind == Addend::kTensor) inputs.push_back(addend.tensor);
    }
    if (member.byte_addend) inputs.push_back(member.byte_addend);
  }
  return inputs;
}

std::vector<Tensor*> BinaryConvolution::Outputs() const {
  std::vector<Tensor*> outputs;
  for (const Member& member : members) {
    if (member.values) outputs.push_back(member.values);
    if (member.bits) outputs.push_back(member.bits);
  }
  return outputs;
}

std::string BinaryConvolution::Setup() {
  std::vector<ConvConstants> constants;
  for (const Member& member : members) {
    ConvConstants one;
    one.attributes = member.attributes;
    one.filter = member.filter->values<uint32_t>();
    if (member.multiplier) one.multiplier = member.multiplier->values<float>();
    if (member.bias) one.bias = member.bias->values<float>();
    if (member.threshold) one.threshold = member.threshold->values<int32_t>();
    one.packs_signs = mode != ConvMode::kThreshold && member.bits;
    constants.push_back(one);
  }
  outputs_.resize(members.size());
  addends_.resize(members.size());
  sums_.resize(members.size());
  // Kept only once it is whole: after a failure the interpreter may prepare again.
  std::unique_ptr<Convolution> convolution(new Convolution);
  if (!convolution->Setup(constants, mode, *kernels)) return "out of memory for filters";
  convolution_ = std::move(convolution);
  return "";
}

std::string BinaryConvolution::Reshape(Preparation* preparation) {
  const std::vector<int64_t>& shape = input->shape;
  if (shape.size() != 4) return "its input has rank " + std::to_string(shape.size()) + ", not 4";
  const int64_t channels_in = members[0].attributes.channels_in;
  if (shape[3] != (channels_in + 31) / 32) {
    return "its input has " + std::to_string(shape[3]) +
           " words per pixel, which does not match channels_in = " + std::to_string(channels_in);
  }
  std::string error;
  if (!convolution_) error = Setup();
  if (error.empty())
    error = convolution_->Resize(shape[0], shape[1], shape[2], preparation->workspace);
  for (const Member& member : members) {
    if (error.empty()) error = ReshapeMember(member, preparation);
  }
  return error;
}

std::string BinaryConvolution::ReshapeMember(const Member& member, Preparation* preparation) {
  const int64_t channels = member.attributes.channels_out;
  const std::vector<int64_t> out = {input->shape[0], convolution_->out_height(),
                                    convolution_->out_width(), channels};
  for (const FusedAddend& addend : member.addends) {
    if (addend.kind != Addend::kTensor) {
      // Read with the model's own shapes; after a resize the constants must still fit.
      if (addend.tensor->bytes < static_cast<size_t>(channels) * sizeof(float))
        return "channels do not match the constants";
    } else if (addend.tensor && addend.tensor->shape != out) {
      return DifferentShapes(out, addend.tensor->shape);
    }
  }
  if (member.byte_addend && member.byte_addend->shape != out)
    return DifferentShapes(out, member.byte_addend->shape);
  std::string error;
  if (member.values) error = preparation->SetShape(member.values, out);
  if (!error.empty() || !member.bits) return error;
  return preparation->SetShape(member.bits, {out[0], out[1], out[2], (channels + 31) / 32});
}

void BinaryConvolution::Run(Team* team) {
  for (size_t m = 0; m < members.size(); ++m) {
    const Member& member = members[m];
    std::vector<Addend>& addends = addends_[m];
    addends.clear();
    for (const FusedAddend& addend : member.addends) {
      const float* values = addend.tensor ? addend.tensor->values<float>() : nullptr;
      addends.push_back({values, addend.scale, addend.kind});
    }
    ConvOutput& out = outputs_[m];
    out = ConvOutput();
    if (member.values && mode == ConvMode::kInt8) out.bytes = member.values->values<int8_t>();
    if (member.values && mode == ConvMode::kFloat) {
      out.values = member.values->values<float>();
      out.values_step = static_cast<int64_t>(member.values->step);
    }
    if (member.bits) out.bits = member.bits->values<uint32_t>();
    out.addends = addends.data();
    out.addend_count = out.stored_after = static_cast<int>(addends.size());
    if (member.stored_after >= 0) out.stored_after = member.stored_after;
    out.sign_below = member.sign_below;
    if (member.byte_addend) {
      sums_[m] = member.sum;
      sums_[m].values = member.byte_addend->values<int8_t>();
      out.byte_sum = &sums_[m];
    }
  }
  convolution_->Run(input->values<uint32_t>(), outputs_.data(), team);
}

}  // namespace larq_igp
