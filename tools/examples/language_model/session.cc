#include "session.h"

#include <algorithm>
#include <cstring>
#include <fstream>
#include <iterator>

#include "export/exported_program/json.h"
#include "nnef/io.h"
#include "tract_compare.h"

namespace language_model {

namespace fs = std::filesystem;
using torch2nnef::Json;
using tract_run::EngineTensor;

namespace {

nnef::TensorDataPtr no_tokens(const std::vector<std::int64_t>& shape) {
  return std::make_shared<nnef::OwnedTensor>(nnef::DType::kF32, shape, std::vector<std::byte>());
}

std::size_t place_of(const std::vector<std::string>& names, const std::string& name) {
  const auto found = std::find(names.begin(), names.end(), name);
  if (found == names.end()) throw nnef::FormatError("the archive has no " + name + ", which manifest.json names");
  return static_cast<std::size_t>(found - names.begin());
}

}  // namespace

Manifest read_manifest(const fs::path& folder) {
  const fs::path path = folder / "manifest.json";
  std::ifstream file(path, std::ios::binary);
  if (!file) throw nnef::IoError(path.string() + " cannot be read");
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  const Json json = torch2nnef::parse_json(text);
  if (json.at("format").number() != 1) throw nnef::FormatError(path.string() + " is of a newer format");
  Manifest manifest;
  manifest.archive = folder / json.at("archive").string();
  if (const Json* tokenizer = json.find("tokenizer")) manifest.tokenizer = folder / tokenizer->string();
  manifest.longest = json.at("longest").number();
  manifest.tokens = json.at("tokens").string();
  manifest.logits = json.at("logits").at("output").string();
  for (const Json& one : json.at("cache").list()) {
    Manifest::Cache cache{one.at("input").string(), one.at("output").string(), {}};
    for (const Json& size : one.at("shape").list()) cache.shape.push_back(size.number());
    manifest.cache.push_back(std::move(cache));
  }
  for (const Json& end : json.at("special_tokens").at("eos").list()) manifest.ends.push_back(end.number());
  return manifest;
}

Session::Session(const Manifest& manifest)
    : library_(tract_run::find_library()), model_(library_, manifest.archive), manifest_(manifest) {
  std::vector<std::string> inputs = {manifest.tokens}, outputs = {manifest.logits};
  for (const Manifest::Cache& cache : manifest.cache) {
    inputs.push_back(cache.input);
    outputs.push_back(cache.output);
  }
  for (const tract_run::InputFact& fact : model_.inputs()) places_.push_back(place_of(inputs, fact.name));
  const std::vector<std::string> names = tract_run::result_names(manifest.archive);
  for (const std::string& output : outputs) results_.push_back(place_of(names, output));
  model_.prepare();
  clear();
}

void Session::clear() {
  cache_.clear();
  for (const Manifest::Cache& cache : manifest_.cache) cache_.emplace_back(library_, *no_tokens(cache.shape));
  length_ = 0;
}

std::vector<float> Session::step(const std::vector<std::int64_t>& tokens) {
  const auto count = static_cast<std::int64_t>(tokens.size());
  if (length_ + count > manifest_.longest) {
    throw tract_run::EngineError("the text is longer than the model's limit of " + std::to_string(manifest_.longest) +
                                 " tokens");
  }
  const auto* bytes = reinterpret_cast<const std::byte*>(tokens.data());
  const EngineTensor ids(library_, nnef::OwnedTensor(nnef::DType::kI64, {1, count},
                                                     {bytes, bytes + tokens.size() * sizeof(std::int64_t)}));
  std::vector<EngineTensor> inputs;
  inputs.reserve(places_.size());
  for (const std::size_t place : places_) inputs.push_back(place == 0 ? ids : cache_[place - 1]);
  const std::vector<EngineTensor> outputs = model_.run(inputs);
  for (std::size_t i = 0; i < cache_.size(); ++i) cache_[i] = outputs[results_[i + 1]];
  length_ += count;
  const EngineTensor::Contents logits = outputs[results_[0]].contents();
  const auto width = static_cast<std::size_t>(logits.shape.back()), rows = static_cast<std::size_t>(logits.shape[1]);
  std::vector<float> last(width);
  std::memcpy(last.data(), logits.bytes + (rows - 1) * width * sizeof(float), width * sizeof(float));
  return last;
}

}  // namespace language_model
