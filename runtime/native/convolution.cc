#include "convolution.h"

#include <algorithm>
#include <cmath>
#include <map>

namespace larq_igp {
namespace {

int RoundUpToBlock(int64_t channels) { return static_cast<int>((channels + kBlockChannels - 1) / kBlockChannels); }

int32_t ClampToDepth(int64_t value, int64_t depth) { return static_cast<int32_t>(std::max(-depth, std::min(value, depth))); }

int SignsIn(uint32_t word) { return __builtin_popcount(word); }

}  // namespace

bool CanRunTogether(const ConvAttributes& a, const ConvAttributes& b) {
  return a.groups == 1 && b.groups == 1 && a.channels_in == b.channels_in && a.kernel_height == b.kernel_height &&
         a.kernel_width == b.kernel_width && a.stride_height == b.stride_height && a.stride_width == b.stride_width &&
         a.dilation_height == b.dilation_height && a.dilation_width == b.dilation_width && a.padding == b.padding &&
         a.pad_one == b.pad_one && a.activation == b.activation && a.threshold < 0 && b.threshold < 0;
}

bool Convolution::Setup(const std::vector<ConvConstants>& members, ConvMode mode) {
  members_ = members;
  mode_ = mode;
  const ConvAttributes& first = members_[0].attributes;
  const int64_t channels = first.group_channels();
  gapless_ = PatchDepth(first.taps(), channels, true) < PatchDepth(first.taps(), channels, false);
  depth_ = static_cast<size_t>(PatchDepth(first.taps(), channels, gapless_));

  // Lanes. Groups start on blocks of their own, for each reads other input words. So does a convolution whose signs
  // are packed, for half words are stored by block. All others follow each other without gaps.
  struct Slice {
    int member;
    int64_t channel, count, lane;
  };
  std::vector<Slice> slices;
  int64_t lane = 0;
  for (size_t m = 0; m < members_.size(); ++m) {
    const ConvAttributes& conv = members_[m].attributes;
    const int64_t count = conv.channels_out / conv.groups;
    for (int64_t g = 0; g < conv.groups; ++g) {
      if (conv.groups > 1 || members_[m].packs_signs) lane = int64_t{RoundUpToBlock(lane)} * kBlockChannels;
      if (conv.groups > 1 || groups_.empty()) groups_.push_back({static_cast<int>(lane / kBlockChannels), 0});
      const bool packed = members_[m].packs_signs || mode_ == ConvMode::kThreshold;
      if (packed && lane != g * count) divisible_ = false;
      if (packed && (g * count) % kBlockChannels != 0) slow_finish_ = true;
      slices.push_back({static_cast<int>(m), g * count, count, lane});
      lane += count;
      groups_.back().block_end = RoundUpToBlock(lane);
    }
  }
  blocks_ = RoundUpToBlock(lane);
  block_table_.assign(blocks_, {0, 0});
  for (int b = 0; b < blocks_; ++b) {
    const int64_t begin = int64_t{b} * kBlockChannels, end = begin + kBlockChannels;
    block_table_[b].first_run = static_cast<int>(runs_.size());
    for (const Slice& slice : slices) {
      const int64_t from = std::max(begin, slice.lane), to = std::min(end, slice.lane + slice.count);
      if (from >= to) continue;
      runs_.push_back({slice.member, static_cast<int>(from - begin), static_cast<int>(to - from),
                       static_cast<ptrdiff_t>(slice.channel + from - slice.lane)});
      ++block_table_[b].runs;
    }
  }

  const size_t lanes = static_cast<size_t>(blocks_) * kBlockChannels;
  size_t filter_size = lanes;
  if (!MultiplySize(&filter_size, depth_) || !filters_.Reserve(filter_size)) return false;
  if (!multiplier_.Reserve(lanes) || !bias_.Reserve(lanes) || !doubled_.Reserve(lanes) || !threshold_.Reserve(lanes)) return false;

  // Constants are folded in double and stored as float, as LCE does it: y = twice_sum * -m + (b + depth * m).
  const double depth = static_cast<double>(first.depth());
  plain_ = first.activation == Activation::kNone;
  const int64_t filter_step = first.taps() * first.filter_words();
  for (const Slice& slice : slices) {
    const ConvConstants& member = members_[slice.member];
    for (int64_t i = 0; i < slice.count; ++i) {
      const int64_t channel = slice.channel + i, at = slice.lane + i;
      PackFilterLane(member.filter + channel * filter_step, first.taps(), channels, gapless_,
                     filters_.data() + at / kBlockChannels * depth_ * kBlockChannels, static_cast<int>(at % kBlockChannels));
      if (mode_ == ConvMode::kThreshold) {
        threshold_[at] = member.threshold[channel];
        continue;
      }
      const double multiplier = member.multiplier[channel], bias = member.bias[channel];
      const double scale = member.attributes.output_scale;
      multiplier_[at] = static_cast<float>(-1 * multiplier / scale);
      bias_[at] = static_cast<float>((bias + depth * multiplier) / scale + member.attributes.output_zero_point);
      doubled_[at] = 2.0f * multiplier_[at];
      if (!std::isfinite(doubled_[at])) plain_ = false;
    }
  }
  int64_t low = -first.depth(), high = first.depth();
  if (first.activation == Activation::kRelu) low = 0;
  if (first.activation == Activation::kRelu6) low = 0, high = 6;
  if (first.activation == Activation::kReluN1To1) low = -1, high = 1;
  clamp_min_ = static_cast<int32_t>(first.depth()) - ClampToDepth(high, first.depth());
  clamp_max_ = static_cast<int32_t>(first.depth()) - ClampToDepth(low, first.depth());
  return true;
}

std::string Convolution::Resize(int64_t batch, int64_t height, int64_t width, int threads) {
  const ConvAttributes& conv = members_[0].attributes;
  batch_ = batch;
  rows_ = {height, conv.kernel_height, conv.stride_height, conv.dilation_height};
  columns_ = {width, conv.kernel_width, conv.stride_width, conv.dilation_width};
  if (batch < 1) return "the batch is empty";
  if (!rows_.Resolve(conv.padding) || !columns_.Resolve(conv.padding)) return "the input is smaller than the filter";

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
      taps_.push_back(y * conv.dilation_height * layout_.row_step() + layout_.Column(x * conv.dilation_width));
    }
  }

  const size_t workers = static_cast<size_t>(std::max(1, threads));
  patches_step_ = (depth_ + 2) * kPanelPixels;
  raw_step_ = static_cast<size_t>(blocks_) * kPanelPixels * kBlockChannels;
  if (!patches_.Reserve(patches_step_ * workers)) return "out of memory for patches";
  if (!BuildBorders()) return "out of memory for the zero padding";
  if ((slow_finish_ || mode_ == ConvMode::kInt8 || !shift_of_pixel_.empty()) && !raw_.Reserve(raw_step_ * workers)) {
    return "out of memory for sums";
  }
  return "";
}

