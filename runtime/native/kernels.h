// The inner loops, one table of functions per instruction set.
//
// A binary convolution is a matrix product of patches and filters, both cut into words of 32 bits
// along the depth:
//
//     patches of a panel                     filters of a block
//     depth 0: [p0 p1 p2 ... p15]            depth 0: [c0 c1 c2 ... c15]
//     depth 1: [p0 p1 p2 ... p15]            depth 1: [c0 c1 c2 ... c15]
//     ...       16 pixels                    ...       16 output channels
//
//     disagreements[p][c] = sum over depth of popcount(patches[depth][p] ^ filters[depth][c])
//
// In SIMD, channels fill the lanes: a filter row is loaded as it stands, a patch word is broadcast
// to all lanes. So sums stay in their lanes, and no instruction ever adds across a register.
// AVX-512 does it the other way round for the few channels of a last block.
//
// Terms, from small to large:
//
//     word     32 signs of neighbouring channels of a pixel; bit 1 is -1. The rest is 0
//     tap      one place of a convolution's window
//     patch    the words of a window, tap by tap: `depth` words
//     lane     one value of a vector register
//     tile     pixels x registers of channels whose sums stay in registers
//     panel    up to 16 pixels of an image, whose patches are counted together
//     piece    pixels of a panel that lie side by side in the input: a panel is cut where rows end
//     block    16 output channels, whose filters lie side by side: a lane each
//     plane    one word of every pixel, padding included; what patches are gathered from
//     member   one of several convolutions of the same input that run as one
//     slice    the lanes of a block that belong to one member
//     addend   an operation on a result, value by value: a residual, a factor per channel
//     finish   what becomes of sums: multiplier, bias, addends, then values, bytes or signs
#pragma once

#include <cstddef>
#include <cstdint>

#include "geometry.h"

namespace larq_igp {

constexpr int kBlockChannels = 16;

// One operation on a convolution's result, element by element.
struct Addend {
  enum Kind {
    kTensor,  // y = (y + values) * scale: a residual (scale 1), the join of two branches (0.5)
    kChannelScale,  // the others have one value per channel: y * value
    kChannelShift,  // y + value
    kChannelSlope,  // y < 0 ? y * value : y
  };
  const float* values;  // null: only the multiplication
  float scale;
  Kind kind = kTensor;
};

// The sum of two quantised tensors in whole numbers, as XNNPACK computes it:
// q = (q * own + values * other + bias) >> shift, plus `zero`.
struct ByteSum {
  const int8_t* values;
  int32_t own, other, bias;
  int shift;
  int32_t zero;
};

enum class ConvMode {
  kFloat,      // multiply, add, addends; float and/or sign output
  kInt8,       // multiply, add, round, saturate
  kThreshold,  // packed output by comparison with thresholds
};

// The counting of one panel: disagreements of its patches with the filters of some blocks.
struct CountTask {
  const uint32_t* patches;  // [depth][row_words]
  const uint32_t* filters;  // [blocks][depth][row_words]
  size_t depth;
  int pixels;  // of the panel
  int block_begin;
  int block_end;
  int last_lanes;  // how many lanes of the last block hold channels; sums of the others may be
                   // anything
  // Result: row p holds the sums of pixel p, the lanes of block_begin first. Rows lie `sums_step`
  // apart. All 16 patches may be read and all 16 rows written, whatever `pixels` is.
  int32_t* sums;
  ptrdiff_t sums_step;
};

// What becomes of the sums: neighbouring channels of one output, for all pixels of a panel. A
// convolution finishes its panel in a pass of its own and not tile by tile: while results are on
// their way to memory, the loads of the counting loop would wait for every one that happens to lie
// at the same place of another page.
struct FinishTask {
  ConvMode mode = ConvMode::kFloat;
  int pixels = 0;
  ptrdiff_t channels = 0;
  const int32_t* sums = nullptr;  // of the first channel; rows as in CountTask
  ptrdiff_t sums_step = 0;

