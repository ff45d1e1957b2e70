// The two functions a TensorFlow Lite interpreter calls, and the callbacks it gets from them.
//
// Order of events: the interpreter creates the delegate and calls its Prepare, which claims nodes.
// The interpreter groups them into partitions and calls Init, Prepare and Invoke of each. No
// exception may leave these callbacks.

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <exception>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "describe.h"
#include "graph.h"
#include "kernels.h"
#include "memory.h"
#include "options.h"
#include "tfl_abi.h"
#include "thread_pool.h"

namespace larq_igp {
namespace {

struct Partition;

// Shared by the delegate and its partitions, for the order in which an interpreter destroys them is
// its own affair.
struct Engine {
  Options options;
  ThreadPool pool;
  MemoryBudget memory;
  // Of the interpreter that the delegate was last applied to.
  const TfLiteContext* context = nullptr;
  std::vector<OperatorRecord> operators;
  std::vector<const Partition*> partitions;
  std::mutex partitions_mutex;  // interpreters of several threads may share a delegate

  FloatOps float_ops() const {
    const bool fuse = options.fuse, images = fuse && options.kernels->image_lanes > 0;
    return {fuse, images, images && options.pixels && options.kernels->pixel_lanes > 0};
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

// Tells the interpreter, which makes an error message of it, and the user's log.
void Report(TfLiteContext* context, const Options& options, int severity, const char* message) {
  if (context->ReportError) context->ReportError(context, "larq-igp-runtime: %s", message);
  if (options.log) options.log(options.log_data, severity, message);
}

// Runs `body`, which returns an error message or an empty string.
template <class Body>
TfLiteStatus Guard(TfLiteContext* context, const Options& options, const Body& body) {
  try {
    const std::string error = body();
    if (error.empty()) return kTfLiteOk;
    Report(context, options, LARQ_IGP_ERROR, error.c_str());
  } catch (const std::exception& exception) {
    Report(context, options, LARQ_IGP_ERROR, exception.what());
  }
  return kTfLiteError;
}

void* InitPartition(TfLiteContext* context, const char* buffer, size_t) {
  const auto* params = reinterpret_cast<const TfLiteDelegateParams*>(buffer);
  const std::shared_ptr<Engine> engine = static_cast<Delegate*>(params->delegate->data_)->engine;
  std::unique_ptr<Partition> partition;
  const TfLiteStatus status = Guard(context, engine->options, [&]() -> std::string {
    partition.reset(new Partition);
    partition->engine = engine;
    const MemoryScope scope(&engine->memory);
    partition->error =
        partition->graph.Build(context, *params, *engine->options.kernels, engine->float_ops());
    if (!partition->error.empty()) return partition->error;
    partition->graph.NoteNodes(context, *params);
    const std::lock_guard<std::mutex> lock(engine->partitions_mutex);
    if (context == engine->context) engine->partitions.push_back(partition.get());
    return "";
  });
  if (status != kTfLiteOk && partition && partition->error.empty()) return nullptr;
  return partition.release();
}

void FreePartition(TfLiteContext*, void* buffer) {
  Partition* partition = static_cast<Partition*>(buffer);
  if (!partition) return;
  {
    const std::lock_guard<std::mutex> lock(partition->engine->partitions_mutex);
    std::vector<const Partition*>& known = partition->engine->partitions;
    known.erase(std::remove(known.begin(), known.end(), partition), known.end());
  }
  if (partition->engine->options.prints_profile) {
    try {
      std::fputs(partition->graph.Profile().c_str(), stderr);
    } catch (const std::exception&) {
    }
  }
  delete partition;
}

TfLiteStatus PreparePartition(TfLiteContext* context, TfLiteNode* node) {
  Partition* partition = static_cast<Partition*>(node->user_data);
  if (!partition) {
    Report(context, Options(), LARQ_IGP_ERROR, "out of memory");
    return kTfLiteError;
  }
  Engine* engine = partition->engine.get();
  return Guard(context, engine->options, [&]() -> std::string {
    if (!partition->error.empty()) return partition->error;
    const MemoryScope scope(&engine->memory);
    const int own = engine->options.num_threads;
    const int wanted = own ? own : context->recommended_num_threads;
    partition->threads = engine->pool.Limit(wanted);
    const Team team(&engine->pool,
                    partition->threads);  // starts the threads: loading may take longer
    return partition->graph.Prepare(context, partition->threads);
  });
}

TfLiteStatus InvokePartition(TfLiteContext* context, TfLiteNode* node) {
  Partition* partition = static_cast<Partition*>(node->user_data);
  if (!partition || !partition->error.empty()) {
    Report(context, Options(), LARQ_IGP_ERROR, "a partition was not prepared");
    return kTfLiteError;
  }
  Engine* engine = partition->engine.get();
  return Guard(context, engine->options, [&]() -> std::string {
    const MemoryScope scope(&engine->memory);
    Team team(&engine->pool, partition->threads);
    return partition->graph.Run(context, &team, engine->options.profile);
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
  Engine& engine = *static_cast<Delegate*>(interface->data_)->engine;
  {
    const std::lock_guard<std::mutex> lock(engine.partitions_mutex);
    engine.context = context;
    engine.operators.clear();
    engine.partitions.clear();
  }
  const std::string layout = CheckLayout(*context);
  if (!layout.empty()) return layout;
  TfLiteIntArray* plan = nullptr;
  if (context->GetExecutionPlan(context, &plan) != kTfLiteOk || !plan || plan->size < 0)
    return "no execution plan";
  // The plan is copied: looking at nodes may reuse its memory.
  const std::vector<int> nodes(plan->data, plan->data + plan->size);

  Tensors tensors(context);
  std::vector<std::unique_ptr<Operator>> ops;
  std::vector<int> op_nodes;
  std::map<int, int> uses;
  for (int index : nodes) {
    TfLiteNode* node = nullptr;
    TfLiteRegistration* registration = nullptr;
    if (context->GetNodeAndRegistration(context, index, &node, &registration) != kTfLiteOk || !node)
      return "a node cannot be read";
    for (int i = 0; node->inputs && i < node->inputs->size; ++i) ++uses[node->inputs->data[i]];
    std::string reason;
    std::unique_ptr<Operator> op = ReadNode(context, index, engine.float_ops(), &tensors, &reason);
    const bool readable = op != nullptr;
    if (readable) {
      ops.push_back(std::move(op));
      op_nodes.push_back(index);
    } else if (!reason.empty()) {
      Report(context, engine.options, LARQ_IGP_WARNING, reason.c_str());
    }
    const int code = registration ? registration->builtin_code : 0;
    const bool named = code == kTfLiteBuiltinCustom && registration->custom_name;
    engine.operators.push_back({index, code, named ? registration->custom_name : "", false,
                                reason.empty() ? WhyLeft(engine.options, code, readable) : reason});
  }

  const std::vector<bool> chosen = ChooseOperators(ops, uses);
  std::vector<int> claimed = {0};  // as a TfLiteIntArray: the size, then the nodes
  for (size_t i = 0; i < ops.size(); ++i) {
    if (chosen[i]) claimed.push_back(op_nodes[i]);
  }
  claimed[0] = static_cast<int>(claimed.size()) - 1;
  for (OperatorRecord& one : engine.operators) {
    one.delegated = std::count(claimed.begin() + 1, claimed.end(), one.number) != 0;
    if (one.delegated) one.reason.clear();
  }
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
  engine.options.Log(LARQ_IGP_INFO,
                     std::to_string(claimed[0]) + " of " + std::to_string(nodes.size()) +
                         " operators delegated, in " + std::to_string(engine.partitions.size()) +
                         (engine.partitions.size() == 1 ? " partition" : " partitions") +
                         ", with the kernels " + engine.options.kernels->name);
  return "";
}

TfLiteStatus PrepareDelegate(TfLiteContext* context, TfLiteDelegate* interface) {
  const std::shared_ptr<Engine> engine = static_cast<Delegate*>(interface->data_)->engine;
  return Guard(context, engine->options, [&] { return ClaimNodes(context, interface); });
}

// Makes a delegate after `read` has filled its options; null after a failure, which is told to
// `report` in a sentence.
template <class Read, class Tell>
TfLiteDelegate* Create(const Read& read, const Tell& tell) {
  try {
    std::unique_ptr<Delegate> delegate(new Delegate);
    delegate->engine = std::make_shared<Engine>();
    Options& options = delegate->engine->options;
    const std::string error = read(&options);
    if (!error.empty()) {
      tell(error.c_str());
      return nullptr;
    }
    if (options.eager) delegate->engine->pool.set_eager();
    delegate->interface.data_ = delegate.get();
    delegate->interface.Prepare = PrepareDelegate;
    // Without this flag the interpreter prepares nodes before delegates see them, and fails at the
    // first LCE node.
    delegate->interface.flags = kTfLiteDelegateFlagsAllowDynamicTensors;
    return &delegate.release()->interface;
  } catch (const std::exception& exception) {
    tell(exception.what());
    return nullptr;
  }
}

}  // namespace
}  // namespace larq_igp

extern "C" TfLiteDelegate* larq_igp_create_delegate(const LarqIgpOptions* given, char* error,
                                                    size_t error_size) {
  const auto read = [&](larq_igp::Options* options) { return options->Read(given); };
  return larq_igp::Create(read, [&](const char* message) {
    if (error && error_size) std::snprintf(error, error_size, "%s", message);
  });
}

extern "C" void larq_igp_destroy_delegate(TfLiteDelegate* interface) {
  if (interface) delete static_cast<larq_igp::Delegate*>(interface->data_);
}

extern "C" size_t larq_igp_describe(const TfLiteDelegate* interface, char* text, size_t size) {
  using namespace larq_igp;
  if (text && size) text[0] = '\0';
  if (!interface) return 0;
  try {
    const Engine& engine = *static_cast<const Delegate*>(interface->data_)->engine;
    std::vector<PartitionRecord> partitions;
    for (const Partition* one : engine.partitions)
      partitions.push_back({&one->graph, one->threads});
    const std::string whole = Describe(engine.options, engine.operators, partitions);
    if (text && size) std::snprintf(text, size, "%s", whole.c_str());
    return whole.size();
  } catch (const std::exception&) {
    return 0;
  }
}

extern "C" TfLiteDelegate* tflite_plugin_create_delegate(const char* const* keys,
                                                         const char* const* values, size_t count,
                                                         void (*report_error)(const char*)) {
  const auto read = [&](larq_igp::Options* options) { return options->Read(keys, values, count); };
  return larq_igp::Create(read, [&](const char* message) {
    if (report_error) report_error((std::string("larq-igp-runtime: ") + message).c_str());
  });
}

extern "C" void tflite_plugin_destroy_delegate(TfLiteDelegate* interface) {
  larq_igp_destroy_delegate(interface);
}
