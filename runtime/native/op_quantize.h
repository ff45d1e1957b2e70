// LceQuantize: signs of float, int8 or bool values, packed.
#pragma once

#include <vector>

#include "operator.h"

namespace larq_igp {

class Quantize : public Operator {
 public:
  bool Read(NodeReader* reader) override;
  const char* name() const override;
  bool reads_gaps() const override { return input->type == kTfLiteFloat32; }
  std::string Reshape(Preparation* preparation) override;
  void Run(Team* team) override;

  int32_t zero_point = 0;  // of int8
  // From fusion: a batch normalisation before the sign, or a half of it.
  Tensor* multiplier = nullptr;
  Tensor* bias = nullptr;
  bool normalises() const { return multiplier || bias; }

 private:
  void RunFloats(Team* team);
  void RunBytes(Team* team);

  std::vector<float> absent_;  // in place of the other half: ones or zeros
};

}  // namespace larq_igp