  // Constants, one per channel.
  const float* multiplier = nullptr;
  const float* bias = nullptr;
  // Without activation the clamp is void, and `doubled` = 2 * multiplier saves doubling the sums:
  // exact, a power of two.
  const float* doubled = nullptr;
  // Bounds of the doubled sums: the activation.
  int32_t clamp_min = 0;
  int32_t clamp_max = 0;
  const int32_t* threshold = nullptr;

  // Zero padding: per pixel what it adds to each lane, null inside the image; the first channel is
  // at `lane`.
  const float* const* border =
      nullptr;  // added to values of a float convolution without activation
  const int32_t* const* shift =
      nullptr;  // added to doubled sums before anything else, in all other cases
  ptrdiff_t lane = 0;

  // Results, each may be null. The first channel of pixel p is at p * `values_step` of values,
  // which may have gaps, and at `offset` + p * `step` of bytes and addends.
  float* values = nullptr;
  ptrdiff_t values_step = 0;
  int8_t* bytes = nullptr;
  ptrdiff_t offset = 0;
  ptrdiff_t step = 0;
  const Addend* addends = nullptr;
  int addend_count = 0;
  int stored_after = 0;   // values are stored after so many addends; signs are those after all
  ptrdiff_t channel = 0;  // the first channel's place among values per channel
  const ByteSum* byte_sum = nullptr;  // of bytes
  int32_t sign_below = 0;             // signs of bytes: whether they are less than this
  // Signs: the first channel is bit `first_bit` of bits[0]. Lower bits are kept, bits behind the
  // last are cleared.
  uint32_t* bits = nullptr;
  ptrdiff_t word_step = 0;
  int first_bit = 0;
};

// How patch words are gathered from the planar input.
struct PatchPlan {
  const ptrdiff_t* taps;  // word offset of every tap of the window
  size_t tap_count;
  size_t words;     // words per pixel (of one group)
  size_t channels;  // channels per pixel (of one group)
  ptrdiff_t plane;  // words from one plane to the next
  bool gapless;     // pack tap_count * channels bits without gaps, instead of whole words per tap
  size_t depth;     // words per patch
};

// One row of a float convolution over an image whose channels lie in planes. Bits are those of one
// fused multiply-add after the other, in the order of the filter, from the bias on, without
// denormals: XNNPACK's.
struct ImageTask {
  const float*
      image;  // at the first window; a last register may be read behind the last pixel's values
  const ptrdiff_t* offsets;  // [depth]: where the values of a window lie; those of the next pixel
                             // lie one further
  size_t depth;
  const float* filters;  // [depth][registers of lanes]
  const float* bias;
  bool pixel_lanes;  // pixels fill the lanes, not channels; `filters` is [depth][channels]
  int64_t channels;  // at most three registers, or MostPixelLaneChannels
  float low, high;   // the activation
  int64_t pixels;
  float* out;
  int64_t out_step;  // from pixel to pixel
};

// Channels that are worth a strip with pixels in its lanes: more than three quarters of a register
// are not.
constexpr int MostPixelLaneChannels(int lanes) { return lanes * 3 / 4; }

// One row of a convolution over pixels, in whole numbers, see pixel_filter.h:
//
//     y = clamp(float(sum of pixels * filters) * scale + bias), each operation rounded once.
struct PixelTask {
  const int16_t* image;      // at the first window; values of a row of a window lie side by side,
                             // channels innermost
  ptrdiff_t row_step;        // from row to row
  int64_t pixel_step;        // from window to window
  int64_t rows, steps;       // of a window: a step is `pixel_pair` values
  const int16_t* filters;    // [rows][steps][registers of lanes][pixel_pair]
  const float* scale;        // per channel; whole registers are read
  const float* const* bias;  // per pixel, and there from `channel` on; likewise
  int64_t channel, channels;
  float low, high;  // the activation
  int64_t pixels;
  float* out;
  int64_t out_step;  // from pixel to pixel
};

// One row of a pooling: the greatest values, or means of 2x2 taps. Bits are XNNPACK's, without
// denormals. A mean is ((upper left + lower left) + (upper right + lower right)) + 0, times
// 1 / (taps inside the map); others are 0.
struct PoolTask {
  const float* rows;  // row y lies at rows + y % ring * row_step
  int64_t ring, row_step;
  int64_t begin, end;  // rows of the window, those inside the map
  const WindowAxis* columns;
  int64_t step;  // from pixel to pixel of a row
  int64_t channels;
  float* out;  // without gaps
  bool averages = false;
  int64_t top = 0;  // of averages: the window's first row, perhaps outside the map
  // Before the greatest value is sought: value * multiplier + bias, per channel. Null: not.
  const float* multiplier = nullptr;
  const float* bias = nullptr;
  float low, high;  // the activation
};

// Neighbouring channels of a 1x1 convolution of floats, for some pixels. Bits are those of
// ImageTask.
struct PointwiseTask {
  const float* values;
  int64_t step;  // from pixel to pixel of values
  int64_t depth;
  const float* filters;  // [depth][registers of lanes]
  const float* bias;     // whole registers are read
  int64_t channels;      // at most kPointwiseRegisters
  float low, high;       // the activation
  int64_t pixels;
  float* out;
  int64_t out_step;  // from pixel to pixel
};
constexpr int kPointwiseRegisters = 2;

struct Kernels {
  const char* name;
  // What `count` reads for 16 words of patches or filters: 16 words as above, or more in a form of
  // its own. Then `arrange_filters` brings a block, [depth][16], into that form, in place.
  size_t row_words;
  void (*arrange_filters)(uint32_t* filters, size_t depth);
  void (*count)(const CountTask&);
  void (*finish)(const FinishTask&);
  // Writes patches [depth][row_words] of one panel; may write up to 16 words behind.
  void (*gather)(const PatchPlan&, const uint32_t* image, const RowPiece* pieces, int piece_count,
                 int pixels, uint32_t* patches);
  // Packs signs of `rows` rows of `channels` values, which lie `step` apart.
  void (*quantize)(const float* values, size_t rows, size_t channels, size_t step, uint32_t* bits);
  // Signs of (value * multiplier + bias), the constants indexed by channel.
  void (*affine_quantize)(const float* values, size_t rows, size_t channels, size_t step,
                          const float* multiplier, const float* bias, uint32_t* bits);
  // Packs whether bytes, each xor `flip`, are less than `limit`, as signed numbers.
  void (*quantize_bytes)(const int8_t* values, size_t rows, size_t channels, uint8_t flip,
                         int8_t limit, uint32_t* bits);
  // Lanes of a register, or 0: then the interpreter has the better kernels for images.
  int image_lanes;
  void (*image_row)(const ImageTask&);
  void (*pool_row)(const PoolTask&);
  void (*pointwise)(const PointwiseTask&);
  // Lanes of a register of sums over pixels, values that one instruction multiplies, and registers
  // of a strip.
  int pixel_lanes, pixel_pair, pixel_registers;
  void (*pixel_row)(const PixelTask&);
};

extern const Kernels kPortableKernels;
#if defined(__x86_64__)
extern const Kernels kAvx2Kernels;
extern const Kernels kAvx512Kernels, kAvx512PlainKernels;
#elif defined(__aarch64__)
extern const Kernels kNeonKernels;
#endif

// The kernels that this CPU can run, the best first; returns how many, at most kMostKernels.
constexpr int kMostKernels = 4;
int AvailableKernels(const Kernels* available[]);

// The kernels named `wanted` (null or empty: the best of this CPU). Null, and `error` set to the
// end of a sentence, if there are none.
const Kernels* SelectKernels(const char* wanted, const char** error);

// Parts shared by all instruction sets, for what is not worth a vector. In kernels_portable.cc.
// The meaning of every `finish`.
void FinishPortable(const FinishTask& task);
void GatherPortable(const PatchPlan&, const uint32_t* image, const RowPiece* pieces,
                    int piece_count, int pixels, uint32_t* patches);
void QuantizePortable(const float* values, size_t rows, size_t channels, size_t step,
                      uint32_t* bits);
void AffineQuantizePortable(const float* values, size_t rows, size_t channels, size_t step,
                            const float* multiplier, const float* bias, uint32_t* bits);

}  // namespace larq_igp
