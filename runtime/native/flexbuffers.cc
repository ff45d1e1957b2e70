#include "flexbuffers.h"

#include <cstring>

namespace larq_igp {
namespace {

// Type numbers of the FlexBuffers format.
enum FlexType { kInt = 1, kUInt = 2, kIndirectInt = 6, kIndirectUInt = 7, kMap = 9, kBool = 26 };

bool IsWidth(uint64_t width) { return width == 1 || width == 2 || width == 4 || width == 8; }

}  // namespace

bool FlexMap::Read(size_t position, size_t width, uint64_t* value) const {
  if (!IsWidth(width) || position > size_ || size_ - position < width) return false;
  *value = 0;
  for (size_t i = 0; i < width; ++i) *value |= uint64_t{bytes_[position + i]} << (8 * i);
  return true;
}

// Layout, from the end of the buffer:   ... [root offset] [root type] [root width]
// and of a map, before its values:      [key vector offset] [key width] [count] values... types...
bool FlexMap::Open(const void* data, size_t size) {
  bytes_ = static_cast<const uint8_t*>(data);
  size_ = size;
  count_ = 0;
  if (!bytes_ || size < 3) return false;
  const size_t root_width = bytes_[size - 1];
  const uint8_t root_type = bytes_[size - 2];
  if ((root_type >> 2) != kMap || !IsWidth(root_width) || size - 2 < root_width) return false;

  const size_t root = size - 2 - root_width;
  uint64_t back;
  if (!Read(root, root_width, &back) || back > root) return false;
  values_ = root - back;
  value_width_ = size_t{1} << (root_type & 3);
  if (values_ < 3 * value_width_) return false;

  uint64_t count, key_width, key_back;
  const size_t key_slot = values_ - 3 * value_width_;
  if (!Read(values_ - value_width_, value_width_, &count) ||
      !Read(values_ - 2 * value_width_, value_width_, &key_width) || !IsWidth(key_width) ||
      !Read(key_slot, value_width_, &key_back) || key_back > key_slot) {
    return false;
  }
  keys_ = key_slot - key_back;
  key_width_ = key_width;
  // One value and one type byte per entry must fit behind values_, one key offset each behind
  // keys_.
  if (count > size || (size - values_) / (value_width_ + 1) < count ||
      (size - keys_) / key_width_ < count)
    return false;
  count_ = count;
  return true;
}

bool FlexMap::Get(const char* key, int64_t* value) const {
  const size_t key_length = std::strlen(key) + 1;  // with the NUL
  for (size_t i = 0; i < count_; ++i) {
    const size_t slot = keys_ + i * key_width_;
    uint64_t back;
    if (!Read(slot, key_width_, &back) || back > slot) return false;
    const size_t text = slot - back;
    if (size_ - text < key_length || std::memcmp(bytes_ + text, key, key_length) != 0) continue;

    const uint8_t packed_type = bytes_[values_ + count_ * value_width_ + i];
    int type = packed_type >> 2;
    size_t position = values_ + i * value_width_;
    size_t width = value_width_;
    uint64_t raw;
    if (!Read(position, width, &raw)) return false;
    if (type == kIndirectInt || type == kIndirectUInt) {
      if (raw > position) return false;
      position -= raw;
      width = size_t{1} << (packed_type & 3);
      if (!Read(position, width, &raw)) return false;
      type = type == kIndirectInt ? kInt : kUInt;
    }
    if (type != kInt && type != kUInt && type != kBool) return false;
    if (type == kInt && width < 8) {  // sign extension
      const uint64_t sign = uint64_t{1} << (8 * width - 1);
      raw = (raw ^ sign) - sign;
    }
    *value = static_cast<int64_t>(raw);
    return true;
  }
  return false;
}

}  // namespace larq_igp
