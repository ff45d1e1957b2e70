// Memory that runs out: operator new, calloc and posix_memalign that fail on command, and for
// anything large.
//
// The C functions are reached by linking with --wrap.

#include <cerrno>
#include <cstdlib>
#include <new>

namespace {

constexpr size_t kLargest = 32 << 20;  // bytes of one allocation
thread_local int countdown = -1;

bool Fails(size_t bytes) {
  if (bytes > kLargest) return true;
  if (countdown < 0) return false;
  return countdown-- == 0;
}

}  // namespace

int FailAllocationAfter(int count) {
  const int left = countdown;
  countdown = count;
  return left;
}

extern "C" int __real_posix_memalign(void** memory, size_t alignment, size_t bytes);
extern "C" int __wrap_posix_memalign(void** memory, size_t alignment, size_t bytes) {
  return Fails(bytes) ? ENOMEM : __real_posix_memalign(memory, alignment, bytes);
}

extern "C" void* __real_calloc(size_t count, size_t bytes);
extern "C" void* __wrap_calloc(size_t count, size_t bytes) {
  size_t total;
  if (__builtin_mul_overflow(count, bytes, &total) || Fails(total)) return nullptr;
  return __real_calloc(count, bytes);
}

void* operator new(size_t bytes) {
  void* memory = Fails(bytes) ? nullptr : std::malloc(bytes ? bytes : 1);
  if (!memory) throw std::bad_alloc();
  return memory;
}
void* operator new[](size_t bytes) { return operator new(bytes); }
void* operator new(size_t bytes, const std::nothrow_t&) noexcept {
  return Fails(bytes) ? nullptr : std::malloc(bytes ? bytes : 1);
}
void* operator new[](size_t bytes, const std::nothrow_t& tag) noexcept {
  return operator new(bytes, tag);
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, size_t) noexcept { std::free(memory); }
