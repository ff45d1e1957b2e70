// The part of TensorFlow Lite's C structs that an external delegate touches, declared by hand.
//
// The structs are append-only: members are added at the end, never moved. So these declarations
// serve every runtime from TF 2.14 to LiteRT 2.3 without a header of theirs. The assertions below
// pin the offsets (64-bit). Structs that *we* hand over end in a zeroed tail, so that a newer
// runtime reads zeros behind our last member.
#pragma once

#include <cstddef>
#include <cstdint>

extern "C" {

enum TfLiteStatus { kTfLiteOk = 0, kTfLiteError = 1, kTfLiteDelegateError = 2 };
enum TfLiteAllocationType { kTfLiteMemNone = 0, kTfLiteMmapRo = 1, kTfLiteArenaRw = 2 };
enum TfLiteType {
  kTfLiteFloat32 = 1,
  kTfLiteInt32 = 2,
  kTfLiteUInt8 = 3,
  kTfLiteBool = 6,
  kTfLiteInt8 = 9
};
enum TfLiteQuantizationType { kTfLiteNoQuantization = 0, kTfLiteAffineQuantization = 1 };
enum TfLiteFusedActivation {
  kTfLiteActNone = 0,
  kTfLiteActRelu = 1,
  kTfLiteActReluN1To1 = 2,
  kTfLiteActRelu6 = 3
};
enum TfLiteBuiltin {
  kTfLiteBuiltinAdd = 0,
  kTfLiteBuiltinAveragePool2d = 1,
  kTfLiteBuiltinConcatenation = 2,
  kTfLiteBuiltinConv2d = 3,
  kTfLiteBuiltinDequantize = 6,
  kTfLiteBuiltinMaxPool2d = 17,
  kTfLiteBuiltinMul = 18,
  kTfLiteBuiltinCustom = 32,
  kTfLiteBuiltinDelegate = 51,
  kTfLiteBuiltinPrelu = 54
};
enum TfLitePadding { kTfLitePaddingSame = 1, kTfLitePaddingValid = 2 };
enum TfLiteDelegateFlags { kTfLiteDelegateFlagsAllowDynamicTensors = 1 };
constexpr int kTfLiteOptionalTensor = -1;

struct TfLiteContext;
struct TfLiteDelegate;

struct TfLiteIntArray {
  int size;
  int data[1];  // really `size` of them, allocated with malloc
};

struct TfLiteTensor {
  int type;
  void* data;
  TfLiteIntArray* dims;
  struct {
    float scale;
    int32_t zero_point;
  } params;
  int allocation_type;
  size_t bytes;
  const void* allocation;
  const char* name;
  TfLiteDelegate* delegate;
  int buffer_handle;
  bool data_is_stale;
  bool is_variable;
  struct {
    int type;
    void* params;
  } quantization;
  void* sparsity;
  const TfLiteIntArray* dims_signature;
};

// What `builtin_data` of a node points to.
struct TfLiteConvParams {
  int padding;
  int stride_width, stride_height;
  int activation;
  int dilation_width_factor, dilation_height_factor;
};

struct TfLitePoolParams {
  int padding;
  int stride_width, stride_height;
  int filter_width, filter_height;
  int activation;
};

struct TfLiteConcatenationParams {
  int axis;
  int activation;
};

struct TfLiteNode {
  TfLiteIntArray* inputs;
  TfLiteIntArray* outputs;
  TfLiteIntArray* intermediates;
  TfLiteIntArray* temporaries;
  void* user_data;
  void* builtin_data;
  const void* custom_initial_data;
  int custom_initial_data_size;
  TfLiteDelegate* delegate;
};

struct TfLiteRegistration {
  void* (*init)(TfLiteContext*, const char* buffer, size_t length);
  void (*free)(TfLiteContext*, void* buffer);
  TfLiteStatus (*prepare)(TfLiteContext*, TfLiteNode*);
  TfLiteStatus (*invoke)(TfLiteContext*, TfLiteNode*);
  const char* (*profiling_string)(const TfLiteContext*, const TfLiteNode*);
  int32_t builtin_code;
  const char* custom_name;
  int version;
  uint64_t future[16];
};

struct TfLiteDelegateParams {
  TfLiteDelegate* delegate;
  TfLiteIntArray* nodes_to_replace;
  TfLiteIntArray* input_tensors;
  TfLiteIntArray* output_tensors;
};

struct TfLiteContext {
  size_t tensors_size;
  TfLiteStatus (*GetExecutionPlan)(TfLiteContext*, TfLiteIntArray** execution_plan);
  TfLiteTensor* tensors;
  void* impl_;
  TfLiteStatus (*ResizeTensor)(TfLiteContext*, TfLiteTensor*,
                               TfLiteIntArray* new_size);  // takes over new_size
  void (*ReportError)(TfLiteContext*, const char* format, ...);
  TfLiteStatus (*AddTensors)(TfLiteContext*, int count, int* first_new_index);
  TfLiteStatus (*GetNodeAndRegistration)(TfLiteContext*, int index, TfLiteNode**,
                                         TfLiteRegistration**);
  TfLiteStatus (*ReplaceNodeSubsetsWithDelegateKernels)(TfLiteContext*, TfLiteRegistration by_value,
                                                        const TfLiteIntArray* nodes,
                                                        TfLiteDelegate*);
  int recommended_num_threads;
  // more members follow; none is touched
};

struct TfLiteDelegate {
  void* data_;
  TfLiteStatus (*Prepare)(TfLiteContext*, TfLiteDelegate*);
  void* CopyFromBufferHandle;
  void* CopyToBufferHandle;
  void* FreeBufferHandle;
  int64_t flags;
  uint64_t future[16];
};

}  // extern "C"

