// Where the tensors between steps lie.

#include <algorithm>
#include <utility>

#include "graph.h"
#include "op_bconv2d.h"
#include "op_concatenation.h"

namespace larq_igp {

// What is concatenated is written into its place in the whole, where all that write and read it can
// leave gaps between pixels: nothing is copied then.
void Graph::PlanSlices() {
  std::set<const Tensor*> gapless;  // somebody wants them without gaps
  std::set<const Tensor*> free;     // can be written with gaps, and have no place yet
  for (auto& [index, tensor] : tensors_->all()) {
    if (!tensor.shape.empty()) tensor.step = tensor.channels();
  }
  for (const Step& step : steps_) {
    for (const Tensor* tensor : step.op->Inputs()) {
      if (!step.op->reads_gaps()) gapless.insert(tensor);
    }
    for (const Tensor* tensor : step.op->Outputs()) {
      if (step.op->writes_gaps() && tensor->type == kTfLiteFloat32 && tensor->internal)
        free.insert(tensor);
    }
  }
  // From the last to the first: a whole knows by then where it lies itself.
  for (auto step = steps_.rbegin(); step != steps_.rend(); ++step) {
    const auto* concatenation = As<Concatenation>(step->op);
    if (!concatenation) continue;
    Tensor* whole = concatenation->output;
    int64_t channel = whole->channel;
    for (Tensor* part : concatenation->parts) {
      if (!gapless.count(part) && free.erase(part)) {
        part->whole = whole->whole ? whole->whole : whole;
        part->channel = channel;
        part->step = whole->step;
      }
      channel += part->shape.back();
    }
  }
}

// Tensors between steps share one arena: each gets the lowest place that is free for as long as it
// lives.
std::string Graph::PlanMemory() {
  struct Life {
    Tensor* tensor;
    size_t bytes;
    int first, last;
    size_t offset;
  };
  std::map<const Tensor*, int> first, last;
  std::vector<Tensor*> made;
  for (size_t s = 0; s < steps_.size(); ++s) {
    for (Tensor* tensor : steps_[s].op->Outputs()) {
      first[tensor] = static_cast<int>(s);
      made.push_back(tensor);
    }
    for (const Tensor* tensor : steps_[s].op->Inputs()) last[tensor] = static_cast<int>(s);
    for (const Tensor* tensor : steps_[s].op->Outputs()) last[tensor] = static_cast<int>(s);
  }
  for (const Tensor* tensor : made) {
    const Tensor* whole = tensor->whole;
    if (!whole) continue;
    first[whole] = std::min(first[whole], first[tensor]);
    last[whole] = std::max(last[whole], last[tensor]);
  }
  // A convolution may write over what is added to it, if that is read for the last time: every
  // element is read before it is written. This keeps a chain of residual blocks in one place of the
  // cache.
  std::map<Tensor*, Tensor*> home;
  const auto root_of = [&](Tensor* tensor) {
    for (auto found = home.find(tensor); found != home.end(); found = home.find(tensor))
      tensor = found->second;
    return tensor;
  };
  for (size_t s = 0; s < steps_.size(); ++s) {
    const auto* convolution = As<BinaryConvolution>(steps_[s].op);
    if (!convolution || convolution->members.size() != 1) continue;
    const BinaryConvolution::Member& member = convolution->members[0];
    if (!member.values || !member.values->internal || member.values->whole) continue;
    std::vector<Tensor*> added = {member.byte_addend};
    for (const BinaryConvolution::FusedAddend& addend : member.addends) {
      if (addend.kind == Addend::kTensor) added.push_back(addend.tensor);
    }
    for (Tensor* tensor : added) {
      if (!tensor || !tensor->internal || last[tensor] != static_cast<int>(s)) continue;
      home[member.values] = root_of(tensor);
      break;
    }
  }
  for (Tensor* tensor : made) {
    const Tensor* root = root_of(tensor);
    last[root] = std::max(last[root], last[tensor]);
  }
  std::vector<Life> lives;
  for (Tensor* tensor : made) {
    if (!tensor->internal || tensor->whole || home.count(tensor)) continue;
    lives.push_back({tensor, (tensor->bytes + 127) / 64 * 64, first[tensor], last[tensor], 0});
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
    if (__builtin_add_overflow(offset, lives[i].bytes, &offset))
      return "too much memory between operations";
    total = std::max(total, offset);
  }
  if (!arena_.Reserve(total)) return "out of memory between operations";
  for (const Life& life : lives) life.tensor->data = arena_.data() + life.offset;
  for (const auto& [tensor, root] : home) tensor->data = root->data;
  return "";
}

}  // namespace larq_igp
