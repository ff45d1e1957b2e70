#include "options.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>

#ifndef LARQ_IGP_RUNTIME_VERSION
#define LARQ_IGP_RUNTIME_VERSION "unknown"  // a build of parts, for tests
#endif

namespace larq_igp {
namespace {

constexpr int kMostThreads = 1024;
constexpr char kVariable[] = "LARQ_IGP_RUNTIME_ISA";

// A whole number in [low, high], or false.
bool ParseNumber(const char* text, long low, long high, long* value) {
  char* end = nullptr;
  *value = std::strtol(text, &end, 10);
  return end != text && *end == '\0' && *value >= low && *value <= high;
}

std::string Listed(const char* const* names) {
  std::string text;
  for (; *names; ++names) text += (text.empty() ? "" : ", ") + std::string(*names);
  return text;
}

}  // namespace

std::string Options::ChooseKernels(const char* instruction_set) {
  const char* eager_variable = std::getenv("LARQ_IGP_RUNTIME_EAGER");
  eager = eager_variable && std::strcmp(eager_variable, "1") == 0;
  const bool chosen = instruction_set && *instruction_set;
  const char* wanted = chosen ? instruction_set : std::getenv(kVariable);
  const char* error = nullptr;
  kernels = SelectKernels(wanted, &error);
  if (kernels) return "";
  const std::string subject = chosen ? "instruction_set" : kVariable;
  return subject + " is '" + wanted + "', " + error + "; choose one of " +
         Listed(larq_igp_instruction_sets()) + ", or leave it out";
}

std::string Options::Read(const LarqIgpOptions* given) {
  LarqIgpOptions options = LARQ_IGP_OPTIONS_INIT;
  if (given) {
    // No struct ends in the middle of a field that it aligns.
    if (given->size < sizeof given->size || given->size > sizeof options ||
        given->size % alignof(LarqIgpOptions))
      return "the options are those of another version: their size is " +
             std::to_string(given->size) + ", not " + std::to_string(sizeof options);
    std::memcpy(&options, given, given->size);
  }
  if (options.num_threads < 0 || options.num_threads > kMostThreads)
    return "num_threads is " + std::to_string(options.num_threads) +
           "; it must be from 1 to 1024, or 0 for the interpreter's";
  num_threads = options.num_threads;
  fuse = options.fuse != 0;
  pixels = options.pixels != 0;
  profile = options.profile != 0;
  log = options.log;
  log_data = options.log_data;
  return ChooseKernels(options.instruction_set);
}

std::string Options::Read(const char* const* keys, const char* const* values, size_t count) {
  const char* instruction_set = nullptr;
  for (size_t i = 0; i < count; ++i) {
    if (!keys || !values || !keys[i] || !values[i]) return "an option without key or value";
    const std::string key = keys[i];
    long value;
    if (key == "fuse" && ParseNumber(values[i], 0, 1, &value)) {
      fuse = value != 0;
    } else if (key == "pixels" && ParseNumber(values[i], 0, 1, &value)) {
      pixels = value != 0;
    } else if (key == "profile" && ParseNumber(values[i], 0, 1, &value)) {
      profile = prints_profile = value != 0;
    } else if (key == "num_threads" && ParseNumber(values[i], 1, kMostThreads, &value)) {
      num_threads = static_cast<int>(value);
    } else if (key == "instruction_set") {
      instruction_set = values[i];
    } else {
      return "option " + key + " = " + values[i] +
             " is unknown; there are fuse (0, 1), pixels (0, 1), profile (0, 1), num_threads (1 to "
             "1024), instruction_set";
    }
  }
  return ChooseKernels(instruction_set);
}

}  // namespace larq_igp

extern "C" const char* larq_igp_version() { return LARQ_IGP_RUNTIME_VERSION; }

extern "C" const char* const* larq_igp_instruction_sets() {
  static const auto names = [] {
    struct {
      const char* list[larq_igp::kMostKernels + 1] = {};
    } found;
    const larq_igp::Kernels* available[larq_igp::kMostKernels];
    const int count = larq_igp::AvailableKernels(available);
    for (int i = 0; i < count; ++i) found.list[i] = available[i]->name;
    return found;
  }();
  return names.list;
}