// Windows read zero words outside the image, which stand for +1. Where padding stands for 0, the sum of the filter's
// values at those taps must be taken away again. It depends only on which rows and which columns of the window are
// outside, so it is computed once per pair of such patterns. Right for maps smaller than the window too.
bool Convolution::BuildBorders() {
  border_of_pixel_.clear();
  shift_of_pixel_.clear();
  panel_has_border_.clear();
  const ConvAttributes& conv = members_[0].attributes;
  if (conv.pad_one || conv.padding == Padding::kValid) return true;

  // Per output position the taps inside, [begin, end): the taps outside are a prefix and a suffix.
  using Span = std::pair<int64_t, int64_t>;
  const auto inside = [](const WindowAxis& axis, int64_t at) {
    const int64_t start = at * axis.stride - axis.before;
    const int64_t begin = start >= 0 ? 0 : std::min(axis.kernel, (-start + axis.dilation - 1) / axis.dilation);
    const int64_t last = axis.input - 1 - start;
    const int64_t end = last < 0 ? 0 : std::min(axis.kernel, last / axis.dilation + 1);
    return Span{begin, std::max(begin, end)};
  };
  const auto classify = [&](const WindowAxis& axis, std::vector<int>* class_of, std::vector<Span>* spans) {
    std::map<Span, int> known;
    for (int64_t at = 0; at < axis.output; ++at) {
      const Span span = inside(axis, at);
      const auto found = known.emplace(span, static_cast<int>(spans->size()));
      if (found.second) spans->push_back(span);
      class_of->push_back(found.first->second);
    }
  };
  std::vector<int> row_class, column_class;
  std::vector<Span> row_spans, column_spans;
  classify(rows_, &row_class, &row_spans);
  classify(columns_, &column_class, &column_spans);

  const size_t lanes = static_cast<size_t>(blocks_) * kBlockChannels;
  const bool as_values = mode_ == ConvMode::kFloat && conv.activation == Activation::kNone;
  size_t size = lanes;
  if (!MultiplySize(&size, row_spans.size()) || !MultiplySize(&size, column_spans.size())) return false;
  if (as_values ? !border_values_.Reserve(size) : !border_sums_.Reserve(size)) return false;

  // Sum of the filter's values at every tap, per lane.
  std::vector<int32_t> tap_sums(static_cast<size_t>(conv.taps()) * lanes);
  const int64_t words = conv.filter_words();
  for (int b = 0; b < blocks_; ++b) {
    for (int r = 0; r < block_table_[b].runs; ++r) {
      const LaneRun& run = runs_[block_table_[b].first_run + r];
      for (int i = 0; i < run.count; ++i) {
        const uint32_t* filter = members_[run.output].filter + (run.channel + i) * conv.taps() * words;
        for (int64_t t = 0; t < conv.taps(); ++t) {
          int32_t signs = 0;
          for (int64_t w = 0; w < words; ++w) signs += SignsIn(filter[t * words + w]);
          tap_sums[t * lanes + b * kBlockChannels + run.lane + i] = static_cast<int32_t>(conv.group_channels()) - 2 * signs;
        }
      }
    }
  }
  for (size_t rc = 0; rc < row_spans.size(); ++rc) {
    for (size_t cc = 0; cc < column_spans.size(); ++cc) {
      std::vector<int32_t> outside(lanes, 0);
      for (int64_t y = 0; y < conv.kernel_height; ++y) {
        const bool row_inside = y >= row_spans[rc].first && y < row_spans[rc].second;
        for (int64_t x = 0; x < conv.kernel_width; ++x) {
          if (row_inside && x >= column_spans[cc].first && x < column_spans[cc].second) continue;
          const int32_t* sums = tap_sums.data() + (y * conv.kernel_width + x) * lanes;
          for (size_t l = 0; l < lanes; ++l) outside[l] += sums[l];
        }
      }
      const size_t at = (rc * column_spans.size() + cc) * lanes;
      for (size_t l = 0; l < lanes; ++l) {
        if (as_values) {
          border_values_[at + l] = multiplier_[l] * static_cast<float>(outside[l]);
        } else {
          border_sums_[at + l] = outside[l];
        }
      }
    }
  }

  const auto whole = [](const Span& span, const WindowAxis& axis) { return span == Span{0, axis.kernel}; };
  for (int64_t y = 0; y < rows_.output; ++y) {
    for (int64_t x = 0; x < columns_.output; ++x) {
      const int rc = row_class[y], cc = column_class[x];
      const bool none = whole(row_spans[rc], rows_) && whole(column_spans[cc], columns_);
      const size_t at = (rc * column_spans.size() + cc) * lanes;
      if (as_values) {
        border_of_pixel_.push_back(none ? nullptr : border_values_.data() + at);
      } else {
        shift_of_pixel_.push_back(none ? nullptr : border_sums_.data() + at);
      }
    }
  }
  for (const Panel& panel : panels_.panels) {
    bool any = false;
    for (int p = 0; p < panel.pixels; ++p) {
      any = any || (as_values ? border_of_pixel_[panel.first_pixel + p] != nullptr : shift_of_pixel_[panel.first_pixel + p] != nullptr);
    }
    panel_has_border_.push_back(any);
  }
  return true;
}

