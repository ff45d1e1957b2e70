// Sizes that cannot overflow unseen, and buffers whose allocation can fail without an exception.
#pragma once

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdlib>

namespace larq_igp {

// a *= b, false on overflow. Sizes above 2^46 elements are refused as well: no machine holds them.
inline bool MultiplySize(size_t* a, size_t b) {
  return !__builtin_mul_overflow(*a, b, a) && *a <= (size_t{1} << 46);
}

// Larger buffers are refused: a file that asks for them is broken, or made to exhaust memory.
constexpr size_t kMaxBufferBytes = size_t{1} << 32;

// What the buffers of one model take together: at most 4 GiB, and half of the machine's memory.
class MemoryBudget {
 public:
  MemoryBudget() {
    const long pages = sysconf(_SC_PHYS_PAGES), page_bytes = sysconf(_SC_PAGESIZE);
    if (pages > 0 && page_bytes > 0)
      most_ = std::min(most_, static_cast<size_t>(pages) / 2 * static_cast<size_t>(page_bytes));
  }

  bool Take(size_t bytes) {
    if (used_.fetch_add(bytes) + bytes <= most_) return true;
    used_.fetch_sub(bytes);
    return false;
  }
  void Return(size_t bytes) { used_.fetch_sub(bytes); }

 private:
  size_t most_ = size_t{1} << 32;
  std::atomic<size_t> used_{0};
};

// The budget that buffers of this thread are charged to; none outside of a model, as in tests of
// one convolution.
inline thread_local MemoryBudget* memory_budget = nullptr;

class MemoryScope {
 public:
  explicit MemoryScope(MemoryBudget* budget) : before_(memory_budget) { memory_budget = budget; }
  ~MemoryScope() { memory_budget = before_; }
  MemoryScope(const MemoryScope&) = delete;
  MemoryScope& operator=(const MemoryScope&) = delete;

 private:
  MemoryBudget* before_;
};

// A zero-filled array on cache-line boundaries with `kSlack` spare bytes behind its end, so that a
// vector load or store which starts inside the array may run over its end.
template <class T>
class Buffer {
 public:
  Buffer() = default;
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  ~Buffer() {
    std::free(allocation_);
    if (budget_) budget_->Return(charged_);
  }

  // Makes room for `size` elements. Contents are zero after growth, unspecified otherwise. False:
  // out of memory.
  bool Reserve(size_t size) {
    if (size <= size_ && data_) return true;
    size_t bytes = size;
    if (!MultiplySize(&bytes, sizeof(T)) || bytes > kMaxBufferBytes) return false;
    MemoryBudget* budget = memory_budget;
    if (budget && !budget->Take(bytes)) return false;
    // calloc, for pages that are never touched then cost nothing; it aligns too little, so the
    // start is moved up.
    void* fresh = std::calloc(bytes + kSlack + kAlignment, 1);
    if (!fresh) {
      if (budget) budget->Return(bytes);
      return false;
    }
    std::free(allocation_);
    if (budget_) budget_->Return(charged_);
    budget_ = budget;
    charged_ = bytes;
    allocation_ = fresh;
    data_ = reinterpret_cast<T*>((reinterpret_cast<uintptr_t>(fresh) + kAlignment - 1) /
                                 kAlignment * kAlignment);
    size_ = size;
    return true;
  }

  T* data() { return data_; }
  const T* data() const { return data_; }
  size_t size() const { return size_; }
  T& operator[](size_t i) { return data_[i]; }
  const T& operator[](size_t i) const { return data_[i]; }

 private:
  static constexpr size_t kSlack = 256;
  static constexpr size_t kAlignment = 64;
  void* allocation_ = nullptr;
  T* data_ = nullptr;
  size_t size_ = 0;
  MemoryBudget* budget_ = nullptr;  // outlives the buffer
  size_t charged_ = 0;
};

}  // namespace larq_igp
