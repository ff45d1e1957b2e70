#include "model.h"

#include <cstring>
#include <limits>

namespace {

enum { kFloat = 1, kInt32 = 2, kUInt8 = 3, kBool = 6, kInt8 = 9 };
constexpr int kAdd = 0, kConcatenation = 2, kConv2d = 3, kDequantize = 6, kMaxPool2d = 17,
              kMul = 18, kPrelu = 54;

int64_t InterestingInteger(Random* random) {
  return random->Pick<int64_t>({0,
                                1,
                                2,
                                3,
                                5,
                                31,
                                32,
                                33,
                                64,
                                127,
                                128,
                                255,
                                1000,
                                65535,
                                65536,
                                1 << 24,
                                (1 << 24) + 1,
                                std::numeric_limits<int32_t>::max(),
                                std::numeric_limits<int32_t>::min(),
                                -1,
                                -2,
                                -32,
                                int64_t{1} << 32,
                                std::numeric_limits<int64_t>::max(),
                                std::numeric_limits<int64_t>::min()});
}

float InterestingFloat(Random* random) {
  return random->Pick<float>({0.0f, -0.0f, 1.0f, -1.0f, 0.5f, 1e-45f, 1e-38f, 3e38f, -3e38f, 1e30f,
                              std::numeric_limits<float>::infinity(),
                              -std::numeric_limits<float>::infinity(),
                              std::numeric_limits<float>::quiet_NaN()});
}

void Append(std::vector<uint8_t>* out, uint64_t value, int width) {
  for (int i = 0; i < width; ++i) out->push_back(static_cast<uint8_t>(value >> (8 * i)));
}

int Log2(int width) { return width == 1 ? 0 : width == 2 ? 1 : width == 4 ? 2 : 3; }

// Draws a graph node by node; keeps which tensors hold floats and which hold packed words.
class Drawing {
 public:
  explicit Drawing(Random* random) : random_(random) {
    batch_ = static_cast<int>(random->Range(1, 2));
    height_ = static_cast<int>(random->Range(1, 9));
    width_ = static_cast<int>(random->Range(1, 9));
    channels_ = random->Pick<int>({1, 4, 16, 31, 32, 33, 41, 64, 70, 96, 130});
  }

  FuzzModel Finish() {
    const int steps = static_cast<int>(random_->Range(1, 7));
    if (random_->OneIn(3)) {
      Image();
    } else {
      floats_.push_back(
          Tensor(random_->Pick<int>({kFloat, kFloat, kFloat, kInt8, kBool}), channels_));
    }
    if (random_->OneIn(4)) packed_.push_back(Tensor(kInt32, Words(channels_)));
    for (int i = 0; i < steps; ++i) {
      random_->OneIn(8) ? DenseBlock() : random_->OneIn(4) ? Block() : Step();
    }
    const bool many_outputs = random_->OneIn(2);  // in the middle: they hinder fusion
    for (size_t i = 1; i < model_.tensors.size(); ++i) {
      if (!model_.tensors[i].constant &&
          (i + 1 == model_.tensors.size() || (many_outputs && random_->OneIn(4)))) {
        model_.outputs.push_back(static_cast<int>(i));
      }
    }
    model_.threads = random_->Pick<int>({1, 1, 1, 2, 3, -1, 0});
    if (random_->OneIn(8))
      model_.delegate_options.push_back(
          {"num_threads", random_->Pick<std::string>({"1", "2", "5"})});
    if (random_->OneIn(3))
      model_.delegate_options.push_back({"fuse", random_->OneIn(2) ? "0" : "1"});
    return model_;
  }

 private:
  static int Words(int channels) { return (channels + 31) / 32; }

  int Tensor(int type, int channels) {
    FuzzTensor tensor;
    tensor.type = type;
    tensor.dims = {batch_, height_, width_, channels};
    if (type == kInt8 || type == kUInt8) {
      tensor.affine = true;
      tensor.scale = random_->Pick<float>({0.01f, 0.5f, 3.0f});
      tensor.zero_point = static_cast<int>(random_->Range(-128, 127)) + (type == kUInt8 ? 128 : 0);
    }
    model_.tensors.push_back(tensor);
    return static_cast<int>(model_.tensors.size()) - 1;
  }

