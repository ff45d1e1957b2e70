// What a user may choose: by the C interface, by keys and values, or by environment variables.
#pragma once

#include <cstddef>
#include <string>

#include "../larq_igp_runtime/include/larq_igp_runtime.h"
#include "kernels.h"

namespace larq_igp {

struct Options {
  const Kernels* kernels = nullptr;
  int num_threads = 0;  // 0: as the interpreter recommends
  bool fuse = true;
  bool pixels = true;
  bool profile = false;
  bool prints_profile = false;  // to standard error, as nobody can ask for it
  bool eager = false;           // for tests: share out every loop, however small
  LarqIgpLog log = nullptr;
  void* log_data = nullptr;

  // Both return an empty string, or what is wrong.
  std::string Read(const LarqIgpOptions* given);
  std::string Read(const char* const* keys, const char* const* values, size_t count);

  void Log(int severity, const std::string& message) const {
    if (log) log(log_data, severity, message.c_str());
  }

 private:
  std::string ChooseKernels(const char* instruction_set);
};

}  // namespace larq_igp
