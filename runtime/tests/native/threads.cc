// threads CHECK: one check of the thread pool; `test_threads.py` lists them. Exit code 0: it holds.
//
// Linked with --wrap=pthread_create, so that threads can be refused or come late.

#include <pthread.h>
#include <sched.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cfenv>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <thread>
#include <vector>

#include "../../native/thread_pool.h"

using larq_igp::Team;
using larq_igp::ThreadPool;

extern "C" int __real_pthread_create(pthread_t*, const pthread_attr_t*, void* (*)(void*), void*);

namespace {

std::atomic<int> threads_left{-1};  // how many more threads the system gives; -1: any number
std::atomic<int> milliseconds_late{0};

struct Start {
  void* (*main)(void*);
  void* argument;
};

void* StartLate(void* argument) {
  const Start start = *static_cast<Start*>(argument);
  delete static_cast<Start*>(argument);
  usleep(1000 * static_cast<useconds_t>(milliseconds_late.load()));
  return start.main(start.argument);
}

int64_t Microseconds() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return int64_t{now.tv_sec} * 1000000 + now.tv_nsec / 1000;
}

#define EXPECT(condition)                                                          \
  do {                                                                             \
    if (!(condition)) {                                                            \
      std::fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition); \
      std::_Exit(1);                                                               \
    }                                                                              \
  } while (false)

// Something that takes a while and that no compiler leaves out.
void Work(int rounds) {
  volatile int sum = 0;
  for (int i = 0; i < rounds; ++i) sum = sum + i;
}

// Every task once, by a worker that exists, and its result seen by the caller.
void RunLoop(Team* team, size_t tasks, int width, int rounds) {
  std::vector<int> done(tasks, 0);  // plain: a race is for ThreadSanitizer to see
  std::vector<int> per_worker(static_cast<size_t>(width), 0);
  team->For(tasks, width, [&](size_t task, int worker) {
    EXPECT(worker >= 0 && worker < width);
    ++done[task];
    ++per_worker[static_cast<size_t>(worker)];
    Work(rounds);
  });
  size_t sum = 0;
  for (int count : per_worker) sum += static_cast<size_t>(count);
  EXPECT(sum == tasks);
  for (int count : done) EXPECT(count == 1);
}

// Loops of all sizes, and one team after another with its own number of threads.
void Loops() {
  ThreadPool pool(16);
  for (int round = 0; round < 400; ++round) {
    const int threads = 1 + round * 7 % 16;
    Team team(&pool, threads);
    EXPECT(team.threads() == threads);
    for (int width : {1, 2, threads}) {
      if (width <= threads) RunLoop(&team, static_cast<size_t>(round % 40), width, round % 5 * 100);
    }
    if (round % 50 == 0) usleep(2000);  // workers fall asleep
  }
}

// Far more threads than processors.
void Oversubscription() {
  ThreadPool pool(64);
  Team team(&pool, 64);
  EXPECT(team.threads() == 64);
  for (int round = 0; round < 200; ++round) RunLoop(&team, 64 + round, 64, 50);
}

// Several callers of one pool: one has the workers, others go on alone, and all are right.
void Callers() {
  ThreadPool pool(4);
  std::atomic<int> alone{0}, together{0};
  const auto body = [&](int threads) {
    for (int round = 0; round < 300; ++round) {
      Team team(&pool, threads);
      EXPECT(team.threads() == 1 || team.threads() == threads);
      ++(team.threads() == 1 ? alone : together);
      RunLoop(&team, 20, team.threads(), 200);
    }
  };
  std::thread first(body, 2), second(body, 4), third(body, 3);
  first.join();
  second.join();
  third.join();
  EXPECT(together > 0);
  const Team outer(&pool, 4), inner(&pool, 4);
  EXPECT(outer.threads() == 4 && inner.threads() == 1);
}

