// The two functions a TensorFlow Lite interpreter calls, and the callbacks it gets from them.
//
// Order of events: the interpreter creates the delegate and calls its Prepare, which claims nodes.
// The interpreter groups them into partitions and calls Init, Prepare and Invoke of each. No
// exception may leave these callbacks.

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "graph.h"
#include "kernels.h"
#include "memory.h"
#include "tfl_abi.h"
#include "thread_pool.h"

namespace larq_igp {
namespace {

using ErrorFunction = void (*)(const char*);

// Shared by the delegate and its partitions, for the order in which an interpreter destroys them is
// its own affair.
struct Engine {
  const Kernels* kernels = nullptr;
  bool fuse = true;
  bool pixels = true;
  bool profile = false;
  int num_threads = 0;  // 0: as the interpreter recommends
  ThreadPool pool;
  MemoryBudget memory;
  FloatOps float_ops() const {
    const bool images = fuse && kernels->image_lanes > 0;
    return {fuse, images, images && pixels && kernels->pixel_lanes > 0};
  }
};

struct Delegate {
  TfLiteDelegate interface = {};
  std::shared_ptr<Engine> engine;
};

struct Partition {
  std::shared_ptr<Engine> engine;
  Graph graph;
  int threads = 1;    // for which its scratch memory suffices
  std::string error;  // of Init, which cannot report it
};

void Report(TfLiteContext* context, const std::string& message) {
  if (context->ReportError) context->ReportError(context, "larq-igp-runtime: %s", message.c_str());
}

// Runs `body`, which returns an error message or an empty string.
template <class Body>
TfLiteStatus Guard(TfLiteContext* context, const Body& body) {
  try {
    const std::string error = body();
    if (error.empty()) return kTfLiteOk;
    Report(context, error);
  } catch (const std::exception& exception) {
    if (context->ReportError)
      context->ReportError(context, "larq-igp-runtime: %s", exception.what());
  }
  return kTfLiteError;
}

void* InitPartition(TfLiteContext* context, const char* buffer, size_t) {
  const auto* params = reinterpret_cast<const TfLiteDelegateParams*>(buffer);
  Partition* partition = nullptr;
  const TfLiteStatus status = Guard(context, [&]() -> std::string {
    partition = new Partition;
    partition->engine = static_cast<Delegate*>(params->delegate->data_)->engine;
    const MemoryScope scope(&partition->engine->memory);
    partition->error = partition->graph.Build(context, *params, *partition->engine->kernels,
                                              partition->engine->float_ops());
    return partition->error;
  });
  if (status != kTfLiteOk && partition && partition->error.empty()) {
    delete partition;
    return nullptr;
  }
  return partition;
}

void FreePartition(TfLiteContext*, void* buffer) {
  Partition* partition = static_cast<Partition*>(buffer);
  if (partition && partition->engine->profile) {
    try {
      std::fputs(partition->graph.Profile().c_str(), stderr);
    } catch (const std::exception&) {
    }
  }
  delete partition;
}

TfLiteStatus PreparePartition(TfLiteContext* context, TfLiteNode* node) {
  return Guard(context, [&]() -> std::string {
    Partition* partition = static_cast<Partition*>(node->user_data);
    if (!partition) return "out of memory";
    if (!partition->error.empty()) return partition->error;
    Engine* engine = partition->engine.get();
    const MemoryScope scope(&engine->memory);
    const int wanted = engine->num_threads ? engine->num_threads : context->recommended_num_threads;
    partition->threads = engine->pool.Limit(wanted);
    const Team team(&engine->pool,
                    partition->threads);  // starts the threads: loading may take longer
    return partition->graph.Prepare(context, partition->threads);
  });
}

TfLiteStatus InvokePartition(TfLiteContext* context, TfLiteNode* node) {
  return Guard(context, [&]() -> std::string {
    Partition* partition = static_cast<Partition*>(node->user_data);
    if (!partition || !partition->error.empty()) return "a partition was not prepared";
    Engine* engine = partition->engine.get();
    const MemoryScope scope(&engine->memory);
    Team team(&engine->pool, partition->threads);
    return partition->graph.Run(context, &team, engine->profile);
  });
}

// Whether the structs are laid out as tfl_abi.h says, as far as values can tell: another layout
// would show pointers and sizes where small numbers belong. An empty string, or what is wrong.
std::string CheckLayout(const TfLiteContext& context) {
  constexpr size_t kMaxTensors = size_t{1} << 24;
  constexpr int kMaxType = 63, kMaxAllocation = 15, kMaxQuantization = 7, kMaxRank = 64;
  const std::string reason =
      "this interpreter's structs are not laid out as expected; use another version of it";
  if (context.tensors_size > kMaxTensors || (context.tensors_size && !context.tensors))
    return reason;
  for (size_t i = 0; i < context.tensors_size; ++i) {
    const TfLiteTensor& tensor = context.tensors[i];
    const bool enums = tensor.type >= 0 && tensor.type <= kMaxType && tensor.allocation_type >= 0 &&
                       tensor.allocation_type <= kMaxAllocation && tensor.quantization.type >= 0 &&
                       tensor.quantization.type <= kMaxQuantization;
    if (!enums || reinterpret_cast<uintptr_t>(tensor.dims) % alignof(int) != 0) return reason;
    if (tensor.dims && (tensor.dims->size < 0 || tensor.dims->size > kMaxRank)) return reason;
  }
  return "";
}

// Claims nodes. LCE nodes that cannot be run are left, with a message: the interpreter then fails,
// naming the op.
std::string ClaimNodes(TfLiteContext* context, TfLiteDelegate* interface) {
  const Engine& engine = *static_cast<Delegate*>(interface->data_)->engine;
  const std::string layout = CheckLayout(*context);
  if (!layout.empty()) return layout;
  TfLiteIntArray* plan = nullptr;
  if (context->GetExecutionPlan(context, &plan) != kTfLiteOk || !plan || plan->size < 0)
    return "no execution plan";
  // The plan is copied: looking at nodes may reuse its memory.
  const std::vector<int> nodes(plan->data, plan->data + plan->size);

  std::vector<Op> ops;
  std::vector<int> op_nodes;
  std::map<int, int> uses;
  for (int index : nodes) {
    TfLiteNode* node = nullptr;
    TfLiteRegistration* registration = nullptr;
    if (context->GetNodeAndRegistration(context, index, &node, &registration) != kTfLiteOk || !node)
      return "a node cannot be read";
    for (int i = 0; node->inputs && i < node->inputs->size; ++i) ++uses[node->inputs->data[i]];
    Op op;
    std::string reason;
    if (ReadNode(context, index, engine.float_ops(), &op, &reason)) {
      ops.push_back(op);
      op_nodes.push_back(index);
    } else if (!reason.empty()) {
      Report(context, reason);
    }
  }

  const std::vector<bool> chosen = ChooseOps(ops, uses);
  std::vector<int> claimed = {0};  // as a TfLiteIntArray: the size, then the nodes
  for (size_t i = 0; i < ops.size(); ++i) {
    if (chosen[i]) claimed.push_back(op_nodes[i]);
  }
  claimed[0] = static_cast<int>(claimed.size()) - 1;
  if (claimed[0] == 0) return "";

  TfLiteRegistration registration = {};
  registration.init = InitPartition;
  registration.free = FreePartition;
  registration.prepare = PreparePartition;
  registration.invoke = InvokePartition;
  registration.builtin_code = kTfLiteBuiltinDelegate;
  registration.custom_name = "LarqIgpRuntime";
  registration.version = 1;
  const auto* array = reinterpret_cast<const TfLiteIntArray*>(claimed.data());
  if (context->ReplaceNodeSubsetsWithDelegateKernels(context, registration, array, interface) !=
      kTfLiteOk) {
    return "the interpreter refused the delegate";
  }
  return "";
}

TfLiteStatus PrepareDelegate(TfLiteContext* context, TfLiteDelegate* interface) {
  return Guard(context, [&] { return ClaimNodes(context, interface); });
}

// A whole number in [low, high], or false.
bool ParseNumber(const char* text, long low, long high, long* value) {
  char* end = nullptr;
  *value = std::strtol(text, &end, 10);
  return end != text && *end == '\0' && *value >= low && *value <= high;
}

std::string ReadOptions(const char* const* keys, const char* const* values, size_t count,
                        Engine* engine) {
  for (size_t i = 0; i < count; ++i) {
    if (!keys || !values || !keys[i] || !values[i]) return "an option without key or value";
    const std::string key = keys[i];
    long value;
    if (key == "fuse" && ParseNumber(values[i], 0, 1, &value)) {
      engine->fuse = value != 0;
    } else if (key == "pixels" && ParseNumber(values[i], 0, 1, &value)) {
      engine->pixels = value != 0;
    } else if (key == "profile" && ParseNumber(values[i], 0, 1, &value)) {
      engine->profile = value != 0;
    } else if (key == "num_threads" && ParseNumber(values[i], 1, 1024, &value)) {
      engine->num_threads = static_cast<int>(value);
    } else {
      return "option " + key + " = " + values[i] +
             " is unknown; there are fuse (0, 1), pixels (0, 1), profile (0, 1), num_threads (1 or "
             "more)";
    }
  }
  const char* eager = std::getenv("LARQ_IGP_RUNTIME_EAGER");
  if (eager && std::strcmp(eager, "1") == 0) engine->pool.set_eager();
  const char* error = nullptr;
  engine->kernels = SelectKernels(std::getenv("LARQ_IGP_RUNTIME_ISA"), &error);
  return engine->kernels ? "" : error;
}

}  // namespace
}  // namespace larq_igp

extern "C" __attribute__((visibility("default"))) TfLiteDelegate* tflite_plugin_create_delegate(
    const char* const* keys, const char* const* values, size_t count,
    void (*report_error)(const char*)) {
  using namespace larq_igp;
  try {
    std::unique_ptr<Delegate> delegate(new Delegate);
    delegate->engine = std::make_shared<Engine>();
    const std::string error = ReadOptions(keys, values, count, delegate->engine.get());
    if (!error.empty()) {
      if (report_error) report_error(("larq-igp-runtime: " + error).c_str());
      return nullptr;
    }
    delegate->interface.data_ = delegate.get();
    delegate->interface.Prepare = PrepareDelegate;
    // Without this flag the interpreter prepares nodes before delegates see them, and fails at the
    // first LCE node.
    delegate->interface.flags = kTfLiteDelegateFlagsAllowDynamicTensors;
    return &delegate.release()->interface;
  } catch (const std::exception& exception) {
    if (report_error) report_error(exception.what());
    return nullptr;
  }
}

extern "C" __attribute__((visibility("default"))) void tflite_plugin_destroy_delegate(
    TfLiteDelegate* interface) {
  if (interface) delete static_cast<larq_igp::Delegate*>(interface->data_);
}
