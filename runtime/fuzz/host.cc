#include "host.h"

#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include "../larq_igp_runtime/include/larq_igp_runtime.h"

namespace {

constexpr size_t kLargestTensor = 4 << 20;  // the host's memory, in bytes per tensor

TfLiteIntArray* NewArray(const std::vector<int>& values) {
  auto* array = static_cast<TfLiteIntArray*>(std::malloc(sizeof(int) * (values.size() + 1)));
  array->size = static_cast<int>(values.size());
  if (!values.empty()) std::memcpy(array->data, values.data(), sizeof(int) * values.size());
  return array;
}

size_t ElementSize(int type) {
  switch (type) {
    case kTfLiteFloat32:
    case kTfLiteInt32: return 4;
    case 4: return 8;
    case 7:
    case 10: return 2;
    default: return 1;
  }
}

size_t ParameterBytes(int builtin_code) {
  switch (builtin_code) {
    case kTfLiteBuiltinConv2d: return sizeof(TfLiteConvParams);
    case kTfLiteBuiltinAveragePool2d:
    case kTfLiteBuiltinMaxPool2d: return sizeof(TfLitePoolParams);
    default: return 8;  // the activation, and a bool
  }
}

// False if the tensor would be negative or larger than the host's memory.
bool BytesNeeded(int type, const TfLiteIntArray* dims, size_t* bytes) {
  *bytes = ElementSize(type);
  for (int i = 0; dims && i < dims->size; ++i) {
    if (dims->data[i] < 0) return false;
    if (__builtin_mul_overflow(*bytes, static_cast<size_t>(dims->data[i]), bytes)) return false;
    if (*bytes > kLargestTensor) return false;
  }
  return true;
}

size_t errors_read = 0;
void ReadError(const char* message) { errors_read += std::strlen(message); }

// Reads the whole description, unless there is no memory for it; of less room it gets its
// beginning.
void Describe(const TfLiteDelegate* delegate) {
  const size_t length = larq_igp_describe(delegate, nullptr, 0);
  ReliableMemory reliable;
  std::string text(length + 1, 'x'), part(length / 2 + 1, 'x');
  larq_igp_describe(delegate, &part[0], part.size());
  if (larq_igp_describe(delegate, &text[0], text.size()) != length) return;  // only half had memory
  if (std::strlen(text.c_str()) != length) std::abort();
  if (text.compare(0, std::strlen(part.c_str()), part.c_str()) != 0) std::abort();
}

}  // namespace

Host::Host(const FuzzModel& model) : model_(model), resizes_left_(model.resizes_before_failure) {
  for (const FuzzTensor& source : model.tensors) {
    TfLiteTensor tensor = {};
    tensor.type = source.type;
    tensor.dims = source.no_dims ? nullptr : NewArray(source.dims);
    tensor.params.scale = source.scale;
    tensor.params.zero_point = source.zero_point;
    tensor.quantization.type = source.affine ? kTfLiteAffineQuantization : kTfLiteNoQuantization;
    tensor.allocation_type = source.constant ? kTfLiteMmapRo : kTfLiteArenaRw;
    tensor.name = "tensor";
    if (source.constant && !source.no_data) {
      tensor.bytes = source.data.size();
      tensor.data = std::malloc(std::max<size_t>(source.data.size(), 1));
      if (!source.data.empty()) std::memcpy(tensor.data, source.data.data(), source.data.size());
    }
    tensors_.push_back(tensor);
  }
  for (const FuzzNode& source : model.nodes) {
    nodes_.emplace_back();
    Node& node = nodes_.back();
    node.node.inputs = source.no_inputs ? nullptr : NewArray(source.inputs);
    node.node.outputs = source.no_outputs ? nullptr : NewArray(source.outputs);
    node.registration.builtin_code = source.builtin_code;
    if (!source.custom_name.empty()) {
      node.registration.custom_name = source.custom_name.c_str();
      // An exact copy on the heap: a read behind it is seen.
      if (!source.options.empty()) {
        void* copy = std::malloc(source.options.size());
        std::memcpy(copy, source.options.data(), source.options.size());
        node.node.custom_initial_data = copy;
      }
      node.node.custom_initial_data_size = static_cast<int>(source.options.size());
    } else if (!source.no_builtin_data) {
      // As many bytes as the interpreter gives a node of that kind, whatever the node was drawn as.
      std::vector<int> parameters = source.parameters;
      parameters.resize(ParameterBytes(source.builtin_code) / sizeof(int));
      const auto* bytes = reinterpret_cast<const char*>(parameters.data());
      node.parameters.assign(bytes, bytes + parameters.size() * sizeof(int));
      node.node.builtin_data = node.parameters.data();
    }
    plan_.push_back(static_cast<int>(plan_.size()));
  }
  context_.tensors_size = tensors_.size();
  context_.tensors = tensors_.data();
  context_.impl_ = this;
  context_.GetExecutionPlan = GetExecutionPlan;
  context_.ResizeTensor = ResizeTensor;
  context_.ReportError = ReportError;
  context_.AddTensors = AddTensors;
  context_.GetNodeAndRegistration = GetNodeAndRegistration;
  context_.ReplaceNodeSubsetsWithDelegateKernels = Replace;
  context_.recommended_num_threads = model.threads;
}