  int Constant(int type, std::vector<int> dims) {
    FuzzTensor tensor;
    tensor.type = type;
    tensor.dims = dims;
    tensor.constant = true;
    size_t count = 1;
    for (int extent : dims) count *= static_cast<size_t>(extent);
    tensor.data.resize(4 * count);
    for (size_t i = 0; i < count; ++i) {
      uint32_t word = static_cast<uint32_t>(random_->Next());
      if (type == kFloat) {
        const float value = random_->OneIn(20) ? InterestingFloat(random_)
                                               : static_cast<float>(random_->Range(-64, 64)) / 16;
        std::memcpy(&word, &value, 4);
      } else if (dims.size() == 1) {  // thresholds
        word = random_->OneIn(8) ? static_cast<uint32_t>(InterestingInteger(random_)) : word % 512;
      }
      std::memcpy(&tensor.data[4 * i], &word, 4);
    }
    model_.tensors.push_back(tensor);
    return static_cast<int>(model_.tensors.size()) - 1;
  }

  int Recent(const std::vector<int>& tensors) {
    const size_t window = tensors.size() < 3 ? tensors.size() : 3;
    return tensors[tensors.size() - 1 -
                   static_cast<size_t>(random_->Below(static_cast<int64_t>(window)))];
  }

  void Builtin(int code, std::vector<int> inputs, int output, std::vector<int> parameters) {
    Node("", code, inputs, output);
    model_.nodes.back().parameters = parameters;
  }

  void Node(const char* custom, int builtin, std::vector<int> inputs, int output,
            std::vector<uint8_t> options = {}) {
    FuzzNode node;
    node.custom_name = custom;
    node.builtin_code = builtin;
    node.inputs = inputs;
    node.outputs = {output};
    node.options = options;
    model_.nodes.push_back(node);
  }

  int Quantize(int x) {
    const int y = Tensor(kInt32, Words(channels_));
    Node("LceQuantize", 32, {x}, y);
    packed_.push_back(y);
    return y;
  }

  int FloatNode(int builtin, int a, int b) {
    const int y = Tensor(kFloat, channels_);
    Builtin(builtin, {a, b}, y, {0, 0});
    floats_.push_back(y);
    return y;
  }

  // What networks are made of, and fusion looks for: batch normalisation before a sign, parallel
  // convolutions of one input, joined, and a shortcut.
  void Block() {
    int x = Recent(floats_);
    int normalised = x;
    if (random_->OneIn(3)) {
      normalised = FloatNode(kMul, x, Constant(kFloat, {channels_}));
      normalised = FloatNode(kAdd, normalised, Constant(kFloat, {channels_}));
    }
    const int packed = Quantize(normalised);
    const int kernel = random_->Pick<int>({1, 3, 3});
    const int64_t pad_values = random_->Range(0, 1);
    int joined = -1;
    for (int64_t paths = random_->Range(1, 4); paths > 0; --paths) {
      const int branch =
          Convolution(packed, kFloat, kernel, kernel, 1, {{"pad_values", pad_values}});
      joined = joined < 0 ? branch : FloatNode(kAdd, joined, branch);
      if (random_->OneIn(2)) joined = FloatNode(kMul, joined, Constant(kFloat, {1}));
    }
    x = FloatNode(kAdd, joined, x);
    if (random_->OneIn(2)) Quantize(x);
  }

