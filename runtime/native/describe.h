// What the engine says of its work in one interpreter: operators, partitions, steps and times.
#pragma once

#include <string>
#include <vector>

#include "graph.h"
#include "options.h"

namespace larq_igp {

struct OperatorRecord {
  int number;  // of the node, which is that of the operator in the file
  int builtin_code;
  std::string custom_code;
  bool delegated;
  std::string reason;  // why not
};

struct PartitionRecord {
  const Graph* graph;
  int threads;
};

// JSON, as larq_igp_describe promises.
std::string Describe(const Options& options, const std::vector<OperatorRecord>& operators,
                     const std::vector<PartitionRecord>& partitions);

// Why an operator that the engine knows, or does not know, is left to the interpreter.
std::string WhyLeft(const Options& options, int builtin_code, bool readable);

}  // namespace larq_igp
