// The engine for C++17: owns its delegate, and throws one sentence where it cannot be made.
//
//     larq_igp_runtime::Options options;
//     options.num_threads = 4;
//     const larq_igp_runtime::Delegate delegate(options);  // before the interpreter
//     TfLiteInterpreterOptionsAddDelegate(settings, delegate.get());
#ifndef LARQ_IGP_RUNTIME_HPP_
#define LARQ_IGP_RUNTIME_HPP_

#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "larq_igp_runtime.h"

namespace larq_igp_runtime {

enum class Severity { kInfo = LARQ_IGP_INFO, kWarning = LARQ_IGP_WARNING, kError = LARQ_IGP_ERROR };

// As the fields of LarqIgpOptions.
struct Options {
  int num_threads = 0;          // 0: as many as the interpreter is told to use
  std::string instruction_set;  // empty: by LARQ_IGP_RUNTIME_ISA, else the processor's best
  bool fuse = true;
  bool pixels = true;
  bool profile = false;
  std::function<void(Severity, const std::string&)> log;  // its exceptions are dropped
};

// The delegate cannot be made; what() is one sentence.
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// Owns a delegate. It must outlive the interpreter that uses it.
class Delegate {
 public:
  explicit Delegate(const Options& options = {}) : log_(new Log(options.log)) {
    LarqIgpOptions plain = LARQ_IGP_OPTIONS_INIT;
    plain.num_threads = options.num_threads;
    if (!options.instruction_set.empty()) plain.instruction_set = options.instruction_set.c_str();
    plain.fuse = options.fuse;
    plain.pixels = options.pixels;
    plain.profile = options.profile;
    if (*log_) {
      plain.log = CallLog;
      plain.log_data = log_.get();
    }
    char error[512] = "";
    delegate_.reset(larq_igp_create_delegate(&plain, error, sizeof error));
    if (!delegate_) throw Error(error);
  }

  TfLiteDelegate* get() const { return delegate_.get(); }

  // JSON, see larq_igp_describe; empty once it was moved from.
  std::string Describe() const {
    std::string text(larq_igp_describe(get(), nullptr, 0), '\0');
    text.resize(larq_igp_describe(get(), &text[0], text.size() + 1));
    return text;
  }

 private:
  using Log = std::function<void(Severity, const std::string&)>;
  struct Destroy {
    void operator()(TfLiteDelegate* delegate) const { larq_igp_destroy_delegate(delegate); }
  };

  static void CallLog(void* data, int severity, const char* message) noexcept {
    try {
      (*static_cast<Log*>(data))(static_cast<Severity>(severity), message);
    } catch (...) {
    }
  }

  std::unique_ptr<Log> log_;  // at one address, also when the delegate is moved
  std::unique_ptr<TfLiteDelegate, Destroy> delegate_;
};

inline std::string Version() { return larq_igp_version(); }

// Those that this processor has kernels for, the best first.
inline std::vector<std::string> InstructionSets() {
  std::vector<std::string> names;
  for (const char* const* name = larq_igp_instruction_sets(); *name; ++name) names.push_back(*name);
  return names;
}

}  // namespace larq_igp_runtime

#endif
