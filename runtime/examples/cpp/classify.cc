// Names what is on a photo, by a Larq Compute Engine model in TensorFlow Lite's C API, with the
// engine as delegate.
//
//   classify MODEL.tflite PHOTO
//
// MODEL.json, the card that larq-igp writes beside the model, says how photos are fed to it: the
// names and probabilities are those of `python -m larq_igp_runtime MODEL.tflite PHOTO`.
//
// Build with CMakeLists.txt and any TensorFlow Lite C library from 2.9 on; one with its headers is
// in a package of npm's:
//
//     npm pack tfjs-tflite-node@0.0.2 && tar xzf tfjs-tflite-node-0.0.2.tgz
//     cmake -B build -DTFLITE=$PWD/package/cc_deps ...

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <exception>
#include <memory>
#include <numeric>
#include <string>
#include <vector>

#include "card.h"
#include "larq_igp_runtime.hpp"
#include "photo.h"
#include "tensorflow/lite/c/c_api.h"

namespace {

int Fail(const std::string& sentence) {
  std::fprintf(stderr, "error: %s.\n", sentence.c_str());
  return 2;
}

std::string Shape(const TfLiteTensor* tensor) {
  std::string text = TfLiteTensorType(tensor) == kTfLiteUInt8 ? "uint8 (" : "float (";
  for (int i = 0; i < TfLiteTensorNumDims(tensor); ++i)
    text += (i ? ", " : "") + std::to_string(TfLiteTensorDim(tensor, i));
  return text + ")";
}

template <class T>
using Owned = std::unique_ptr<T, void (*)(T*)>;

int Run(int argc, char** argv) {
  if (argc != 3) return Fail("usage: classify MODEL.tflite PHOTO");

  Owned<TfLiteModel> model(TfLiteModelCreateFromFile(argv[1]), TfLiteModelDelete);
  if (!model) return Fail("the model cannot be read");

  // The delegate comes before the interpreter here, so it is destroyed after it, as it must be.
  larq_igp_runtime::Options options;
  options.log = [](larq_igp_runtime::Severity severity, const std::string& message) {
    if (severity != larq_igp_runtime::Severity::kInfo)
      std::fprintf(stderr, "%s\n", message.c_str());
  };
  const larq_igp_runtime::Delegate delegate(options);

  Owned<TfLiteInterpreterOptions> settings(TfLiteInterpreterOptionsCreate(),
                                           TfLiteInterpreterOptionsDelete);
  TfLiteInterpreterOptionsSetNumThreads(settings.get(), 4);
  TfLiteInterpreterOptionsAddDelegate(settings.get(), delegate.get());

  Owned<TfLiteInterpreter> interpreter(TfLiteInterpreterCreate(model.get(), settings.get()),
                                       TfLiteInterpreterDelete);
  if (!interpreter) return Fail("the interpreter cannot be made");
  if (TfLiteInterpreterAllocateTensors(interpreter.get()) != kTfLiteOk)
    return Fail("the tensors cannot be allocated");

  const Card card = ReadCard(argv[1]);
  const Image photo = ReadPhoto(argv[2], card.channels);
  const std::vector<float> levels = Resized(photo, card);
  TfLiteTensor* input = TfLiteInterpreterGetInputTensor(interpreter.get(), 0);
  const size_t number = card.takes_pixels ? sizeof(uint8_t) : sizeof(float);
  if (TfLiteTensorType(input) != (card.takes_pixels ? kTfLiteUInt8 : kTfLiteFloat32) ||
      TfLiteTensorByteSize(input) != levels.size() * number)
    return Fail("the model takes " + Shape(input) + ", but its card says " +
                (card.takes_pixels ? "uint8 (" : "float (") + std::to_string(card.height) + ", " +
                std::to_string(card.width) + ", " + std::to_string(card.channels) + ")");
  std::vector<uint8_t> pixels;
  std::vector<float> normalised;
  for (size_t i = 0; i < levels.size(); ++i) {
    const size_t channel = i % card.channels;
    if (card.takes_pixels) pixels.push_back(static_cast<uint8_t>(levels[i] + 0.5f));
    else
      normalised.push_back((levels[i] - card.mean[channel % card.mean.size()]) /
                           card.deviation[channel % card.deviation.size()]);
  }
  TfLiteTensorCopyFromBuffer(
      input, card.takes_pixels ? static_cast<const void*>(pixels.data()) : normalised.data(),
      levels.size() * number);

  if (TfLiteInterpreterInvoke(interpreter.get()) != kTfLiteOk) return Fail("the model failed");

  const TfLiteTensor* output = TfLiteInterpreterGetOutputTensor(interpreter.get(), 0);
  if (TfLiteTensorType(output) != kTfLiteFloat32) return Fail("the output is not float32");
  std::vector<float> scores(TfLiteTensorByteSize(output) / sizeof(float));
  TfLiteTensorCopyToBuffer(output, scores.data(), scores.size() * sizeof(float));

  if (!card.class_names.empty() && card.class_names.size() != scores.size())
    return Fail("the model has " + std::to_string(scores.size()) + " outputs, but its card lists " +
                std::to_string(card.class_names.size()) + " classes");
  if (card.gives_logits) {
    const float largest = *std::max_element(scores.begin(), scores.end());
    double sum = 0;
    for (float score : scores) sum += std::exp(double{score} - largest);
    for (float& score : scores) score = static_cast<float>(std::exp(double{score} - largest) / sum);
  }
  std::vector<size_t> order(scores.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return scores[a] > scores[b]; });
  order.resize(std::min<size_t>(5, order.size()));
  for (size_t i : order) {
    const std::string name = card.class_names.empty() ? std::to_string(i) : card.class_names[i];
    std::printf("%s %.1f %%\n", name.c_str(), 100 * scores[i]);
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return Run(argc, argv);
  } catch (const std::exception& error) {
    return Fail(error.what());
  }
}
