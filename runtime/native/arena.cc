// Where the tensors between steps lie.

#include <algorithm>
#include <utility>

#include "graph.h"

namespace larq_igp {

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
  // A convolution may write over what is added to it, if that is read for the last time: every
  // element is read before it is written. This keeps a chain of residual blocks in one place of the
  // cache.
  std::map<int, int> home;
  for (size_t s = 0; s < steps_.size(); ++s) {
    if (steps_[s].members.size() != 1) continue;
    const Member& member = steps_[s].members[0];
    if (member.values < 0 || !tensors_[member.values].internal) continue;
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
    if (!tensor.internal || home.count(entry.first)) continue;
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
