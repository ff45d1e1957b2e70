// ADD, MUL and PRELU, in the forms that merge into binary convolutions. Whatever else they may be
// is left to the interpreter.
#pragma once

#include <memory>
#include <vector>

#include "operator.h"

namespace larq_igp {

// Of two float tensors of one shape.
class Add : public Operator {
 public:
  bool Read(NodeReader* reader) override;
  const char* name() const override { return "ADD"; }
  std::vector<Tensor*> Inputs() const override { return {input, other}; }
  std::string Reshape(Preparation* preparation) override;
  void Run(Team* team) override;

  // The operand that is not `one`.
  Tensor* OtherThan(const Tensor* one) const { return one == input ? other : input; }

  Tensor* other = nullptr;
};

// Of two int8 tensors of one shape, in the numbers of XNNPACK: multipliers of 21 bits and one
// shift.
class AddBytes : public Operator {
 public:
  bool Read(NodeReader* reader) override;
  const char* name() const override { return "ADD of int8"; }
  std::vector<Tensor*> Inputs() const override { return {input, other}; }
  std::string Reshape(Preparation* preparation) override;
  void Run(Team* team) override;

  Tensor* other = nullptr;
  ByteSum sum = {};  // `own` is for `input`
};

// A tensor times, or plus, one constant.
class Scalar : public Operator {
 public:
  explicit Scalar(bool multiply) : multiplies(multiply) {}
  bool Read(NodeReader* reader) override;
  const char* name() const override { return multiplies ? "MUL" : "ADD of one"; }
  std::string Reshape(Preparation* preparation) override;
  void Run(Team* team) override;

  const bool multiplies;
  float value = 1.0f;
};

// A tensor and one constant per channel: a product, a sum, or PRELU, which multiplies negative
// values.
class PerChannel : public Operator {
 public:
  explicit PerChannel(Addend::Kind kind) : kind(kind) {}
  bool Read(NodeReader* reader) override;
  const char* name() const override;
  std::string Reshape(Preparation* preparation) override;
  void Run(Team* team) override;

  const Addend::Kind kind;
  Tensor* constant = nullptr;

 private:
  template <class Apply>
  void RunRows(Team* team, const Apply& apply);
};

// Whether it is a sum or product with constants: what may stand between bytes and an image
// convolution. In fusion_pixels.cc.
bool IsLinear(Operator* op);

// An object of one of the above for an ADD or MUL, which is still to be read; null if it is none.
std::unique_ptr<Operator> NewArithmetic(NodeReader* reader, bool multiply);

}  // namespace larq_igp
