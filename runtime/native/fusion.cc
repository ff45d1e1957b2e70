// What runs as one. Every fusion performs the float operations of the original graph in their
// original order, so results are the same bits.

#include <algorithm>

#include "graph.h"
#include "op_arithmetic.h"
#include "op_bconv2d.h"
#include "op_conv2d.h"
#include "op_pointwise.h"
#include "op_pool2d.h"
#include "op_quantize.h"

namespace larq_igp {
namespace {

using Member = BinaryConvolution::Member;
using FusedAddend = BinaryConvolution::FusedAddend;

// The convolution of a step if it has values, null otherwise.
BinaryConvolution* ValueConvolution(const Step& step) {
  auto* convolution = As<BinaryConvolution>(step.op);
  return convolution && convolution->mode != ConvMode::kThreshold ? convolution : nullptr;
}

BinaryConvolution* FloatConvolution(const Step& step) {
  BinaryConvolution* convolution = ValueConvolution(step);
  return convolution && convolution->mode == ConvMode::kFloat ? convolution : nullptr;
}

// The quantisation of a step if nothing is fused into it, null otherwise.
Quantize* BareQuantize(const Step& step, int type) {
  auto* quantize = As<Quantize>(step.op);
  return quantize && !quantize->normalises() && quantize->input->type == type ? quantize : nullptr;
}

PerChannel* ChannelOp(const Step& step, Addend::Kind kind) {
  auto* op = As<PerChannel>(step.op);
  return op && op->kind == kind ? op : nullptr;
}

// What an operator becomes inside a convolution whose result it reads. False: it cannot.
bool Absorb(Operator* next, Member* member) {
  if (const auto* sum = As<AddBytes>(next)) {
    if (member->byte_addend) return false;  // there is room for one
    const bool first = sum->input == member->values;
    member->byte_addend = first ? sum->other : sum->input;
    member->sum = sum->sum;
    if (!first) std::swap(member->sum.own, member->sum.other);
  } else if (const auto* constants = As<PerChannel>(next)) {
    member->addends.push_back({constants->constant, 1.0f, constants->kind});
  } else if (const auto* add = As<Add>(next)) {
    member->addends.push_back({add->OtherThan(member->values), 1.0f});
  } else if (const auto* scalar = As<Scalar>(next)) {
    if (!scalar->multiplies) return false;
    FusedAddend* last = member->addends.empty() ? nullptr : &member->addends.back();
    if (last && last->kind == Addend::kTensor && last->scale == 1.0f) {
      last->scale = scalar->value;
    } else {
      member->addends.push_back({nullptr, scalar->value});
    }
  } else {
    return false;
  }
  member->values = next->output;
  return true;
}

}  // namespace

int Graph::UsesOf(const Tensor* tensor) const {
  int uses = outputs_.count(tensor) ? 1 : 0;
  for (const Step& step : steps_) {
    if (!step.op) continue;
    const std::vector<Tensor*> inputs = step.op->Inputs();
    uses += static_cast<int>(std::count(inputs.begin(), inputs.end(), tensor));
  }
  return uses;
}

// The step that reads `tensor`, -1 if there is none. For tensors with one use.
int Graph::ReaderAfter(size_t step, const Tensor* tensor) const {
  for (size_t i = step + 1; i < steps_.size(); ++i) {
    if (!steps_[i].op) continue;
    const std::vector<Tensor*> inputs = steps_[i].op->Inputs();
    if (std::count(inputs.begin(), inputs.end(), tensor)) return static_cast<int>(i);
  }
  return -1;
}

// The same, -1 also if there are others or the partition gives it out.
int Graph::OnlyReaderAfter(size_t step, const Tensor* tensor) const {
  return UsesOf(tensor) == 1 ? ReaderAfter(step, tensor) : -1;
}

void Graph::Fuse(const TfLiteContext& context) {
  FusePixels(context);
  AbsorbFloatOps();
  AbsorbQuantize();
  FuseAffine();
  FuseMaxPool();
  FusePointwise();
  MergeConvolutions();
}

// Additions and scalings of a convolution's result, by nobody else read, become part of it. The
// convolution moves to the place of the last one, where the other operands are ready. Of two
// convolutions that are added, the one with the longer way from the input takes the addition,
// wherever the model lists it: the other can then run early, together with its siblings
// (MergeConvolutions).
void Graph::AbsorbFloatOps() {
  // Of a tensor: operations on the longest way from the partition's inputs.
  std::map<const Tensor*, int> level;
  std::vector<std::pair<int, size_t>> convolutions;
  for (size_t i = 0; i < steps_.size(); ++i) {
    if (!steps_[i].op) continue;
    int longest = 0;
    for (const Tensor* tensor : steps_[i].op->Inputs()) longest = std::max(longest, level[tensor]);
    for (const Tensor* tensor : steps_[i].op->Outputs()) level[tensor] = longest + 1;
    if (ValueConvolution(steps_[i])) convolutions.push_back({longest, i});
  }
  std::sort(convolutions.rbegin(), convolutions.rend());
  for (const auto& entry : convolutions) {
    size_t at = entry.second;
    Member& member = ValueConvolution(steps_[at])->members[0];
    for (;;) {
      const int reader = OnlyReaderAfter(at, member.values);
      if (reader < 0 || !Absorb(steps_[reader].op.get(), &member)) break;
      steps_[reader] = std::move(steps_[at]);
      at = static_cast<size_t>(reader);
    }
  }
}

// The quantisation of a convolution's result: its signs are at hand. So are those after a batch
// normalisation or shift per channel that only serves the quantisation. Values that nobody else
// reads are not stored.
void Graph::AbsorbQuantize() {
  for (size_t i = 0; i < steps_.size(); ++i) {
    BinaryConvolution* convolution = ValueConvolution(steps_[i]);
    if (!convolution) continue;
    Member& member = convolution->members[0];
    const Tensor* values = member.values;
    for (size_t j = i + 1; j < steps_.size(); ++j) {
      if (!steps_[j].op || steps_[j].op->input != values) continue;
      if (!AbsorbQuantizeFrom(j, convolution)) continue;
      if (UsesOf(values) == 0) member.values = nullptr;
      break;
    }
  }
}

// The same along one way, which begins with a step that reads the values. False: there is no
// quantisation at its end.
bool Graph::AbsorbQuantizeFrom(size_t first, BinaryConvolution* convolution) {
  Member& member = convolution->members[0];
  const bool bytes = convolution->mode == ConvMode::kInt8;
  std::vector<FusedAddend> before_sign;
  std::vector<size_t> way;
  int at = static_cast<int>(first);
  const Tensor* tensor = member.values;
  while (at >= 0 && !bytes) {
    const auto* constants = As<PerChannel>(steps_[at].op);
    if (!constants || UsesOf(constants->output) != 1) break;
    before_sign.push_back({constants->constant, 1.0f, constants->kind});
    way.push_back(static_cast<size_t>(at));
    tensor = constants->output;
    at = ReaderAfter(way.back(), tensor);
  }
  if (at < 0) return false;
  const Quantize* quantize = BareQuantize(steps_[at], bytes ? kTfLiteInt8 : kTfLiteFloat32);
  if (!quantize || quantize->input != tensor) return false;
  member.stored_after = static_cast<int>(member.addends.size());
  member.addends.insert(member.addends.end(), before_sign.begin(), before_sign.end());
  member.bits = quantize->output;
  member.sign_below = quantize->zero_point;
  steps_[at].op.reset();
  for (size_t step : way) steps_[step].op.reset();
  return true;
}

// A batch normalisation, or a half of it, from step `first` on; without a reader if there is none,
// or if several read it.
Graph::Affine Graph::AffineFrom(size_t first) const {
  Affine affine;
  affine.last = first;
  affine.scale = ChannelOp(steps_[first], Addend::kChannelScale);
  const int next =
      affine.scale ? OnlyReaderAfter(first, affine.scale->output) : static_cast<int>(first);
  if (next >= 0) affine.shift = ChannelOp(steps_[next], Addend::kChannelShift);
  if (!affine.shift) {
    affine.reader = affine.scale ? next : -1;
    return affine;
  }
  affine.last = static_cast<size_t>(next);
  affine.reader = OnlyReaderAfter(affine.last, affine.shift->output);
  return affine;
}

// Such before a sign: one pass over the values instead of three, and only bits are written; before
// the greatest values of windows too.
void Graph::FuseAffine() {
  for (size_t i = 0; i < steps_.size(); ++i) {
    const Affine affine = AffineFrom(i);
    if (affine.reader < 0) continue;
    const Step& reader = steps_[affine.reader];
    Tensor* const scale = affine.scale ? affine.scale->constant : nullptr;
    Tensor* const shift = affine.shift ? affine.shift->constant : nullptr;
    Tensor* const input = (affine.scale ? affine.scale : affine.shift)->input;
    if (Quantize* quantize = BareQuantize(reader, kTfLiteFloat32)) {
      quantize->multiplier = scale;
      quantize->bias = shift;
    } else if (Pool* pooling = scale ? As<Pool>(reader.op) : nullptr) {
      if (pooling->pool.averages) continue;
      pooling->multiplier = scale;
      pooling->bias = shift;
    } else {
      continue;
    }
    reader.op->input = input;
    steps_[i].op.reset();
    steps_[affine.last].op.reset();
  }
}

// Rows of the image convolution are pooled as they come, and never all in memory.
void Graph::FuseMaxPool() {
  for (size_t i = 0; i < steps_.size(); ++i) {
    auto* convolution = As<ImageConvolutionOp>(steps_[i].op);
    if (!convolution) continue;
    const int reader = OnlyReaderAfter(i, convolution->output);
    const Pool* pooling = reader >= 0 ? As<Pool>(steps_[reader].op) : nullptr;
    if (!pooling || pooling->pool.averages || pooling->multiplier) continue;
    convolution->pools = true;
    convolution->pool = pooling->pool;
    convolution->output = pooling->output;
    steps_[reader].op.reset();
  }
}

// Rows are pooled as a 1x1 convolution needs them, and never all in memory.
void Graph::FusePointwise() {
  for (size_t i = 0; i < steps_.size(); ++i) {
    auto* pooling = As<Pool>(steps_[i].op);
    const int reader = pooling ? OnlyReaderAfter(i, pooling->output) : -1;
    auto* convolution = reader >= 0 ? As<Pointwise>(steps_[reader].op) : nullptr;
    if (!convolution) continue;
    convolution->input = pooling->input;
    steps_[i].op.release();
    convolution->pool.reset(pooling);
  }
}

// Convolutions over one packed input share its patches, and fill each other's lanes. The later one
// moves to the first, provided that what is added to it is there already.
void Graph::MergeConvolutions() {
  std::set<const Tensor*> late;  // tensors made by steps at or after the current one
  for (const Step& step : steps_) {
    if (!step.op) continue;
    for (const Tensor* tensor : step.op->Outputs()) late.insert(tensor);
  }
  for (size_t i = 0; i < steps_.size(); ++i) {
    if (!steps_[i].op) continue;
    if (BinaryConvolution* convolution = FloatConvolution(steps_[i])) {
      std::vector<Member>& members = convolution->members;
      for (size_t j = i + 1; j < steps_.size(); ++j) {
        const BinaryConvolution* other = FloatConvolution(steps_[j]);
        if (!other || other->input != convolution->input) continue;
        const Member& member = other->members[0];
        bool ready = CanRunTogether(members[0].attributes, member.attributes);
        for (const FusedAddend& addend : member.addends)
          ready = ready && !late.count(addend.tensor);
        if (!ready) continue;
        members.push_back(member);
        steps_[j].op.reset();
      }
      // Those with packed signs first: they begin with a whole word, and threads can share out the
      // blocks.
      std::stable_sort(members.begin(), members.end(), [](const Member& a, const Member& b) {
        return (a.bits != nullptr) > (b.bits != nullptr);
      });
    }
    for (const Tensor* tensor : steps_[i].op->Outputs()) late.erase(tensor);
  }
}

}  // namespace larq_igp
