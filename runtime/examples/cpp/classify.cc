// Runs a Larq Compute Engine model through the C API of TensorFlow Lite / LiteRT, with the engine as delegate.
//
//   classify MODEL.tflite liblarq_igp_runtime.so INPUT.bin
//
// INPUT.bin holds the input's numbers as they lie in memory. The engine's path is printed by
//
//   python -c "import larq_igp_runtime; print(larq_igp_runtime.delegate_path())"
//
// Build with any TensorFlow Lite C library from 2.9 on; one with its headers is in a package of npm's:
//
//  npm pack tfjs-tflite-node@0.0.2 && tar xzf tfjs-tflite-node-0.0.2.tgz && C=$PWD/package/cc_deps
//  g++ -std=c++17 classify.cc -I$C/include -L$C/linux_amd64 -Wl,-rpath,$C/linux_amd64 -ltensorflowlite_c -ldl -o classify

#include <dlfcn.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <memory>
#include <numeric>
#include <vector>

#include "tensorflow/lite/c/c_api.h"

namespace {

int Fail(const char* sentence) {
  std::fprintf(stderr, "error: %s\n", sentence);
  return 2;
}

void Report(const char* message) { std::fprintf(stderr, "%s\n", message); }

// The two functions of an external delegate. TfLiteExternalDelegateCreate finds them too, but where it fails it
// returns a delegate without functions, which the interpreter then calls.
using CreateDelegate = TfLiteDelegate* (*)(const char* const* keys, const char* const* values, size_t count,
                                           void (*report_error)(const char*));
using DestroyDelegate = void (*)(TfLiteDelegate*);

template <class T>
using Owned = std::unique_ptr<T, void (*)(T*)>;

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) return Fail("usage: classify MODEL.tflite liblarq_igp_runtime.so INPUT.bin");

  Owned<TfLiteModel> model(TfLiteModelCreateFromFile(argv[1]), TfLiteModelDelete);
  if (!model) return Fail("the model cannot be read");

  void* engine = dlopen(argv[2], RTLD_NOW | RTLD_LOCAL);
  if (!engine) return Fail(dlerror());
  const auto create = reinterpret_cast<CreateDelegate>(dlsym(engine, "tflite_plugin_create_delegate"));
  const auto destroy = reinterpret_cast<DestroyDelegate>(dlsym(engine, "tflite_plugin_destroy_delegate"));
  if (!create || !destroy) return Fail("the library is not an external delegate");

  // The delegate comes before the interpreter here, so it is destroyed after it, as it must be.
  Owned<TfLiteDelegate> delegate(create(nullptr, nullptr, 0, Report), destroy);
  if (!delegate) return Fail("the engine cannot be used");

  Owned<TfLiteInterpreterOptions> settings(TfLiteInterpreterOptionsCreate(), TfLiteInterpreterOptionsDelete);
  TfLiteInterpreterOptionsSetNumThreads(settings.get(), 4);
  TfLiteInterpreterOptionsAddDelegate(settings.get(), delegate.get());

  Owned<TfLiteInterpreter> interpreter(TfLiteInterpreterCreate(model.get(), settings.get()), TfLiteInterpreterDelete);
  if (!interpreter) return Fail("the interpreter cannot be made");
  if (TfLiteInterpreterAllocateTensors(interpreter.get()) != kTfLiteOk) return Fail("the tensors cannot be allocated");

  TfLiteTensor* input = TfLiteInterpreterGetInputTensor(interpreter.get(), 0);
  std::ifstream file(argv[3], std::ios::binary);
  const std::vector<char> bytes((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  if (bytes.size() != TfLiteTensorByteSize(input)) return Fail("the input has another size than the model's");
  TfLiteTensorCopyFromBuffer(input, bytes.data(), bytes.size());

  if (TfLiteInterpreterInvoke(interpreter.get()) != kTfLiteOk) return Fail("the model failed");

  const TfLiteTensor* output = TfLiteInterpreterGetOutputTensor(interpreter.get(), 0);
  if (TfLiteTensorType(output) != kTfLiteFloat32) return Fail("the output is not float32");
  std::vector<float> scores(TfLiteTensorByteSize(output) / sizeof(float));
  TfLiteTensorCopyToBuffer(output, scores.data(), scores.size() * sizeof(float));

  std::vector<size_t> order(scores.size());
  std::iota(order.begin(), order.end(), 0);
  const size_t shown = std::min<size_t>(5, order.size());
  std::partial_sort(order.begin(), order.begin() + static_cast<long>(shown), order.end(),
                    [&](size_t a, size_t b) { return scores[a] > scores[b]; });
  for (size_t i = 0; i < shown; ++i) std::printf("class %zu: %.4f\n", order[i], scores[order[i]]);
  return 0;
}
