#include "op_conv2d.h"

#include <algorithm>

#include "node_reader.h"

namespace larq_igp {
namespace {

constexpr int64_t kMaxImageChannels = 4;
constexpr int64_t kMinImageFilters = 4;  // for one filter XNNPACK adds in another order

}  // namespace

bool ImageConvolutionOp::Read(NodeReader* reader) {
  const auto* said = reader->Builtin<TfLiteConvParams>();
  if (!said || !reader->ExpectCounts(3, 1)) return false;
  input = reader->Input(0);
  output = reader->Output(0);
  if (!IsFloat(input) || !IsFloat(output) || input->constant) return false;

  if (!ReadPadding(said->padding, &conv.padding) || said->activation < kTfLiteActNone ||
      said->activation > kTfLiteActRelu6)
    return false;
  if (said->dilation_height_factor != 1 || said->dilation_width_factor != 1) return false;
  if (!IsExtent(said->stride_height) || !IsExtent(said->stride_width)) return false;
  conv.activation = static_cast<Activation>(said->activation);
  conv.stride_height = said->stride_height;
  conv.stride_width = said->stride_width;

  filter = reader->Constant(1, "filter", kTfLiteFloat32, -1);
  if (!filter) return false;
  const std::vector<int64_t> shape = reader->Shape(filter), image = reader->Shape(input);
  if (shape.size() != 4 || image.size() != 4 || image[3] != shape[3] ||
      shape[3] > kMaxImageChannels || shape[0] < kMinImageFilters)
    return false;
  if (!std::all_of(shape.begin(), shape.end(), IsExtent)) return false;
  conv.channels_out = shape[0];
  conv.kernel_height = shape[1];
  conv.kernel_width = shape[2];
  conv.channels_in = shape[3];
  bias = reader->Constant(2, "bias", kTfLiteFloat32, conv.channels_out);
  return bias && conv.taps() <= kMaxExtent;
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
