// Which operators of a model the engine claims.

#include <algorithm>

#include "graph.h"
#include "op_arithmetic.h"
#include "op_bconv2d.h"
#include "op_concatenation.h"
#include "op_conv2d.h"
#include "op_pixels.h"
#include "op_pointwise.h"
#include "op_pool2d.h"
#include "op_quantize.h"

namespace larq_igp {
namespace {

class Choice {
 public:
  Choice(const std::vector<std::unique_ptr<Operator>>& ops, const std::map<int, int>& uses)
      : ops_(ops), uses_(uses), chosen_(ops.size(), false) {
    binary_ = std::any_of(ops.begin(), ops.end(), [](const std::unique_ptr<Operator>& op) {
      return As<BinaryConvolution>(op) != nullptr;
    });
  }

  std::vector<bool> Make() {
    for (size_t i = 0; i < ops_.size(); ++i) {
      writer_[ops_[i]->output] = i;
      chosen_[i] = Chooses(ops_[i].get());
      if (!chosen_[i]) continue;
      if (Carries(ops_[i].get())) from_convolution_.insert(ops_[i]->output);
      if (As<Concatenation>(ops_[i])) concatenated_.insert(ops_[i]->output);
      if (As<ImageConvolutionOp>(ops_[i])) ChoosePixels(ops_[i]->input);
      const auto* quantize = As<Quantize>(ops_[i]);
      if (quantize && quantize->input->type == kTfLiteFloat32) ChooseAffine(quantize->input);
      if (const auto* pool = As<Pool>(ops_[i])) {
        for (size_t before : NormalisationOf(*pool)) chosen_[before] = true;
      }
    }
    return chosen_;
  }

 private:
  bool Chooses(Operator* op) const {
    if (As<Add>(op) || As<AddBytes>(op)) {
      const std::vector<Tensor*> inputs = op->Inputs();
      return from_convolution_.count(inputs[0]) || from_convolution_.count(inputs[1]);
    }
    // Those per channel may be chosen later, too, with the quantisation they feed.
    if (As<PerChannel>(op)) return from_convolution_.count(op->input) != 0;
    // A sum with one constant only with the convolution behind it.
    if (const auto* scalar = As<Scalar>(op))
      return scalar->multiplies && from_convolution_.count(op->input);
    if (As<Concatenation>(op)) {
      const std::vector<Tensor*> parts = op->Inputs();
      return std::any_of(parts.begin(), parts.end(), [&](const Tensor* part) {
        return from_convolution_.count(part) || concatenated_.count(part);
      });
    }
    if (As<ImageConvolutionOp>(op)) return binary_;  // other models are none of our business
    if (As<Pixels>(op)) return false;                // only with the convolution behind it
    // Behind what the engine runs itself; the greatest values also behind a batch normalisation.
    if (As<Pointwise>(op)) return IsOurs(op->input);
    if (const auto* pool = As<Pool>(op)) {
      const std::vector<size_t> way = NormalisationOf(*pool);
      return IsOurs(way.empty() ? op->input : ops_[way.back()]->input);
    }
    return true;
  }

  // Whether a chosen operator writes it.
  bool IsOurs(const Tensor* tensor) const {
    const auto found = writer_.find(tensor);
    return found != writer_.end() && chosen_[found->second];
  }

  // Whether its output counts as float or int8 result of a binary convolution.
  static bool Carries(Operator* op) {
    if (const auto* convolution = As<BinaryConvolution>(op))
      return convolution->mode != ConvMode::kThreshold;
    return As<Add>(op) || As<AddBytes>(op) || As<Scalar>(op) || As<PerChannel>(op);
  }

  // The way from bytes to an image convolution: read by nobody else, it becomes part of the filter.
  void ChoosePixels(const Tensor* tensor) {
    std::vector<size_t> way;
    while (UsedOnce(tensor) && Writer(tensor)) {
      Operator* op = Writer(tensor);
      way.push_back(writer_.at(tensor));
      if (As<Pixels>(op)) {
        for (size_t i : way) chosen_[i] = true;
        return;
      }
      if (!IsLinear(op)) return;
      tensor = op->input;
    }
  }

  // A batch normalisation, or a half of it, that feeds a sign.
  void ChooseAffine(const Tensor* tensor) {
    for (size_t i : AffineWay(tensor)) chosen_[i] = true;
  }
  std::vector<size_t> AffineWay(const Tensor* tensor) const {
    std::vector<size_t> way;
    for (const Addend::Kind kind : {Addend::kChannelShift, Addend::kChannelScale}) {
      const auto* constants = Writer(tensor) ? As<PerChannel>(Writer(tensor)) : nullptr;
      if (!constants || constants->kind != kind) continue;
      if (!UsedOnce(tensor)) break;
      way.push_back(writer_.at(tensor));
      tensor = constants->input;
    }
    return way;
  }
  // The batch normalisation that becomes part of a pooling, if there is one: it begins with a
  // multiplication.
  std::vector<size_t> NormalisationOf(const Pool& pool) const {
    const std::vector<size_t> way = AffineWay(pool.input);
    const bool scales =
        !way.empty() && As<PerChannel>(ops_[way.back()])->kind == Addend::kChannelScale;
    return scales && !pool.pool.averages ? way : std::vector<size_t>();
  }

  bool UsedOnce(const Tensor* tensor) const {
    const auto found = uses_.find(tensor->index);
    return found != uses_.end() && found->second == 1;
  }
  Operator* Writer(const Tensor* tensor) const {
    const auto found = writer_.find(tensor);
    return found == writer_.end() ? nullptr : ops_[found->second].get();
  }

  const std::vector<std::unique_ptr<Operator>>& ops_;
  const std::map<int, int>& uses_;
  std::vector<bool> chosen_;
  bool binary_ = false;
  std::map<const Tensor*, size_t> writer_;
  std::set<const Tensor*> from_convolution_;  // through additions and scalings
  std::set<const Tensor*> concatenated_;      // with such, or with what is itself concatenated
};

}  // namespace

std::vector<bool> ChooseOperators(const std::vector<std::unique_ptr<Operator>>& ops,
                                  const std::map<int, int>& uses) {
  return Choice(ops, uses).Make();
}

}  // namespace larq_igp