Host::~Host() {
  for (Node& node : nodes_) {
    std::free(node.node.inputs);
    std::free(node.node.outputs);
    if (!node.delegated) std::free(const_cast<void*>(node.node.custom_initial_data));
  }
  for (TfLiteTensor& tensor : tensors_) {
    std::free(tensor.dims);
    std::free(tensor.data);
  }
  for (TfLiteIntArray* array : arrays_) std::free(array);
  std::free(plan_array_);
}

bool Host::Run(Random* random) {
  std::vector<const char*> keys, values;
  for (const auto& [key, value] : model_.delegate_options) {
    keys.push_back(key.c_str());
    values.push_back(value.c_str());
  }
  FailAllocationAfter(model_.allocations_before_failure);
  TfLiteDelegate* delegate =
      tflite_plugin_create_delegate(keys.data(), values.data(), keys.size(), ReadError);
  bool ran = false;
  if (delegate) {
    if (delegate->Prepare(&context_, delegate) == kTfLiteOk) {
      for (int round = 0; round < 2; ++round) {
        if (Prepare() && Allocate(random)) ran |= Invoke();
        Resize(random);
      }
    }
    Describe(delegate);
    FailAllocationAfter(-1);
    for (Node& node : nodes_) {
      if (node.delegated && node.node.user_data)
        node.registration.free(&context_, node.node.user_data);
    }
    tflite_plugin_destroy_delegate(delegate);
  }
  FailAllocationAfter(-1);
  return ran;
}

TfLiteStatus Host::GetExecutionPlan(TfLiteContext* context, TfLiteIntArray** plan) {
  ReliableMemory reliable;
  Host* host = Of(context);
  std::free(host->plan_array_);
  host->plan_array_ = NewArray(host->plan_);
  *plan = host->plan_array_;
  return kTfLiteOk;
}

TfLiteStatus Host::ResizeTensor(TfLiteContext* context, TfLiteTensor* tensor,
                                TfLiteIntArray* dims) {
  ReliableMemory reliable;
  Host* host = Of(context);
  if (tensor < host->tensors_.data() || tensor >= host->tensors_.data() + host->tensors_.size())
    std::abort();
  size_t bytes;
  const bool refused = host->resizes_left_ >= 0 && host->resizes_left_-- == 0;
  if (refused || tensor->allocation_type == kTfLiteMmapRo ||
      !BytesNeeded(tensor->type, dims, &bytes)) {
    std::free(dims);
    return kTfLiteError;
  }
  std::free(tensor->dims);
  tensor->dims = dims;
  std::free(tensor->data);  // as in the arena: no memory until everything is planned
  tensor->data = nullptr;
  tensor->bytes = bytes;
  return kTfLiteOk;
}

void Host::ReportError(TfLiteContext*, const char* format, ...) {
  char text[512];
  va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  ReadError(text);
}

TfLiteStatus Host::AddTensors(TfLiteContext*, int, int*) { return kTfLiteError; }

TfLiteStatus Host::GetNodeAndRegistration(TfLiteContext* context, int index, TfLiteNode** node,
                                          TfLiteRegistration** registration) {
  Host* host = Of(context);
  if (index < 0 || static_cast<size_t>(index) >= host->nodes_.size()) return kTfLiteError;
  *node = &host->nodes_[static_cast<size_t>(index)].node;
  *registration = &host->nodes_[static_cast<size_t>(index)].registration;
  return kTfLiteOk;
}

// Neighbours in the plan become one subset. (The real interpreter reorders, so as to make fewer
// subsets.)
TfLiteStatus Host::Replace(TfLiteContext* context, TfLiteRegistration registration,
                           const TfLiteIntArray* wanted, TfLiteDelegate* delegate) {
  Host* host = Of(context);
  host->left_to_failure_ = FailAllocationAfter(-1);  // armed again only for the delegate's init
  std::vector<int> plan;
  plan.swap(host->plan_);
  std::vector<int> subset;
  for (int index : plan) {
    if (std::find(wanted->data, wanted->data + wanted->size, index) !=
        wanted->data + wanted->size) {
      subset.push_back(index);
      continue;
    }
    if (!subset.empty()) host->AddSubset(registration, subset, delegate);
    subset.clear();
    host->plan_.push_back(index);
  }
  if (!subset.empty()) host->AddSubset(registration, subset, delegate);
  FailAllocationAfter(host->left_to_failure_);
  return kTfLiteOk;
}

