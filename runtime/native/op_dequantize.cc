#include "op_dequantize.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "node_reader.h"
#include "parallel.h"

namespace larq_igp {
namespace {

// Values of bits, four at a time from a table.
template <class T>
class Table {
 public:
  Table(T plus, T minus) {
    for (int bits = 0; bits < 16; ++bits) {
      for (int i = 0; i < 4; ++i) table_[bits][i] = bits >> i & 1 ? minus : plus;
    }
  }
  void Rows(const uint32_t* bits, size_t rows, size_t channels, T* values) const {
    for (size_t r = 0; r < rows; ++r) {
      for (size_t left = channels; left > 0; ++bits) {
        uint32_t word = *bits;
        const size_t count = std::min<size_t>(left, 32);
        left -= count;
        size_t i = 0;
        for (; i + 4 <= count; i += 4, word >>= 4, values += 4)
          std::memcpy(values, table_[word & 15], 4 * sizeof(T));
        for (; i < count; ++i, word >>= 1) *values++ = table_[word & 1][0];
      }
    }
  }

 private:
  T table_[16][4];
};

}  // namespace

bool Dequantize::Read(NodeReader* reader) {
  if (!reader->OneToOne(&input, &output)) return false;
  if (input->type != kTfLiteInt32) return reader->Fail("input is not int32");
  if (output->type != kTfLiteFloat32 && output->type != kTfLiteInt8 &&
      output->type != kTfLiteBool) {
    return reader->Fail("output type " + std::to_string(output->type) +
                        " is not float32, int8 or bool");
  }
  if (output->type == kTfLiteInt8 && !reader->Quantization(output, "output", &scale_, &zero_point_))
    return false;
  declared_ = reader->Shape(output);
  return !declared_.empty() || reader->Fail("output has no shape");
}

std::string Dequantize::Reshape(Preparation* preparation) {
  std::vector<int64_t> shape = input->shape;
  if (declared_.back() < 1 || (declared_.back() + 31) / 32 != shape.back())
    return "its output's channels do not match the packed input " + ShapeText(shape);
  shape.back() = declared_.back();
  return preparation->SetShape(output, shape);
}

template <class T>
void Dequantize::Write(Team* team, T plus, T minus) {
  const Table<T> table(plus, minus);
  const size_t channels = output->channels(), words = input->channels();
  const uint32_t* bits = input->values<uint32_t>();
  T* values = output->values<T>();
  const double per_row = kNanosecondsPerValue * static_cast<double>(channels);
  ForRanges(team, input->rows(), per_row, [&](size_t begin, size_t end) {
    table.Rows(bits + begin * words, end - begin, channels, values + begin * channels);
  });
}

void Dequantize::Run(Team* team) {
  if (input->count() == 0) return;
  if (output->type == kTfLiteFloat32) return Write(team, 1.0f, -1.0f);
  if (output->type == kTfLiteBool) return Write<uint8_t>(team, 1, 0);
  const double one = std::min(std::round(1.0 / scale_), 1024.0);
  const auto clip = [](double q) {
    return static_cast<int8_t>(std::max(-128.0, std::min(127.0, q)));
  };
  Write(team, clip(zero_point_ + one), clip(zero_point_ - one));
}

}  // namespace larq_igp
