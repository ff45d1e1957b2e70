// MAX_POOL_2D and AVERAGE_POOL_2D, float. Usually fused into a convolution before or behind.
#pragma once

#include "attributes.h"
#include "operator.h"

namespace larq_igp {

class Pool : public Operator {
 public:
  explicit Pool(bool averages) { pool.averages = averages; }
  bool Read(NodeReader* reader) override;
  const char* name() const override;
  bool reads_gaps() const override { return true; }
  std::string Reshape(Preparation* preparation) override;
  void Run(Team* team) override;

  // For another operator that pools: adapts to its input's shape. An empty string, or what is
  // wrong.
  std::string Resize(const std::vector<int64_t>& shape);
  int64_t out_height() const { return rows_.output; }
  int64_t out_width() const { return columns_.output; }
  // Writes row `row` of all images' rows, `out_width()` pixels without gaps.
  void RunRow(int64_t row, float* out) const;

  PoolAttributes pool;
  // From fusion: a batch normalisation before the greatest value is sought, perhaps without bias.
  Tensor* multiplier = nullptr;
  Tensor* bias = nullptr;

 private:
  WindowAxis rows_, columns_;
};

}  // namespace larq_igp
