// LceBconv2d: one or several binary convolutions over one packed input, with what was fused into
// them.
#pragma once

#include <memory>
#include <vector>

#include "attributes.h"
#include "convolution.h"
#include "operator.h"

namespace larq_igp {

class BinaryConvolution : public Operator {
 public:
  // A step on the way from a convolution's result to what is stored.
  struct FusedAddend {
    Tensor* tensor;  // null: no tensor, only the scale; of values per channel a constant
    float scale;
    Addend::Kind kind = Addend::kTensor;
  };
  // One convolution.
  struct Member {
    ConvAttributes attributes;
    Tensor* filter = nullptr;
    Tensor* multiplier = nullptr;  // the others are null where there are none
    Tensor* bias = nullptr;
    Tensor* threshold = nullptr;
    Tensor* values = nullptr;  // float or int8 output, null if nobody reads it
    Tensor* bits = nullptr;    // packed output
    std::vector<FusedAddend> addends;
    int stored_after = -1;          // values are those after so many addends; -1: after all
    Tensor* byte_addend = nullptr;  // int8 tensor that is added by `sum`
    ByteSum sum = {};
    int32_t sign_below = 0;  // of int8 values
  };

  bool Read(NodeReader* reader) override;
  const char* name() const override { return "LceBconv2d"; }
  std::string Fused() const override;
  std::vector<Tensor*> Inputs() const override;
  std::vector<Tensor*> Outputs() const override;
  bool writes_gaps() const override { return mode == ConvMode::kFloat; }
  std::string Reshape(Preparation* preparation) override;
  void Run(Team* team) override;

  ConvMode mode = ConvMode::kFloat;
  std::vector<Member> members;  // all read `input`

 private:
  bool ReadFilter(NodeReader* reader, Member* member);
  bool ReadConstants(NodeReader* reader, Member* member);
  std::string Setup();
  std::string ReshapeMember(const Member& member, Preparation* preparation);

  std::unique_ptr<Convolution> convolution_;
  // Of one run.
  std::vector<ConvOutput> outputs_;
  std::vector<std::vector<Addend>> addends_;
  std::vector<ByteSum> sums_;
};

}  // namespace larq_igp
