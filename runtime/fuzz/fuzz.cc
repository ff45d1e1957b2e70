// fuzz FIRST COUNT: runs the cases FIRST .. FIRST + COUNT - 1 and prints what became of them.
//
// Every case is one seed: a model is drawn, damaged in 0 to 3 ways, and run through the delegate by
// a stand-in for the interpreter; and one option blob is damaged and read. A finding ends the
// program with the sanitizer's report and the number of the case. `fuzz N 1` repeats it.

#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "../native/flexbuffers.h"
#include "../native/kernels.h"
#include "host.h"

extern "C" void __sanitizer_set_death_callback(void (*callback)());

namespace {

volatile unsigned long long current_case = 0;
constexpr unsigned kSecondsPerCase = 60;

void NameTheCase() {
  char text[64];
  const int length = std::snprintf(text, sizeof text, "FINDING in case %llu\n", current_case);
  if (length > 0 && write(2, text, static_cast<size_t>(length)) < 0) _exit(1);
}

void OnSignal(int signal) {
  NameTheCase();
  const char* text = signal == SIGALRM ? "it took too long\n" : "it aborted\n";
  if (write(2, text, std::strlen(text)) < 0) _exit(1);
  _exit(1);
}

bool ReadBlob(Random* random) {
  std::map<std::string, int64_t> values;
  for (const char* key :
       {"channels_in", "padding", "stride_height", "stride_width", "pad_values"}) {
    values[key] = static_cast<int64_t>(random->Next() >> random->Below(64));
  }
  std::vector<uint8_t> blob = FlexBuffer(values, random->Pick<int>({1, 2, 4, 8}));
  for (int64_t i = random->Range(1, 4); i > 0; --i) MutateBytes(random, &blob);
  std::unique_ptr<uint8_t[]> exact(new uint8_t[blob.size()]);
  if (!blob.empty()) std::memcpy(exact.get(), blob.data(), blob.size());
  larq_igp::FlexMap map;
  if (!map.Open(exact.get(), blob.size())) return false;
  int64_t value = 0;
  bool any = false;
  for (const auto& [key, expected] : values) any |= map.Get(key.c_str(), &value);
  return any | map.Get("", &value) | map.Get("not there", &value);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: %s FIRST COUNT\n", argv[0]);
    return 2;
  }
  const char* error = nullptr;
  const larq_igp::Kernels* kernels =
      larq_igp::SelectKernels(std::getenv("LARQ_IGP_RUNTIME_ISA"), &error);
  if (!kernels) {
    std::fprintf(stderr, "LARQ_IGP_RUNTIME_ISA names an instruction set %s\n", error);
    return 2;
  }
  __sanitizer_set_death_callback(NameTheCase);
  std::signal(SIGALRM, OnSignal);
  std::signal(SIGABRT, OnSignal);
  setenv("LARQ_IGP_RUNTIME_EAGER", "1", 1);  // else threads would leave such small models alone
  const unsigned long long first = std::strtoull(argv[1], nullptr, 10);
  const unsigned long long count = std::strtoull(argv[2], nullptr, 10);
  unsigned long long ran = 0, blobs = 0, damages = 0;
  for (unsigned long long i = first; i < first + count; ++i) {
    current_case = i;
    alarm(kSecondsPerCase);
    Random random(i);
    FuzzModel model = DrawModel(&random);
    for (int64_t damage = random.Range(0, 3); damage > 0; --damage, ++damages)
      MutateModel(&random, &model);
    ran += Host(model).Run(&random);
    blobs += ReadBlob(&random);
  }
  std::printf(
      "%llu models with %llu damages, %llu ran with the kernels %s; %llu damaged option blobs, "
      "%llu "
      "readable; no finding\n",
      count, damages, ran, kernels->name, count, blobs);
}
