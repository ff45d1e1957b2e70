#include "describe.h"

#include <cstdio>
#include <set>

namespace larq_igp {
namespace {

// A JSON string. Names come from files: what is not ASCII is replaced.
std::string Quoted(const std::string& text) {
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') quoted += '\\';
    quoted += c >= ' ' && c <= '~' ? c : '?';
  }
  return quoted + '"';
}

std::string Bool(bool value) { return value ? "true" : "false"; }

template <class Items, class Write>
std::string List(const Items& items, const Write& write) {
  std::string text;
  for (const auto& item : items) text += (text.empty() ? "" : ", ") + write(item);
  return "[" + text + "]";
}

std::string Number(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.6g", value);
  return text;
}

}  // namespace

void Graph::NoteNodes(TfLiteContext* context, const TfLiteDelegateParams& partition) {
  std::map<int, int> writer;  // of a tensor
  for (int i = 0; i < partition.nodes_to_replace->size; ++i) {
    const int number = partition.nodes_to_replace->data[i];
    TfLiteNode* node = nullptr;
    TfLiteRegistration* registration = nullptr;
    if (context->GetNodeAndRegistration(context, number, &node, &registration) != kTfLiteOk ||
        !node)
      continue;
    for (int k = 0; node->outputs && k < node->outputs->size; ++k)
      writer[node->outputs->data[k]] = number;
  }
  nodes_of_steps_.clear();
  for (const Step& step : steps_) {
    // Back from what the step writes to what it reads: everything between runs inside of it.
    std::set<int> seen, nodes;
    std::vector<int> tensors;
    for (const Tensor* tensor : step.op->Inputs()) seen.insert(tensor->index);
    for (const Tensor* tensor : step.op->Outputs()) tensors.push_back(tensor->index);
    while (!tensors.empty()) {
      const int tensor = tensors.back();
      tensors.pop_back();
      const auto found = writer.find(tensor);
      if (!seen.insert(tensor).second || found == writer.end()) continue;
      nodes.insert(found->second);
      TfLiteNode* node = nullptr;
      TfLiteRegistration* registration = nullptr;
      if (context->GetNodeAndRegistration(context, found->second, &node, &registration) !=
              kTfLiteOk ||
          !node)
        continue;
      for (int k = 0; node->inputs && k < node->inputs->size; ++k)
        tensors.push_back(node->inputs->data[k]);
    }
    nodes_of_steps_.emplace_back(nodes.begin(), nodes.end());
  }
}

std::string Graph::DescribeSteps() const {
  std::string text;
  for (size_t i = 0; i < steps_.size() && i < nodes_of_steps_.size(); ++i) {
    const Step& step = steps_[i];
    const auto whole = [](int64_t number) { return std::to_string(number); };
    text += text.empty() ? "" : ", ";
    text += "{\"kind\": " + Quoted(step.op->name()) +
            ", \"operators\": " + List(nodes_of_steps_[i], whole) +
            ", \"input_shape\": " + List(step.op->input->shape, whole) +
            ", \"runs\": " + whole(step.runs) + ", \"milliseconds\": " + List(step.times, Number) +
            "}";
  }
  return "[" + text + "]";
}

std::string Describe(const Options& options, const std::vector<OperatorRecord>& operators,
                     const std::vector<PartitionRecord>& partitions) {
  return "{\"version\": " + Quoted(larq_igp_version()) +
         ", \"instruction_set\": " + Quoted(options.kernels->name) +
         ", \"fuse\": " + Bool(options.fuse) + ", \"pixels\": " + Bool(options.pixels) +
         ", \"profile\": " + Bool(options.profile) + ", \"operators\": " +
         List(operators,
              [](const OperatorRecord& one) {
                return "{\"number\": " + std::to_string(one.number) +
                       ", \"builtin_code\": " + std::to_string(one.builtin_code) +
                       ", \"custom_code\": " + Quoted(one.custom_code) +
                       ", \"delegated\": " + Bool(one.delegated) +
                       ", \"reason\": " + Quoted(one.reason) + "}";
              }) +
         ", \"partitions\": " +
         List(partitions,
              [](const PartitionRecord& one) {
                return "{\"threads\": " + std::to_string(one.threads) +
                       ", \"steps\": " + one.graph->DescribeSteps() + "}";
              }) +
         "}";
}

std::string WhyLeft(const Options& options, int builtin_code, bool readable) {
  if (readable)
    return "no binary convolution, or none that it can run with, is before or behind it";
  switch (builtin_code) {
    case kTfLiteBuiltinAdd:
    case kTfLiteBuiltinMul:
    case kTfLiteBuiltinPrelu:
      return options.fuse ? "its types, shapes or constants are not those that fuse with a "
                            "convolution"
                          : "fuse is off";
    case kTfLiteBuiltinAveragePool2d:
    case kTfLiteBuiltinConv2d:
    case kTfLiteBuiltinMaxPool2d:
      if (!options.fuse) return "fuse is off";
      if (options.kernels->image_lanes == 0)
        return std::string("the kernels ") + options.kernels->name + " have none for it";
      if (builtin_code == kTfLiteBuiltinAveragePool2d)
        return "it is not a float average of 2x2 values with strides of 1 or 2";
      if (builtin_code == kTfLiteBuiltinMaxPool2d) return "it is not a float pooling";
      return "it is not a float convolution over an image of up to four channels, or 1x1 with "
             "stride 1; or it has less than four filters, or a dilation";
    case kTfLiteBuiltinDequantize:
      return options.fuse && options.pixels ? "it does not make floats of an image's bytes"
                                            : "fuse or pixels is off";
    default: return "the engine does not run this operator, or not in this form";
  }
}

}  // namespace larq_igp