  // DenseNets: what was computed is put beside what it was computed from, again and again.
  void DenseBlock() {
    for (int64_t layers = random_->Range(1, 3); layers > 0 && channels_ <= 140; --layers) {
      const int x = Recent(floats_);
      int normalised = x;
      if (random_->OneIn(2)) {
        normalised = FloatNode(kMul, x, Constant(kFloat, {channels_}));
        normalised = FloatNode(kAdd, normalised, Constant(kFloat, {channels_}));
      }
      std::vector<int> parts = {
          x, Convolution(Quantize(normalised), kFloat, 3, 3, 1, {{"pad_values", 1}})};
      if (random_->OneIn(4)) parts.push_back(Recent(floats_));
      channels_ *= static_cast<int>(parts.size());
      const int whole = Tensor(kFloat, channels_);
      Builtin(kConcatenation, parts, whole, {random_->OneIn(8) ? -1 : 3, 0});
      floats_ = {whole};
      packed_.clear();
    }
  }

  // ReActNet: shifts, PRELU, and a shift before the sign.
  void ShiftedBlock() {
    int x = Recent(floats_);
    const int packed = Quantize(FloatNode(kAdd, x, Constant(kFloat, {channels_})));
    int y = Convolution(packed, kFloat, 3, 3, 1, {{"pad_values", random_->Range(0, 1)}});
    if (random_->OneIn(2)) y = FloatNode(kAdd, y, x);
    if (random_->OneIn(2)) y = FloatNode(kAdd, y, Constant(kFloat, {channels_}));
    y = FloatNode(kPrelu, y, Constant(kFloat, {1, 1, channels_}));
    if (random_->OneIn(2)) y = FloatNode(kAdd, y, Constant(kFloat, {channels_}));
    if (random_->OneIn(2)) y = FloatNode(kMul, y, Constant(kFloat, {channels_}));
    if (random_->OneIn(2)) Quantize(y);
  }

  // Residual blocks of int8.
  void ByteBlock() {
    int x = Tensor(kInt8, channels_);
    for (int64_t blocks = random_->Range(1, 3); blocks > 0; --blocks) {
      const int y =
          Convolution(Quantize(x), kInt8, 3, 3, 1, {{"pad_values", random_->Range(0, 1)}});
      const int sum = Tensor(kInt8, channels_);
      const bool first = random_->OneIn(2);
      Builtin(kAdd, {first ? x : y, first ? y : x}, sum, {0, 0});
      floats_.push_back(sum);
      x = sum;
    }
    if (random_->OneIn(2)) Quantize(x);
  }

  void Step() {
    const int64_t choice = packed_.empty() ? random_->Range(0, 3) : random_->Range(0, 9);
    const int x = Recent(floats_);
    if (choice <= 1 && random_->OneIn(4)) {
      random_->OneIn(2) ? ShiftedBlock() : ByteBlock();
    } else if (choice <= 1) {
      Quantize(x);
    } else if (choice == 2) {
      FloatNode(kAdd, x,
                random_->OneIn(2) ? Recent(floats_)
                                  : Constant(kFloat, {random_->OneIn(3) ? 1 : channels_}));
    } else if (choice == 3) {
      FloatNode(kMul, x, Constant(kFloat, {random_->OneIn(2) ? 1 : channels_}));
    } else if (choice == 4) {
      const int p = Recent(packed_);
      const int y = Tensor(random_->Pick<int>({kFloat, kInt8, kBool}), channels_);
      Node("LceDequantize", 32, {p}, y);
      floats_.push_back(y);
    } else if (choice == 5) {
      const int p = Recent(packed_);
      const int y = Tensor(kInt32, Words(channels_));
      Node("LceBMaxPool2d", 32, {p}, y,
           FlexBuffer({{"padding", random_->OneIn(3)},
                       {"stride_width", random_->Range(1, 2)},
                       {"stride_height", 1},
                       {"filter_width", random_->Range(1, 3)},
                       {"filter_height", random_->Range(1, 3)}},
                      1));
      packed_.push_back(y);
    } else {
      const int kernel_height = random_->Pick<int>({1, 2, 3, 3, 5}),
                kernel_width = random_->Pick<int>({1, 3, 3, 4});
      const int groups = channels_ % 32 == 0 && random_->OneIn(4) ? channels_ / 32 : 1;
      Convolution(Recent(packed_), random_->Pick<int>({kFloat, kFloat, kFloat, kInt8, kInt32}),
                  kernel_height, kernel_width, groups,
                  {{"dilation_height_factor", random_->Pick<int64_t>({1, 1, 2, 7})},
                   {"dilation_width_factor", random_->Pick<int64_t>({1, 1, 3})},
                   {"fused_activation_function", random_->Pick<int64_t>({0, 0, 1, 2, 3})},
                   {"pad_values", random_->Range(0, 1)},
                   {"padding", random_->OneIn(4)},
                   {"stride_height", random_->Pick<int64_t>({1, 1, 1, 2})},
                   {"stride_width", random_->Pick<int64_t>({1, 1, 1, 3})}});
    }
  }

