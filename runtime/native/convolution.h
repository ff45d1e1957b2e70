// One or several binary convolutions over the same packed input.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "kernels.h"
#include "memory.h"
#include "ops.h"
#include "packing.h"
#include "thread_pool.h"

namespace larq_igp {

// The constants of one convolution, as the model stores them.
struct ConvConstants {
  ConvAttributes attributes;
  const uint32_t* filter = nullptr;
  const float* multiplier = nullptr;  // float and int8 outputs
  const float* bias = nullptr;
  const int32_t* threshold = nullptr;  // packed outputs
  bool packs_signs = false;            // signs of a float output are wanted too
};

// Whether two convolutions over one input can run as one: same windows, float outputs.
bool CanRunTogether(const ConvAttributes& a, const ConvAttributes& b);

class Convolution {
 public:
  // Packs filters and folds constants. All members read the same input. False: out of memory.
  bool Setup(const std::vector<ConvConstants>& members, ConvMode mode);
  // Adapts to an input size. An empty string, or what is wrong.
  std::string Resize(int64_t batch, int64_t height, int64_t width, int threads);
  int64_t out_height() const { return rows_.output; }
  int64_t out_width() const { return columns_.output; }
  // `outputs` has one entry per member.
  void Run(const uint32_t* input, const ConvOutput* outputs, const Kernels& kernels, ThreadPool* pool);

 private:
  struct Group {
    int block_begin;
    int block_end;
  };

  bool BuildBorders();
  void RunTask(const ConvFinish& finish, const Kernels& kernels, int64_t image, int64_t panel, int block_begin,
               int block_end, int worker);

  std::vector<ConvConstants> members_;
  ConvMode mode_ = ConvMode::kFloat;
  bool gapless_ = false;
  size_t depth_ = 0;
  int blocks_ = 0;
  bool divisible_ = true;  // whether threads may share out the blocks of a panel
  bool slow_finish_ = false;
  std::vector<Group> groups_;
  std::vector<Block> block_table_;
  std::vector<LaneRun> runs_;
  Buffer<uint32_t> filters_;
  Buffer<float> multiplier_, bias_, doubled_;
  Buffer<int32_t> threshold_;
  int32_t clamp_min_ = 0, clamp_max_ = 0;
  bool plain_ = false;  // neither activation nor huge multipliers

  // Depends on the input size.
  int64_t batch_ = 0;
  WindowAxis rows_, columns_;
  PlanarLayout layout_;
  PanelPlan panels_;
  std::vector<ptrdiff_t> taps_;
  Buffer<uint32_t> planes_;
  Buffer<uint32_t> patches_;  // scratch, per worker
  Buffer<int32_t> raw_;       // scratch, per worker
  size_t patches_step_ = 0, raw_step_ = 0;
  // What zero padding changes, per pattern of taps outside the image: added to values, or to doubled sums.
  Buffer<float> border_values_;
  Buffer<int32_t> border_sums_;
  std::vector<const float*> border_of_pixel_;
  std::vector<const int32_t*> shift_of_pixel_;
  std::vector<char> panel_has_border_;
};

}  // namespace larq_igp
