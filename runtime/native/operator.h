// What an operator of the engine is. Each kind has a class in a file op_*.cc, which reads its
// nodes, infers shapes, and runs.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "kernels.h"
#include "tensor.h"
#include "thread_pool.h"
#include "workspace.h"

namespace larq_igp {

class NodeReader;

// What operators get while they adapt to the shapes of their inputs.
class Preparation {
 public:
  Preparation(TfLiteContext* context, Workspace* workspace)
      : workspace(workspace), context_(context) {}

  // Says what shape an output has. An empty string, or what is wrong.
  std::string SetShape(Tensor* output, const std::vector<int64_t>& shape);

  Workspace* const workspace;

 private:
  TfLiteContext* context_;
};

class Operator {
 public:
  virtual ~Operator() = default;

  // Checks a node and takes over what it says. False: the engine does not run it, and the reader
  // knows why; nothing is believed later that is not checked here.
  virtual bool Read(NodeReader* reader) = 0;
  // As in error messages and profiles.
  virtual const char* name() const = 0;
  // What was fused into it, for profiles.
  virtual std::string Fused() const { return ""; }

  // Tensors that change from run to run.
  virtual std::vector<Tensor*> Inputs() const { return {input}; }
  virtual std::vector<Tensor*> Outputs() const { return {output}; }
  // Whether there may be gaps between the pixels of all its float inputs, of its float outputs.
  virtual bool reads_gaps() const { return false; }
  virtual bool writes_gaps() const { return false; }

  // Adapts to the shapes of its inputs. An empty string, or what is wrong.
  virtual std::string Reshape(Preparation* preparation) = 0;
  virtual void Run(Team* team) = 0;

  Tensor* input = nullptr;
  Tensor* output = nullptr;
  const Kernels* kernels = nullptr;
};

// The operator as one of a kind, or null.
template <class Kind>
Kind* As(Operator* op) {
  return dynamic_cast<Kind*>(op);
}
template <class Kind>
Kind* As(const std::unique_ptr<Operator>& op) {
  return dynamic_cast<Kind*>(op.get());
}

// What the engine takes over beside LCE's operators.
struct FloatOps {
  bool arithmetic;  // additions, multiplications, concatenations
  bool images;      // convolutions over an image and 1x1, poolings
  bool pixels;      // also what makes floats of bytes before it
};

// Reads one node. Null: the engine does not run it, and `reason` says why; it is empty if the node
// is simply not of a kind that concerns us.
std::unique_ptr<Operator> ReadNode(TfLiteContext* context, int node_index, const FloatOps& wanted,
                                   Tensors* tensors, std::string* reason);

}  // namespace larq_igp
