#include "export/verify/reference/pairing.h"

namespace torch2nnef {

nnef::Value Pairing::find(const nnef::Graph& graph, nnef::Value value) const {
  if (!value) return {};
  const auto found = by_name_.find(graph.info(value).name);
  return found == by_name_.end() ? nnef::Value{} : found->second;
}

Pairing::Pairing(const CheckSubject& subject) {
  const nnef::Graph& archive = subject.archive;
  makers_.assign(archive.values.size(), -1);
  calls_.assign(archive.values.size(), -1);
  for (std::size_t i = 0; i < archive.operations.size(); ++i) {
    for (nnef::Value result : archive.operations[i].results) {
      makers_[static_cast<std::size_t>(result.id)] = static_cast<std::int32_t>(i);
      by_name_.emplace(archive.info(result).name, result);
    }
  }
  for (nnef::Value input : archive.inputs) by_name_.emplace(archive.info(input).name, input);
  for (const nnef::Operation& operation : subject.graph.operations) {
    for (nnef::Value result : operation.results) {
      const nnef::Value value = find(subject.graph, result);
      const auto id = static_cast<std::size_t>(result.id);
      if (value && id < subject.lineage.call_of.size()) {
        calls_[static_cast<std::size_t>(value.id)] = subject.lineage.call_of[id];
      }
    }
  }
  pairs_.resize(subject.lineage.standing.size());
  for (std::size_t id = 0; id < pairs_.size(); ++id) {
    if (subject.recording.tape.values[id].kind != TapeValueInfo::Kind::kResult) continue;
    const Lineage::Standing& standing = subject.lineage.standing[id];
    using Part = Paired::Part;
    // Codes are made of bytes, so these come first.
    for (const auto& [value, part] : {std::pair{standing.bytes, Part::kBytes},
                                      {standing.value, Part::kWhole},
                                      {standing.re, Part::kReal},
                                      {standing.im, Part::kImaginary}}) {
      const nnef::Value found = find(subject.graph, value);
      if (!found) continue;
      pairs_[id].push_back({found, part});
      casts_to_half_ = casts_to_half_ || (subject.recording.tape.values[id].type == ScalarType::kFloat32 &&
                                          archive.info(found).dtype == nnef::DType::kF16);
    }
  }
  for (nnef::Value output : subject.lineage.outputs) outputs_.push_back({find(subject.graph, output)});
}

}  // namespace torch2nnef
