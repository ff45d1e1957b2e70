// From a photo to the input of a network, with the pixels that `python -m larq_igp_runtime` has.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "card.h"

struct Image {
  int height, width, channels;  // 1 or 3 channels
  std::vector<uint8_t> pixels;  // rows, columns, channels
};

// Decodes a PPM or PGM file, and JPEG and PNG if it was built with their libraries; turned as its
// EXIF says. Throws std::runtime_error with a sentence.
Image ReadPhoto(const std::string& path, int channels);

// Brings an image to the card's size, on the scale 0 to 255: rows, columns, channels.
std::vector<float> Resized(const Image& image, const Card& card);