  // A stored image as floats, perhaps normalised.
  int Bytes(int colours) {
    const int bytes = Tensor(random_->Pick<int>({kUInt8, kUInt8, kInt8}), colours);
    int image = Tensor(kFloat, colours);
    Builtin(kDequantize, {bytes}, image, {});
    for (int64_t i = random_->Range(0, 3); i > 0; --i) {
      const int constant = Constant(kFloat, {random_->OneIn(3) ? 1 : colours}),
                y = Tensor(kFloat, colours);
      Builtin(random_->Pick<int>({kAdd, kMul}), {image, constant}, y, {0, 0});
      image = y;
    }
    return image;
  }

  // What a network begins with: a float convolution, perhaps pooled.
  void Image() {
    const int colours = random_->Pick<int>({1, 2, 3, 3, 4, 5});
    const int image = random_->OneIn(2) ? Tensor(kFloat, colours) : Bytes(colours),
              y = Tensor(kFloat, channels_);
    const int kernel_height = random_->Pick<int>({1, 3, 7}),
              kernel_width = random_->Pick<int>({1, 3, 4, 7});
    const int filter = Constant(kFloat, {channels_, kernel_height, kernel_width, colours}),
              bias = Constant(kFloat, {channels_});
    const int stride = random_->Pick<int>({1, 1, 2, 3});
    Builtin(
        kConv2d, {image, filter, bias}, y,
        {random_->Pick<int>({1, 1, 2}), stride, stride, random_->Pick<int>({0, 0, 1, 2, 3}), 1, 1});
    floats_.push_back(y);
    if (random_->OneIn(2)) return;
    const int pooled = Tensor(kFloat, channels_);
    Builtin(kMaxPool2d, {y}, pooled,
            {random_->Pick<int>({1, 1, 2}), random_->Pick<int>({1, 2, 3}),
             random_->Pick<int>({1, 2}), random_->Pick<int>({2, 3, 5}), 3, 0});
    if (!random_->OneIn(4)) floats_.clear();  // else the convolution may be read twice
    floats_.push_back(pooled);
  }

  int Convolution(int x, int type, int kernel_height, int kernel_width, int groups,
                  std::map<std::string, int64_t> options) {
    options.insert({{"channels_in", channels_},
                    {"dilation_height_factor", 1},
                    {"dilation_width_factor", 1},
                    {"fused_activation_function", 0},
                    {"padding", 0},
                    {"stride_height", 1},
                    {"stride_width", 1}});
    const int filter =
        Constant(kInt32, {channels_, kernel_height, kernel_width, Words(channels_ / groups)});
    const bool packed = type == kInt32;
    const int multiplier = packed ? -1 : Constant(kFloat, {channels_});
    const int bias = packed ? -1 : Constant(kFloat, {channels_});
    const int threshold = packed ? Constant(kInt32, {channels_}) : -1;
    const int y = Tensor(type, packed ? Words(channels_) : channels_);
    Node("LceBconv2d", 32, {x, filter, multiplier, bias, threshold}, y,
         FlexBuffer(options, random_->Pick<int>({2, 4, 8})));
    (packed ? packed_ : floats_).push_back(y);
    return y;
  }

