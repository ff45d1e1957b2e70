// Reads the nodes of a model. Every attribute is checked here or by who asks, and nothing is
// believed later that was not.
#pragma once

#include <string>
#include <vector>

#include "attributes.h"
#include "flexbuffers.h"
#include "tensor.h"

namespace larq_igp {

constexpr int64_t kMaxExtent = 1 << 24;  // of kernels, strides, dilations, channels

// Keeps the first complaint.
class NodeReader {
 public:
  NodeReader(TfLiteContext* context, const TfLiteNode* node, Tensors* tensors,
             const std::string& name, int index, std::string* reason)
      : context_(context),
        node_(node),
        tensors_(tensors),
        prefix_(name + " (node " + std::to_string(index) + "): "),
        reason_(reason) {}

  bool Fail(const std::string& what);
  bool ExpectCounts(int inputs, int outputs);
  int inputs() const { return node_->inputs ? node_->inputs->size : 0; }

  // A tensor by its place among the node's; null if it is absent, or its index out of range. The
  // node must have so many.
  Tensor* Input(int place) const { return tensors_->At(node_->inputs->data[place]); }
  Tensor* Output(int place) const { return tensors_->At(node_->outputs->data[place]); }
  bool IsAbsent(int place) const { return node_->inputs->data[place] == kTfLiteOptionalTensor; }
  // The only input and output; complains if there are others, or one is absent.
  bool OneToOne(Tensor** input, Tensor** output);
  // The same where the input is float and no constant, and the output float: no complaint.
  bool OneFloatToOne(Tensor** input, Tensor** output);

  // How the interpreter sees it.
  const TfLiteTensor& Source(const Tensor* tensor) const {
    return context_->tensors[tensor->index];
  }
  std::vector<int64_t> Shape(const Tensor* tensor) const { return ShapeOf(Source(tensor)); }
  const void* Bytes(const Tensor* constant) const { return Source(constant).data; }

  // A constant of `type` with `count` elements, or any number of them if it is negative, whose
  // bytes are all there.
  Tensor* Constant(int place, const char* what, int type, int64_t count);
  // Float, one value per channel of `shape`: [1]...[1][C].
  Tensor* PerChannel(int place, const std::vector<int64_t>& shape);
  bool Quantization(const Tensor* tensor, const char* what, float* scale, int32_t* zero_point);

  // Of LCE's operators.
  bool OpenOptions(FlexMap* map);
  bool Option(const FlexMap& map, const char* key, int64_t low, int64_t high, int64_t* value);
  bool PaddingOption(const FlexMap& map, Padding* padding);
  // Of builtin ones; null if there are none.
  template <class Parameters>
  const Parameters* Builtin() const {
    return static_cast<const Parameters*>(node_->builtin_data);
  }

 private:
  TfLiteContext* context_;
  const TfLiteNode* node_;
  Tensors* tensors_;
  std::string prefix_;
  std::string* reason_;
};

inline bool IsFloat(const Tensor* tensor) { return tensor && tensor->type == kTfLiteFloat32; }
inline bool IsExtent(int64_t value) { return value >= 1 && value <= kMaxExtent; }
bool IsUsableScale(float scale);
bool ReadPadding(int value, Padding* padding);
bool ReadActivation(int value, Activation* activation);

}  // namespace larq_igp