static_assert(sizeof(void*) == 8, "only 64-bit targets are supported");
static_assert(offsetof(TfLiteIntArray, data) == 4, "TfLiteIntArray");
static_assert(offsetof(TfLiteTensor, data) == 8, "TfLiteTensor");
static_assert(offsetof(TfLiteTensor, dims) == 16, "TfLiteTensor");
static_assert(offsetof(TfLiteTensor, params) == 24, "TfLiteTensor");
static_assert(offsetof(TfLiteTensor, allocation_type) == 32, "TfLiteTensor");
static_assert(offsetof(TfLiteTensor, bytes) == 40, "TfLiteTensor");
static_assert(offsetof(TfLiteTensor, name) == 56, "TfLiteTensor");
static_assert(offsetof(TfLiteTensor, buffer_handle) == 72, "TfLiteTensor");
static_assert(offsetof(TfLiteTensor, quantization) == 80, "TfLiteTensor");
static_assert(offsetof(TfLiteTensor, dims_signature) == 104, "TfLiteTensor");
static_assert(sizeof(TfLiteTensor) == 112, "TfLiteTensor: context->tensors is an array of these");
static_assert(offsetof(TfLiteNode, user_data) == 32, "TfLiteNode");
static_assert(offsetof(TfLiteNode, builtin_data) == 40, "TfLiteNode");
static_assert(offsetof(TfLiteNode, custom_initial_data) == 48, "TfLiteNode");
static_assert(offsetof(TfLiteNode, custom_initial_data_size) == 56, "TfLiteNode");
static_assert(offsetof(TfLiteRegistration, builtin_code) == 40, "TfLiteRegistration");
static_assert(offsetof(TfLiteRegistration, custom_name) == 48, "TfLiteRegistration");
static_assert(offsetof(TfLiteRegistration, version) == 56, "TfLiteRegistration");
static_assert(offsetof(TfLiteContext, tensors) == 16, "TfLiteContext");
static_assert(offsetof(TfLiteContext, ResizeTensor) == 32, "TfLiteContext");
static_assert(offsetof(TfLiteContext, GetNodeAndRegistration) == 56, "TfLiteContext");
static_assert(offsetof(TfLiteContext, recommended_num_threads) == 72, "TfLiteContext");
static_assert(offsetof(TfLiteDelegate, Prepare) == 8, "TfLiteDelegate");
static_assert(offsetof(TfLiteDelegate, flags) == 40, "TfLiteDelegate");
