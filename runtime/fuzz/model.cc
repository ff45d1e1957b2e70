#include "model.h"

#include <cstring>

#include "values.h"

namespace {

void Append(std::vector<uint8_t>* out, uint64_t value, int width) {
  for (int i = 0; i < width; ++i) out->push_back(static_cast<uint8_t>(value >> (8 * i)));
}

int Log2(int width) { return width == 1 ? 0 : width == 2 ? 1 : width == 4 ? 2 : 3; }

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
          node.builtin_code = random->Pick<int>({kAdd, kAveragePool2d, kConcatenation, kConv2d,
                                                 kMaxPool2d, kMul, kPrelu, 32, 51, -1});
          break;
        default: model->outputs.clear();
      }
  }
}
