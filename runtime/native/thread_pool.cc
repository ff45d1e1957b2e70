#include "thread_pool.h"

#include <pthread.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <new>

namespace larq_igp {
namespace {

constexpr int kMaxThreads = 64;
// Between two steps of a network a worker waits some microseconds: it spins that long before it sleeps.
constexpr int kSpins = 4000;

inline void Pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

}  // namespace

// One loop at a time. `generation` counts loops; workers that see it change take tasks until there are none, then count
// themselves out of `busy`. Every worker has a share of its own, the same in every loop, so that what it wrote in one
// loop is in its own cache in the next; when that is done it helps the others.
struct ThreadPool::State {
  struct alignas(64) Share {
    std::atomic<size_t> next{0};
    size_t end = 0;
  };
  struct Worker {
    State* state;
    int index;
    pthread_t thread;
  };

  pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
  pthread_cond_t wake = PTHREAD_COND_INITIALIZER;
  std::atomic<uint32_t> generation{0};
  std::atomic<bool> stop{false};
  std::atomic<int> busy{0};
  Share shares[kMaxThreads];
  TaskFunction function = nullptr;
  const void* context = nullptr;
  Worker workers[kMaxThreads];
  int worker_count = 0;

  void Work(int worker) {
    const int count = worker_count + 1;
    for (int i = 0; i < count; ++i) {
      Share& share = shares[(worker + i) % count];
      for (size_t task; (task = share.next.fetch_add(1, std::memory_order_relaxed)) < share.end;) function(context, task, worker);
    }
  }
};

ThreadPool::~ThreadPool() { Stop(); }

void ThreadPool::Stop() {
  if (!state_) return;
  pthread_mutex_lock(&state_->mutex);
  state_->stop = true;
  pthread_cond_broadcast(&state_->wake);
  pthread_mutex_unlock(&state_->mutex);
  for (int i = 0; i < state_->worker_count; ++i) pthread_join(state_->workers[i].thread, nullptr);
  delete state_;
  state_ = nullptr;
  threads_ = 1;
}

void ThreadPool::Resize(int threads) {
  if (threads < 1) threads = 1;
  if (threads > kMaxThreads) threads = kMaxThreads;
  if (threads == threads_) return;
  Stop();
  if (threads == 1) return;
  state_ = new (std::nothrow) State;
  if (!state_) return;
  for (int i = 1; i < threads; ++i) {
    State::Worker* worker = &state_->workers[state_->worker_count];
    *worker = {state_, i, {}};
    if (pthread_create(&worker->thread, nullptr, WorkerMain, worker) != 0) break;
    ++state_->worker_count;
  }
  threads_ = state_->worker_count + 1;
}

void* ThreadPool::WorkerMain(void* argument) {
  State::Worker* self = static_cast<State::Worker*>(argument);
  State* state = self->state;
  uint32_t seen = 0;
  for (;;) {
    for (int spin = 0; spin < kSpins && state->generation.load(std::memory_order_acquire) == seen && !state->stop; ++spin) Pause();
    if (state->generation.load(std::memory_order_acquire) == seen) {
      pthread_mutex_lock(&state->mutex);
      while (state->generation.load(std::memory_order_acquire) == seen && !state->stop) {
        pthread_cond_wait(&state->wake, &state->mutex);
      }
      pthread_mutex_unlock(&state->mutex);
    }
    if (state->stop) return nullptr;
    ++seen;  // a loop ends only when all workers have left it, so none is missed
    state->Work(self->index);
    state->busy.fetch_sub(1, std::memory_order_release);
  }
}

void ThreadPool::Run(size_t tasks, TaskFunction function, const void* context) {
  State* state = state_;
  const size_t workers = static_cast<size_t>(state->worker_count) + 1;
  for (size_t i = 0; i < workers; ++i) {
    state->shares[i].next.store(tasks / workers * i + std::min(i, tasks % workers), std::memory_order_relaxed);
    state->shares[i].end = tasks / workers * (i + 1) + std::min(i + 1, tasks % workers);
  }
  state->function = function;
  state->context = context;
  state->busy.store(state->worker_count, std::memory_order_relaxed);
  pthread_mutex_lock(&state->mutex);
  state->generation.fetch_add(1, std::memory_order_release);
  pthread_cond_broadcast(&state->wake);
  pthread_mutex_unlock(&state->mutex);
  state->Work(0);
  for (int spin = 0; state->busy.load(std::memory_order_acquire) != 0; ++spin) {
    if (spin < kSpins) {
      Pause();
    } else {
      sched_yield();
    }
  }
}

}  // namespace larq_igp
