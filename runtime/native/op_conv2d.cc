#include "op_conv2d.h"

#include <algorithm>

#include "node_reader.h"
#include "op_pointwise.h"

namespace larq_igp {
namespace {

constexpr int64_t kMaxImageChannels = 4;
constexpr int64_t kMinFilters = 4;  // for one or two filters XNNPACK adds in another order

}  // namespace

bool ReadConvolution(NodeReader* reader, Operator* op, ConvAttributes* conv, Tensor** filter,
                     Tensor** bias) {
  const auto* said = reader->Builtin<TfLiteConvParams>();
  if (!said || !reader->ExpectCounts(3, 1)) return false;
  op->input = reader->Input(0);
  op->output = reader->Output(0);
  if (!IsFloat(op->input) || !IsFloat(op->output) || op->input->constant) return false;

  if (!ReadPadding(said->padding, &conv->padding) ||
      !ReadActivation(said->activation, &conv->activation))
    return false;
  if (said->dilation_height_factor != 1 || said->dilation_width_factor != 1) return false;
  if (!IsExtent(said->stride_height) || !IsExtent(said->stride_width)) return false;
  conv->stride_height = said->stride_height;
  conv->stride_width = said->stride_width;

  *filter = reader->Constant(1, "filter", kTfLiteFloat32, -1);
  if (!*filter) return false;
  const std::vector<int64_t> shape = reader->Shape(*filter), image = reader->Shape(op->input);
  if (shape.size() != 4 || image.size() != 4 || image[3] != shape[3] || shape[0] < kMinFilters)
    return false;
  if (!std::all_of(shape.begin(), shape.end(), IsExtent)) return false;
  conv->channels_out = shape[0];
  conv->kernel_height = shape[1];
  conv->kernel_width = shape[2];
  conv->channels_in = shape[3];
  *bias = reader->Constant(2, "bias", kTfLiteFloat32, conv->channels_out);
  return *bias && conv->taps() <= kMaxExtent;
}

std::unique_ptr<Operator> NewConvolution(NodeReader* reader) {
  const Tensor* filter = reader->inputs() == 3 ? reader->Input(1) : nullptr;
  if (!filter) return nullptr;
  const std::vector<int64_t> shape = reader->Shape(filter);
  if (shape.size() != 4) return nullptr;
  if (shape[3] <= kMaxImageChannels) return std::make_unique<ImageConvolutionOp>();
  return shape[1] == 1 && shape[2] == 1 ? std::make_unique<Pointwise>() : nullptr;
}

bool ImageConvolutionOp::Read(NodeReader* reader) {
  return ReadConvolution(reader, this, &conv, &filter, &bias);
}

std::string ImageConvolutionOp::Reshape(Preparation* preparation) {
  const std::vector<int64_t>& shape = input->shape;
  if (shape.size() != 4 || shape[3] != conv.channels_in)
    return "its input " + ShapeText(shape) + " does not match the filter";
  if (!convolution_) {
    // Kept only once it is whole: after a failure the interpreter may prepare again.
    std::unique_ptr<ImageConvolution> convolution(new ImageConvolution);
    if (!convolution->Setup(conv, filter->values<float>(), bias->values<float>(),
                            pools ? &pool : nullptr, pixels, *kernels))
      return "out of memory for filters";
    convolution_ = std::move(convolution);
  }
  const std::string error =
      convolution_->Resize(shape[0], shape[1], shape[2], preparation->workspace);
  if (!error.empty()) return error;
  return preparation->SetShape(
      output, {shape[0], convolution_->out_height(), convolution_->out_width(), conv.channels_out});
}

void ImageConvolutionOp::Run(Team* team) {
  convolution_->Run(input->data, output->values<float>(), team);
}

}  // namespace larq_igp
