#include "thread_pool.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <new>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace larq_igp {
namespace {

constexpr int kMaxThreads = 64;
// Between two steps of a network a worker waits some microseconds: it spins that long before it
// sleeps.
constexpr int kWorkerSpins = 4000;
// The caller waits for the end of tasks that others have begun, rarely longer than for one task.
constexpr int kCallerSpins = 2000;
// What a second thread costs, invitation and waiting included, several times over.
constexpr double kLeastNanoseconds = 8000;
// Loops may lose so much, all together, before the caller goes on alone; and then it does so for 20
// times as long as was lost. So company costs at most a twentieth, whatever else the machine does.
constexpr double kTolerated = 30e3, kCredit = 200e3, kAlonePerLoss = 20;

inline void Pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

inline int64_t Now() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return int64_t{now.tv_sec} * 1000000000 + now.tv_nsec;
}

// How this thread rounds, and what it makes of denormal numbers.
inline uint64_t FloatModes() {
#if defined(__x86_64__)
  return _mm_getcsr() & ~0x3fu;  // the low bits are flags of what has happened
#elif defined(__aarch64__)
  uint64_t modes;
  asm volatile("mrs %0, fpcr" : "=r"(modes));
  return modes;
#else
  return 0;
#endif
}

inline void SetFloatModes(uint64_t modes) {
  if (modes == FloatModes()) return;
#if defined(__x86_64__)
  _mm_setcsr(static_cast<unsigned>(modes));
#elif defined(__aarch64__)
  asm volatile("msr fpcr, %0" : : "r"(modes));
#endif
}

std::atomic<uint32_t> forks{1};

// Counts forks: a child has none of its parent's workers, and may hold what another thread had
// taken.
uint32_t Forks() {
  static const bool counted = pthread_atfork(nullptr, nullptr, [] { ++forks; }) == 0;
  return counted ? forks.load(std::memory_order_relaxed) : 0;
}

int ProcessorCount() {
  cpu_set_t allowed;
  if (sched_getaffinity(0, sizeof allowed, &allowed) == 0) return std::max(1, CPU_COUNT(&allowed));
  return std::max(1, static_cast<int>(sysconf(_SC_NPROCESSORS_ONLN)));
}

}  // namespace

struct ThreadPool::State {
  // The gate: a loop's width, who is inside, and whether it is closed. In one word, so that a
  // worker enters the loop that it has read of, or none.
  static constexpr uint32_t kClosed = 1u << 31, kWaiting = 1u << 30, kInside = 0xffff;
  static constexpr int kWidthShift = 16;
  static constexpr int WidthOf(uint32_t gate) {
    return static_cast<int>(gate >> kWidthShift & 0x3fff);
  }

  // Every thread has a share of its own, the same in every loop, so that what it wrote in one loop
  // is in its own cache in the next; when that is done it helps the others.
  struct alignas(64) Share {
    std::atomic<size_t> next{0};
    size_t end = 0;
  };
  struct alignas(64) Worker {
    State* state = nullptr;
    int index = 0;
    pthread_t thread{};
    std::atomic<uint32_t> invitations{0};
    std::atomic<bool> sleeps{false};
    pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    pthread_cond_t wake = PTHREAD_COND_INITIALIZER;
  };

  explicit State(uint32_t born) : born(born) {}

  // Takes tasks until none is left; returns how many it took.
  size_t Work(int worker, int width) {
    size_t done = 0;
    for (int i = 0; i < width; ++i) {
      Share& share = shares[(worker + i) % width];
      for (;;) {
        const size_t task = share.next.fetch_add(1, std::memory_order_relaxed);
        if (task >= share.end) break;
        function(context, task, worker);
        ++done;
      }
    }
    return done;
  }

