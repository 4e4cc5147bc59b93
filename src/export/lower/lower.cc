#include "export/lower/lower.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "export/lower/standard.h"
#include "export/ops/number_types/quantised.h"
#include "export/sizes/constraints.h"
#include "quant/bfloat16.h"

namespace torch2nnef {
namespace {

constexpr const char* kOurBug = "this is a bug in torch2nnef; please report it";

// What is known of sizes, at sizes where every dimension on the Tape is at least 1: elsewhere the model does not run.
nnef::SizeFacts facts_where_it_runs(const Tape& tape) {
  std::map<std::string, Dim> dims;
  for (const TapeValueInfo& info : tape.values) {
    for (const Dim& dim : info.shape) {
      if (!dim.is_constant()) dims.emplace(dim.to_string(), dim);
    }
  }
  std::vector<Dim> list;
  for (auto& [text, dim] : dims) list.push_back(std::move(dim));
  nnef::SizeFacts facts = facts_of(tape);
  facts.require_items(list);
  return facts;
}

// "aten::_convolution" gives "convolution".
std::string name_hint(const std::string& op) {
  std::size_t colon = op.rfind(':');
  std::string name = colon == std::string::npos ? op : op.substr(colon + 1);
  name.erase(0, std::min(name.find_first_not_of('_'), name.size()));
  return name;
}

class Lowerer {
 public:
  Lowerer(const Tape& tape, nnef::Graph& graph, const nnef::Dialect& dialect, const Tables& tables,
          const LowerOptions& options, Diagnostics& diagnostics)
      : tape_(tape),
        tables_(tables),
        options_(options),
        diagnostics_(diagnostics),
        builder_(graph, dialect, options.naming),
        values_(tape, builder_, tables, options.quantised),
        facts_(facts_where_it_runs(tape)) {
    for (const Symbol& symbol : tape.symbols) graph.symbols.push_back(symbol.name);
  }

  Lineage run() {
    for (TapeValue input : tape_.inputs) declare_input(input);
    note_makers(-1);
    for (const TapeCall& call : tape_.calls) {
      if (is_wanted(call)) lower(call);
      note_makers(static_cast<std::int32_t>(&call - tape_.calls.data()));
    }
    if (problems_.empty() && !diagnostics_.has_errors()) name_outputs();  // after a refusal results are missing
    values_.write_entries(builder_.graph());
    for (Diagnostic& diagnostic : problems_) diagnostics_.add(std::move(diagnostic));
    for (std::size_t id = 0; id < tape_.values.size(); ++id) {
      lineage_.standing.push_back(standing({static_cast<std::int32_t>(id)}));
    }
    return std::move(lineage_);
  }

 private:
  // The parts of a complex result were made when they were compared with the recording.
  Lineage::Standing standing(TapeValue value) {
    const TapeValueInfo& info = tape_.info(value);
    if (info.kind != TapeValueInfo::Kind::kResult || !info.wanted || !values_.has(value)) return {};
    if (is_quantised(info.type)) return {values_.stored(value).whole(), {}, {}, values_.stored(value).given_bytes()};
    if (!is_complex(info.type)) return {values_.get(value), {}, {}, {}};
    const ComplexParts parts = values_.parts(value);
    return {{}, parts.re, parts.im, {}};
  }

  // The values that were added since the last time are the call's.
  void note_makers(std::int32_t call) { lineage_.call_of.resize(builder_.graph().values.size(), call); }

  bool is_wanted(const TapeCall& call) const {
    return std::any_of(call.results.begin(), call.results.end(),
                       [&](TapeValue result) { return result && tape_.info(result).wanted; });
  }

  bool is_poisoned(const TapeCall& call) const {
    const std::vector<TapeValue> used = call.tensors_read();
    return std::any_of(used.begin(), used.end(), [&](TapeValue value) { return poisoned_.count(value) > 0; });
  }

  // Adds an error, or counts it when the same operator failed for the same reason before.
  void problem(std::string code, const std::string& op, const Location& where, std::string text, std::string hint) {
    auto [place, is_new] = index_.try_emplace({op, text}, problems_.size());
    if (!is_new) {
      ++problems_[place->second].count;
      return;
    }
    problems_.push_back({Severity::kError, std::move(code), op, where, std::move(text), std::move(hint), 1});
  }