// Threads stay when teams of different sizes take turns.
void SideBySide() {
  ThreadPool pool(8);
  {
    const Team most(&pool, 8);
  }
  threads_left = 0;  // none may be made from here on
  for (int round = 0; round < 50; ++round) {
    for (int threads : {2, 8, 1, 5}) {
      Team team(&pool, threads);
      EXPECT(team.threads() == threads);
      RunLoop(&team, 30, threads, 10);
    }
  }
}

// A forked child has no workers, whatever the parent was doing; it makes its own.
void Fork() {
  ThreadPool pool(4);
  std::atomic<bool> stop{false};
  std::thread other([&] {
    while (!stop) {
      Team team(&pool, 4);
      RunLoop(&team, 16, team.threads(), 2000);
    }
  });
  for (int round = 0; round < 20; ++round) {
    usleep(500);
    const pid_t child = fork();
    if (child == 0) {
      alarm(20);  // a hanging child must end
      for (int i = 0; i < 20; ++i) {
        Team team(&pool, 4);
        EXPECT(team.threads() == 4);
        RunLoop(&team, 16, 4, 100);
      }
      std::_Exit(0);
    }
    int status = 0;
    EXPECT(waitpid(child, &status, 0) == child);
    EXPECT(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  }
  stop = true;
  other.join();
}

// A child that never runs a loop lets go of the parent's pool without waiting for its workers.
void ForkAndDestroy() {
  auto* pool = new ThreadPool(4);
  {
    const Team team(pool, 4);
  }
  const pid_t child = fork();
  if (child == 0) {
    alarm(20);
    delete pool;
    std::_Exit(0);
  }
  int status = 0;
  EXPECT(waitpid(child, &status, 0) == child);
  EXPECT(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  delete pool;
}

// Runs until a worker has taken a task, so that what is checked there has been checked.
template <class Body>
void UntilAWorkerHas(Team* team, const Body& body) {
  std::atomic<bool> seen{false};
  const int64_t deadline = Microseconds() + 20000000;
  while (!seen) {
    EXPECT(Microseconds() < deadline);
    team->For(8, team->threads(), [&](size_t, int worker) {
      if (worker == 0) return Work(20000);
      body();
      seen = true;
    });
  }
}

std::atomic<int> handled_by_others{0}, handled{0};
pthread_t main_thread;

void OnSignal(int) { ++(pthread_equal(pthread_self(), main_thread) ? handled : handled_by_others); }

void Signals() {
  main_thread = pthread_self();
  std::signal(SIGUSR1, OnSignal);
  sigset_t before, after;
  pthread_sigmask(SIG_SETMASK, nullptr, &before);
  ThreadPool pool(4);
  Team team(&pool, 4);
  pthread_sigmask(SIG_SETMASK, nullptr, &after);
  for (int number : {SIGUSR1, SIGINT, SIGTERM, SIGPROF, SIGALRM, SIGCHLD}) {
    EXPECT(sigismember(&before, number) == sigismember(&after, number));
  }
  UntilAWorkerHas(&team, [] {
    sigset_t mask;
    pthread_sigmask(SIG_SETMASK, nullptr, &mask);
    for (int number : {SIGUSR1, SIGINT, SIGTERM, SIGPROF, SIGALRM, SIGCHLD}) {
      EXPECT(sigismember(&mask, number));
    }
  });
  // The caller is inside a loop when signals arrive; it alone handles them.
  team.For(64, 4, [](size_t, int) {
    kill(getpid(), SIGUSR1);
    Work(1000);
  });
  EXPECT(handled > 0 && handled_by_others == 0);
}

// Tasks compute with the caller's rounding and denormal modes, in whatever thread.
void Modes() {
  ThreadPool pool(4);
  Team team(&pool, 4);
  const auto third = [] {
    volatile float one = 1, three = 3;
    return one / three;
  };
  float last = 0;
  for (int mode : {FE_UPWARD, FE_DOWNWARD, FE_TONEAREST}) {
    std::fesetround(mode);
    const float expected = third();
    EXPECT(mode == FE_TONEAREST || expected != last);
    UntilAWorkerHas(&team, [&] { EXPECT(third() == expected); });
    last = expected;
  }
#if defined(__x86_64__)
  const unsigned normal = __builtin_ia32_stmxcsr();
  for (unsigned flush : {0x8040u, 0u}) {
    __builtin_ia32_ldmxcsr((normal & ~0x8040u) | flush);
    UntilAWorkerHas(&team, [flush] {
      volatile float tiny = 1e-30f;
      EXPECT((tiny * tiny * 1e10f == 0) && (tiny * 1e-10f != 0) == (flush == 0));
    });
  }
#endif
}

// The system gives two threads, then none: three work, and the answer is right.
void Refused() {
  for (int given : {0, 2}) {
    threads_left = given;
    ThreadPool pool(8);
    for (int round = 0; round < 3; ++round) {
      Team team(&pool, 8);
      EXPECT(team.threads() == given + 1);
      RunLoop(&team, 50, team.threads(), 100);
    }
    threads_left = -1;
    Team team(&pool, 8);
    EXPECT(team.threads() == given + 1);  // not tried again at every call
  }
}

// Workers that have lost their processors, here before they begin, keep nobody waiting.
void Late() {
  milliseconds_late = 3000;
  ThreadPool pool(4);
  const int64_t begin = Microseconds();
  for (int round = 0; round < 100; ++round) {
    Team team(&pool, 4);
    EXPECT(team.threads() == 4);
    RunLoop(&team, 20, 4, 100);
  }
  EXPECT(Microseconds() - begin < 2000000);
}

// Small loops are for one thread, and no loop is cut for more threads than there are processors.
void Grain() {
  ThreadPool pool(8);
  Team team(&pool, 8);
  EXPECT(team.Width(0) == 1 && team.Width(1000) == 1 && team.Width(1e9) == 8);
  const int some = team.Width(30000);
  EXPECT(some > 1 && some < 8);
  ThreadPool two(2);
  EXPECT(Team(&two, 8).threads() == 2);
  ThreadPool here;
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(sched_getcpu(), &one);
  EXPECT(sched_setaffinity(0, sizeof one, &one) == 0);
  EXPECT(Team(&here, 8).threads() == 1);
}

// Workers that do harm are left out, for a time that is long against the harm.
void Alone() {
  ThreadPool pool(2);
  Team team(&pool, 2);
  const int64_t begin = Microseconds();
  for (int64_t now = begin; now < begin + 2000000; now = Microseconds()) {
    const int width = team.Width(1e9);
    if (width == 1) {
      EXPECT(team.Width(1e9) == 1);
      usleep(300000);                    // longer than 20 times the 10 ms
      if (team.Width(1e9) == 2) return;  // and it is tried again
    }
    team.For(8, width, [](size_t, int worker) {
      if (worker) usleep(10000);
      Work(5000);
    });
  }
  EXPECT(!"workers that only cost time were asked again and again");
}

struct Check {
  const char* name;
  void (*run)();
};

constexpr Check kChecks[] = {
    {"loops", Loops},     {"oversubscription", Oversubscription},
    {"callers", Callers}, {"side_by_side", SideBySide},
    {"fork", Fork},       {"fork_and_destroy", ForkAndDestroy},
    {"signals", Signals}, {"modes", Modes},
    {"refused", Refused}, {"late", Late},
    {"grain", Grain},     {"alone", Alone},
};

}  // namespace

extern "C" int __wrap_pthread_create(pthread_t* thread, const pthread_attr_t* attributes,
                                     void* (*main)(void*), void* argument) {
  if (threads_left == 0) return EAGAIN;
  if (threads_left > 0) --threads_left;
  if (milliseconds_late == 0) return __real_pthread_create(thread, attributes, main, argument);
  return __real_pthread_create(thread, attributes, StartLate, new Start{main, argument});
}

int main(int argc, char** argv) {
  for (const Check& check : kChecks) {
    if (argc == 2 && std::strcmp(argv[1], check.name) == 0) return check.run(), 0;
  }
  for (const Check& check : kChecks) std::printf("%s\n", check.name);
  return 2;
}
