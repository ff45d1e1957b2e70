// Reads integers out of a FlexBuffer whose root is a map: the form of LCE's custom options.
// Every offset is checked against the buffer; a malformed buffer reads as "not there".
#pragma once

#include <cstddef>
#include <cstdint>

namespace larq_igp {

class FlexMap {
 public:
  // False if the bytes are not a FlexBuffer with a map at its root.
  bool Open(const void* data, size_t size);
  // The integer under `key`; false if the key is missing or its value is not an integer.
  bool Get(const char* key, int64_t* value) const;

 private:
  // An unsigned little-endian number of `width` bytes at `position`.
  bool Read(size_t position, size_t width, uint64_t* value) const;

  const uint8_t* bytes_ = nullptr;
  size_t size_ = 0;
  size_t count_ = 0;        // entries of the map
  size_t values_ = 0;       // position of the first value
  size_t value_width_ = 0;  // bytes per value
  size_t keys_ = 0;         // position of the first key offset
  size_t key_width_ = 0;
};

}  // namespace larq_igp