  void declare_input(TapeValue input) {
    const TapeValueInfo& info = tape_.info(input);
    std::optional<DType> dtype = to_nnef(info.type);
    if (!dtype) {
      problem("T2N-L006", "", {},
              "input " + info.label + " is " + std::string(to_string(info.type)) + ", which the format cannot hold",
              "export with a sample input of another dtype");
      poisoned_.insert(input);
      return;
    }
    try {
      const Value given = builder_.external(info.label, *dtype, info.shape);
      const bool is_rounded = info.type == ScalarType::kBFloat16;
      values_.stored(input).set_plain(is_rounded ? cast_to_bfloat16(builder_, given) : given);
      if (is_rounded) note_bfloat16("input " + info.label);
    } catch (const nnef::BuildError& error) {
      problem("T2N-L003", "", {}, "input " + info.label + " cannot be declared: " + error.what(), "");
      poisoned_.insert(input);
    }
  }

  void note_bfloat16(const std::string& what) {
    diagnostics_.note("T2N-L009", what + " is bfloat16 in the model and f32 in the archive");
  }

  void lower(const TapeCall& call) {
    std::vector<const Lowering*> lowerings = tables_.find(call);
    const bool is_complex = is_complex_call(call, tape_), is_for_others = !lowerings.empty();
    bool done = false;
    lowerings.erase(std::remove_if(lowerings.begin(), lowerings.end(),
                                   [&](const Lowering* lowering) { return !covers(lowering->domain, is_complex); }),
                    lowerings.end());
    if (call.refused) {
      // Said already, with its place.
    } else if (is_complex && is_for_others && lowerings.empty()) {
      problem("T2N-L002", call.full_name(), call.where, "complex tensors are not supported here",
              "compute with the real and imaginary parts (torch.view_as_real)");
    } else if (lowerings.empty()) {
      problem("T2N-L001", call.full_name(), call.where, "no lowering is known for this operator",
              "a fragment file can add one (--fragments)");
    } else if (!is_poisoned(call)) {
      done = lower_by(call, lowerings);
    }
    if (done) return;
    for (TapeValue result : call.results) {
      if (result) poisoned_.insert(result);
    }
  }

  std::string comment_of(const TapeCall& call) const {
    if (options_.call_numbers) return std::to_string(&call - tape_.calls.data());
    return options_.comments ? comment_about(call.where) : "";
  }

  bool lower_by(const TapeCall& call, const std::vector<const Lowering*>& lowerings) {
    builder_.set_scope(call.where.module_path, name_hint(call.op), comment_of(call));
    std::string code = "T2N-L002", reason, hint;
    const Call::Quantised quantised = read_of_quantised(call, values_);
    for (const Lowering* lowering : lowerings) {
      Call view(call, values_, builder_, quantised);
      try {
        lowering->lower(view);
        return agrees_with_recording(call, *lowering);
      } catch (const DoesNotApply& error) {
        // The first candidate is the most specific one, so its reason says most.
        if (reason.empty()) std::tie(reason, hint) = std::pair(error.what(), error.hint());
        continue;
      } catch (const Unsupported& error) {
        std::tie(reason, hint) = std::pair(error.what(), error.hint());
      } catch (const nnef::SymbolicDimError& error) {
        reason = std::string("this needs a size that is known at export: ") + error.what();
        hint = "make that axis static";
      } catch (const nnef::TargetError& error) {
        // A later candidate may do with older operators.
        if (reason.empty())
          std::tie(code, reason, hint) = std::tuple("T2N-L004", error.what(), "choose another --target");
        continue;
      } catch (const nnef::BuildError& error) {
        std::tie(code, reason) =
            std::pair("T2N-L003", "cannot be expressed in the target's NNEF: " + std::string(error.what()));
      } catch (const std::exception& error) {
        std::tie(code, reason) = std::pair("T2N-I002", "the lowering failed: " + std::string(error.what()));
        hint = kOurBug;
        if (!lowering->origin.empty())
          std::tie(code, hint) = std::pair("T2N-P002", "correct it in the " + lowering->origin);
      }
      if (!lowering->origin.empty()) reason = said_by(*lowering) + reason;
      break;
    }
    problem(code, call.full_name(), call.where, reason, hint);
    return false;
  }

