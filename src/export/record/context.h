// The state that the parts of a recording share: the Tape, the tensors and numbers that its values represent, the place
// in the model, and the reports of what goes wrong. One context serves one execution of a model.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "export/diagnostics.h"
#include "export/record/aliases/cells.h"
#include "export/record/slot.h"
#include "export/record/tape_writer.h"
#include "export/tape/fingerprint.h"
#include "export/tape/recording.h"

namespace torch2nnef {

// Code that the model may or may not execute, depending on the data: it must not change tensors that are older.
struct DataRegion {
  std::size_t began_at = 0;  // how many cells were made then
  std::string what;          // "the branch at model.py:12"
  bool is_taken = true;      // by the sample
};

struct RecordContext {
  // The place that is executed at this moment. It is asked for when it is needed only.
  using Locate = std::function<const Location&()>;

  // `first_is_sample`: world 0 has the user's inputs. `follows_state`: a write into an attribute throws
  // AttributeWritten, else Unsupported.
  RecordContext(Tape& on, Diagnostics& reports, Locate locator, bool is_sample, bool follows_state)
      : tape(on),
        cells(tape, follows_state),
        diagnostics(reports),
        locate(std::move(locator)),
        first_is_sample(is_sample) {}
  RecordContext(const RecordContext&) = delete;
  RecordContext& operator=(const RecordContext&) = delete;

  std::size_t world_count() { return tape.tape().worlds.size(); }
  const std::vector<nnef::Bindings>& worlds() { return tape.tape().worlds; }
  const Location& here() const { return locate(); }
  std::string place() const;  // of here(): "model.py:12"

  // The tensor's present value on the Tape.
  TapeValue read(const at::Tensor& tensor) { return cells.read(cells.of(tensor), tensor, here()); }
  // Whether a tensor in it depends on an input or on a dynamic size.
  bool is_live(const c10::IValue& value) const;
  // The same of its tensors and its numbers.
  bool depends(const Slot& slot) const { return is_live(slot.sample()) || notes.any(slot); }
  void take_fingerprint(TapeValue value, const std::vector<at::Tensor>& per_world);

  // Reports an error, once per text and place, and goes on.
  void refuse(const std::string& code, const std::string& text, const std::string& hint = "",
              const std::string& op = "");
  std::size_t refusals() const { return refused.size(); }
  // Notes a condition that the recording relies on; refused when it must hold and sizes within the bounds break it.
  void constrain(const Note& condition, bool must_hold, const char* what);
  // The loop of which one round is recorded cannot become a scan.
  [[noreturn]] void no_scan(const std::string& reason) const;

  TapeWriter tape;
  Cells cells;
  ContainerNotes notes;
  Diagnostics& diagnostics;
  Locate locate;
  bool first_is_sample;
  std::optional<DataRegion> region;           // innermost
  std::optional<std::size_t> round_began_at;  // the same, while one round of a loop is recorded
  // Fingerprints of what calls on the Tape compute, by TapeValue::id and world; null: none are taken.
  std::vector<std::vector<std::vector<Fingerprint>>>* fingerprints = nullptr;
  // Calls that are not recorded, since they depend on constants only; null: they are not kept.
  std::vector<FoldedCall>* folded = nullptr;
  std::set<std::pair<std::string, std::string>> refused;  // text and place
};

}  // namespace torch2nnef
