// A model as the delegate sees it: tensors, nodes, option blobs. Drawn valid, then damaged.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "random.h"

struct FuzzTensor {
  int type = 1;
  std::vector<int> dims;
  bool no_dims = false;  // a null dims pointer
  bool constant = false;
  std::vector<uint8_t> data;  // of constants
  bool no_data = false;       // a constant without data
  bool affine = false;
  float scale = 0;
  int zero_point = 0;
};

struct FuzzNode {
  std::string custom_name;  // empty: builtin
  int builtin_code = 32;
  std::vector<int> parameters;  // of builtins: what builtin_data points to
  bool no_builtin_data = false;
  std::vector<int> inputs, outputs;
  bool no_inputs = false, no_outputs = false;
  std::vector<uint8_t> options;
};

struct FuzzModel {
  std::vector<FuzzTensor> tensors;
  std::vector<FuzzNode> nodes;
  std::vector<int> outputs;
  int threads = 1;
  std::vector<std::pair<std::string, std::string>> delegate_options;
  // How many allocations, or calls of the host's ResizeTensor, succeed before one fails; -1: all
  // do.
  int allocations_before_failure = -1;
  int resizes_before_failure = -1;
};

// A FlexBuffer map of integers, keys in alphabetical order as std::map has them.
std::vector<uint8_t> FlexBuffer(const std::map<std::string, int64_t>& values, int width);

// Damages a blob in one of the ways files get damaged.
void MutateBytes(Random* random, std::vector<uint8_t>* bytes);

// A model that the engine should run, or at least nearly.
FuzzModel DrawModel(Random* random);

// Applies one damage.
void MutateModel(Random* random, FuzzModel* model);
