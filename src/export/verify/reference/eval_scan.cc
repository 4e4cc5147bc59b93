// tract_core_scan: a body repeated along an axis.

#include <map>

#include "export/verify/reference/eval_call.h"

namespace torch2nnef {
namespace {

using Items = std::vector<nnef::Argument>;

std::vector<Items> tuples(const EvalCall& call, std::string_view name) {
  std::vector<Items> result;
  const nnef::Argument* list = call.operation().find(name);
  if (list == nullptr || list->array() == nullptr) return result;
  for (const nnef::Argument& item : list->array()->items) result.push_back(item.array()->items);
  return result;
}

std::string text_of(const Items& items, std::size_t index) { return std::get<std::string>(items.at(index).is); }

std::int64_t number_of(const EvalCall& call, const Items& items, std::size_t index, std::int64_t otherwise) {
  return index < items.size() ? call.evaluate(*items[index].dim()) : otherwise;
}

const nnef::Graph& body_of(const EvalCall& call) {
  const std::string name = call.text("body");
  for (const nnef::Fragment& fragment : call.root().fragments) {
    if (fragment.body.name == name) return fragment.body;
  }
  call.fail("there is no fragment '" + name + "'");
}

class Scan {
 public:
  explicit Scan(const EvalCall& call) : call_(call), body_(body_of(call)) {
    for (std::size_t i = 0; i < body_.inputs.size(); ++i) parameters_[body_.info(body_.inputs[i]).name] = i;
    for (std::size_t i = 0; i < body_.outputs.size(); ++i) results_[body_.info(body_.outputs[i]).name] = i;
    inputs_.resize(body_.inputs.size());
    for (const Items& one : tuples(call, "scan")) add_scanned(one);
    for (const Items& one : tuples(call, "full")) inputs_.at(parameters_.at(text_of(one, 0))) = call.value(one.at(1));
    for (const Items& one : tuples(call, "state")) {
      const std::size_t parameter = parameters_.at(text_of(one, 0));
      inputs_[parameter] = call.value(one.at(1));
      states_.emplace_back(parameter, results_.at(text_of(one, 2)));
    }
  }

  Tensors run() {
    std::vector<Tensors> rounds;
    for (std::int64_t step = 0; step < steps_; ++step) {
      for (const Scanned& one : scanned_) {
        const std::int64_t chunk = std::abs(one.chunk), place = one.chunk > 0 ? step : steps_ - 1 - step;
        inputs_[one.parameter] = one.tensor.narrow(one.axis, place * chunk, chunk);
      }
      rounds.push_back(call_.body()(body_, inputs_));
      for (const auto& [parameter, result] : states_) inputs_[parameter] = rounds.back().at(result);
    }
    return collect(rounds);
  }

 private:
  struct Scanned {
    std::size_t parameter;
    at::Tensor tensor;
    std::int64_t axis, chunk;
  };

  void add_scanned(const Items& one) {
    const Scanned scanned{parameters_.at(text_of(one, 0)), call_.value(one.at(1)), number_of(call_, one, 2, 0),
                          number_of(call_, one, 3, 1)};
    steps_ = scanned.tensor.size(scanned.axis) / std::abs(scanned.chunk);
    scanned_.push_back(scanned);
  }

  Tensors collect(const std::vector<Tensors>& rounds) const {
    Tensors results;
    for (const Items& one : tuples(call_, "output")) {
      const std::size_t index = results_.at(text_of(one, 0));
      if (rounds.empty()) call_.fail("the scanned axis is empty");
      if (text_of(one, 1) == "last") {
        results.push_back(rounds.back().at(index));
        continue;
      }
      Tensors parts;
      for (const Tensors& round : rounds) parts.push_back(round.at(index));
      if (number_of(call_, one, 3, 1) < 0) std::reverse(parts.begin(), parts.end());
      results.push_back(at::cat(parts, number_of(call_, one, 2, 0)));
    }
    return results;
  }

  const EvalCall& call_;
  const nnef::Graph& body_;
  std::map<std::string, std::size_t> parameters_, results_;
  Tensors inputs_;
  std::vector<Scanned> scanned_;
  std::vector<std::pair<std::size_t, std::size_t>> states_;
  std::int64_t steps_ = 0;
};

}  // namespace

void add_scan_evaluation(EvalTable& table) {
  table.emplace("tract_core_scan", [](const EvalCall& call) { return Scan(call).run(); });
}

}  // namespace torch2nnef