void Convolution::Run(const uint32_t* input, const ConvOutput* outputs, const Kernels& kernels, ThreadPool* pool) {
  constexpr int64_t kRowsPerTask = 8;
  const int64_t row_tasks = (rows_.input + kRowsPerTask - 1) / kRowsPerTask;
  pool->For(static_cast<size_t>(batch_ * row_tasks), [&](size_t task, int) {
    const int64_t image = static_cast<int64_t>(task) / row_tasks, y = static_cast<int64_t>(task) % row_tasks * kRowsPerTask;
    CopyToPlanes(input + image * rows_.input * columns_.input * layout_.words, rows_, columns_, y,
                 std::min(rows_.input, y + kRowsPerTask), layout_, planes_.data() + image * layout_.image_step());
  });

  ConvFinish finish;
  finish.mode = mode_;
  finish.multiplier = multiplier_.data();
  finish.bias = bias_.data();
  finish.doubled = plain_ ? doubled_.data() : nullptr;
  finish.clamp_min = clamp_min_;
  finish.clamp_max = clamp_max_;
  finish.threshold = threshold_.data();
  finish.blocks = block_table_.data();
  finish.runs = runs_.data();
  finish.outputs = outputs;

  // One task is one panel, and where there are few panels a share of its blocks: an even number, so that no packed
  // word is written by two threads.
  const int64_t panels = static_cast<int64_t>(panels_.panels.size());
  int chunk = blocks_;
  if (divisible_ && pool->threads() > 1) {
    const int64_t wanted = (4 * pool->threads() + batch_ * panels - 1) / (batch_ * panels);
    chunk = static_cast<int>((blocks_ + wanted - 1) / wanted);
    chunk = std::max(2, (chunk + 1) / 2 * 2);
  }
  const int64_t chunks = (blocks_ + chunk - 1) / chunk;
  pool->For(static_cast<size_t>(batch_ * panels * chunks), [&](size_t task, int worker) {
    const int64_t at = static_cast<int64_t>(task);
    const int begin = static_cast<int>(at % chunks) * chunk;
    RunTask(finish, kernels, at / chunks / panels, at / chunks % panels, begin, std::min(blocks_, begin + chunk), worker);
  });
}

