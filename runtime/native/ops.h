// The operations the engine runs, after their nodes have been read and checked.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "geometry.h"
#include "kernels.h"
#include "tfl_abi.h"

namespace larq_igp {

enum class OpKind {
  kQuantize,
  kDequantize,
  kConvolution,
  kMaxPool,
  kAdd,               // two tensors of one shape
  kScale,             // a tensor times one constant
  kShift,             // a tensor plus one constant; only before an image convolution
  kChannelScale,      // a tensor times a constant per channel
  kChannelShift,      // a tensor plus a constant per channel
  kChannelSlope,      // PRELU: negative values times a constant per channel
  kAddBytes,          // two int8 tensors of one shape
  kAffineQuantize,    // only from fusion: kChannelScale or none, kChannelShift, kQuantize
  kImageConvolution,  // float, over an image of few channels; with a kFloatMaxPool that was fused
                      // into it
  kFloatMaxPool,
  kPixels,         // DEQUANTIZE of bytes to float
  kConcatenation,  // of float tensors, along their channels
};

// As in error messages and profiles.
const char* KindName(OpKind kind);

enum class Activation { kNone, kRelu, kReluN1To1, kRelu6 };

struct ConvAttributes {
  int64_t channels_in = 0;
  int64_t channels_out = 0;
  int64_t groups = 1;
  int64_t kernel_height = 1, kernel_width = 1;
  int64_t stride_height = 1, stride_width = 1;
  int64_t dilation_height = 1, dilation_width = 1;
  Padding padding = Padding::kSame;
  bool pad_one = true;  // what SAME padding stands for: +1, or 0
  Activation activation = Activation::kNone;
  int filter = -1, multiplier = -1, bias = -1, threshold = -1;  // tensors, all constant
  float output_scale = 1.0f;                                    // int8 outputs
  int32_t output_zero_point = 0;

  int64_t group_channels() const { return channels_in / groups; }
  int64_t filter_words() const { return (group_channels() + 31) / 32; }  // per tap
  int64_t taps() const { return kernel_height * kernel_width; }
  // Number of +-1 products in one output.
  int64_t depth() const { return taps() * group_channels(); }
};

struct PoolAttributes {
  Padding padding = Padding::kSame;
  int64_t stride_height = 1, stride_width = 1;
  int64_t filter_height = 1, filter_width = 1;

  // The window along both axes of an input. An empty string, or what is wrong.
  std::string Resolve(int64_t height, int64_t width, WindowAxis* rows, WindowAxis* columns) const;
};

// What an image convolution reads bytes as: q * factor + offset, per channel.
struct PixelInput {
  bool is_signed = false;
  std::vector<double> factor, offset;  // empty: it reads floats
};

struct Op {
  OpKind kind = OpKind::kQuantize;
  int input = -1;
  std::vector<int> parts;  // all inputs of kConcatenation; `input` is the first
  int other = -1;  // second operand of kAdd, kAddBytes; constant of kScale, kChannel...; multiplier
                   // of kAffineQuantize
  int shift = -1;  // constant of kChannelShift, kAffineQuantize
  int output = -1;
  int input_type = 0, output_type = 0;
  float scale = 1.0f;  // kScale, kShift; quantisation of an int8 output of kDequantize, of the
                       // input of kPixels
  int32_t zero_point =
      0;             // of the int8 input of kQuantize, int8 output of kDequantize, input of kPixels
  ByteSum sum = {};  // kAddBytes: own is for `input`
  ConvAttributes conv;
  PoolAttributes pool;
  bool pools = false;  // kImageConvolution
  PixelInput pixels;   // likewise
};

// What the engine takes over beside LCE's operators.
struct FloatOps {
  bool arithmetic;  // additions and multiplications
  bool images;      // the first convolution and its pooling
  bool pixels;      // also what makes floats of bytes before it
};

// Reads one node. False: the engine does not run it, and `reason` says why; it is empty if the node
// is simply not of a kind that concerns us.
bool ReadNode(TfLiteContext* context, int node_index, const FloatOps& wanted, Op* op,
              std::string* reason);

// The shape of a tensor, empty if it has none.
std::vector<int64_t> ShapeOf(const TfLiteTensor& tensor);

// Like "(1, 56, 56, 64)".
std::string ShapeText(const std::vector<int64_t>& shape);

}  // namespace larq_igp
