// CONV_2D, float, over the image that a network begins with; perhaps with what makes floats of
// bytes before it, and a MAX_POOL_2D behind it.
#pragma once

#include <memory>

#include "attributes.h"
#include "image_convolution.h"
#include "operator.h"

namespace larq_igp {

class ImageConvolutionOp : public Operator {
 public:
  bool Read(NodeReader* reader) override;
  const char* name() const override { return "CONV_2D"; }
  std::string Reshape(Preparation* preparation) override;
  void Run(Team* team) override;

  ConvAttributes conv;
  Tensor* filter = nullptr;
  Tensor* bias = nullptr;
  // From fusion.
  bool pools = false;
  PoolAttributes pool;
  PixelInput pixels;

 private:
  std::unique_ptr<ImageConvolution> convolution_;
};

// What a CONV_2D of floats says, whatever its filter. False: in another form than the engine runs.
bool ReadConvolution(NodeReader* reader, Operator* op, ConvAttributes* conv, Tensor** filter,
                     Tensor** bias);

// An object for a CONV_2D, which is still to be read: over an image, or 1x1. Null if it is neither.
std::unique_ptr<Operator> NewConvolution(NodeReader* reader);

}  // namespace larq_igp