  // True if the worker slept: then it has cost a call of the system.
  bool Invite(Worker* worker) {
    worker->invitations.fetch_add(1);  // this and the load below in one order for all, as in Await
    if (!worker->sleeps.load()) return false;
    pthread_mutex_lock(&worker->mutex);
    pthread_cond_signal(&worker->wake);
    pthread_mutex_unlock(&worker->mutex);
    return true;
  }

  // The next invitation after `seen`.
  uint32_t Await(Worker* worker, uint32_t seen) {
    for (int spin = 0; spin < kWorkerSpins; ++spin) {
      const uint32_t invitations = worker->invitations.load(std::memory_order_acquire);
      if (invitations != seen) return invitations;
      Pause();
    }
    pthread_mutex_lock(&worker->mutex);
    worker->sleeps = true;
    while (worker->invitations.load() == seen) pthread_cond_wait(&worker->wake, &worker->mutex);
    worker->sleeps = false;
    pthread_mutex_unlock(&worker->mutex);
    return worker->invitations.load(std::memory_order_acquire);
  }

  void Leave() {
    const uint32_t before = gate.fetch_sub(1, std::memory_order_acq_rel);
    if (!(before & kWaiting) || (before & kInside) != 1) return;
    pthread_mutex_lock(&mutex);
    pthread_cond_signal(&all_left);
    pthread_mutex_unlock(&mutex);
  }

  void CloseAndWait() {
    uint32_t now = gate.fetch_or(kClosed, std::memory_order_acq_rel);
    for (int spin = 0; spin < kCallerSpins && now & kInside; ++spin) {
      Pause();
      now = gate.load(std::memory_order_acquire);
    }
    if (!(now & kInside)) return;
    // A worker that has lost its processor in the midst of a task: spinning would only keep it
    // away.
    pthread_mutex_lock(&mutex);
    now = gate.fetch_or(kWaiting, std::memory_order_acq_rel);
    while (now & kInside) {
      pthread_cond_wait(&all_left, &mutex);
      now = gate.load(std::memory_order_acquire);
    }
    pthread_mutex_unlock(&mutex);
  }

  const uint32_t born;  // the count of forks
  std::atomic<uint32_t> gate{kClosed};
  std::atomic<bool> stop{false};
  pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
  pthread_cond_t all_left = PTHREAD_COND_INITIALIZER;

  // Of the present loop; written while the gate is closed and nobody is inside.
  TaskFunction function = nullptr;
  const void* context = nullptr;
  uint64_t float_modes = 0;
  Share shares[kMaxThreads];

  // The caller's own.
  double balance = 0;       // nanoseconds won by company
  int64_t alone_until = 0;  // by the clock of Now()
  int asked = 1;            // threads for which workers were made, or tried to
  int worker_count = 0;
  Worker workers[kMaxThreads];
};

ThreadPool::~ThreadPool() {
  State* state = state_;
  if (!state || state->born != Forks()) return;  // a parent's workers cannot be waited for
  state->stop = true;
  for (int i = 0; i < state->worker_count; ++i) state->Invite(&state->workers[i]);
  for (int i = 0; i < state->worker_count; ++i) pthread_join(state->workers[i].thread, nullptr);
  delete state;
}

int ThreadPool::Limit(int threads) const {
  const int processors = processors_ ? processors_ : ProcessorCount();
  return std::max(1, std::min({threads, kMaxThreads, eager_ ? kMaxThreads : processors}));
}

void ThreadPool::Grow(int threads) {
  const uint32_t born = Forks();
  if (born == 0) return;  // forks go unseen
  // A parent's state is left as it is: its locks may be held by threads that are not here.
  if (state_ && state_->born != born) state_ = nullptr;
  threads = Limit(threads);
  if (threads < 2 || (state_ && threads <= state_->asked)) return;
  if (!state_) state_ = new (std::nothrow) State(born);
  if (!state_) return;
  state_->asked = threads;

  // Signals are for the program's own threads, whose handlers do not expect to run here.
  sigset_t all, former;
  sigfillset(&all);
  if (pthread_sigmask(SIG_SETMASK, &all, &former) != 0) return;
  while (state_->worker_count + 1 < threads) {
    State::Worker* worker = &state_->workers[state_->worker_count];
    worker->state = state_;
    worker->index = state_->worker_count + 1;
    if (pthread_create(&worker->thread, nullptr, WorkerMain, worker) != 0) break;
    ++state_->worker_count;
  }
  pthread_sigmask(SIG_SETMASK, &former, nullptr);
}

