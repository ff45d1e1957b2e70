// LceDequantize: +1 and -1 of packed signs.
#pragma once

#include "operator.h"

namespace larq_igp {

class Dequantize : public Operator {
 public:
  bool Read(NodeReader* reader) override;
  const char* name() const override { return "LceDequantize"; }
  std::string Reshape(Preparation* preparation) override;
  void Run(Team* team) override;

 private:
  template <class T>
  void Write(Team* team, T plus, T minus);

  std::vector<int64_t>
      declared_;        // the output's shape in the model: its channels are not a multiple of 32
  float scale_ = 1.0f;  // of int8
  int32_t zero_point_ = 0;
};

}  // namespace larq_igp
