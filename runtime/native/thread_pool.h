// A few threads that wait for loops to share out.
#pragma once

#include <cstddef>

namespace larq_igp {

class ThreadPool {
 public:
  ThreadPool() = default;
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  // Asks for `threads` in all, the caller's own included. Where the system gives fewer, fewer are used.
  void Resize(int threads);
  int threads() const { return threads_; }

  // Calls body(task, worker) for every task in [0, tasks), worker in [0, threads()). Returns when all are done.
  template <class Body>
  void For(size_t tasks, const Body& body) {
    if (tasks == 0) return;
    if (threads_ == 1 || tasks == 1) {
      for (size_t task = 0; task < tasks; ++task) body(task, 0);
      return;
    }
    Run(tasks, [](const void* context, size_t task, int worker) { (*static_cast<const Body*>(context))(task, worker); },
        &body);
  }

 private:
  using TaskFunction = void (*)(const void* context, size_t task, int worker);
  struct State;

  void Run(size_t tasks, TaskFunction function, const void* context);
  void Stop();
  static void* WorkerMain(void* argument);

  int threads_ = 1;
  State* state_ = nullptr;
};

}  // namespace larq_igp
