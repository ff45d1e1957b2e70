// The C++ wrapper as a stranger's program sees it. Prints what tests/test_c_interface.py expects.
#include <iostream>
#include <utility>

#include "larq_igp_runtime.hpp"

int main() {
  using namespace larq_igp_runtime;
  std::cout << "version " << Version() << "\n";
  for (const std::string& name : InstructionSets()) std::cout << "has " << name << "\n";

  Options options;
  options.num_threads = 3;
  options.instruction_set = "portable";
  options.fuse = false;
  options.log = [](Severity, const std::string&) {};
  Delegate first(options);
  Delegate delegate = std::move(first);
  if (first.get() || !first.Describe().empty() || !delegate.get()) return 1;
  std::cout << delegate.Describe() << "\n";
  options.instruction_set = "sse9";
  try {
    const Delegate none(options);
  } catch (const Error& error) {
    std::cout << "error: " << error.what() << "\n";
  }
  return Delegate().get() ? 0 : 2;
}
