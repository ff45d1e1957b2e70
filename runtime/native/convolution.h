// One or several binary convolutions over the same packed input.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "attributes.h"
#include "kernels.h"
#include "memory.h"
#include "packing.h"
#include "thread_pool.h"
#include "workspace.h"

namespace larq_igp {

// The constants of one convolution, as the model stores them.
struct ConvConstants {
  ConvAttributes attributes;
  const uint32_t* filter = nullptr;
  const float* multiplier = nullptr;  // float and int8 outputs
  const float* bias = nullptr;
  const int32_t* threshold = nullptr;  // packed outputs
  bool packs_signs = false;            // signs of the output are wanted too
};

// Whether two convolutions over one input can run as one: same windows, float outputs.
bool CanRunTogether(const ConvAttributes& a, const ConvAttributes& b);

// Where a member of a convolution writes, see FinishTask: values or bytes, packed signs of them, or
// both.
struct ConvOutput {
  float* values = nullptr;
  int64_t values_step = 0;  // from pixel to pixel; 0: as many as there are channels
  uint32_t* bits = nullptr;
  int8_t* bytes = nullptr;  // int8 outputs
  const Addend* addends = nullptr;
  int addend_count = 0;
  int stored_after = 0;  // values are stored after so many addends
  const ByteSum* byte_sum = nullptr;
  int32_t sign_below = 0;
};

class Convolution {
 public:
  // Packs filters and folds constants. All members read the same input. False: out of memory.
  bool Setup(const std::vector<ConvConstants>& members, ConvMode mode, const Kernels& kernels);
  // Adapts to an input size. An empty string, or what is wrong.
  std::string Resize(int64_t batch, int64_t height, int64_t width, Workspace* workspace);
  int64_t out_height() const { return rows_.output; }
  int64_t out_width() const { return columns_.output; }
  // `outputs` has one entry per member.
  void Run(const uint32_t* input, const ConvOutput* outputs, Team* team);

 private:
  // Lanes [lane, lane + count) are channels [channel, channel + count) of one member. Convolutions
  // that read the same input follow each other without gaps, so a block may hold the last channels
  // of one and the first of the next.
  struct Slice {
    int member;
    int64_t channel, count, lane;
  };
  // Blocks and slices that read the same words of the input.
  struct Group {
    int block_begin, block_end;
    int last_lanes;  // how many lanes of the last block hold channels
    size_t slice_begin, slice_end;
  };

  bool BuildBorders();
  void RunTask(const ConvOutput* outputs, int64_t image, int64_t panel, int block_begin,
               int block_end, int worker);
  FinishTask FinishOf(const Slice& slice, const ConvOutput& output, int64_t lane_begin,
                      int64_t lane_end) const;

  const Kernels* kernels_ = nullptr;
  std::vector<ConvConstants> members_;
  ConvMode mode_ = ConvMode::kFloat;
  bool gapless_ = false;
  size_t depth_ = 0;
  int blocks_ = 0;
  bool divisible_ = true;  // whether threads may share out the blocks of a panel
  std::vector<Slice> slices_;
  std::vector<Group> groups_;
  Buffer<uint32_t> filters_;
  Buffer<float> multiplier_, bias_, doubled_;
  Buffer<int32_t> threshold_;
  int32_t clamp_min_ = 0, clamp_max_ = 0;
  bool linear_ = false;  // neither activation nor huge multipliers

  // Depends on the input size.
  int64_t batch_ = 0;
  WindowAxis rows_, columns_;
  PlanarLayout layout_;
  PanelPlan panels_;
  std::vector<ptrdiff_t> taps_;
  Buffer<uint32_t> planes_;
  // Of each worker: patches, and sums of a panel in rows that lie `sums_step_` apart.
  Workspace* workspace_ = nullptr;
  size_t sums_at_ = 0, sums_step_ = 0;  // bytes, sums
  // What zero padding changes, per pattern of taps outside the image: added to values, or to
  // doubled sums.
  Buffer<float> border_values_;
  Buffer<int32_t> border_sums_;
  std::vector<const float*> border_of_pixel_;
  std::vector<const int32_t*> shift_of_pixel_;
  std::vector<char> panel_has_border_;
};

}  // namespace larq_igp
