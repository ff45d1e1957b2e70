// Carries out the steps of a graph.

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstring>

#include "graph.h"

namespace larq_igp {
namespace {

// Rough figures, by which loops are shared out.
constexpr double kNanosecondsPerValue = 0.1, kNanosecondsPerWord = 0.5;

size_t ElementCount(const std::vector<int64_t>& shape) {
  size_t count = 1;
  for (int64_t extent : shape) count *= static_cast<size_t>(extent);
  return count;
}

// Splits `count` items, which take `nanoseconds` each, among the threads.
template <class Body>
void ForRanges(Team* team, size_t count, double nanoseconds, const Body& body) {
  const int width = team->Width(static_cast<double>(count) * nanoseconds);
  const size_t pieces = width == 1 ? 1 : std::min<size_t>(count, 4 * static_cast<size_t>(width));
  team->For(pieces, width,
            [&](size_t piece, int) { body(count * piece / pieces, count * (piece + 1) / pieces); });
}

// The same for rows of `channels` values. `body` takes several rows only if there are no gaps
// between them. Where there are, the processor does not foresee what is read next, so it is told.
template <class Body>
void ForRows(Team* team, const float* values, size_t rows, size_t channels, size_t step,
             const Body& body) {
  constexpr size_t kRowsAhead = 6, kLine = 64 / sizeof(float);
  const double per_row = kNanosecondsPerValue * static_cast<double>(channels);
  ForRanges(team, rows, per_row, [&](size_t begin, size_t end) {
    if (step == channels) return body(begin, end);
    for (size_t r = begin; r < end; ++r) {
      if (r + kRowsAhead < rows) {
        const float* ahead = values + (r + kRowsAhead) * step;
        for (size_t c = 0; c < channels; c += kLine) __builtin_prefetch(ahead + c);
      }
      body(r, r + 1);
    }
  });
}

// Values of bits, four at a time from a table.
template <class T>
class Dequantizer {
 public:
  Dequantizer(T plus, T minus) {
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

// The maximum of +-1 is -1 only where all are -1: the AND over the window.
void MaxPoolRow(const uint32_t* image, const WindowAxis& rows, const WindowAxis& columns,
                size_t words, int64_t y, uint32_t* out) {
  const int64_t top = y * rows.stride - rows.before;
  for (int64_t x = 0; x < columns.output; ++x, out += words) {
    const int64_t left = x * columns.stride - columns.before;
    std::fill(out, out + words, 0xffffffffu);
    for (int64_t iy = std::max<int64_t>(0, top); iy < std::min(rows.input, top + rows.kernel);
         ++iy) {
      for (int64_t ix = std::max<int64_t>(0, left);
           ix < std::min(columns.input, left + columns.kernel); ++ix) {
        const uint32_t* pixel = image + (iy * columns.input + ix) * words;
        for (size_t w = 0; w < words; ++w) out[w] &= pixel[w];
      }
    }
  }
}

}  // namespace

std::string Graph::CollectPointers(TfLiteContext* context) {
  for (const auto& entry : tensors_) {
    if (entry.second.whole >= 0) continue;
    if (entry.second.internal) {
      pointers_[entry.first] = arena_.data() + entry.second.offset;
      continue;
    }
    const TfLiteTensor& tensor = context->tensors[entry.first];
    if ((!tensor.data && entry.second.bytes) || tensor.bytes < entry.second.bytes) {
      return "tensor " + std::to_string(entry.first) + " has no data, or less than its shape needs";
    }
    pointers_[entry.first] = tensor.data;
  }
  for (const auto& entry : tensors_) {
    if (entry.second.whole >= 0)
      pointers_[entry.first] = Data<float>(entry.second.whole) + entry.second.channel;
  }
  for (const Step& step : steps_) {
    const auto constant = [&](int index) {
      if (index >= 0 && !tensors_.count(index)) pointers_[index] = context->tensors[index].data;
    };
    constant(step.op.other);
    constant(step.op.shift);
    for (const Member& member : step.members) {
      for (const Member::AddendTensor& addend : member.addends) constant(addend.tensor);
    }
  }
  return "";
}

std::string Graph::Run(TfLiteContext* context, Team* team, bool profile) {
  const std::string error = CollectPointers(context);
  if (!error.empty()) return error;
  for (Step& step : steps_) {
    if (!profile) {
      RunStep(&step, team);
      continue;
    }
    const auto start = std::chrono::steady_clock::now();
    RunStep(&step, team);
    const double milliseconds =
        std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
    if (step.runs == 0 || milliseconds < step.milliseconds) step.milliseconds = milliseconds;
    if (step.times.size() < kMostTimes) step.times.resize(step.times.size() + 1);
    step.times[static_cast<size_t>(step.runs++) % kMostTimes] = static_cast<float>(milliseconds);
  }
  return "";
}

void Graph::RunStep(Step* step, Team* team) {
  const Op& op = step->op;
  const std::vector<int64_t>& shape = ShapeAt(op.input);
  const size_t count = ElementCount(shape);
  if (count == 0) return;
  const size_t channels = static_cast<size_t>(shape.back());
  const size_t rows = count / channels;
  const double per_row = kNanosecondsPerValue * static_cast<double>(channels);

  switch (op.kind) {
    case OpKind::kQuantize: {
      const size_t words = (channels + 31) / 32;
      uint32_t* bits = Data<uint32_t>(op.output);
      if (op.input_type == kTfLiteFloat32) {
        const float* values = Data<float>(op.input);
        ForRows(team, values, rows, channels, StepOf(op.input), [&](size_t begin, size_t end) {
          kernels_->quantize(values + begin * StepOf(op.input), end - begin, channels,
                             bits + begin * words);
        });
      } else {
        // A bool is negative if it is 0, the least of unsigned bytes: flipped, the least of signed
        // ones.
        const bool is_bool = op.input_type != kTfLiteInt8;
        const uint8_t flip = is_bool ? 0x80 : 0;
        const auto limit = static_cast<int8_t>(is_bool ? -127 : op.zero_point);
        const int8_t* values = Data<int8_t>(op.input);
        ForRanges(team, rows, per_row / sizeof(float), [&](size_t begin, size_t end) {
          const int8_t* from = values + begin * channels;
          kernels_->quantize_bytes(from, end - begin, channels, flip, limit, bits + begin * words);
        });
      }
      return;
    }
    case OpKind::kAffineQuantize: {
      const size_t words = (channels + 31) / 32;
      const float *values = Data<float>(op.input), *bias = Data<float>(op.shift);
      const float* multiplier = op.other >= 0 ? Data<float>(op.other) : ones_.data();
      uint32_t* bits = Data<uint32_t>(op.output);
      ForRows(team, values, rows, channels, StepOf(op.input), [&](size_t begin, size_t end) {
        kernels_->affine_quantize(values + begin * StepOf(op.input), end - begin, channels,
                                  multiplier, bias, bits + begin * words);
      });
      return;
    }
    case OpKind::kConcatenation: {
      size_t channel = 0;
      for (int part : op.parts) {
        const size_t width = static_cast<size_t>(ShapeAt(part).back()), from = StepOf(part),
                     to = StepOf(op.output);
        const float* in = Data<float>(part);
        float* out = Data<float>(op.output) + channel;
        channel += width;
        if (in == out) continue;  // it was written there
        ForRanges(team, rows, kNanosecondsPerValue * static_cast<double>(width),
                  [&](size_t begin, size_t end) {
                    for (size_t r = begin; r < end; ++r)
                      std::memcpy(out + r * to, in + r * from, width * sizeof(float));
                  });
      }
      return;
    }
    case OpKind::kDequantize: {
      const size_t out_channels = static_cast<size_t>(ShapeAt(op.output).back());
      const uint32_t* bits = Data<uint32_t>(op.input);
      const auto write = [&](const auto& dequantizer, auto* values) {
        const double out_row = kNanosecondsPerValue * static_cast<double>(out_channels);
        ForRanges(team, rows, out_row, [&](size_t begin, size_t end) {
          dequantizer.Rows(bits + begin * channels, end - begin, out_channels,
                           values + begin * out_channels);
        });
      };
      if (op.output_type == kTfLiteFloat32) {
        write(Dequantizer<float>(1.0f, -1.0f), Data<float>(op.output));
      } else if (op.output_type == kTfLiteInt8) {
        const double one = std::min(std::round(1.0 / op.scale), 1024.0);
        const auto clip = [](double q) {
          return static_cast<int8_t>(std::max(-128.0, std::min(127.0, q)));
        };
        const Dequantizer<int8_t> bytes(clip(op.zero_point + one), clip(op.zero_point - one));
        write(bytes, Data<int8_t>(op.output));
      } else {
        write(Dequantizer<uint8_t>(1, 0), Data<uint8_t>(op.output));
      }
      return;
    }
    case OpKind::kMaxPool: {
      WindowAxis y_axis, x_axis;
      op.pool.Resolve(shape[1], shape[2], &y_axis, &x_axis);
      const uint32_t* in = Data<uint32_t>(op.input);
      uint32_t* out = Data<uint32_t>(op.output);
      const double read = static_cast<double>(shape[0] * y_axis.output * x_axis.output *
                                              op.pool.filter_height * op.pool.filter_width);
      const int width = team->Width(read * static_cast<double>(channels) * kNanosecondsPerWord);
      team->For(static_cast<size_t>(shape[0] * y_axis.output), width, [&](size_t task, int) {
        const int64_t image = static_cast<int64_t>(task) / y_axis.output,
                      y = static_cast<int64_t>(task) % y_axis.output;
        MaxPoolRow(in + image * y_axis.input * x_axis.input * channels, y_axis, x_axis, channels, y,
                   out + task * x_axis.output * channels);
      });
      return;
    }
    case OpKind::kFloatMaxPool: {
      WindowAxis y_axis, x_axis;
      op.pool.Resolve(shape[1], shape[2], &y_axis, &x_axis);
      const float* in = Data<float>(op.input);
      float* out = Data<float>(op.output);
      const int64_t step = static_cast<int64_t>(channels), row_step = x_axis.input * step;
      const double read = static_cast<double>(shape[0] * y_axis.output * x_axis.output *
                                              op.pool.filter_height * op.pool.filter_width);
      const int width = team->Width(read * static_cast<double>(channels) * kNanosecondsPerValue);
      team->For(static_cast<size_t>(shape[0] * y_axis.output), width, [&](size_t task, int) {
        const int64_t image = static_cast<int64_t>(task) / y_axis.output,
                      top = static_cast<int64_t>(task) % y_axis.output * y_axis.stride -
                            y_axis.before;
        const int64_t begin = std::max<int64_t>(0, top),
                      end = std::min(y_axis.input, top + y_axis.kernel);
        kernels_->max_pool_row({in + image * y_axis.input * row_step, y_axis.input, row_step, begin,
                                end, &x_axis, step, step,
                                out + static_cast<int64_t>(task) * x_axis.output * step});
      });
      return;
    }
    case OpKind::kImageConvolution:
      return step->image_convolution->Run(Data<void>(op.input), Data<float>(op.output), team);
    case OpKind::kPixels: {
      const auto run = [&](const auto* bytes) {
        float* out = Data<float>(op.output);
        ForRanges(team, count, kNanosecondsPerValue, [&](size_t begin, size_t end) {
          for (size_t i = begin; i < end; ++i)
            out[i] = static_cast<float>(bytes[i] - op.zero_point) * op.scale;
        });
      };
      return op.input_type == kTfLiteInt8 ? run(Data<int8_t>(op.input))
                                          : run(Data<uint8_t>(op.input));
    }
    case OpKind::kAdd: {
      const float *a = Data<float>(op.input), *b = Data<float>(op.other);
      float* out = Data<float>(op.output);
      ForRanges(team, count, kNanosecondsPerValue, [&](size_t begin, size_t end) {
        for (size_t i = begin; i < end; ++i) out[i] = a[i] + b[i];
      });
      return;
    }
    case OpKind::kScale: {
      const float* in = Data<float>(op.input);
      float* out = Data<float>(op.output);
      ForRanges(team, count, kNanosecondsPerValue, [&](size_t begin, size_t end) {
        for (size_t i = begin; i < end; ++i) out[i] = in[i] * op.scale;
      });
      return;
    }
    case OpKind::kShift: {
      const float* in = Data<float>(op.input);
      float* out = Data<float>(op.output);
      ForRanges(team, count, kNanosecondsPerValue, [&](size_t begin, size_t end) {
        for (size_t i = begin; i < end; ++i) out[i] = in[i] + op.scale;
      });
      return;
    }
    case OpKind::kChannelScale:
    case OpKind::kChannelShift:
    case OpKind::kChannelSlope: {
      const float *in = Data<float>(op.input), *constant = Data<float>(op.other);
      float* out = Data<float>(op.output);
      const auto run = [&](const auto& apply) {
        ForRanges(team, rows, per_row, [&](size_t begin, size_t end) {
          for (size_t i = begin * channels; i < end * channels; i += channels) {
            for (size_t c = 0; c < channels; ++c) out[i + c] = apply(in[i + c], constant[c]);
          }
        });
      };
      if (op.kind == OpKind::kChannelScale) return run([](float x, float k) { return x * k; });
      if (op.kind == OpKind::kChannelShift) return run([](float x, float k) { return x + k; });
      return run([](float x, float k) { return x < 0 ? x * k : x; });
    }
    case OpKind::kAddBytes: {
      const int8_t *a = Data<int8_t>(op.input), *b = Data<int8_t>(op.other);
      int8_t* out = Data<int8_t>(op.output);
      ForRanges(team, count, kNanosecondsPerValue, [&](size_t begin, size_t end) {
        for (size_t i = begin; i < end; ++i) {
          const int32_t q =
              ((a[i] * op.sum.own + b[i] * op.sum.other + op.sum.bias) >> op.sum.shift) +
              op.sum.zero;
          out[i] = static_cast<int8_t>(std::max(-128, std::min(127, q)));
        }
      });
      return;
    }
    case OpKind::kConvolution: {
      for (size_t m = 0; m < step->members.size(); ++m) {
        const Member& member = step->members[m];
        std::vector<Addend>& addends = step->addends[m];
        addends.clear();
        for (const Member::AddendTensor& addend : member.addends) {
          addends.push_back({addend.tensor < 0 ? nullptr : Data<float>(addend.tensor), addend.scale,
                             addend.kind});
        }
        ConvOutput& output = step->outputs[m];
        output = ConvOutput();
        if (member.values >= 0 && op.output_type == kTfLiteInt8)
          output.bytes = Data<int8_t>(member.values);
        if (member.values >= 0 && op.output_type == kTfLiteFloat32)
          output.values = Data<float>(member.values),
          output.values_step = static_cast<int64_t>(StepOf(member.values));
        if (member.bits >= 0) output.bits = Data<uint32_t>(member.bits);
        output.addends = addends.data();
        output.addend_count = output.stored_after = static_cast<int>(addends.size());
        if (member.stored_after >= 0) output.stored_after = member.stored_after;
        output.sign_below = member.sign_below;
        if (member.byte_addend >= 0) {
          step->sums[m] = member.sum;
          step->sums[m].values = Data<int8_t>(member.byte_addend);
          output.byte_sum = &step->sums[m];
        }
      }
      step->convolution->Run(Data<uint32_t>(op.input), step->outputs.data(), team);
      return;
    }
  }
}

std::string Graph::Profile() const {
  std::string text;
  for (const Step& step : steps_) {
    if (!step.runs) continue;
    char line[256];
    std::string fused;
    for (const Member& member : step.members) {
      fused += " [" + std::to_string(member.attributes.channels_out);
      for (const Member::AddendTensor& addend : member.addends) {
        if (addend.kind == Addend::kTensor) {
          fused += addend.tensor >= 0 ? (addend.scale == 1.0f ? "+add" : "+add*mul") : "+mul";
        } else {
          const bool slope = addend.kind == Addend::kChannelSlope;
          fused += slope                                  ? "+prelu"
                   : addend.kind == Addend::kChannelScale ? "+mul per channel"
                                                          : "+add per channel";
        }
      }
      if (member.byte_addend >= 0) fused += "+add";
      fused += member.bits >= 0 ? (member.values >= 0 ? "+sign" : " sign only") : "";
      fused += "]";
    }
    const auto& shape = tensors_.at(step.op.input).shape;
    std::snprintf(line, sizeof line, "larq-igp-runtime %s %8.4f ms  %s %s", kernels_->name,
                  step.milliseconds, KindName(step.op.kind), ShapeText(shape).c_str());
    text += line + fused + "\n";
  }
  return text;
}

}  // namespace larq_igp
