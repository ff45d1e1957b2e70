// The part of a model that the engine runs in one piece: nodes become steps, steps are fused, and
// tensors between them live in one arena.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "convolution.h"
#include "image_convolution.h"
#include "kernels.h"
#include "memory.h"
#include "ops.h"
#include "thread_pool.h"

namespace larq_igp {

// A convolution of a step, with all that was fused into it.
struct Member {
  struct AddendTensor {
    int tensor;  // -1: no tensor, only the scale; of values per channel a constant
    float scale;
    Addend::Kind kind = Addend::kTensor;
  };
  ConvAttributes attributes;
  int values = -1;  // float or int8 output tensor, -1 if nobody reads it
  int bits = -1;    // packed output tensor
  std::vector<AddendTensor> addends;
  int stored_after = -1;  // values are those after so many addends; -1: after all
  int byte_addend = -1;   // int8 tensor that is added by `sum`
  ByteSum sum = {};
  int32_t sign_below = 0;  // of int8 values
};

constexpr size_t kMostTimes = 1000;

struct Step {
  Op op;
  std::vector<Member> members;  // of a convolution; all read op.input
  bool done = false;            // fused into another step
  std::unique_ptr<Convolution> convolution;
  std::unique_ptr<ImageConvolution> image_convolution;
  std::vector<ConvOutput> outputs;           // filled before every run
  std::vector<std::vector<Addend>> addends;  // likewise
  std::vector<ByteSum> sums;                 // likewise
  double milliseconds = 0;                   // the fastest of `runs`
  int64_t runs = 0;
  std::vector<float> times;  // the last kMostTimes of them, in milliseconds, in no order

  std::vector<int> Inputs() const;
  std::vector<int> Outputs() const;
};

class Graph {
 public:
  // Reads the nodes of a partition. An empty string, or what is wrong.
  std::string Build(TfLiteContext* context, const TfLiteDelegateParams& partition,
                    const Kernels& kernels, const FloatOps& wanted);
  // Infers shapes, resizes the partition's outputs, packs filters and plans memory.
  std::string Prepare(TfLiteContext* context, int threads);
  // In run.cc.
  std::string Run(TfLiteContext* context, Team* team, bool profile);
  // One line per step: what it is, and its fastest time. In run.cc.
  std::string Profile() const;
  // Which nodes run in which step; after Build. In describe.cc.
  void NoteNodes(TfLiteContext* context, const TfLiteDelegateParams& partition);
  // A JSON list. In describe.cc.
  std::string DescribeSteps() const;

 private:
  struct Tensor {
    std::vector<int64_t> shape;
    size_t bytes = 0;
    bool internal = false;  // in the arena, at `offset`
    size_t offset = 0;
    int whole = -1;  // the concatenation whose channels it is, from `channel` on; -1: none
    int64_t channel = 0;
    int64_t step = 0;  // from pixel to pixel
  };

  // fusion.cc
  void Fuse(TfLiteContext* context);
  int UsesOf(int tensor) const;
  int ReaderAfter(size_t step, int tensor) const;
  void AbsorbFloatOps();
  void AbsorbQuantize();
  void FuseAffineQuantize();
  void FuseMaxPool();
  void FusePixels(TfLiteContext* context);
  void MergeConvolutions();

  std::string InferShapes(TfLiteContext* context, Step* step, int threads);
  std::string SetShape(TfLiteContext* context, int tensor, int type,
                       const std::vector<int64_t>& shape);
  std::string SetupConvolution(TfLiteContext* context, Step* step);
  std::string SetupImageConvolution(TfLiteContext* context, Step* step);

  // arena.cc
  void PlanSlices();
  std::string PlanMemory();

  // run.cc
  std::string CollectPointers(TfLiteContext* context);
  void RunStep(Step* step, Team* team);

  template <class T>
  T* Data(int tensor) {
    return static_cast<T*>(pointers_.at(tensor));
  }
  size_t StepOf(int tensor) const { return static_cast<size_t>(tensors_.at(tensor).step); }
  const std::vector<int64_t>& ShapeAt(int tensor) const { return tensors_.at(tensor).shape; }

  const Kernels* kernels_ = nullptr;
  std::vector<Step> steps_;
  std::vector<std::vector<int>> nodes_of_steps_;
  std::set<int> partition_outputs_;
  std::map<int, Tensor> tensors_;
  std::map<int, void*> pointers_;  // of one run
  Buffer<char> arena_;
  std::vector<float> ones_;  // multipliers of a kAffineQuantize without
};

// Which of the candidate ops, in execution order, the engine should claim: float operations only
// where they meet binary ones. `uses` counts the readers of a tensor in the whole model. In
// fusion.cc.
std::vector<bool> ChooseOps(const std::vector<Op>& ops, const std::map<int, int>& uses);

}  // namespace larq_igp
