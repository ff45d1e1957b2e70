// The inner loops, one table of functions per instruction set.
//
// A binary convolution is a matrix product of patches and filters, both cut into words of 32 bits along the depth:
//
//     patches of a panel                     filters of a block
//     depth 0: [p0 p1 p2 ... p15]            depth 0: [c0 c1 c2 ... c15]
//     depth 1: [p0 p1 p2 ... p15]            depth 1: [c0 c1 c2 ... c15]
//     ...       16 pixels                    ...       16 output channels
//
//     disagreements[p][c] = sum over depth of popcount(patches[depth][p] ^ filters[depth][c])
//
// In SIMD, channels fill the lanes: a filter row is loaded as it stands, a patch word is broadcast to all lanes.
// So sums stay in their lanes, and no instruction ever adds across a register.
#pragma once

#include <cstddef>
#include <cstdint>

#include "geometry.h"

namespace larq_igp {

constexpr int kBlockChannels = 16;

// y = (y + values) * scale, element by element: a residual (scale 1), the join of two branches (scale 0.5), or,
// without values, a multiplication alone.
struct Addend {
  const float* values;  // may be null
  float scale;
};

// One tensor a convolution writes: float values, packed signs of them, or both.
struct ConvOutput {
  float* values = nullptr;
  uint32_t* bits = nullptr;
  int8_t* bytes = nullptr;  // int8 outputs
  const Addend* addends = nullptr;
  int addend_count = 0;
  ptrdiff_t channels = 0;  // values per pixel
  ptrdiff_t words = 0;     // packed words per pixel
};

// Lanes [lane, lane + count) of a block are channels [channel, channel + count) of one output. Several convolutions
// that read the same input share blocks, so a block may hold the last channels of one and the first of the next.
struct LaneRun {
  int output;
  int lane;
  int count;
  ptrdiff_t channel;
};

struct Block {
  int first_run;
  int runs;
};

enum class ConvMode {
  kFloat,      // multiply, add, addends; float and/or sign output
  kInt8,       // multiply, add, round, saturate
  kThreshold,  // packed output by comparison with thresholds
};

// What happens to the sums. Arrays of constants are indexed by lane = 16 * block + lane in block.
struct ConvFinish {
  ConvMode mode = ConvMode::kFloat;
  const float* multiplier = nullptr;
  const float* bias = nullptr;
  // Without activation the clamp is void, and `doubled` = 2 * multiplier saves doubling the sums: exact, a power of two.
  const float* doubled = nullptr;
  // Bounds of the doubled sums: the activation.
  int32_t clamp_min = 0;
  int32_t clamp_max = 0;
  const int32_t* threshold = nullptr;
  const Block* blocks = nullptr;
  const LaneRun* runs = nullptr;
  const ConvOutput* outputs = nullptr;
};

struct ConvTask {
  const uint32_t* patches;  // [depth][16]
  const uint32_t* filters;  // [blocks][depth][16]
  size_t depth;
  int pixels;        // of the panel
  int block_begin;
  int block_end;
  size_t first_pixel;  // of the panel, in the whole output tensor
  const ConvFinish* finish;
  // Zero padding: per pixel of the panel what it adds to each lane, null inside the image. No array: nothing to add.
  const float* const* border = nullptr;    // added to values of a float convolution without activation
  const int32_t* const* shift = nullptr;   // added to doubled sums before anything else, in all other cases
  // If set, the kernel only writes its sums here, [block - block_begin][pixel of 16][lane of 16], and FinishPixels
  // does the rest. For what is rare: int8, thresholds with zero padding, packed outputs that do not start on a block.
  int32_t* raw = nullptr;
};

// How patch words are gathered from the planar input.
struct PatchPlan {
  const ptrdiff_t* taps;    // word offset of every tap of the window
  size_t tap_count;
  size_t words;             // words per pixel (of one group)
  size_t channels;          // channels per pixel (of one group)
  ptrdiff_t plane;          // words from one plane to the next
  bool gapless;             // pack tap_count * channels bits without gaps, instead of whole words per tap
  size_t depth;             // words per patch
};

struct Kernels {
  const char* name;
  void (*convolve)(const ConvTask&);
  // Writes patches [depth][16] of one panel; may write up to 16 words behind.
  void (*gather)(const PatchPlan&, const uint32_t* image, const RowPiece* pieces, int piece_count, uint32_t* patches);
  // Packs signs of `rows` rows of `channels` values.
  void (*quantize)(const float* values, size_t rows, size_t channels, uint32_t* bits);
  // Signs of (value * multiplier + bias), the constants indexed by channel.
  void (*affine_quantize)(const float* values, size_t rows, size_t channels, const float* multiplier, const float* bias,
                          uint32_t* bits);
};

extern const Kernels kPortableKernels;
#if defined(__x86_64__)
extern const Kernels kAvx2Kernels;
extern const Kernels kAvx512Kernels;
#elif defined(__aarch64__)
extern const Kernels kNeonKernels;
#endif

// The kernels named `wanted` (null or empty: the best of this CPU). Null, and `error` set, if there are none.
const Kernels* SelectKernels(const char* wanted, const char** error);

// Parts shared by all instruction sets, for what is not worth a vector. In kernels_portable.cc.
// Turns sums [pixels][16] of one block into output.
void FinishPixels(const ConvTask& task, int block, int first_pixel, int pixels, const int32_t* sums);
void GatherPortable(const PatchPlan&, const uint32_t* image, const RowPiece* pieces, int piece_count, uint32_t* patches);
void QuantizePortable(const float* values, size_t rows, size_t channels, uint32_t* bits);
void AffineQuantizePortable(const float* values, size_t rows, size_t channels, const float* multiplier,
                            const float* bias, uint32_t* bits);

}  // namespace larq_igp
