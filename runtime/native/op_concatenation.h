// CONCATENATION of float tensors along their channels.
#pragma once

#include <vector>

#include "operator.h"

namespace larq_igp {

class Concatenation : public Operator {
 public:
  bool Read(NodeReader* reader) override;
  const char* name() const override { return "CONCATENATION"; }
  std::vector<Tensor*> Inputs() const override { return parts; }
  bool reads_gaps() const override { return true; }
  bool writes_gaps() const override { return true; }
  std::string Reshape(Preparation* preparation) override;
  // Copies those parts that were not written into their place.
  void Run(Team* team) override;

  std::vector<Tensor*> parts;
};

}  // namespace larq_igp
