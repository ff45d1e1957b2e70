// Times single binary convolutions against the limit this CPU sets.
//
//     c++ -std=c++17 -O3 -pthread -ffp-contract=off -I../native kernel_benchmark.cc \
//         ../native/[!d]*.cc -o kernel_benchmark
//     ./kernel_benchmark [instruction set] [rounds]
//
// The limit of AVX-512 is measured, not looked up: the loop `vpxord, vpopcntd, vpaddd` on registers
// alone, which is what a binary multiply-add costs if done plainly. Limit and convolutions take
// turns inside one run, so a busy machine slows both; the fastest round of each counts, and the
// median of the ratios is printed beside it. A convolution includes padding, patches, batch
// normalisation, a residual and the packing of its signs.

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "convolution.h"
#include "kernels.h"

namespace {

using namespace larq_igp;

double Now() {
  return std::chrono::duration<double, std::milli>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

constexpr int64_t kLimitSteps = 1 << 20;  // words of 512 bits

#if defined(__x86_64__)
__attribute__((target("avx512f,avx512vpopcntdq"))) void RunLimit() {
#define STEP(k)                                                               \
  "vpxord %%zmm30, %%zmm31, %%zmm2" #k "\n\tvpopcntd %%zmm2" #k ", %%zmm2" #k \
  "\n\tvpaddd %%zmm2" #k ", %%zmm" #k ", %%zmm" #k "\n\t"
  for (int64_t i = 0; i < kLimitSteps / 8; ++i) {
    asm volatile(STEP(0) STEP(1) STEP(2) STEP(3) STEP(4) STEP(5) STEP(6) STEP(7)::
                     : "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm20",
                       "xmm21", "xmm22", "xmm23", "xmm24", "xmm25", "xmm26", "xmm27");
  }
#undef STEP
}
#else
void RunLimit() {}
#endif

struct Case {
  int size, channels, filters, together;  // `together` convolutions over one input
};

uint32_t Random() {
  static uint32_t state = 1;
  state = state * 1664525u + 1013904223u;
  return state ^ state >> 13;
}

struct Bench {
  Case shape;
  Workspace workspace;
  Convolution convolution;
  std::vector<uint32_t> input;
  std::vector<uint32_t> filter;
  std::vector<float> constants;
  Buffer<float> values;  // of all outputs and the residual, one after the other; a single
                         // convolution writes in place
  std::vector<uint32_t> bits;
  std::vector<Addend> addends;
  std::vector<ConvOutput> outputs;
  std::vector<double> times;

  Bench(const Case& c, const Kernels& kernels) : shape(c) {
    const int words = (c.channels + 31) / 32;
    const uint32_t last = 0xffffffffu >> (words * 32 - c.channels);
    for (int i = 0; i < c.size * c.size * words; ++i)
      input.push_back(i % words == words - 1 ? Random() & last : Random());
    for (int i = 0; i < c.filters * 9 * words; ++i)
      filter.push_back(i % words == words - 1 ? Random() & last : Random());
    constants.assign(c.filters, 0.25f);
    std::vector<ConvConstants> members;
    for (int m = 0; m < c.together; ++m) {
      ConvConstants one;
      one.attributes.channels_in = c.channels;
      one.attributes.channels_out = c.filters;
      one.attributes.kernel_height = one.attributes.kernel_width = 3;
      one.filter = filter.data();
      one.multiplier = one.bias = constants.data();
      one.packs_signs = m == 0;
      members.push_back(one);
    }
    if (!convolution.Setup(members, ConvMode::kFloat, kernels) ||
        !convolution.Resize(1, c.size, c.size, &workspace).empty())
      std::abort();
    const size_t pixels = static_cast<size_t>(c.size) * c.size;
    const size_t step = (pixels * c.filters + 31) / 16 * 16;
    if (!values.Reserve(step * (c.together + 1))) std::abort();
    std::fill(values.data(), values.data() + values.size(), 0.5f);
    bits.assign(pixels * ((c.filters + 31) / 32), 0);
    addends.push_back({values.data() + (c.together > 1 ? step * c.together : 0), 1.0f});
    for (int m = 0; m < c.together; ++m) {
      ConvOutput output;
      output.values = values.data() + step * m;
      output.bits = m == 0 ? bits.data() : nullptr;
      output.addends = addends.data();
      output.addend_count = 1;
      outputs.push_back(output);
    }
  }
  // Words of 512 bits that must be compared if nothing is wasted.
  double Steps() const {
    return double(shape.size) * shape.size * shape.channels * 9 * shape.filters * shape.together /
           512;
  }
};

double Median(std::vector<double> v) {
  std::sort(v.begin(), v.end());
  return v[v.size() / 2];
}

}  // namespace

int main(int argc, char** argv) {
  const char* error = nullptr;
  const Kernels* kernels = SelectKernels(argc > 1 ? argv[1] : nullptr, &error);
  if (!kernels) return std::fprintf(stderr, "%s\n", error), 1;
  const int rounds = argc > 2 ? std::atoi(argv[2]) : 30;
#if defined(__x86_64__)
  const bool has_limit = kernels == &kAvx512Kernels || kernels == &kAvx512PlainKernels;
#else
  const bool has_limit = false;
#endif

  const Case cases[] = {{56, 64, 64, 1},   {28, 128, 128, 1}, {14, 256, 256, 1}, {7, 512, 512, 1},
                        {56, 41, 41, 1},   {56, 41, 41, 4},   {28, 82, 82, 1},   {28, 82, 82, 4},
                        {14, 164, 164, 1}, {14, 164, 164, 4}, {7, 328, 328, 1},  {7, 328, 328, 4}};
  std::vector<Bench*> benches;
  for (const Case& c : cases) benches.push_back(new Bench(c, *kernels));
  ThreadPool pool;
  Team team(&pool, 1);
  std::vector<double> limit;
  for (int r = 0; r < rounds; ++r) {
    for (Bench* bench : benches) {
      bench->convolution.Run(bench->input.data(), bench->outputs.data(), &team);  // into the cache
      double start = Now();
      if (has_limit) RunLimit();
      limit.push_back((Now() - start) / kLimitSteps);
      start = Now();
      bench->convolution.Run(bench->input.data(), bench->outputs.data(), &team);
      bench->times.push_back(Now() - start);
    }
  }
  std::printf(
      "map,channels,filters,convolutions,isa,ms_best,ms_median,limit_ms_best,times_limit_best,"
      "times_limit_median\n");
  const double best_limit = *std::min_element(limit.begin(), limit.end());
  for (size_t b = 0; b < benches.size(); ++b) {
    Bench* bench = benches[b];
    std::vector<double> ratios;
    for (int r = 0; r < rounds; ++r)
      ratios.push_back(bench->times[r] / (limit[r * benches.size() + b] * bench->Steps()));
    const double best = *std::min_element(bench->times.begin(), bench->times.end());
    std::printf("%d,%d,%d,%d,%s,%.4f,%.4f,", bench->shape.size, bench->shape.channels,
                bench->shape.filters, bench->shape.together, kernels->name, best,
                Median(bench->times));
    if (has_limit)
      std::printf("%.4f,%.2f,%.2f\n", best_limit * bench->Steps(),
                  best / (best_limit * bench->Steps()), Median(ratios));
    else std::printf(",,\n");
  }
  if (!has_limit) return 0;
  // The four stages of Bi-Real ResNet18(64) cost the same if counting is all there is.
  std::vector<double> together;
  for (int r = 0; r < rounds; ++r) {
    double ms = 0, least = 0;
    for (size_t b = 0; b < 4; ++b)
      ms += benches[b]->times[r], least += limit[r * benches.size() + b] * benches[b]->Steps();
    together.push_back(ms / least);
  }
  std::printf("the first four together, as in Bi-Real ResNet18(64): median %.2f times the limit\n",
              Median(together));
}
