#include <algorithm>
#include <cmath>

#include "photo.h"

namespace {

// The two old places that each new one lies between, and how far it is from the first.
struct Between {
  std::vector<int> low, high;
  std::vector<float> part;
};

Between Places(int old, int now) {
  Between places;
  const float scale = static_cast<float>(old) / static_cast<float>(now);
  for (int i = 0; i < now; ++i) {
    const float at = (static_cast<float>(i) + 0.5f) * scale - 0.5f, floor = std::floor(at);
    places.low.push_back(std::max(static_cast<int>(floor), 0));
    places.high.push_back(std::min(static_cast<int>(std::ceil(at)), old - 1));
    places.part.push_back(at - floor);
  }
  return places;
}

// Bilinear between pixel centres, without antialias: along rows, then along columns.
std::vector<float> Bilinear(const Image& image, int height, int width) {
  const int c = image.channels;
  std::vector<float> wide(size_t{1} * image.height * width * c),
      result(size_t{1} * height * width * c);
  const Between columns = Places(image.width, width), rows = Places(image.height, height);
  for (int y = 0; y < image.height; ++y)
    for (int x = 0; x < width; ++x)
      for (int k = 0; k < c; ++k) {
        const uint8_t* row = &image.pixels[size_t{1} * y * image.width * c + k];
        const float low = row[columns.low[x] * c], high = row[columns.high[x] * c];
        wide[(size_t{1} * y * width + x) * c + k] = low + (high - low) * columns.part[x];
      }
  const size_t stride = size_t{1} * width * c;
  for (int y = 0; y < height; ++y)
    for (size_t i = 0; i < stride; ++i) {
      const float low = wide[rows.low[y] * stride + i], high = wide[rows.high[y] * stride + i];
      result[y * stride + i] = low + (high - low) * rows.part[y];
    }
  return result;
}

}  // namespace

std::vector<float> Resized(const Image& image, const Card& card) {
  const int h = card.height, w = card.width, c = card.channels;
  if (!card.crop && !card.letterbox) return Bilinear(image, h, w);
  const auto rounded = [](double side) { return static_cast<int>(std::nearbyint(side)); };
  const double crop = card.crop.value_or(1), fits_h = (card.letterbox ? h : rounded(h / crop)),
               fits_w = (card.letterbox ? w : rounded(w / crop));
  const double tall_scale = fits_h / image.height, wide_scale = fits_w / image.width;
  const double scale =
      card.letterbox ? std::min(tall_scale, wide_scale) : std::max(tall_scale, wide_scale);
  const int tall = std::max(rounded(image.height * scale), 1),
            wide = std::max(rounded(image.width * scale), 1);
  const std::vector<float> whole = Bilinear(image, tall, wide);
  std::vector<float> result(size_t{1} * h * w * c);
  // Where the resized image begins in the result: above and left of it with a crop.
  const int top = card.letterbox ? (h - tall) / 2 : -((tall - h) / 2);
  const int left = card.letterbox ? (w - wide) / 2 : -((wide - w) / 2);
  for (int y = 0; y < h; ++y)
    for (int x = 0; x < w; ++x)
      for (int k = 0; k < c; ++k) {
        const int row = y - top, column = x - left;
        const bool inside = row >= 0 && row < tall && column >= 0 && column < wide;
        const float bar =
            std::clamp(std::nearbyint(card.mean[card.mean.size() > 1 ? k : 0]), 0.f, 255.f);
        result[(size_t{1} * y * w + x) * c + k] =
            inside ? whole[(size_t{1} * row * wide + column) * c + k] : bar;
      }
  return result;
}
