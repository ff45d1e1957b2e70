// CONV_2D, float, with a 1x1 filter and stride 1: shortcuts and transitions; perhaps with a pooling
// before it.
#pragma once

#include <memory>
#include <vector>

#include "attributes.h"
#include "memory.h"
#include "op_pool2d.h"
#include "operator.h"

namespace larq_igp {

class Pointwise : public Operator {
 public:
  bool Read(NodeReader* reader) override;
  const char* name() const override { return "CONV_2D 1x1"; }
  std::string Fused() const override;
  bool reads_gaps() const override { return true; }
  std::string Reshape(Preparation* preparation) override;
  void Run(Team* team) override;

  // From fusion.
  std::unique_ptr<Pool> pool;

 private:
  bool Pack();
  void RunPixels(const float* values, int64_t step, int64_t pixels, float* out) const;

  ConvAttributes conv_;
  Tensor* filter_ = nullptr;
  Tensor* bias_ = nullptr;
  bool packed_ = false;
  Buffer<float> filters_;  // strips of registers, as PointwiseTask says
  Buffer<float> biases_;
  // Depends on the input size. A unit is an output row if there is a pooling, and else a pixel.
  int64_t units_ = 0, unit_pixels_ = 1, blocks_ = 1;
  Workspace* workspace_ = nullptr;  // of each worker: the pooled rows of a block
};

}  // namespace larq_igp
