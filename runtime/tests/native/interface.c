/* The C interface as a stranger's program sees it. Prints what tests/test_c_interface.py expects.
 */
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "larq_igp_runtime.h"

static int messages;

static void Count(void* data, int severity, const char* message) {
  if (data == &messages && severity >= LARQ_IGP_INFO && *message) ++messages;
}

static void Try(const char* name, const LarqIgpOptions* options) {
  char error[256] = "";
  struct TfLiteDelegate* delegate = larq_igp_create_delegate(options, error, sizeof error);
  printf("%s: %s\n", name, delegate ? "made" : error);
  larq_igp_destroy_delegate(delegate);
}

int main(void) {
  char error[16], text[8], whole[4096];
  const char* const* name;
  size_t length;
  struct TfLiteDelegate* delegate;
  LarqIgpOptions options = LARQ_IGP_OPTIONS_INIT;
  printf("version %s\n", larq_igp_version());
  for (name = larq_igp_instruction_sets(); *name; ++name) printf("has %s\n", *name);

  Try("defaults", NULL);
  options.num_threads = 3;
  options.instruction_set = "portable";
  options.log = Count;
  options.log_data = &messages;
  Try("options", &options);
  options.size = offsetof(LarqIgpOptions, log);
  Try("options of an older header", &options);
  options.size = sizeof options + 8;
  Try("options of a newer header", &options);
  options.size = offsetof(LarqIgpOptions, instruction_set) + 1;
  Try("options cut in a pointer", &options);
  options.size = sizeof options;
  options.num_threads = 1025;
  Try("threads", &options);
  options.num_threads = 0;
  options.instruction_set = "sse9";
  Try("instruction set", &options);

  if (larq_igp_create_delegate(&options, error, sizeof error)) return 1;
  if (strlen(error) != sizeof error - 1) return 2;
  if (larq_igp_create_delegate(&options, NULL, 0)) return 3;
  options.instruction_set = "portable";
  delegate = larq_igp_create_delegate(&options, NULL, 0);
  length = larq_igp_describe(delegate, NULL, 0);
  if (larq_igp_describe(delegate, text, sizeof text) != length) return 4;
  if (strlen(text) != sizeof text - 1) return 5;
  if (larq_igp_describe(delegate, whole, sizeof whole) != length) return 6;
  printf("%s\n", whole);
  larq_igp_destroy_delegate(delegate);
  larq_igp_destroy_delegate(NULL);
  if (larq_igp_describe(NULL, text, sizeof text) || *text) return 7;
  return 0;
}