void Convolution::RunTask(const ConvFinish& finish, const Kernels& kernels, int64_t image, int64_t panel_index,
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

  uint32_t* patches = patches_.data() + worker * patches_step_;
  const bool border = !panel_has_border_.empty() && panel_has_border_[panel_index];
  ConvTask task;
  task.patches = patches;
  task.filters = filters_.data();
  task.depth = depth_;
  task.pixels = panel.pixels;
  task.first_pixel = static_cast<size_t>(image * rows_.output * columns_.output + panel.first_pixel);
  task.finish = &finish;
  if (border && !border_of_pixel_.empty()) task.border = border_of_pixel_.data() + panel.first_pixel;
  if (border && !shift_of_pixel_.empty()) task.shift = shift_of_pixel_.data() + panel.first_pixel;
  const bool raw = slow_finish_ || mode_ == ConvMode::kInt8 || task.shift;
  if (raw) task.raw = raw_.data() + worker * raw_step_;

  for (size_t g = 0; g < groups_.size(); ++g) {
    task.block_begin = std::max(block_begin, groups_[g].block_begin);
    task.block_end = std::min(block_end, groups_[g].block_end);
    if (task.block_begin >= task.block_end) continue;
    const uint32_t* source = planes_.data() + image * layout_.image_step() + static_cast<int64_t>(g * plan.words) * plan.plane;
    kernels.gather(plan, source, panels_.pieces.data() + panel.first_piece, panel.pieces, patches);
    kernels.convolve(task);
    if (!raw) continue;
    for (int b = task.block_begin; b < task.block_end; ++b) {
      FinishPixels(task, b, 0, task.pixels, task.raw + (b - task.block_begin) * kPanelPixels * kBlockChannels);
    }
  }
}

}  // namespace larq_igp
