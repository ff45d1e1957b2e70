// A stand-in for the TFLite interpreter: it does to a delegate what the real one does, on a drawn
// model, in exactly as much memory as the shapes ask for, so that the sanitizers see the first byte
// too far.
#pragma once

#include <deque>
#include <string>
#include <vector>

#include "../native/tfl_abi.h"
#include "model.h"

class Host {
 public:
  explicit Host(const FuzzModel& model);
  ~Host();
  Host(const Host&) = delete;
  Host& operator=(const Host&) = delete;

  // Creates the delegate, applies it, prepares, invokes, resizes, invokes again, and tears all
  // down. True: it ran.
  bool Run(Random* random);

 private:
  struct Node {
    TfLiteNode node = {};
    TfLiteRegistration registration = {};
    bool delegated = false;
    std::vector<char> parameters;  // what builtin_data points to
  };

  static Host* Of(TfLiteContext* context) { return static_cast<Host*>(context->impl_); }
  static TfLiteStatus GetExecutionPlan(TfLiteContext*, TfLiteIntArray**);
  static TfLiteStatus ResizeTensor(TfLiteContext*, TfLiteTensor*, TfLiteIntArray*);
  static void ReportError(TfLiteContext*, const char* format, ...);
  static TfLiteStatus AddTensors(TfLiteContext*, int, int*);
  static TfLiteStatus GetNodeAndRegistration(TfLiteContext*, int, TfLiteNode**,
                                             TfLiteRegistration**);
  static TfLiteStatus Replace(TfLiteContext*, TfLiteRegistration, const TfLiteIntArray*,
                              TfLiteDelegate*);

  void AddSubset(const TfLiteRegistration& registration, const std::vector<int>& subset,
                 TfLiteDelegate* delegate);
  bool IsProduced(int tensor, const std::vector<int>& by) const;
  bool Prepare();
  bool Allocate(Random* random);
  bool Invoke();
  void Resize(Random* random);

  const FuzzModel& model_;
  TfLiteContext context_ = {};
  std::vector<TfLiteTensor> tensors_;
  std::deque<Node> nodes_;  // stable addresses
  std::vector<int> plan_;
  TfLiteIntArray* plan_array_ = nullptr;
  std::vector<TfLiteIntArray*> arrays_;
  int resizes_left_;
  int left_to_failure_ = -1;  // of allocations, while the host is at work
};

// Arms the failure of an allocation after `count` more of them; -1 disarms. Returns what was left.
// See allocation.cc.
int FailAllocationAfter(int count);

// While it lives, allocations succeed: the host's own are not what is tested.
class ReliableMemory {
 public:
  ReliableMemory() : left_(FailAllocationAfter(-1)) {}
  ~ReliableMemory() { FailAllocationAfter(left_); }

 private:
  int left_;
};
