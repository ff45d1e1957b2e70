// The part of a model that the engine runs in one piece: nodes become operators, operators are
// fused, and tensors between them live in one arena.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "memory.h"
#include "operator.h"

namespace larq_igp {

class BinaryConvolution;
class PerChannel;

constexpr size_t kMostTimes = 1000;

struct Step {
  std::unique_ptr<Operator> op;  // null: fused into another step
  double milliseconds = 0;       // the fastest of `runs`
  int64_t runs = 0;
  std::vector<float> times;  // the last kMostTimes of them, in milliseconds, in no order
};

class Graph {
 public:
  // Reads the nodes of a partition. An empty string, or what is wrong.
  std::string Build(TfLiteContext* context, const TfLiteDelegateParams& partition,
                    const Kernels& kernels, const FloatOps& wanted);
  // Infers shapes, resizes the partition's outputs, packs filters and plans memory.
  std::string Prepare(TfLiteContext* context, int threads);
  std::string Run(TfLiteContext* context, Team* team, bool profile);
  // One line per step: what it is, and its fastest time.
  std::string Profile() const;
  // Which nodes run in which step; after Build. In describe.cc.
  void NoteNodes(TfLiteContext* context, const TfLiteDelegateParams& partition);
  // A JSON list. In describe.cc.
  std::string DescribeSteps() const;

 private:
  // fusion.cc
  void Fuse(const TfLiteContext& context);
  int UsesOf(const Tensor* tensor) const;
  int ReaderAfter(size_t step, const Tensor* tensor) const;
  int OnlyReaderAfter(size_t step, const Tensor* tensor) const;
  void AbsorbFloatOps();
  void AbsorbQuantize();
  bool AbsorbQuantizeFrom(size_t first, BinaryConvolution* convolution);
  struct Affine {
    const PerChannel* scale = nullptr;
    const PerChannel* shift = nullptr;
    size_t last = 0;  // its last step
    int reader = -1;
  };
  Affine AffineFrom(size_t first) const;
  void FuseAffine();
  void FuseMaxPool();
  void FusePointwise();
  void MergeConvolutions();
  // fusion_pixels.cc
  void FusePixels(const TfLiteContext& context);

  // arena.cc
  void PlanSlices();
  std::string PlanMemory();

  std::string FindInputs(TfLiteContext* context, const Operator& op);
  std::string FindData(TfLiteContext* context);

  const Kernels* kernels_ = nullptr;
  std::unique_ptr<Tensors> tensors_;
  std::set<const Tensor*> outputs_;  // of the partition
  std::vector<Step> steps_;
  std::vector<std::vector<int>> nodes_of_steps_;
  Workspace workspace_;
  Buffer<char> arena_;
};

// Which of the candidate operators, in execution order, the engine should claim: float ones only
// where they meet binary ones. `uses` counts the readers of a tensor in the whole model. In
// choice.cc.
std::vector<bool> ChooseOperators(const std::vector<std::unique_ptr<Operator>>& ops,
                                  const std::map<int, int>& uses);

}  // namespace larq_igp
