// MAX_POOL_2D, float: the pooling behind the convolution that a network begins with.
#pragma once

#include "attributes.h"
#include "operator.h"

namespace larq_igp {

class MaxPool : public Operator {
 public:
  bool Read(NodeReader* reader) override;
  const char* name() const override { return "MAX_POOL_2D"; }
  std::string Reshape(Preparation* preparation) override;
  void Run(Team* team) override;

  PoolAttributes pool;

 private:
  WindowAxis rows_, columns_;
};

}  // namespace larq_igp
