#include "convolution.h"

#include <algorithm>
#include <cmath>

namespace larq_igp {
namespace {

// Channels that are counted before they are finished: whole packed words, and few enough to stay in
// the first cache.
constexpr int64_t kLanesPerFinish = 128;

// What a word to copy, a word of one pixel to count with the filters of a block, and the finishing
// of that pixel's sums take at least: rough figures of AVX-512, by which loops are shared out.
constexpr double kNanosecondsPerCopy = 0.5, kNanosecondsPerWord = 0.4, kNanosecondsPerFinish = 2.5;

int64_t BlocksFor(int64_t lanes) { return (lanes + kBlockChannels - 1) / kBlockChannels; }

int32_t ClampToDepth(int64_t value, int64_t depth) {
  return static_cast<int32_t>(std::max(-depth, std::min(value, depth)));
}

}  // namespace

bool CanRunTogether(const ConvAttributes& a, const ConvAttributes& b) {
  return a.groups == 1 && b.groups == 1 && a.channels_in == b.channels_in &&
         a.kernel_height == b.kernel_height && a.kernel_width == b.kernel_width &&
         a.stride_height == b.stride_height && a.stride_width == b.stride_width &&
         a.dilation_height == b.dilation_height && a.dilation_width == b.dilation_width &&
         a.padding == b.padding && a.pad_one == b.pad_one && a.activation == b.activation;
}

bool Convolution::Setup(const std::vector<ConvConstants>& members, ConvMode mode,
                        const Kernels& kernels) {
  kernels_ = &kernels;
  members_ = members;
  mode_ = mode;
  const ConvAttributes& first = members_[0].attributes;
  const int64_t channels = first.group_channels();
  gapless_ = PatchDepth(first.taps(), channels, true) < PatchDepth(first.taps(), channels, false);
  depth_ = static_cast<size_t>(PatchDepth(first.taps(), channels, gapless_));

  // Lanes. Groups start on blocks of their own, for each reads other input words.
  int64_t lane = 0;
  for (size_t m = 0; m < members_.size(); ++m) {
    const ConvAttributes& conv = members_[m].attributes;
    const int64_t count = conv.channels_out / conv.groups;
    const bool packed = members_[m].packs_signs || mode_ == ConvMode::kThreshold;
    for (int64_t g = 0; g < conv.groups; ++g) {
      if (conv.groups > 1) lane = BlocksFor(lane) * kBlockChannels;
      if (conv.groups > 1 || groups_.empty())
        groups_.push_back({static_cast<int>(lane / kBlockChannels), 0, 0, slices_.size(), 0});
      // Threads share out even numbers of blocks: no packed word may lie in two shares.
      if (packed && (lane - g * count) % 32 != 0) divisible_ = false;
      slices_.push_back({static_cast<int>(m), g * count, count, lane});
      lane += count;
      groups_.back().block_end = static_cast<int>(BlocksFor(lane));
      groups_.back().slice_end = slices_.size();
      groups_.back().last_lanes =
          static_cast<int>(lane - int64_t{groups_.back().block_end - 1} * kBlockChannels);
    }
  }
  blocks_ = static_cast<int>(BlocksFor(lane));

  const size_t lanes = static_cast<size_t>(blocks_) * kBlockChannels;
  const size_t block_words = depth_ * kernels.row_words;
  size_t filter_size = static_cast<size_t>(blocks_);
  if (!MultiplySize(&filter_size, block_words) || !filters_.Reserve(filter_size)) return false;
  if (!multiplier_.Reserve(lanes) || !bias_.Reserve(lanes) || !doubled_.Reserve(lanes) ||
      !threshold_.Reserve(lanes))
    return false;

  // Constants are folded in double and stored as float, as LCE does it: y = twice_sum * -m + (b +
  // depth * m).
  const double depth = static_cast<double>(first.depth());
  linear_ = first.activation == Activation::kNone;
  const int64_t filter_step = first.taps() * first.filter_words();
  for (const Slice& slice : slices_) {
    const ConvConstants& member = members_[slice.member];
    for (int64_t i = 0; i < slice.count; ++i) {
      const int64_t channel = slice.channel + i, at = slice.lane + i;
      PackFilterLane(member.filter + channel * filter_step, first.taps(), channels, gapless_,
                     filters_.data() + at / kBlockChannels * block_words,
                     static_cast<int>(at % kBlockChannels));
      if (mode_ == ConvMode::kThreshold) {
        threshold_[at] = member.threshold[channel];
        continue;
      }
      const double multiplier = member.multiplier[channel], bias = member.bias[channel];
      const double scale = member.attributes.output_scale;
      multiplier_[at] = static_cast<float>(-1 * multiplier / scale);
      bias_[at] = static_cast<float>((bias + depth * multiplier) / scale +
                                     member.attributes.output_zero_point);
      doubled_[at] = 2.0f * multiplier_[at];
      if (!std::isfinite(doubled_[at])) linear_ = false;
    }
  }
  for (int block = 0; kernels.arrange_filters && block < blocks_; ++block) {
    kernels.arrange_filters(filters_.data() + block * block_words, depth_);
  }
  int64_t low = -first.depth(), high = first.depth();
  if (first.activation == Activation::kRelu) low = 0;
  if (first.activation == Activation::kRelu6) low = 0, high = 6;
  if (first.activation == Activation::kReluN1To1) low = -1, high = 1;
  clamp_min_ = static_cast<int32_t>(first.depth()) - ClampToDepth(high, first.depth());
  clamp_max_ = static_cast<int32_t>(first.depth()) - ClampToDepth(low, first.depth());
  return true;
}

std::string Convolution::Resize(int64_t batch, int64_t height, int64_t width,
                                Workspace* workspace) {
  const ConvAttributes& conv = members_[0].attributes;
  batch_ = batch;
  rows_ = {height, conv.kernel_height, conv.stride_height, conv.dilation_height};
  columns_ = {width, conv.kernel_width, conv.stride_width, conv.dilation_width};
  if (batch < 1) return "the batch is empty";
  if (!rows_.Resolve(conv.padding) || !columns_.Resolve(conv.padding))
    return "the input is smaller than the filter";

  const int64_t words = (conv.channels_in + 31) / 32;
  if (!LayOutPlanes(rows_, columns_, words, &layout_)) return "the padded input is too large";
  size_t planes = static_cast<size_t>(layout_.image_step());
  if (!MultiplySize(&planes, static_cast<size_t>(batch))) return "the padded input is too large";
  if (!planes_.Reserve(planes)) return "out of memory for the padded input";
  std::fill(planes_.data(), planes_.data() + planes, 0u);

  panels_ = CutIntoPanels(rows_.output, columns_.output, rows_.stride * layout_.row_step());
  taps_.clear();
  for (int64_t y = 0; y < conv.kernel_height; ++y) {
    for (int64_t x = 0; x < conv.kernel_width; ++x) {
      taps_.push_back(y * conv.dilation_height * layout_.row_step() +
                      layout_.Column(x * conv.dilation_width));
    }
  }

  // Sums have one block more than needed, for a step that is a power of two would put all rows into
  // the same sets of the cache.
  sums_step_ = static_cast<size_t>(blocks_ + 1) * kBlockChannels;
  sums_at_ = Workspace::Aligned((depth_ + 2) * kernels_->row_words * sizeof(uint32_t));
  workspace_ = workspace;
  if (!workspace_->Reserve(sums_at_ + kPanelPixels * sums_step_ * sizeof(int32_t)))
    return "out of memory for patches and sums";
  if (!BuildBorders()) return "out of memory for the zero padding";
  return "";
}

void Convolution::Run(const uint32_t* input, const ConvOutput* outputs, Team* team) {
  constexpr int64_t kRowsPerTask = 4;
  const int64_t row_tasks = (rows_.input + kRowsPerTask - 1) / kRowsPerTask;
  const double copied = static_cast<double>(batch_ * rows_.input * columns_.input * layout_.words);
  const int copiers = team->Width(copied * kNanosecondsPerCopy);
  team->For(static_cast<size_t>(batch_ * row_tasks), copiers, [&](size_t task, int) {
    const int64_t image = static_cast<int64_t>(task) / row_tasks,
                  y = static_cast<int64_t>(task) % row_tasks * kRowsPerTask;
    CopyToPlanes(input + image * rows_.input * columns_.input * layout_.words, rows_, columns_, y,
                 std::min(rows_.input, y + kRowsPerTask), layout_,
                 planes_.data() + image * layout_.image_step());
  });

  // One task is one panel, and where there are few panels a share of its blocks: an even number, so
  // that no packed word is written by two threads.
  const int64_t panels = static_cast<int64_t>(panels_.panels.size());
  const double row_blocks = static_cast<double>(batch_ * rows_.output * columns_.output * blocks_);
  const double per_block =
      kNanosecondsPerFinish + kNanosecondsPerWord * static_cast<double>(depth_);
  const int width = team->Width(row_blocks * per_block);
  int chunk = blocks_;
  if (divisible_ && width > 1) {
    const int64_t wanted = (4 * width + batch_ * panels - 1) / (batch_ * panels);
    chunk = static_cast<int>((blocks_ + wanted - 1) / wanted);
    chunk = std::max(2, (chunk + 1) / 2 * 2);
  }
  const int64_t chunks = (blocks_ + chunk - 1) / chunk;
  const size_t tasks = static_cast<size_t>(batch_ * panels * chunks);
  team->For(tasks, width, [&](size_t task, int worker) {
    const int64_t at = static_cast<int64_t>(task);
    const int begin = static_cast<int>(at % chunks) * chunk;
    RunTask(outputs, at / chunks / panels, at / chunks % panels, begin,
            std::min(blocks_, begin + chunk), worker);
  });
}

void Convolution::RunTask(const ConvOutput* outputs, int64_t image, int64_t panel_index,
                          int block_begin, int block_end, int worker) {
  const Panel& panel = panels_.panels[panel_index];
  PatchPlan plan;
  plan.taps = taps_.data();
  plan.tap_count = taps_.size();
  plan.words = static_cast<size_t>(members_[0].attributes.filter_words());
  plan.channels = static_cast<size_t>(members_[0].attributes.group_channels());
  plan.plane = layout_.plane_step();
  plan.gapless = gapless_;
  plan.depth = depth_;

  CountTask count;
  char* scratch = workspace_->Of(worker);
  auto* patches = reinterpret_cast<uint32_t*>(scratch);
  count.patches = patches;
  count.filters = filters_.data();
  count.depth = depth_;
  count.pixels = panel.pixels;
  auto* sums = reinterpret_cast<int32_t*>(scratch + sums_at_);
  count.sums_step = static_cast<ptrdiff_t>(sums_step_);

  const bool border = !panel_has_border_.empty() && panel_has_border_[panel_index];
  const int64_t pixel = image * rows_.output * columns_.output + panel.first_pixel;
  for (size_t g = 0; g < groups_.size(); ++g) {
    const Group& group = groups_[g];
    count.block_begin = std::max(block_begin, group.block_begin);
    count.block_end = std::min(block_end, group.block_end);
    if (count.block_begin >= count.block_end) continue;
    const uint32_t* source = planes_.data() + image * layout_.image_step() +
                             static_cast<int64_t>(g * plan.words) * plan.plane;
    kernels_->gather(plan, source, panels_.pieces.data() + panel.first_piece, panel.pieces,
                     panel.pixels, patches);
    // Counted and finished in turns, a few blocks each, so that sums are still near when they are
    // read.
    const int64_t first_lane = int64_t{count.block_begin} * kBlockChannels,
                  last_lane = int64_t{count.block_end} * kBlockChannels;
    int counted = count.block_begin;
    for (size_t s = group.slice_begin; s < group.slice_end; ++s) {
      const Slice& slice = slices_[s];
      const int64_t slice_end = std::min(last_lane, slice.lane + slice.count);
      for (int64_t begin = std::max(first_lane, slice.lane); begin < slice_end;
           begin += kLanesPerFinish) {
        const int64_t end = std::min(begin + kLanesPerFinish, slice_end);
        if (counted * kBlockChannels < end) {
          count.block_begin = counted;
          count.block_end = static_cast<int>(BlocksFor(end));
          count.last_lanes = count.block_end == group.block_end ? group.last_lanes : kBlockChannels;
          count.sums = sums + (count.block_begin * kBlockChannels - first_lane);
          kernels_->count(count);
          counted = count.block_end;
        }
        FinishTask finish = FinishOf(slice, outputs[slice.member], begin, end);
        finish.pixels = panel.pixels;
        finish.sums = sums + (begin - first_lane);
        finish.sums_step = count.sums_step;
        if (border && !border_of_pixel_.empty())
          finish.border = border_of_pixel_.data() + panel.first_pixel;
        if (border && !shift_of_pixel_.empty())
          finish.shift = shift_of_pixel_.data() + panel.first_pixel;
        if (finish.values) finish.values += pixel * finish.values_step;
        finish.offset += pixel * finish.step;
        if (finish.bits) finish.bits += pixel * finish.word_step;
        kernels_->finish(finish);
      }
    }
  }
}

// Lanes [lane_begin, lane_end) of a slice, but for what depends on the panel.
FinishTask Convolution::FinishOf(const Slice& slice, const ConvOutput& output, int64_t lane_begin,
                                 int64_t lane_end) const {
  const int64_t channel = slice.channel + lane_begin - slice.lane;
  FinishTask finish;
  finish.mode = mode_;
  finish.channels = lane_end - lane_begin;
  finish.multiplier = multiplier_.data() + lane_begin;
  finish.bias = bias_.data() + lane_begin;
  finish.doubled = linear_ ? doubled_.data() + lane_begin : nullptr;
  finish.clamp_min = clamp_min_;
  finish.clamp_max = clamp_max_;
  finish.threshold = threshold_.data() + lane_begin;
  finish.lane = lane_begin;
  if (output.values) finish.values = output.values + channel;
  finish.bytes = output.bytes;
  finish.offset = channel;
  finish.step = members_[slice.member].attributes.channels_out;
  finish.values_step = output.values_step ? output.values_step : finish.step;
  finish.addends = output.addends;
  finish.addend_count = output.addend_count;
  finish.stored_after = output.stored_after;
  finish.channel = channel;
  finish.byte_sum = output.byte_sum;
  finish.sign_below = output.sign_below;
  if (output.bits) {
    finish.bits = output.bits + channel / 32;
    finish.first_bit = static_cast<int>(channel % 32);
    finish.word_step = (finish.step + 31) / 32;
  }
  return finish;
}

}  // namespace larq_igp
