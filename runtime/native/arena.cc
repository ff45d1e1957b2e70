// Where the tensors between steps lie.

#include <algorithm>
#include <utility>

#include "graph.h"

namespace larq_igp {

// What is concatenated is written into its place in the whole, where all that write and read it can
// leave gaps between pixels: nothing is copied then.
void Graph::PlanSlices() {
  for (auto& entry : tensors_) entry.second.step = entry.second.shape.back();
  std::set<int> dense;  // tensors that somebody wants without gaps
  std::set<int> made;   // tensors that can be written with gaps
  for (const Step& step : steps_) {
    const OpKind kind = step.op.kind;
    const bool reads_gaps = kind == OpKind::kAffineQuantize || kind == OpKind::kConcatenation ||
                            (kind == OpKind::kQuantize && step.op.input_type == kTfLiteFloat32);
    if (!reads_gaps) {
      for (int tensor : step.Inputs()) dense.insert(tensor);
    }
    if (kind == OpKind::kConcatenation) made.insert(step.op.output);
    if (kind != OpKind::kConvolution || step.op.output_type != kTfLiteFloat32) continue;
    for (const Member& member : step.members) made.insert(member.values);
  }
  // From the last to the first: a whole knows by then where it lies itself.
  for (auto step = steps_.rbegin(); step != steps_.rend(); ++step) {
    if (step->op.kind != OpKind::kConcatenation) continue;
    const Tensor& whole = tensors_[step->op.output];
    int64_t channel = 0;
    for (int part : step->op.parts) {
      Tensor& tensor = tensors_[part];
      if (made.erase(part) && tensor.internal && !dense.count(part)) {
        tensor.whole = whole.whole >= 0 ? whole.whole : step->op.output;
        tensor.channel = whole.channel + channel;
        tensor.step = whole.step;
      }
      channel += tensor.shape.back();
    }
  }
}

// Tensors between steps share one arena: each gets the lowest place that is free for as long as it
// lives.
std::string Graph::PlanMemory() {
  struct Life {
    int tensor;
    size_t bytes;
    int first, last;
    size_t offset;
  };
  std::map<int, int> first, last;
  for (size_t s = 0; s < steps_.size(); ++s) {
    for (int tensor : steps_[s].Outputs()) first[tensor] = static_cast<int>(s);
    for (int tensor : steps_[s].Inputs()) last[tensor] = static_cast<int>(s);
    for (int tensor : steps_[s].Outputs()) last[tensor] = static_cast<int>(s);
  }
  for (const auto& entry : tensors_) {
    const int whole = entry.second.whole;
    if (whole < 0) continue;
    first[whole] = std::min(first[whole], first[entry.first]);
    last[whole] = std::max(last[whole], last[entry.first]);
  }
  // A convolution may write over what is added to it, if that is read for the last time: every
  // element is read before it is written. This keeps a chain of residual blocks in one place of the
  // cache.
  std::map<int, int> home;
  for (size_t s = 0; s < steps_.size(); ++s) {
    if (steps_[s].members.size() != 1) continue;
    const Member& member = steps_[s].members[0];
    if (member.values < 0 || !tensors_[member.values].internal) continue;
    if (tensors_[member.values].whole >= 0) continue;
    std::vector<int> added = {member.byte_addend};
    for (const Member::AddendTensor& addend : member.addends) {
      if (addend.kind == Addend::kTensor) added.push_back(addend.tensor);
    }
    for (int tensor : added) {
      if (tensor < 0 || !tensors_[tensor].internal || last[tensor] != static_cast<int>(s)) continue;
      int root = tensor;
      while (home.count(root)) root = home[root];
      home[member.values] = root;
      break;
    }
  }
  for (size_t s = 0; s < steps_.size(); ++s) {
    for (int tensor : steps_[s].Outputs()) {
      int root = tensor;
      while (home.count(root)) root = home[root];
      last[root] = std::max(last[root], last[tensor]);
    }
  }
  std::vector<Life> lives;
  for (const auto& entry : first) {
    const Tensor& tensor = tensors_[entry.first];
    if (!tensor.internal || tensor.whole >= 0 || home.count(entry.first)) continue;
    lives.push_back(
        {entry.first, (tensor.bytes + 127) / 64 * 64, entry.second, last[entry.first], 0});
  }
  std::stable_sort(lives.begin(), lives.end(),
                   [](const Life& a, const Life& b) { return a.bytes > b.bytes; });
  size_t total = 0;
  for (size_t i = 0; i < lives.size(); ++i) {
    std::vector<std::pair<size_t, size_t>> taken;
    for (size_t j = 0; j < i; ++j) {
      if (lives[j].first <= lives[i].last && lives[i].first <= lives[j].last)
        taken.push_back({lives[j].offset, lives[j].offset + lives[j].bytes});
    }
    std::sort(taken.begin(), taken.end());
    size_t offset = 0;
    for (const auto& range : taken) {
      if (offset + lives[i].bytes <= range.first) break;
      offset = std::max(offset, range.second);
    }
    lives[i].offset = offset;
    tensors_[lives[i].tensor].offset = offset;
    if (__builtin_add_overflow(offset, lives[i].bytes, &offset))
      return "too much memory between operations";
    total = std::max(total, offset);
  }
  for (const auto& entry : home) {
    int root = entry.first;
    while (home.count(root)) root = home[root];
    tensors_[entry.first].offset = tensors_[root].offset;
  }
  return arena_.Reserve(total) ? "" : "out of memory between operations";
}

}  // namespace larq_igp
