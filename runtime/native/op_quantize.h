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
  // From fusion: a batch normalisation before the sign. Without a multiplier only `bias` is added.
  Tensor* multiplier = nullptr;
  Tensor* bias = nullptr;

 private:
  void RunFloats(Team* team);
  void RunBytes(Team* team);

  std::vector<float> ones_;  // in place of a multiplier
};

}  // namespace larq_igp
