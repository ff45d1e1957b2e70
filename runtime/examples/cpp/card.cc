#include "card.h"

#include <fstream>
#include <nlohmann/json.hpp>
#include <stdexcept>

namespace {

Card Parse(const nlohmann::json& values) {
  const auto& how = values.at("preprocessing");
  if (how.at("resize") != "bilinear" || how.at("scale") != "0..255")
    throw std::runtime_error("it resizes or scales in another way than is known here");
  const auto shape = how.at("input_shape").get<std::vector<int>>();
  if (shape.size() != 3 || shape[0] < 1 || shape[1] < 1 || (shape[2] != 1 && shape[2] != 3))
    throw std::runtime_error("input_shape is not (H, W, 1) or (H, W, 3)");
  Card card{shape[0], shape[1], shape[2], how.at("mean"), how.at("deviation"),
            {},       false,    false,    false,          {}};
  for (const auto& each : {card.mean, card.deviation})
    if (each.size() != 1 && each.size() != static_cast<size_t>(card.channels))
      throw std::runtime_error("mean and deviation have another number of channels than the image");
  if (how.contains("crop") && !how.at("crop").is_null()) card.crop = how.at("crop").get<double>();
  if (card.crop && !(*card.crop > 0 && *card.crop <= 1))
    throw std::runtime_error("crop is not from 0 to 1");
  card.letterbox = how.value("letterbox", false);
  card.takes_pixels = values.value("input", "float") == "uint8";
  card.gives_logits = values.value("scores", "probabilities") == "logits";
  card.class_names = values.at("class_names").get<std::vector<std::string>>();
  return card;
}

}  // namespace

Card ReadCard(const std::string& model) {
  const std::string path = model.substr(0, model.rfind('.')) + ".json";
  std::ifstream file(path);
  if (!file)
    throw std::runtime_error(path +
                             " cannot be read: copy the card that was written beside the model");
  try {
    return Parse(nlohmann::json::parse(file));
  } catch (const std::exception& error) {
    throw std::runtime_error(path +
                             " is not a card of larq-igp, or it is damaged: " + error.what());
  }
}
