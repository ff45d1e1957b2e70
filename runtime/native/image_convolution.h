// The convolution that a network begins with, float over an image of few channels, and the max
// pooling behind it.
//
// It costs more than all binary convolutions of a network together. General kernels give it less
// than it needs: they compute as many channels as fit whole tiles, 64 where a network has 41, and
// follow a pointer for every tap.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "attributes.h"
#include "kernels.h"
#include "memory.h"
#include "packing.h"
#include "pixel_filter.h"
#include "thread_pool.h"
#include "workspace.h"

namespace larq_igp {

class ImageConvolution {
 public:
  // Rearranges the filter, [O][H][W][I], for kernels that have `image_row`. False: out of memory.
  bool Setup(const ConvAttributes& attributes, const float* filter, const float* bias,
             const PoolAttributes* pool, const PixelInput& pixels, const Kernels& kernels);
  // Adapts to an input size. An empty string, or what is wrong.
  std::string Resize(int64_t batch, int64_t height, int64_t width, Workspace* workspace);
  int64_t out_height() const { return pools_ ? pool_rows_.output : rows_.output; }
  int64_t out_width() const { return pools_ ? pool_columns_.output : columns_.output; }
  // The image is float, or of the bytes that `pixels` of Setup told.
  void Run(const void* image, float* out, Team* team);

 private:
  // Channels whose sums stay in registers together.
  struct Strip {
    bool pixel_lanes;  // pixels fill the lanes, not channels
    int64_t channel, channels;
    size_t filters;  // where they begin
  };

  std::string ResizePool(Workspace* workspace);
  void RunRow(int64_t image, int64_t row, float* out, int64_t step) const;
  void RunPooledRows(int64_t image, int64_t begin, int64_t end, float* ring, float* out) const;

  const Kernels* kernels_ = nullptr;
  std::unique_ptr<PixelFilter>
      pixels_;  // in place of strips_, filters_, bias_, layout_, offsets_, planes_
  int64_t lanes_ = 1;
  ConvAttributes attributes_;
  bool pools_ = false;
  PoolAttributes pool_;
  Bounds bounds_ = {};
  std::vector<Strip> strips_;
  Buffer<float> filters_;  // per strip, as ImageTask says
  Buffer<float> bias_;

  // Depends on the input size.
  int64_t batch_ = 0;
  WindowAxis rows_, columns_, pool_rows_, pool_columns_;
  PlanarLayout layout_;
  std::vector<ptrdiff_t> offsets_;
  Buffer<uint32_t> planes_;         // of floats: copying does not look into them
  Workspace* workspace_ = nullptr;  // of each worker: the rows that a pooling window covers
};

}  // namespace larq_igp