  Random* random_;
  FuzzModel model_;
  int batch_, height_, width_, channels_;
  std::vector<int> floats_, packed_;
};

}  // namespace

std::vector<uint8_t> FlexBuffer(const std::map<std::string, int64_t>& values, int width) {
  std::vector<uint8_t> out;
  std::vector<size_t> key_at;
  for (const auto& [key, value] : values) {
    key_at.push_back(out.size());
    out.insert(out.end(), key.begin(), key.end());
    out.push_back(0);
  }
  Append(&out, key_at.size(), width);
  const size_t keys = out.size();
  for (size_t at : key_at) Append(&out, out.size() - at, width);
  Append(&out, out.size() - keys, width);
  Append(&out, static_cast<uint64_t>(width), width);
  Append(&out, values.size(), width);
  const size_t first_value = out.size();
  for (const auto& [key, value] : values) Append(&out, static_cast<uint64_t>(value), width);
  for (size_t i = 0; i < values.size(); ++i)
    out.push_back(static_cast<uint8_t>(1 << 2 | Log2(width)));
  const size_t root = out.size();
  Append(&out, root - first_value, 2);
  out.push_back(static_cast<uint8_t>(9 << 2 | Log2(width)));
  out.push_back(2);
  return out;
}

void MutateBytes(Random* random, std::vector<uint8_t>* bytes) {
  const int64_t size = static_cast<int64_t>(bytes->size());
  const int64_t at = random->Below(size);
  switch (random->Below(8)) {
    case 0:  // one bit
      if (size) (*bytes)[static_cast<size_t>(at)] ^= static_cast<uint8_t>(1 << random->Below(8));
      break;
    case 1:  // one byte, near the end where the offsets are
      if (size) {
        const int64_t back = random->Below(size < 24 ? size : 24);
        uint8_t* byte = &(*bytes)[static_cast<size_t>(size - 1 - back)];
        // Types of indirect numbers, in all widths, or anything.
        *byte = static_cast<uint8_t>(random->OneIn(2) ? 6 << 2 | random->Below(8) : random->Next());
      }
      break;
    case 2:
      if (size)
        (*bytes)[static_cast<size_t>(at)] =
            random->Pick<uint8_t>({0, 1, 4, 8, 0x24, 0x27, 0x7f, 0x80, 0xff});
      break;
    case 3: bytes->resize(static_cast<size_t>(at)); break;
    case 4: bytes->erase(bytes->begin(), bytes->begin() + at); break;
    case 5:
      for (int64_t i = random->Below(16); i >= 0; --i)
        bytes->push_back(static_cast<uint8_t>(random->Next()));
      break;
    case 6:
      for (auto& byte : *bytes) {
        if (random->OneIn(16)) byte = static_cast<uint8_t>(random->Next());
      }
      break;
    default:
      if (size) bytes->insert(bytes->begin() + at, static_cast<uint8_t>(random->Next()));
  }
}

FuzzModel DrawModel(Random* random) { return Drawing(random).Finish(); }

