// The tensors of a model, as operators hold them: each index is looked up once, when a node is
// read.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "tfl_abi.h"

namespace larq_igp {

struct Tensor {
  int index = -1;  // in the model
  int type = 0;
  bool constant = false;

  // From Prepare on.
  std::vector<int64_t> shape;  // of activations; empty: not known yet
  size_t bytes = 0;            // of constants: as many as there are; of others: as the shape needs
  bool internal = false;       // in the arena
  // A slice: its channels are those of a concatenation, from `channel` on.
  Tensor* whole = nullptr;
  int64_t channel = 0;
  size_t step = 0;  // values from pixel to pixel

  void* data = nullptr;  // from Run on, of constants from Prepare on

  template <class T>
  T* values() const {
    return static_cast<T*>(data);
  }
  size_t channels() const { return static_cast<size_t>(shape.back()); }
  size_t count() const;  // of values
  size_t rows() const { return count() / channels(); }
};

// All tensors that some operators mention. Their addresses never change.
class Tensors {
 public:
  explicit Tensors(TfLiteContext* context) : context_(context) {}

  // Null if the index is out of range.
  Tensor* At(int index);
  std::map<int, Tensor>& all() { return tensors_; }

 private:
  TfLiteContext* context_;
  std::map<int, Tensor> tensors_;
};

// The shape of a tensor, empty if it has none.
std::vector<int64_t> ShapeOf(const TfLiteTensor& tensor);

// Like "(1, 56, 56, 64)".
std::string ShapeText(const std::vector<int64_t>& shape);

// False if a tensor of the shape would be too large.
bool ByteSize(const std::vector<int64_t>& shape, int type, size_t* bytes);

}  // namespace larq_igp
