// Types and operators by their numbers, and the values that are most likely to be a mistake.
#pragma once

#include <cstdint>
#include <limits>

#include "random.h"

enum { kFloat = 1, kInt32 = 2, kUInt8 = 3, kBool = 6, kInt8 = 9 };
constexpr int kAdd = 0, kAveragePool2d = 1, kConcatenation = 2, kConv2d = 3, kDequantize = 6,
              kMaxPool2d = 17, kMul = 18, kPrelu = 54;

inline int64_t InterestingInteger(Random* random) {
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

inline float InterestingFloat(Random* random) {
  return random->Pick<float>({0.0f, -0.0f, 1.0f, -1.0f, 0.5f, 1e-45f, 1e-38f, 3e38f, -3e38f, 1e30f,
                              std::numeric_limits<float>::infinity(),
                              -std::numeric_limits<float>::infinity(),
                              std::numeric_limits<float>::quiet_NaN()});
}