  // "by module::Attention of plugin mine.so: "
  static std::string said_by(const Lowering& lowering) {
    return "by " + lowering.name + " of " + lowering.origin + ": ";
  }

  bool agrees_with_recording(const TapeCall& call, const Lowering& lowering) {
    bool agrees = true;
    for (TapeValue result : call.results) {
      if (!result || !tape_.info(result).wanted) continue;
      std::string difference = difference_of(result);
      if (difference.empty()) continue;
      if (lowering.origin.empty()) {
        problem("T2N-I001", call.full_name(), call.where, difference, kOurBug);
      } else {
        problem("T2N-P001", call.full_name(), call.where, said_by(lowering) + difference,
                "correct it in the " + lowering.origin);
      }
      agrees = false;
    }
    return agrees;
  }

  // "" when the lowered value is what the recorder saw.
  std::string difference_of(TapeValue result) {
    const TapeValueInfo& seen = tape_.info(result);
    if (!values_.has(result)) return "the lowering sets no value for a result that is used";
    if (is_quantised(seen.type)) return difference_of(values_.stored(result).whole(), seen);
    if (!is_complex(seen.type)) return difference_of(values_.get(result), seen);
    ComplexParts parts = values_.parts(result);
    std::string difference = difference_of(parts.re, seen);
    return difference.empty() ? difference_of(parts.im, seen) : difference;
  }

  std::string difference_of(Value value, const TapeValueInfo& seen) {
    const Shape& shape = builder_.shape(value);
    const Representation& kept = representation_of(seen.type);
    bool same = kept.form != Representation::Form::kNone && kept.item == builder_.dtype(value) &&
                shape.size() == seen.shape.size();
    for (std::size_t axis = 0; same && axis < shape.size(); ++axis) {
      same = facts_.are_equal(shape[axis], seen.shape[axis]);
    }
    if (same) return "";
    return "the lowering gives " + std::string(nnef::to_string(builder_.dtype(value))) + nnef::to_string(shape) +
           ", torch gave " + std::string(to_string(seen.type)) + nnef::to_string(seen.shape);
  }

  void name_outputs() {
    std::map<TapeValue, std::int32_t> makers;
    for (const TapeCall& call : tape_.calls) {
      for (TapeValue result : call.results) makers[result] = static_cast<std::int32_t>(&call - tape_.calls.data());
    }
    for (const auto& [name, value] : tape_.outputs) {
      const ScalarType dtype = tape_.info(value).type;
      const Representation::Form form = representation_of(dtype).form;
      if (form != Representation::Form::kPlain && form != Representation::Form::kRounded) {
        std::string type(to_string(dtype));
        problem("T2N-L003", "", {}, "output " + name + " is " + type + ", which the format cannot hold",
                is_complex(dtype) ? "return torch.view_as_real() of it, or export with --complex-outputs pairs"
                                  : "return dequantize() or int_repr() of it");
        continue;
      }
      if (form == Representation::Form::kRounded) note_bfloat16("output " + name);
      try {
        lineage_.outputs.push_back(builder_.name_output(values_.get(value), name));
        const auto maker = makers.find(value);
        note_makers(maker == makers.end() ? -1 : maker->second);
      } catch (const std::exception& error) {
        problem("T2N-L003", "", {}, "output " + name + " cannot be written: " + error.what(), "");
      }
    }
    if (problems_.empty()) builder_.finish();
  }

  const Tape& tape_;
  const Tables& tables_;
  const LowerOptions& options_;
  Diagnostics& diagnostics_;
  Builder builder_;
  ValueMap values_;
  nnef::SizeFacts facts_;
  Lineage lineage_;
  std::set<TapeValue> poisoned_;
  std::vector<Diagnostic> problems_;                                  // in the order met
  std::map<std::pair<std::string, std::string>, std::size_t> index_;  // by operator and text
};

}  // namespace

Lineage lower_tape(const Tape& tape, nnef::Graph& graph, const nnef::Dialect& dialect, const Tables& tables,
                   const LowerOptions& options, Diagnostics& diagnostics) {
  return Lowerer(tape, graph, dialect, tables, options, diagnostics).run();
}

}  // namespace torch2nnef
