// LceBMaxPool2d: max pooling of packed signs.
#pragma once

#include "attributes.h"
#include "operator.h"

namespace larq_igp {

class BinaryMaxPool : public Operator {
 public:
  bool Read(NodeReader* reader) override;
  const char* name() const override { return "LceBMaxPool2d"; }
  std::string Reshape(Preparation* preparation) override;
  void Run(Team* team) override;

 private:
  PoolAttributes pool_;
  WindowAxis rows_, columns_;
};

}  // namespace larq_igp
