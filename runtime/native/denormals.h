// Denormal numbers, which XNNPACK does without.
#pragma once

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace larq_igp {
namespace {  // compiled once for every instruction set

// While it lives, denormal numbers are taken and given as zeros, as XNNPACK does on x86.
class NoDenormals {
 public:
#if defined(__x86_64__)
  NoDenormals() : former_(_mm_getcsr()) { _mm_setcsr(former_ | kFlushToZero | kDenormalsAreZero); }
  ~NoDenormals() { _mm_setcsr(former_); }

 private:
  static constexpr unsigned kFlushToZero = 0x8000, kDenormalsAreZero = 0x0040;
  const unsigned former_;
#else
  ~NoDenormals() {}  // nothing to do, but an object to have
#endif
};

}  // namespace
}  // namespace larq_igp
