#include "graph.h"

#include <algorithm>
#include <chrono>
#include <cstdio>

namespace larq_igp {

std::string Graph::Build(TfLiteContext* context, const TfLiteDelegateParams& partition,
                         const Kernels& kernels, const FloatOps& wanted) {
  kernels_ = &kernels;
  tensors_.reset(new Tensors(context));
  for (int i = 0; i < partition.output_tensors->size; ++i)
    outputs_.insert(tensors_->At(partition.output_tensors->data[i]));
  for (int i = 0; i < partition.nodes_to_replace->size; ++i) {
    std::string reason;
    Step step;
    step.op =
        ReadNode(context, partition.nodes_to_replace->data[i], wanted, tensors_.get(), &reason);
    if (!step.op) return "a claimed node changed: " + reason;
    step.op->kernels = kernels_;
    steps_.push_back(std::move(step));
  }
  if (wanted.arithmetic || wanted.images) Fuse(*context);
  steps_.erase(
      std::remove_if(steps_.begin(), steps_.end(), [](const Step& step) { return !step.op; }),
      steps_.end());
  return "";
}

// Shapes from outside come with the tensors; those from inside were set by earlier steps.
std::string Graph::FindInputs(TfLiteContext* context, const Operator& op) {
  for (Tensor* tensor : op.Inputs()) {
    if (!tensor->shape.empty()) continue;
    tensor->internal = false;
    tensor->shape = ShapeOf(context->tensors[tensor->index]);
    if (tensor->shape.empty()) return "an input has no shape";
    if (!ByteSize(tensor->shape, context->tensors[tensor->index].type, &tensor->bytes))
      return "an input is too large";
  }
  return "";
}

std::string Graph::Prepare(TfLiteContext* context, int threads) {
  for (auto& [index, tensor] : tensors_->all()) {
    const TfLiteTensor& source = context->tensors[index];
    tensor.shape.clear();
    tensor.internal = !tensor.constant && !outputs_.count(&tensor);
    tensor.whole = nullptr;
    tensor.channel = 0;
    tensor.data = tensor.constant ? source.data : nullptr;
    tensor.bytes = tensor.constant ? source.bytes : 0;
  }
  workspace_.set_workers(threads);
  Preparation preparation(context, &workspace_);
  for (Step& step : steps_) {
    std::string error = FindInputs(context, *step.op);
    if (error.empty()) error = step.op->Reshape(&preparation);
    if (!error.empty()) return std::string(step.op->name()) + ": " + error;
  }
  PlanSlices();
  return PlanMemory();
}

// Where the interpreter has put its tensors, and so where slices of them are.
std::string Graph::FindData(TfLiteContext* context) {
  for (auto& [index, tensor] : tensors_->all()) {
    if (tensor.internal || (tensor.shape.empty() && !tensor.constant)) continue;
    const TfLiteTensor& source = context->tensors[index];
    tensor.data = source.data;
    if ((!source.data && tensor.bytes) || source.bytes < tensor.bytes)
      return "tensor " + std::to_string(index) + " has no data, or less than its shape needs";
  }
  for (auto& [index, tensor] : tensors_->all()) {
    if (tensor.whole) tensor.data = tensor.whole->values<float>() + tensor.channel;
  }
  return "";
}

std::string Graph::Run(TfLiteContext* context, Team* team, bool profile) {
  const std::string error = FindData(context);
  if (!error.empty()) return error;
  for (Step& step : steps_) {
    if (!profile) {
      step.op->Run(team);
      continue;
    }
    const auto start = std::chrono::steady_clock::now();
    step.op->Run(team);
    const double milliseconds =
        std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
    if (step.runs == 0 || milliseconds < step.milliseconds) step.milliseconds = milliseconds;
    if (step.times.size() < kMostTimes) step.times.resize(step.times.size() + 1);
    step.times[static_cast<size_t>(step.runs++) % kMostTimes] = static_cast<float>(milliseconds);
  }
  return "";
}

std::string Graph::Profile() const {
  std::string text;
  for (const Step& step : steps_) {
    if (!step.runs) continue;
    char line[256];
    std::snprintf(line, sizeof line, "larq-igp-runtime %s %8.4f ms  %s %s", kernels_->name,
                  step.milliseconds, step.op->name(), ShapeText(step.op->input->shape).c_str());
    text += line + step.op->Fused() + "\n";
  }
  return text;
}

}  // namespace larq_igp
