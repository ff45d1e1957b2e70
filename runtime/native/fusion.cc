// What runs as one. Every fusion performs the float operations of the original graph in their
// original order, so results are the same bits.

#include <algorithm>
#include <cmath>

#include "graph.h"

namespace larq_igp {
namespace {

constexpr float kMostWeight = 1e6f;      // of what becomes whole numbers
constexpr int64_t kMostDepth = 1 << 16;  // likewise: products that are added

bool IsFloatConvolution(const Step& step) {
  return !step.done && step.op.kind == OpKind::kConvolution &&
         step.op.output_type == kTfLiteFloat32;
}

bool IsByteConvolution(const Step& step) {
  return !step.done && step.op.kind == OpKind::kConvolution && step.op.output_type == kTfLiteInt8;
}

bool IsQuantize(const Step& step, int type) {
  return !step.done && step.op.kind == OpKind::kQuantize && step.op.input_type == type;
}

bool IsFloatQuantize(const Step& step) { return IsQuantize(step, kTfLiteFloat32); }

// What may stand between bytes and an image convolution.
bool IsLinear(OpKind kind) {
  return kind == OpKind::kScale || kind == OpKind::kShift || kind == OpKind::kChannelScale ||
         kind == OpKind::kChannelShift;
}

// What an operation with one constant per channel becomes inside a convolution; false for others.
bool ChannelAddend(const Op& op, Member::AddendTensor* addend) {
  switch (op.kind) {
    case OpKind::kChannelScale: return *addend = {op.other, 1.0f, Addend::kChannelScale}, true;
    case OpKind::kChannelShift: return *addend = {op.other, 1.0f, Addend::kChannelShift}, true;
    case OpKind::kChannelSlope: return *addend = {op.other, 1.0f, Addend::kChannelSlope}, true;
    default: return false;
  }
}

}  // namespace

std::vector<bool> ChooseOps(const std::vector<Op>& ops, const std::map<int, int>& uses) {
  const auto used_once = [&](int tensor) {
    const auto found = uses.find(tensor);
    return found != uses.end() && found->second == 1;
  };
  const bool binary = std::any_of(ops.begin(), ops.end(),
                                  [](const Op& op) { return op.kind == OpKind::kConvolution; });
  std::vector<bool> chosen(ops.size(), false);
  std::set<int> from_convolution;  // float and int8 tensors, through additions and scalings
  std::set<int> concatenated;      // with such, or with results of the engine's convolution
  std::map<int, size_t> producer;
  for (size_t i = 0; i < ops.size(); ++i) {
    const Op& op = ops[i];
    producer[op.output] = i;
    switch (op.kind) {
      case OpKind::kAdd:
      case OpKind::kAddBytes:
        chosen[i] = from_convolution.count(op.input) || from_convolution.count(op.other);
        break;
      case OpKind::kScale:
      case OpKind::kChannelScale:
      case OpKind::kChannelShift:
      case OpKind::kChannelSlope:
        // Those per channel may be chosen below, too, with the quantisation they feed.
        chosen[i] = from_convolution.count(op.input) != 0;
        break;
      case OpKind::kConcatenation:
        for (int part : op.parts)
          chosen[i] = chosen[i] || from_convolution.count(part) || concatenated.count(part);
        if (chosen[i]) concatenated.insert(op.output);
        break;
      case OpKind::kImageConvolution:
        chosen[i] = binary;  // other models are none of our business
        break;
      case OpKind::kPixels:
      case OpKind::kShift: break;  // only with the convolution behind it
      case OpKind::kFloatMaxPool: {
        const auto before = producer.find(op.input);
        chosen[i] = before != producer.end() &&
                    ops[before->second].kind == OpKind::kImageConvolution && chosen[before->second];
        break;
      }
      default: chosen[i] = true;
    }
    // The way from bytes to the convolution: read by nobody else, it becomes part of the filter.
    for (int tensor = op.input;
         op.kind == OpKind::kImageConvolution && chosen[i] && used_once(tensor);) {
      const auto before = producer.find(tensor);
      if (before == producer.end()) break;
      const Op& earlier = ops[before->second];
      if (earlier.kind == OpKind::kPixels) {
        for (int at = op.input; at != earlier.input; at = ops[producer[at]].input)
          chosen[producer[at]] = true;
        break;
      }
      if (!IsLinear(earlier.kind)) break;
      tensor = earlier.input;
    }
    bool carries = false;
    switch (op.kind) {
      case OpKind::kAdd:
      case OpKind::kAddBytes:
      case OpKind::kScale:
      case OpKind::kChannelScale:
      case OpKind::kChannelShift:
      case OpKind::kChannelSlope: carries = true; break;
      case OpKind::kConvolution: carries = op.output_type != kTfLiteInt32; break;
      default: break;
    }
    if (chosen[i] && carries) from_convolution.insert(op.output);
    if (op.kind != OpKind::kQuantize || op.input_type != kTfLiteFloat32) continue;

    const auto shift = producer.find(op.input);
    if (shift == producer.end() || ops[shift->second].kind != OpKind::kChannelShift ||
        !used_once(op.input))
      continue;
    chosen[shift->second] = true;
    const int scaled = ops[shift->second].input;
    const auto scale = producer.find(scaled);
    if (scale == producer.end() || ops[scale->second].kind != OpKind::kChannelScale ||
        !used_once(scaled))
      continue;
    chosen[scale->second] = true;
  }
  return chosen;
}

int Graph::UsesOf(int tensor) const {
  int uses = partition_outputs_.count(tensor) ? 1 : 0;
  for (const Step& step : steps_) {
    if (step.done) continue;
    const std::vector<int> inputs = step.Inputs();
    uses += static_cast<int>(std::count(inputs.begin(), inputs.end(), tensor));
  }
  return uses;
}

// The step that reads `tensor`, -1 if there is none. For tensors with one use.
int Graph::ReaderAfter(size_t step, int tensor) const {
  for (size_t i = step + 1; i < steps_.size(); ++i) {
    if (steps_[i].done) continue;
    const std::vector<int> inputs = steps_[i].Inputs();
    if (std::count(inputs.begin(), inputs.end(), tensor)) return static_cast<int>(i);
  }
  return -1;
}

void Graph::Fuse(TfLiteContext* context) {
  FusePixels(context);
  AbsorbFloatOps();
  AbsorbQuantize();
  FuseAffineQuantize();
  FuseMaxPool();
  MergeConvolutions();
}

// Additions and scalings of a convolution's result, by nobody else read, become part of it. The
// convolution moves to the place of the last one, where the other operands are ready. Of two
// convolutions that are added, the one with the longer way from the input takes the addition,
// wherever the model lists it: the other can then run early, together with its siblings
// (MergeConvolutions).
void Graph::AbsorbFloatOps() {
  std::map<int, int>
      level;  // of a tensor: operations on the longest way from the partition's inputs
  std::vector<std::pair<int, size_t>> convolutions;
  for (size_t i = 0; i < steps_.size(); ++i) {
    int longest = 0;
    for (int tensor : steps_[i].Inputs()) longest = std::max(longest, level[tensor]);
    for (int tensor : steps_[i].Outputs()) level[tensor] = longest + 1;
    if (IsFloatConvolution(steps_[i]) || IsByteConvolution(steps_[i]))
      convolutions.push_back({longest, i});
  }
  std::sort(convolutions.rbegin(), convolutions.rend());
  for (const auto& entry : convolutions) {
    size_t at = entry.second;
    for (;;) {
      Member& member = steps_[at].members[0];
      if (UsesOf(member.values) != 1 || partition_outputs_.count(member.values)) break;
      const int reader = ReaderAfter(at, member.values);
      if (reader < 0) break;
      const Op next = steps_[reader].op;
      Member::AddendTensor addend;
      if (next.kind == OpKind::kAddBytes) {
        if (member.byte_addend >= 0) break;  // there is room for one
        member.byte_addend = next.input == member.values ? next.other : next.input;
        member.sum = next.sum;
        if (next.input != member.values) std::swap(member.sum.own, member.sum.other);
      } else if (ChannelAddend(next, &addend)) {
        member.addends.push_back(addend);
      } else if (next.kind == OpKind::kAdd) {
        member.addends.push_back({next.input == member.values ? next.other : next.input, 1.0f});
      } else if (next.kind == OpKind::kScale) {
        const bool after_tensor =
            !member.addends.empty() && member.addends.back().kind == Addend::kTensor;
        if (after_tensor && member.addends.back().scale == 1.0f) {
          member.addends.back().scale = next.scale;
        } else {
          member.addends.push_back({-1, next.scale});
        }
      } else {
        break;
      }
      member.values = next.output;
      steps_[reader] = std::move(steps_[at]);
      steps_[at].done = true;
      at = static_cast<size_t>(reader);
    }
  }
}

// The quantisation of a convolution's result: its signs are at hand. So are those after a batch
// normalisation or shift per channel that only serves the quantisation. Values that nobody else
// reads are not stored.
void Graph::AbsorbQuantize() {
  for (size_t i = 0; i < steps_.size(); ++i) {
    const bool bytes = IsByteConvolution(steps_[i]);
    if (!bytes && !IsFloatConvolution(steps_[i])) continue;
    Member& member = steps_[i].members[0];
    for (size_t j = i + 1; j < steps_.size(); ++j) {
      if (steps_[j].done || steps_[j].op.input != member.values) continue;
      std::vector<Member::AddendTensor> before_sign;
      std::vector<size_t> chain;
      Member::AddendTensor addend;
      int at = static_cast<int>(j);
      while (at >= 0 && !bytes && ChannelAddend(steps_[at].op, &addend) &&
             UsesOf(steps_[at].op.output) == 1) {
        before_sign.push_back(addend);
        chain.push_back(static_cast<size_t>(at));
        at = ReaderAfter(static_cast<size_t>(at), steps_[at].op.output);
      }
      if (at < 0 || !IsQuantize(steps_[at], bytes ? kTfLiteInt8 : kTfLiteFloat32)) continue;
      if (!chain.empty() && steps_[at].op.input != steps_[chain.back()].op.output) continue;
      member.stored_after = static_cast<int>(member.addends.size());
      member.addends.insert(member.addends.end(), before_sign.begin(), before_sign.end());
      member.bits = steps_[at].op.output;
      member.sign_below = steps_[at].op.zero_point;
      steps_[at].done = true;
      for (size_t step : chain) steps_[step].done = true;
      if (UsesOf(member.values) == 0) member.values = -1;
      break;
    }
  }
}

// Batch normalisation before sign: one pass over the values instead of three, and only bits are
// written.
void Graph::FuseAffineQuantize() {
  for (size_t i = 0; i < steps_.size(); ++i) {
    if (steps_[i].done || steps_[i].op.kind != OpKind::kChannelScale ||
        UsesOf(steps_[i].op.output) != 1)
      continue;
    const int shift = ReaderAfter(i, steps_[i].op.output);
    if (shift < 0 || steps_[shift].op.kind != OpKind::kChannelShift ||
        UsesOf(steps_[shift].op.output) != 1)
      continue;
    const int quantize = ReaderAfter(shift, steps_[shift].op.output);
    if (quantize < 0 || !IsFloatQuantize(steps_[quantize])) continue;
    Op& op = steps_[quantize].op;
    op.kind = OpKind::kAffineQuantize;
    op.input = steps_[i].op.input;
    op.other = steps_[i].op.other;
    op.shift = steps_[shift].op.shift;
    steps_[i].done = steps_[shift].done = true;
  }
  for (size_t i = 0; i < steps_.size(); ++i) {  // without a multiplication
    if (steps_[i].done || steps_[i].op.kind != OpKind::kChannelShift ||
        UsesOf(steps_[i].op.output) != 1)
      continue;
    const int quantize = ReaderAfter(i, steps_[i].op.output);
    if (quantize < 0 || !IsFloatQuantize(steps_[quantize])) continue;
    Op& op = steps_[quantize].op;
    op.kind = OpKind::kAffineQuantize;
    op.input = steps_[i].op.input;
    op.other = -1;
    op.shift = steps_[i].op.shift;
    steps_[i].done = true;
  }
}

// What makes floats of bytes becomes part of the filter, see pixel_filter.h: not where numbers are
// so large that floats would overflow, which whole numbers do not.
void Graph::FusePixels(TfLiteContext* context) {
  for (size_t i = 0; i < steps_.size(); ++i) {
    if (steps_[i].op.kind != OpKind::kPixels) continue;
    const Op& first = steps_[i].op;
    std::vector<size_t> chain = {i};
    int tensor = first.output, reader = -1;
    while (UsesOf(tensor) == 1 && !partition_outputs_.count(tensor)) {
      reader = ReaderAfter(chain.back(), tensor);
      if (reader < 0 || steps_[reader].op.kind == OpKind::kImageConvolution) break;
      if (!IsLinear(steps_[reader].op.kind)) break;
      chain.push_back(static_cast<size_t>(reader));
      tensor = steps_[reader].op.output;
    }
    if (reader < 0 || steps_[reader].op.kind != OpKind::kImageConvolution || UsesOf(tensor) != 1)
      continue;
    Op& convolution = steps_[reader].op;
    const auto channels = static_cast<size_t>(convolution.conv.channels_in);
    PixelInput pixels;
    pixels.is_signed = first.input_type == kTfLiteInt8;
    pixels.factor.assign(channels, first.scale);
    pixels.offset.assign(channels, -static_cast<double>(first.scale) * first.zero_point);
    bool fits = true;
    for (size_t at : chain) {
      const Op& op = steps_[at].op;
      if (op.kind == OpKind::kPixels) continue;
      const bool of_channel = op.kind == OpKind::kChannelScale || op.kind == OpKind::kChannelShift;
      const bool multiplies = op.kind == OpKind::kScale || op.kind == OpKind::kChannelScale;
      const auto* constant =
          of_channel ? static_cast<const float*>(context->tensors[op.other].data) : nullptr;
      fits = fits && (!of_channel || context->tensors[op.other].bytes >= channels * sizeof(float));
      for (size_t c = 0; fits && c < channels; ++c) {
        const double value = of_channel ? constant[c] : op.scale;
        if (multiplies) {
          pixels.factor[c] *= value;
          pixels.offset[c] *= value;
        } else {
          pixels.offset[c] += value;
        }
        fits = std::isfinite(pixels.factor[c]) && std::isfinite(pixels.offset[c]);
      }
    }
    const TfLiteTensor& filter = context->tensors[convolution.conv.filter];
    const auto* weights = static_cast<const float*>(filter.data);
    for (size_t w = 0; fits && w < filter.bytes / sizeof(float); ++w)
      fits = std::fabs(weights[w]) < kMostWeight;
    for (size_t c = 0; c < channels; ++c)
      fits = fits && std::fabs(pixels.factor[c]) < kMostWeight &&
             std::fabs(pixels.offset[c]) < kMostWeight;
    if (!fits || convolution.conv.depth() > kMostDepth) continue;
    convolution.pixels = pixels;
    convolution.input = first.input;
    convolution.input_type = first.input_type;
    for (size_t at : chain) steps_[at].done = true;
  }
}

// Rows of the convolution are pooled as they come, and never all in memory.
void Graph::FuseMaxPool() {
  for (size_t i = 0; i < steps_.size(); ++i) {
    Op& op = steps_[i].op;
    if (steps_[i].done || op.kind != OpKind::kImageConvolution || UsesOf(op.output) != 1) continue;
    const int reader = ReaderAfter(i, op.output);
    if (reader < 0 || steps_[reader].op.kind != OpKind::kFloatMaxPool) continue;
    op.pools = true;
    op.pool = steps_[reader].op.pool;
    op.output = steps_[reader].op.output;
    steps_[reader].done = true;
  }
}

// Convolutions over one packed input share its patches, and fill each other's lanes. The later one
// moves to the first, provided that what is added to it is there already.
void Graph::MergeConvolutions() {
  std::set<int> late;  // tensors made by steps at or after the current one
  for (const Step& step : steps_) {
    if (step.done) continue;
    for (int tensor : step.Outputs()) late.insert(tensor);
  }
  for (size_t i = 0; i < steps_.size(); ++i) {
    if (steps_[i].done) continue;
    if (IsFloatConvolution(steps_[i])) {
      for (size_t j = i + 1; j < steps_.size(); ++j) {
        if (!IsFloatConvolution(steps_[j]) || steps_[j].op.input != steps_[i].op.input) continue;
        const Member& other = steps_[j].members[0];
        bool ready = CanRunTogether(steps_[i].members[0].attributes, other.attributes);
        for (const Member::AddendTensor& addend : other.addends)
          ready = ready && !late.count(addend.tensor);
        if (!ready) continue;
        steps_[i].members.push_back(other);
        steps_[j].done = true;
      }
      // Those with packed signs first: they begin with a whole word, and threads can share out the
      // blocks.
      std::stable_sort(
          steps_[i].members.begin(), steps_[i].members.end(),
          [](const Member& a, const Member& b) { return (a.bits >= 0) > (b.bits >= 0); });
    }
    for (int tensor : steps_[i].Outputs()) late.erase(tensor);
  }
}

}  // namespace larq_igp
