// DEQUANTIZE: bytes of an image as floats. Usually fused into the convolution behind it.
#pragma once

#include "operator.h"

namespace larq_igp {

class Pixels : public Operator {
 public:
  bool Read(NodeReader* reader) override;
  const char* name() const override { return "DEQUANTIZE"; }
  std::string Reshape(Preparation* preparation) override;
  void Run(Team* team) override;

  float scale = 1.0f;
  int32_t zero_point = 0;

 private:
  template <class T>
  void RunBytes(Team* team);
};

}  // namespace larq_igp
