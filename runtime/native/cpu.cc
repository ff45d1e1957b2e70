// Which kernels this CPU can run, and which are wanted.

#include <cstdint>
#include <cstring>

#include "kernels.h"

#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace larq_igp {
namespace {

#if defined(__x86_64__)

struct X86Features {
  bool avx2 = false;
  bool avx512_vpopcntdq = false;
  bool amd = false;
};

// Asked of the CPU itself: __builtin_cpu_supports needs a symbol that not every linker finds.
X86Features DetectX86() {
  X86Features found;
  unsigned eax, ebx, ecx, edx;
  if (!__get_cpuid(1, &eax, &ebx, &ecx, &edx) || !(ecx >> 27 & 1)) return found;  // OSXSAVE
  const bool fma = ecx >> 12 & 1;
  uint32_t saved, high;
  unsigned most, vendor[3];
  found.amd = __get_cpuid(0, &most, &vendor[0], &vendor[2], &vendor[1]) &&
              std::memcmp(vendor, "AuthenticAMD", sizeof vendor) == 0;
  asm volatile("xgetbv" : "=a"(saved), "=d"(high) : "c"(0));
  const bool saves_ymm = (saved & 0x06) == 0x06, saves_zmm = (saved & 0xe6) == 0xe6;
  if (!__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx)) return found;
  const bool avx512_f_dq_bw_vl =
      (ebx >> 16 & 1) && (ebx >> 17 & 1) && (ebx >> 30 & 1) && (ebx >> 31 & 1);
  found.avx2 = saves_ymm && fma && (ebx >> 5 & 1);
  // Every processor that counts bits has VNNI too, or is a Xeon Phi without the others.
  found.avx512_vpopcntdq = saves_zmm && avx512_f_dq_bw_vl && (ecx >> 14 & 1) && (ecx >> 11 & 1);
  return found;
}

#endif

}  // namespace

int AvailableKernels(const Kernels* available[]) {
  int count = 0;
#if defined(__x86_64__)
  const X86Features cpu = DetectX86();
  if (cpu.avx512_vpopcntdq) {
    available[count++] = cpu.amd ? &kAvx512PlainKernels : &kAvx512Kernels;
    available[count++] = cpu.amd ? &kAvx512Kernels : &kAvx512PlainKernels;
  }
  if (cpu.avx2) available[count++] = &kAvx2Kernels;
#elif defined(__aarch64__)
  available[count++] = &kNeonKernels;
#endif
  available[count++] = &kPortableKernels;
  return count;
}

const Kernels* SelectKernels(const char* wanted, const char** error) {
  const Kernels* available[kMostKernels];
  const int count = AvailableKernels(available);
  if (!wanted || !*wanted) return available[0];
  for (int i = 0; i < count; ++i) {
    if (std::strcmp(available[i]->name, wanted) == 0) return available[i];
  }
  *error = "which is none that the engine knows";
  for (const char* known : {"portable", "avx2", "avx512", "avx512_plain", "neon"}) {
    if (std::strcmp(known, wanted) == 0) *error = "which this CPU does not have";
  }
  return nullptr;
}

}  // namespace larq_igp
