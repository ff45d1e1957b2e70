// Models as networks are made of them, with everything that the engine looks for.

#include <cstring>

#include "model.h"
#include "values.h"

namespace {

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
      switch (random_->Below(12)) {
        case 0: DenseBlock(); break;
        case 1:
        case 2: Transition(); break;
        case 3:
        case 4:
        case 5: Block(); break;
        default: Step();
      }
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
      if (!random_->OneIn(3))
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

  // From stage to stage: perhaps a batch normalisation, a pooling, a 1x1 convolution.
  void Transition() {
    int x = Recent(floats_);
    if (random_->OneIn(2)) {
      x = FloatNode(kMul, x, Constant(kFloat, {channels_}));
      if (!random_->OneIn(3)) x = FloatNode(kAdd, x, Constant(kFloat, {channels_}));
    }
    const bool pools = !random_->OneIn(4);
    if (pools) {
      const int stride = random_->Pick<int>({1, 2, 2, 3}),
                kernel = random_->Pick<int>({1, 2, 2, 3});
      height_ = (height_ + stride - 1) / stride;
      width_ = (width_ + stride - 1) / stride;
      const int y = Tensor(kFloat, channels_);
      Builtin(random_->OneIn(2) ? kAveragePool2d : kMaxPool2d, {x}, y,
              {random_->OneIn(8) ? 2 : 1, stride, stride, kernel, random_->OneIn(8) ? 3 : kernel,
               random_->Pick<int>({0, 0, 1, 3})});
      if (random_->OneIn(4)) FloatNode(kAdd, y, y);  // it is read twice
      x = y;
    }
    if (!pools || !random_->OneIn(4)) {
      const int before = channels_;
      channels_ = random_->Pick<int>({2, 4, 16, 33, 64, 70, 130});
      const int filter = Constant(kFloat, {channels_, 1, 1, before}),
                bias = Constant(kFloat, {channels_}), y = Tensor(kFloat, channels_);
      const int stride = random_->OneIn(8) ? 2 : 1;
      Builtin(kConv2d, {x, filter, bias}, y,
              {1, stride, stride, random_->Pick<int>({0, 0, 1, 2, 3}), 1, 1});
      x = y;
    }
    floats_ = {x};
    packed_.clear();
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

FuzzModel DrawModel(Random* random) { return Drawing(random).Finish(); }
