// Scratch memory that all operators of a partition share, one after the other: a part for each
// worker. What must outlive a run, as the padding of an input, is not in it.
#pragma once

#include <algorithm>
#include <cstddef>

#include "memory.h"

namespace larq_igp {

class Workspace {
 public:
  // Places of what is in a part.
  static size_t Aligned(size_t bytes) { return (bytes + kAlignment - 1) / kAlignment * kAlignment; }

  void set_workers(int workers) { workers_ = static_cast<size_t>(std::max(1, workers)); }
  // Makes sure that every worker has so many bytes, and some behind them into which a last register
  // may reach. False: out of memory.
  bool Reserve(size_t bytes) {
    if (bytes > kMaxBufferBytes) return false;
    const size_t step = std::max(step_, Aligned(bytes) + kSlack);
    size_t total = step;
    if (!MultiplySize(&total, workers_) || !memory_.Reserve(total)) return false;
    step_ = step;
    return true;
  }
  char* Of(int worker) { return memory_.data() + static_cast<size_t>(worker) * step_; }

 private:
  static constexpr size_t kAlignment = 64, kSlack = 256;
  size_t workers_ = 1, step_ = 0;
  Buffer<char> memory_;
};

}  // namespace larq_igp
