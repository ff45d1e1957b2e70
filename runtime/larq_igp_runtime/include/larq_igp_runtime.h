/* The engine of larq-igp-runtime for programs in C and C++. larq_igp_runtime.hpp wraps it for C++.
 *
 * The engine is a delegate of TensorFlow Lite and LiteRT: create it, add it to the interpreter's
 * options (TfLiteInterpreterOptionsAddDelegate), and destroy it after the interpreter. It may
 * serve several interpreters.
 *
 *     char error[256];
 *     LarqIgpOptions options = LARQ_IGP_OPTIONS_INIT;
 *     options.num_threads = 4;
 *     struct TfLiteDelegate* delegate = larq_igp_create_delegate(&options, error, sizeof error);
 *     if (!delegate) fprintf(stderr, "error: %s\n", error);
 */
#ifndef LARQ_IGP_RUNTIME_H_
#define LARQ_IGP_RUNTIME_H_

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

#define LARQ_IGP_EXPORT __attribute__((visibility("default")))

struct TfLiteDelegate; /* TensorFlow Lite's own */

enum { LARQ_IGP_INFO = 0, LARQ_IGP_WARNING = 1, LARQ_IGP_ERROR = 2 };

/* Gets one sentence. It is called in the thread that creates, applies or runs the delegate, and
 * must not throw an exception. `data` is `log_data` of the options. */
typedef void (*LarqIgpLog)(void* data, int severity, const char* message);

typedef struct LarqIgpOptions {
  size_t size;                 /* sizeof(LarqIgpOptions), as the caller was compiled */
  int num_threads;             /* 1 to 1024; 0: as many as the interpreter is told to use */
  const char* instruction_set; /* one of larq_igp_instruction_sets(); NULL: as the environment
                                  variable LARQ_IGP_RUNTIME_ISA says, else the processor's best */
  int fuse;                    /* 0: run every operator by itself; the results are the same bits,
                                  but for a convolution on bytes, which is fused or on floats */
  int pixels;                  /* 0: compute the first convolution on floats, not on bytes */
  int profile;                 /* 1: time every step, for larq_igp_describe */
  LarqIgpLog log;              /* NULL: none; valid until the interpreter is gone */
  void* log_data;
} LarqIgpOptions;

/* The defaults. Set fields of it by name: later versions append some. */
#define LARQ_IGP_OPTIONS_INIT {sizeof(LarqIgpOptions), 0, NULL, 1, 1, 0, NULL, NULL}

/* Creates a delegate. NULL options are the defaults. On failure it returns NULL and writes one
 * sentence to `error`, cut to `error_size` bytes and always terminated; `error` may be NULL. */
LARQ_IGP_EXPORT struct TfLiteDelegate* larq_igp_create_delegate(const LarqIgpOptions* options,
                                                                char* error, size_t error_size);

/* Destroys a delegate of larq_igp_create_delegate; NULL is ignored. */
LARQ_IGP_EXPORT void larq_igp_destroy_delegate(struct TfLiteDelegate* delegate);

/* The version of the library, such as "0.1.0". */
LARQ_IGP_EXPORT const char* larq_igp_version(void);

/* The instruction sets that this processor has kernels for, the best first; NULL ends the list. */
LARQ_IGP_EXPORT const char* const* larq_igp_instruction_sets(void);

/* Describes what the delegate does in the interpreter that it was last applied to, as JSON:
 *
 *     {"version": "0.1.0", "instruction_set": "avx2", "fuse": true, "pixels": true,
 *      "profile": true,
 *      "operators": [{"number": 7, "builtin_code": 3, "custom_code": "", "delegated": false,
 *                     "reason": "..."}, ...],
 *      "partitions": [{"threads": 4,
 *                      "steps": [{"kind": "LceBconv2d", "operators": [8, 9],
 *                                 "input_shape": [1, 56, 56, 2], "runs": 50,
 *                                 "milliseconds": [0.41, ...]}, ...]}, ...]}
 *
 * Operators are numbered as in the file. A partition is what the interpreter runs as one node, a
 * step is what the engine runs as one; operators of a step were fused. `milliseconds` holds the
 * last 1000 times of a step if `profile` is 1, else it is empty.
 *
 * Writes to `text` as snprintf does: at most `size` bytes, terminated. Returns the length of the
 * whole text without its end, or 0 if there is no memory or no delegate. The interpreter must
 * exist. */
LARQ_IGP_EXPORT size_t larq_igp_describe(const struct TfLiteDelegate* delegate, char* text,
                                         size_t size);

/* The two functions of every external delegate, which an interpreter finds by their names. The keys
 * are num_threads, instruction_set, fuse, pixels and profile, the values are text; with profile = 1
 * the times go to standard error in the end. */
LARQ_IGP_EXPORT struct TfLiteDelegate* tflite_plugin_create_delegate(
    const char* const* keys, const char* const* values, size_t count,
    void (*report_error)(const char*));
LARQ_IGP_EXPORT void tflite_plugin_destroy_delegate(struct TfLiteDelegate* delegate);

#ifdef __cplusplus
}
#endif

#endif