void* ThreadPool::WorkerMain(void* argument) {
  State::Worker* self = static_cast<State::Worker*>(argument);
  State* state = self->state;
  for (uint32_t seen = 0;;) {
    seen = state->Await(self, seen);
    if (state->stop) return nullptr;
    uint32_t gate = state->gate.load(std::memory_order_relaxed);
    while (!(gate & State::kClosed) && self->index < State::WidthOf(gate)) {
      if (!state->gate.compare_exchange_weak(gate, gate + 1, std::memory_order_acquire)) continue;
      SetFloatModes(state->float_modes);
      state->Work(self->index, State::WidthOf(gate));
      state->Leave();
      break;
    }
  }
}

ThreadPool::Team::Team(ThreadPool* pool, int threads) {
  if (threads < 2) return;
  const uint32_t mine = Forks();
  uint32_t holder = pool->holder_.load(std::memory_order_relaxed);
  do {
    if (mine == 0 || holder == mine) return;
    // Free, or held by a thread of the parent that has no part in this process.
  } while (!pool->holder_.compare_exchange_weak(holder, mine, std::memory_order_acquire));
  pool_ = pool;
  pool->Grow(threads);
  if (pool->state_) threads_ = std::min(threads, pool->state_->worker_count + 1);
}

ThreadPool::Team::~Team() {
  if (pool_) pool_->holder_.store(0, std::memory_order_release);
}

int ThreadPool::Team::Width(double nanoseconds) const {
  if (threads_ == 1 || pool_->eager_) return threads_;
  const double worth = 1 + nanoseconds / kLeastNanoseconds;
  if (worth < 2 || Now() < pool_->state_->alone_until) return 1;
  return worth < threads_ ? static_cast<int>(worth) : threads_;
}

void ThreadPool::Team::Run(size_t tasks, int width, TaskFunction function, const void* context) {
  State* state = pool_->state_;
  const size_t parts = std::min(static_cast<size_t>(width), tasks);
  width = static_cast<int>(parts);
  for (size_t i = 0; i < parts; ++i) {
    const size_t begin = tasks / parts * i + std::min(i, tasks % parts);
    state->shares[i].next.store(begin, std::memory_order_relaxed);
    state->shares[i].end = tasks / parts * (i + 1) + std::min(i + 1, tasks % parts);
  }
  state->function = function;
  state->context = context;
  state->float_modes = FloatModes();

  const int64_t begin = Now();
  state->gate.store(static_cast<uint32_t>(width) << State::kWidthShift, std::memory_order_release);
  bool slept = false;
  for (int i = 0; i + 1 < width; ++i) slept |= state->Invite(&state->workers[i]);
  const int64_t start = slept ? Now() : begin;
  const size_t own = state->Work(0, width);
  const int64_t worked = Now();
  state->CloseAndWait();
  const int64_t end = Now();

  // What the others have done would have taken as long again as each of the caller's own tasks did;
  // but the caller may have lost its processor, so no single loop may count for much.
  const double others = static_cast<double>(tasks - own);
  const double won =
      own ? static_cast<double>(worked - start) * others / static_cast<double>(own) : 0;
  state->balance += std::min(won, kCredit) - static_cast<double>((start - begin) + (end - worked));
  state->balance = std::min(state->balance, kCredit);
  if (state->balance < -kTolerated) {
    state->alone_until = end + static_cast<int64_t>(kAlonePerLoss * -state->balance);
    state->balance = 0;
  }
}

}  // namespace larq_igp
