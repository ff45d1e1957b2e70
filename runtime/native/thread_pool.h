// Threads that help with a loop if they come in time. Nobody waits for one that does not.
//
// A loop has a gate. The caller opens it, invites workers and starts on the tasks itself. Workers
// enter while the gate is open; when no task is left the caller closes it and waits only for those
// inside. On a busy machine a worker may arrive when all is done: it finds the gate closed, and the
// loop has cost what it costs one thread.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace larq_igp {

class ThreadPool {
  using TaskFunction = void (*)(const void* context, size_t task, int worker);

 public:
  // `processors`: how many threads may run at once at all; 0 asks the system. More threads than
  // processors only make each other wait.
  explicit ThreadPool(int processors = 0) : processors_(processors) {}
  // For tests: shares out every loop, however small, among more threads than there are processors.
  void set_eager() { eager_ = true; }
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  // How many of so many threads would be used.
  int Limit(int threads) const;

  // The right to share out loops. One team at a time holds it: another one, or one whose workers
  // the system refused, works alone. In a forked child, where no worker lives, the first team makes
  // new ones.
  class Team {
   public:
    // `threads` in all, the caller's own included.
    Team(ThreadPool* pool, int threads);
    ~Team();
    Team(const Team&) = delete;
    Team& operator=(const Team&) = delete;

    int threads() const { return threads_; }

    // For how many threads a loop should be cut that takes one thread so long, by a rough estimate.
    int Width(double nanoseconds) const;

    // Calls body(task, worker) for every task in [0, tasks), worker in [0, width). Returns when all
    // are done. `width` comes from Width().
    template <class Body>
    void For(size_t tasks, int width, const Body& body) {
      if (width == 1 || tasks <= 1) {
        for (size_t task = 0; task < tasks; ++task) body(task, 0);
        return;
      }
      const auto call = [](const void* context, size_t task, int worker) {
        (*static_cast<const Body*>(context))(task, worker);
      };
      Run(tasks, width, call, &body);
    }

   private:
    void Run(size_t tasks, int width, TaskFunction function, const void* context);

    ThreadPool* pool_ = nullptr;  // null: alone
    int threads_ = 1;
  };

 private:
  struct State;

  void Grow(int threads);
  static void* WorkerMain(void* argument);

  const int processors_;
  bool eager_ = false;
  std::atomic<uint32_t> holder_{
      0};  // 0: free; else the count of forks, from 1, in which it was taken
  State* state_ = nullptr;
};

using Team = ThreadPool::Team;

}  // namespace larq_igp