void MutateModel(Random* random, FuzzModel* model) {
  FuzzNode& node =
      model->nodes[static_cast<size_t>(random->Below(static_cast<int64_t>(model->nodes.size())))];
  FuzzTensor& tensor = model->tensors[static_cast<size_t>(
      random->Below(static_cast<int64_t>(model->tensors.size())))];
  const int tensor_count = static_cast<int>(model->tensors.size());
  const auto index = [&] {
    return random->Pick<int>({-1, -2, tensor_count, 1 << 30,
                              static_cast<int>(random->Below(tensor_count)),
                              static_cast<int>(random->Below(tensor_count))});
  };
  switch (random->Below(16)) {
    case 0:
    case 1: MutateBytes(random, &node.options); break;
    case 2: {  // sound options with an unsound value
      std::map<std::string, int64_t> values = {{"channels_in", 32},
                                               {"dilation_height_factor", 1},
                                               {"dilation_width_factor", 1},
                                               {"fused_activation_function", 0},
                                               {"pad_values", 0},
                                               {"padding", 0},
                                               {"stride_height", 1},
                                               {"stride_width", 1},
                                               {"filter_width", 2},
                                               {"filter_height", 2}};
      for (auto& [key, value] : values) {
        if (random->OneIn(4)) value = InterestingInteger(random);
      }
      node.options = FlexBuffer(values, random->Pick<int>({1, 2, 4, 8}));
      break;
    }
    case 3:
    case 4:
      if (!tensor.dims.empty()) {
        tensor.dims[static_cast<size_t>(random->Below(static_cast<int64_t>(tensor.dims.size())))] =
            static_cast<int>(InterestingInteger(random));
      }
      break;
    case 5:
      if (random->OneIn(4)) {
        tensor.no_dims = true;
      } else {
        tensor.dims.resize(static_cast<size_t>(random->Below(7)), 2);
      }
      break;
    case 6:
      tensor.type = random->Pick<int>({0, kFloat, kInt32, 3, 4, 5, kBool, 7, kInt8, 10, 1000, -1});
      break;
    case 7:
      if (!node.inputs.empty())
        node.inputs[static_cast<size_t>(random->Below(static_cast<int64_t>(node.inputs.size())))] =
            index();
      break;
    case 8:
      if (!node.outputs.empty()) node.outputs[0] = index();
      break;
    case 9:
      switch (random->Below(5)) {
        case 0: node.no_inputs = true; break;
        case 1: node.no_outputs = true; break;
        case 2: node.outputs.push_back(index()); break;
        case 3: node.no_builtin_data = true; break;
        default: node.inputs.resize(static_cast<size_t>(random->Below(7)), index());
      }
      break;
    case 10:
      switch (random->Below(3)) {
        case 0: tensor.constant = !tensor.constant; break;
        case 1: tensor.no_data = true; break;
        default:
          tensor.data.resize(
              static_cast<size_t>(random->Below(static_cast<int64_t>(tensor.data.size()) + 9)));
      }
      break;
    case 11:
      tensor.affine = !random->OneIn(3);
      tensor.scale = InterestingFloat(random);
      tensor.zero_point = static_cast<int>(InterestingInteger(random));
      break;
    case 12:
      for (size_t i = 0; i + 4 <= tensor.data.size(); i += 4) {
        const float value = InterestingFloat(random);
        if (random->OneIn(3)) std::memcpy(&tensor.data[i], &value, 4);
      }
      break;
    case 13:
      if (random->OneIn(2)) {
        model->allocations_before_failure = static_cast<int>(random->Below(120));
      } else {
        model->resizes_before_failure = static_cast<int>(random->Below(6));
      }
      break;
    case 14:
      switch (random->Below(4)) {
        case 0:
          model->threads =
              random->Pick<int>({-5, 0, 7, 64, 100000, std::numeric_limits<int>::max()});
          break;
        case 1:
          model->delegate_options.push_back(
              {"fuse", random->Pick<std::string>({"2", "", "yes", "-1", "99999999999"})});
          break;
        case 2:
          model->delegate_options.push_back(
              {random->Pick<std::string>({"", "Fuse", "isa", "threads"}), "1"});
          break;
        default:
          if (!node.parameters.empty()) {
            node.parameters[static_cast<size_t>(
                random->Below(static_cast<int64_t>(node.parameters.size())))] =
                static_cast<int>(InterestingInteger(random));
          }
      }
      break;
    default:
      switch (random->Below(3)) {
        case 0:
          node.custom_name = random->Pick<std::string>(
              {"LceQuantize", "LceDequantize", "LceBconv2d", "LceBMaxPool2d", "Lce", ""});
          break;
        case 1:
          node.builtin_code = random->Pick<int>(
              {kAdd, kConcatenation, kConv2d, kMaxPool2d, kMul, kPrelu, 32, 51, -1});
          break;
        default: model->outputs.clear();
      }
  }
}