bool Host::IsProduced(int tensor, const std::vector<int>& by) const {
  for (int index : by) {
    const TfLiteIntArray* outputs = nodes_[static_cast<size_t>(index)].node.outputs;
    if (outputs && std::find(outputs->data, outputs->data + outputs->size, tensor) !=
                       outputs->data + outputs->size)
      return true;
  }
  return false;
}

void Host::AddSubset(const TfLiteRegistration& registration, const std::vector<int>& subset,
                     TfLiteDelegate* delegate) {
  std::vector<int> inputs, outputs;
  const auto in_subset = [&](int index) {
    return std::find(subset.begin(), subset.end(), index) != subset.end();
  };
  const auto add = [](std::vector<int>* to, int tensor) {
    if (std::find(to->begin(), to->end(), tensor) == to->end()) to->push_back(tensor);
  };
  for (int index : subset) {
    const TfLiteNode& node = nodes_[static_cast<size_t>(index)].node;
    for (int i = 0; node.inputs && i < node.inputs->size; ++i) {
      if (node.inputs->data[i] >= 0 && !IsProduced(node.inputs->data[i], subset))
        add(&inputs, node.inputs->data[i]);
    }
    for (int i = 0; node.outputs && i < node.outputs->size; ++i) {
      const int tensor = node.outputs->data[i];
      bool used =
          std::find(model_.outputs.begin(), model_.outputs.end(), tensor) != model_.outputs.end();
      for (size_t other = 0; other < nodes_.size(); ++other) {
        const TfLiteIntArray* reads = nodes_[other].node.inputs;
        if (in_subset(static_cast<int>(other)) || nodes_[other].delegated || !reads) continue;
        used |=
            std::find(reads->data, reads->data + reads->size, tensor) != reads->data + reads->size;
      }
      if (used) add(&outputs, tensor);
    }
  }
  TfLiteDelegateParams parameters = {delegate, NewArray(subset), NewArray(inputs),
                                     NewArray(outputs)};
  arrays_.insert(arrays_.end(), {parameters.nodes_to_replace, parameters.input_tensors,
                                 parameters.output_tensors});
  nodes_.emplace_back();
  Node& node = nodes_.back();
  node.delegated = true;
  node.registration = registration;
  node.node.inputs = NewArray(inputs);
  node.node.outputs = NewArray(outputs);
  node.node.delegate = delegate;
  node.parameters.assign(reinterpret_cast<char*>(&parameters),
                         reinterpret_cast<char*>(&parameters + 1));
  node.node.builtin_data = node.parameters.data();
  FailAllocationAfter(left_to_failure_);
  node.node.user_data =
      registration.init(&context_, node.parameters.data(), node.parameters.size());
  left_to_failure_ = FailAllocationAfter(-1);
  plan_.push_back(static_cast<int>(nodes_.size()) - 1);
}

bool Host::Prepare() {
  for (int index : plan_) {
    Node& node = nodes_[static_cast<size_t>(index)];
    if (node.delegated && node.registration.prepare(&context_, &node.node) != kTfLiteOk)
      return false;
  }
  return true;
}

// Gives every activation its memory, filled with noise: what nodes of others, and users, would have
// put there.
bool Host::Allocate(Random* random) {
  ReliableMemory reliable;
  for (TfLiteTensor& tensor : tensors_) {
    if (tensor.allocation_type == kTfLiteMmapRo) continue;
    size_t bytes;
    if (!BytesNeeded(tensor.type, tensor.dims, &bytes)) return false;
    std::free(tensor.data);
    tensor.data = std::malloc(std::max<size_t>(bytes, 1));
    tensor.bytes = bytes;
    auto* data = static_cast<uint8_t*>(tensor.data);
    for (size_t i = 0; i < bytes; ++i)
      data[i] = static_cast<uint8_t>(i < 4096 ? random->Next() : data[i % 4096]);
    if (tensor.type == kTfLiteBool) {
      for (size_t i = 0; i < bytes; ++i) data[i] &= 1;
    }
  }
  return true;
}

bool Host::Invoke() {
  for (int index : plan_) {
    Node& node = nodes_[static_cast<size_t>(index)];
    if (node.delegated && node.registration.invoke(&context_, &node.node) != kTfLiteOk)
      return false;
  }
  return true;
}

// Another size for everything that is not a constant, as after resizing the model's inputs.
void Host::Resize(Random* random) {
  const int axis = static_cast<int>(random->Below(3));
  const int extent = static_cast<int>(random->Range(1, 12));
  for (TfLiteTensor& tensor : tensors_) {
    if (tensor.allocation_type == kTfLiteMmapRo || !tensor.dims || tensor.dims->size <= axis)
      continue;
    tensor.dims->data[axis] = extent;
    std::free(tensor.data);
    tensor.data = nullptr;
  }
}
