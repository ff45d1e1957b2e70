// What the card beside a file says of feeding it, and of what its outputs mean.
#pragma once

#include <optional>
#include <string>
#include <vector>

struct Card {
  int height, width, channels;         // of the image that the network takes
  std::vector<float> mean, deviation;  // on the scale 0 to 255: one for all channels, or one each
  std::optional<double> crop;  // share of the resized image's side that is kept in the middle
  bool letterbox;              // resized until it just fits, between bars of the mean
  bool takes_pixels;           // uint8 from 0 to 255, which the file normalises itself
  bool gives_logits;           // else probabilities
  std::vector<std::string> class_names;  // may be empty
};

// Reads net.json beside net.tflite; throws std::runtime_error with a sentence.
Card ReadCard(const std::string& model);
