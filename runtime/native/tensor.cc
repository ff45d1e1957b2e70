#include "tensor.h"

#include <climits>

#include "memory.h"

namespace larq_igp {

size_t Tensor::count() const {
  size_t values = 1;
  for (int64_t extent : shape) values *= static_cast<size_t>(extent);
  return values;
}

Tensor* Tensors::At(int index) {
  if (index < 0 || static_cast<size_t>(index) >= context_->tensors_size) return nullptr;
  const auto found = tensors_.emplace(index, Tensor());
  Tensor& tensor = found.first->second;
  if (found.second) {
    tensor.index = index;
    tensor.type = context_->tensors[index].type;
    tensor.constant = context_->tensors[index].allocation_type == kTfLiteMmapRo;
  }
  return &tensor;
}

std::vector<int64_t> ShapeOf(const TfLiteTensor& tensor) {
  std::vector<int64_t> shape;
  if (tensor.dims && tensor.dims->size > 0)
    shape.assign(tensor.dims->data, tensor.dims->data + tensor.dims->size);
  return shape;
}

std::string ShapeText(const std::vector<int64_t>& shape) {
  std::string text = "(";
  for (size_t i = 0; i < shape.size(); ++i) text += (i ? ", " : "") + std::to_string(shape[i]);
  return text + ")";
}

bool ByteSize(const std::vector<int64_t>& shape, int type, size_t* bytes) {
  *bytes = type == kTfLiteFloat32 || type == kTfLiteInt32 ? 4 : 1;
  for (int64_t extent : shape) {
    if (extent < 0 || extent > INT_MAX || !MultiplySize(bytes, static_cast<size_t>(extent)))
      return false;
  }
  return true;
}

}  // namespace larq_igp
