// An interpreter whose structs are laid out otherwise than tfl_abi.h says: the delegate must refuse
// it in a sentence, and claim nothing. The argument is the library.

#include <dlfcn.h>

#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <functional>
#include <string>

#include "../../native/tfl_abi.h"

namespace {

std::string reported;
bool asked_for_nodes = false;

void Report(TfLiteContext*, const char* format, ...) {
  char text[512];
  va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  reported = text;
}

TfLiteStatus NoNodes(TfLiteContext*, TfLiteIntArray** plan) {
  static TfLiteIntArray empty = {0, {0}};
  asked_for_nodes = true;
  *plan = &empty;
  return kTfLiteOk;
}

struct Interpreter {
  TfLiteContext context = {};
  TfLiteTensor tensors[2] = {};
  struct {
    int size;
    int data[64];
  } dims = {2, {3, 4}};
  Interpreter() {
    context.tensors_size = 2;
    context.tensors = tensors;
    context.GetExecutionPlan = NoNodes;
    context.ReportError = Report;
    for (TfLiteTensor& tensor : tensors) {
      tensor.type = kTfLiteFloat32;
      tensor.dims = reinterpret_cast<TfLiteIntArray*>(&dims);
      tensor.allocation_type = kTfLiteArenaRw;
    }
  }
};

struct Case {
  const char* name;
  bool right;
  std::function<void(Interpreter*)> change;
};

const Case kCases[] = {
    {"as expected", true, [](Interpreter*) {}},
    {"no tensors", true,
     [](Interpreter* i) { i->context.tensors_size = 0, i->context.tensors = nullptr; }},
    {"a scalar without dimensions", true, [](Interpreter* i) { i->tensors[1].dims = nullptr; }},
    {"a pointer where the number of tensors belongs", false,
     [](Interpreter* i) { i->context.tensors_size = reinterpret_cast<size_t>(i); }},
    {"no array of tensors", false, [](Interpreter* i) { i->context.tensors = nullptr; }},
    {"a pointer where a type belongs", false,
     [](Interpreter* i) { i->tensors[1].type = 0x5570c0de; }},
    {"a negative type", false, [](Interpreter* i) { i->tensors[0].type = -1; }},
    {"a size where the allocation belongs", false,
     [](Interpreter* i) { i->tensors[1].allocation_type = 4096; }},
    {"a pointer where the quantisation belongs", false,
     [](Interpreter* i) { i->tensors[1].quantization.type = 0x7fff1234; }},
    {"dimensions at an odd address", false,
     [](Interpreter* i) {
       i->tensors[1].dims =
           reinterpret_cast<TfLiteIntArray*>(reinterpret_cast<char*>(&i->dims) + 1);
     }},
    {"a rank of thousands", false, [](Interpreter* i) { i->dims.size = 4096; }},
    {"a negative rank", false, [](Interpreter* i) { i->dims.size = -2; }},
};

}  // namespace

int main(int, char** arguments) {
  void* library = dlopen(arguments[1], RTLD_NOW);
  if (!library) return std::fprintf(stderr, "%s\n", dlerror()), 2;
  using Create =
      TfLiteDelegate* (*)(const char* const*, const char* const*, size_t, void (*)(const char*));
  const auto create = reinterpret_cast<Create>(dlsym(library, "tflite_plugin_create_delegate"));
  const auto destroy =
      reinterpret_cast<void (*)(TfLiteDelegate*)>(dlsym(library, "tflite_plugin_destroy_delegate"));
  int failures = 0;
  for (const Case& one : kCases) {
    Interpreter interpreter;
    one.change(&interpreter);
    reported.clear();
    asked_for_nodes = false;
    TfLiteDelegate* delegate = create(nullptr, nullptr, 0, nullptr);
    const bool accepted = delegate->Prepare(&interpreter.context, delegate) == kTfLiteOk;
    destroy(delegate);
    const bool sentence =
        reported.find("structs are not laid out as expected") != std::string::npos;
    if (accepted != one.right || asked_for_nodes != one.right || sentence == one.right) {
      ++failures;
      std::fprintf(stderr, "%s: %s (%s)\n", one.name, accepted ? "accepted" : "refused",
                   reported.c_str());
    }
  }
  std::printf("%zu layouts\n", sizeof kCases / sizeof kCases[0]);
  return failures != 0;
}
