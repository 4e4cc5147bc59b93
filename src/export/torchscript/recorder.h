// The interpreter of TorchScript that is also a recorder: executes a method node by node, in all worlds in step, and
// writes the tensor calls that happen to a Tape. Because it executes, control flow, lists, tuples, objects and calls
// through the module tree simply happen; because every world executes the same node at the same time, whatever differs
// between sizes and is not explained is found where it arises.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "export/diagnostics.h"
#include "export/lower/lowering.h"
#include "export/record/aliases/cells.h"
#include "export/record/region.h"
#include "export/record/slot.h"
#include "export/record/tape_writer.h"
#include "export/tape/fingerprint.h"
#include "export/torchscript/record.h"

namespace torch2nnef {

// A world other than the sample fails, or takes another way: other sizes may do better.
class WorldFailed : public std::runtime_error {
 public:
  WorldFailed(std::string what, Location where, std::string code, std::string bounds = "")
      : std::runtime_error(what), where_(std::move(where)), code_(std::move(code)), bounds_(std::move(bounds)) {}
  const Location& where() const { return where_; }
  const std::string& code() const { return code_; }
  // Bounds of a symbol within which it would not fail, as --symbol takes them; "" when none are known.
  const std::string& bounds() const { return bounds_; }

 private:
  Location where_;
  std::string code_, bounds_;
};

// Ends the recording; the reasons are in the diagnostics.
class RecordingStopped : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// Attributes of the model by path ("encoder.cache"), as they are at some moment.
using Attributes = std::map<std::string, Slot>;

// What a module of the model is called with, when Recorder::watch() waits for it.
struct Reached {
  std::vector<Slot> arguments;  // without self
};

struct RecorderOptions {
  const Tables* tables = &builtin_tables();  // lowerings of whole modules
  std::int64_t max_iterations = 0;           // of loops that end when the data says so
  bool follows_state = false;                // attributes may change: see Recorder::attributes()
};

class Recorder {
 public:
  // The tape's symbols and worlds are set; `root` is in eval mode. `first_is_sample`: world 0 has the user's inputs.
  Recorder(Tape& tape, Diagnostics& diagnostics, const torch::jit::Module& root, bool first_is_sample,
           RecorderOptions options = {});
  // Calls that are not recorded, since they depend on constants only, go there.
  void keep_folded_calls(std::vector<FoldedCall>& calls) { folded_ = &calls; }

  // Declares an input of the Tape, one tensor a world.
  Slot input(const std::string& name, const std::vector<at::Tensor>& worlds, nnef::Shape shape);
  // Executes a method of the root; arguments without self.
  Slot run(const torch::jit::Function& method, std::vector<Slot> arguments);
  // Makes a result (a tensor or a number) an output of the Tape.
  void output(const std::string& name, const Slot& value);
  void finish();
  // From now on keeps fingerprints of what calls on the Tape compute, by TapeValue::id and world.
  void take_fingerprints(std::vector<std::vector<std::vector<Fingerprint>>>& fingerprints) {
    fingerprints_ = &fingerprints;
  }
  const ContainerNotes& notes() const { return notes_; }

  // With follows_state: what attributes are, where that is not what the archive says; what the method sets is added. An
  // attribute whose contents are written in place must be here before, else AttributeWritten is thrown.
  Attributes& attributes() { return attributes_; }
  // run() throws Reached when the module at that path is called with that method.
  void watch(std::string path, std::string method) { watched_ = {std::move(path), std::move(method)}; }
  // Names of lowerings that claimed a module, and the classes of the modules that were called.
  const std::set<std::string>& claimed() const { return claimed_; }
  const std::set<std::string>& called_classes() const { return called_classes_; }

 private:
  // Code that the model may or may not execute, as the data says: what is older than it must not be changed by it.
  struct DataRegion {
    std::size_t first_value = 0;  // of the Tape
    std::string what;             // "the branch at model.py:12"
    bool is_taken = true;         // by the sample
  };
  struct Frame {
    std::unordered_map<const torch::jit::Value*, Slot> values;
    std::string module_path, module_class;
    const Frame* caller = nullptr;
    const torch::jit::Node* at = nullptr;
  };
  // A list that a loop over a dynamic axis filled, one item a round.
  struct FilledList {
    c10::IValue keep_alive;  // of world 0; an address is not used again while it is here
    TapeValue stacked;       // its items along a new first axis
    std::size_t size;        // in world 0
  };
  using Node = torch::jit::Node;
  using Block = torch::jit::Block;

  // --- control flow: interpreter.cc ---
  Slot run_function(const torch::jit::Function& function, std::vector<Slot> arguments, std::string path,
                    std::string class_name);
  void run_block(const Block* block, Frame& frame);
  void drop(const torch::jit::Value* value, Frame& frame);
  void run_node(const Node* node, Frame& frame);
  bool run_structure(const Node* node, Frame& frame);  // prim:: nodes of known meaning; false: another operator
  void run_if(const Node* node, Frame& frame);
  void run_loop(const Node* node, Frame& frame);
  bool decide(const Slot& condition, const Node* node, const char* what);  // a bool that control flow depends on
  void run_constant(const Node* node, Frame& frame);
  void run_get_attribute(const Node* node, Frame& frame);
  void run_set_attribute(const Node* node, Frame& frame);
  void run_call(const Node* node, Frame& frame);
  void own(const c10::IValue& value, const std::string& label, const std::string& owner);

  std::optional<Slot> run_claimed(const c10::IValue& object, const torch::jit::Function& function,
                                  const std::vector<Slot>& arguments, const std::string& path,
                                  const std::string& class_name);  // module_call.cc

  // --- control flow that the data decides: data_branch.cc, data_loop.cc, merge.cc ---
  bool run_data_if(const Node* node, Frame& frame, const Slot& condition);
  std::vector<Slot> run_side(const Node* node, Frame& frame, std::size_t side, bool is_taken);
  void run_data_loop(const Node* node, Frame& frame, const Slot& trips, Slot condition, std::vector<Slot> carried,
                     std::int64_t round);
  void refuse_data_flow(const Node* node, const Slot& condition, const std::string& what, const std::string& reason);
  Slot more_rounds(const Slot& trips, std::int64_t round);
  // `memory`: storages that were handed on so far; `first_value`: of the Tape, when the branch or loop began.
  Slot merged(const Slot& condition, const Slot& yes, const Slot& no, std::set<const void*>& memory,
              std::size_t first_value);
  Slot merged_tensors(const Slot& condition, const Slot& yes, const Slot& no, std::set<const void*>& memory,
                      std::size_t first_value);
  Slot merged_numbers(const Slot& condition, const Slot& yes, const Slot& no);
  Slot merged_items(const Slot& condition, const Slot& yes, const Slot& no, std::set<const void*>& memory,
                    std::size_t first_value);
  void refuse_in_region(const c10::FunctionSchema& schema, const std::vector<Slot>& inputs);

  // --- loops over a dynamic axis: scan_loop.cc ---
  void run_scan_loop(const Node* node, Frame& frame, const Slot& trips, const std::vector<Slot>& carried);
  // The same for a loop of a known number of rounds. False when it has too few or is no scan: then nothing has
  // happened.
  bool run_long_loop(const Node* node, Frame& frame, const std::vector<Slot>& carried, std::int64_t count);
  [[noreturn]] void no_scan(const std::string& reason);
  Round record_round(const Node* node, Frame& frame, const Slot& trips, const std::vector<Slot>& carried,
                     const std::vector<const torch::jit::Value*>& lists);
  std::vector<Slot> execute_loop(const Node* node, Frame& frame);
  bool run_filled_list(const Node* node, Frame& frame, const c10::FunctionSchema& schema,
                       const std::vector<Slot>& inputs);

  // --- containers: containers.cc ---
  bool run_container(const Node* node, Frame& frame);
  void run_list_construct(const Node* node, Frame& frame);
  void run_tuple_construct(const Node* node, Frame& frame);
  void run_unpack(const Node* node, Frame& frame);
  void run_dict_construct(const Node* node, Frame& frame);
  void run_generic(const Node* node, Frame& frame, const c10::FunctionSchema& schema);
  void refuse_write_to_attribute(const c10::FunctionSchema& schema, const std::vector<Slot>& inputs);
  std::vector<Note> notes_of_generic(const std::string& op, const std::vector<Slot>& inputs);

  // --- operators: operator_call.cc, call_arguments.cc, call_results.cc ---
  void run_operator(const Node* node, Frame& frame);
  void run_plain(const Node* node, Frame& frame, const c10::FunctionSchema& schema, std::vector<Slot> inputs);
  void run_tensor_operator(const Node* node, Frame& frame, const c10::FunctionSchema& schema, std::vector<Slot> inputs);
  std::vector<Slot> execute(const Node* node, const c10::FunctionSchema& schema, const std::vector<Slot>& inputs);
  bool is_live(const c10::IValue& value);
  void mark_number(const c10::FunctionSchema& schema, std::vector<Slot>& inputs);
  void refuse_random(const c10::FunctionSchema& schema, const std::vector<Slot>& inputs);
  bool has_shape_from_data(const c10::FunctionSchema& schema, const std::vector<Slot>& inputs);
  void check_constants(const c10::FunctionSchema& schema, const std::vector<std::vector<at::Tensor>>& results);
  void constrain_squeeze(const c10::FunctionSchema& schema, const std::vector<Slot>& inputs);
  std::vector<std::vector<at::Tensor>> flattened(const std::string& op, const std::vector<Slot>& results);
  void add_cells(const c10::FunctionSchema& schema, const std::vector<Slot>& inputs,
                 const std::vector<std::vector<at::Tensor>>& flat, const std::vector<nnef::Shape>& shapes,
                 const std::vector<TapeValue>& values, bool recorded);
  void record_results(const c10::FunctionSchema& schema, const std::vector<Slot>& inputs, std::vector<Slot>& results,
                      bool recorded);
  std::vector<std::pair<std::string, TapeArgument>> tape_arguments(const c10::FunctionSchema& schema,
                                                                   const std::vector<Slot>& inputs, bool with_tensors);
  void round_operands(const std::string& op, const std::vector<Slot>& inputs,
                      std::vector<std::pair<std::string, TapeArgument>>& arguments);
  std::optional<TapeArgument> packed_argument(const c10::IValue& value);
  TapeArgument tape_argument(const Slot& slot, const c10::Argument& formal, const std::string& op);
  TapeArgument number_argument(const c10::IValue& value, const Note& note, const std::string& formal,
                               const std::string& op);
  nnef::Shape explain(const std::string& op, const std::vector<std::pair<std::string, TapeArgument>>& arguments,
                      const std::vector<at::Tensor>& worlds);

  // --- numbers: number_call.cc, number_scalar.cc, contents_call.cc, ranges.cc ---
  bool run_metadata(const Node* node, Frame& frame, const c10::FunctionSchema& schema, const std::vector<Slot>& inputs);
  bool run_item(const Node* node, Frame& frame, const c10::FunctionSchema& schema, const std::vector<Slot>& inputs);
  bool run_contents(const c10::FunctionSchema& schema, const std::vector<Slot>& inputs, std::vector<Slot>& results);
  bool run_contents_in_place(const Node* node, Frame& frame, const c10::FunctionSchema& schema,
                             const std::vector<Slot>& inputs);
  std::optional<std::vector<Ratio>> elementwise_items(const c10::FunctionSchema& schema, const std::string& name,
                                                      const std::vector<Slot>& inputs, std::size_t count);
  std::optional<std::vector<Ratio>> symbolic_items(const c10::FunctionSchema& schema, const std::string& name,
                                                   const std::vector<Slot>& inputs, std::size_t count);
  std::optional<std::vector<Ratio>> verified_items(const c10::FunctionSchema& schema, const std::string& name,
                                                   const std::vector<Slot>& inputs, const Slot& result);
  std::optional<std::vector<Ratio>> end_of_range(const c10::FunctionSchema& schema, const std::vector<Slot>& inputs);
  void carry_range(const c10::FunctionSchema& schema, const std::vector<Slot>& inputs,
                   const std::vector<Slot>& results);
  bool run_number_to_tensor(const Node* node, Frame& frame, const c10::FunctionSchema& schema,
                            const std::vector<Slot>& inputs);
  Note number_note(const c10::FunctionSchema& schema, const std::vector<Slot>& inputs, const Slot& result);
  Note data_note(const c10::FunctionSchema& schema, const std::vector<Slot>& inputs, const Slot& result);
  TapeValue truth_value(const std::string& op, const std::vector<TapeValue>& values, TapeValueInfo info);
  TapeValue number_value(const c10::IValue& value, const Note& note);
  Slot item_slot(const Slot& tensor, std::vector<c10::IValue> worlds, const std::string& what);
  std::optional<std::vector<Ratio>> contents_of(const Slot& slot);

  // --- writes: in_place.cc ---
  void run_in_place(const Node* node, Frame& frame, const c10::FunctionSchema& schema, std::vector<Slot> inputs,
                    std::size_t written);
  bool run_metadata_write(const Node* node, Frame& frame, const c10::FunctionSchema& schema,
                          const std::vector<Slot>& inputs);
  TapeValue functional_value(const c10::FunctionSchema& schema, const std::vector<Slot>& inputs, const CellPtr& cell,
                             std::size_t written);

  void take_fingerprint(TapeValue value, const std::vector<at::Tensor>& worlds);

  // --- common ---
  Slot get(const torch::jit::Value* value, Frame& frame);
  std::vector<Slot> inputs_of(const Node* node, Frame& frame);
  void set(const torch::jit::Value* value, Slot slot, Frame& frame);
  void set_results(const Node* node, std::vector<Slot> results, Frame& frame);
  std::size_t world_count() { return tape_.tape().worlds.size(); }
  const std::vector<nnef::Bindings>& worlds() { return tape_.tape().worlds; }
  const Location& here();
  std::string place();  // of here(): "model.py:12"
  void refuse(const std::string& code, const std::string& text, const std::string& hint = "",
              const std::string& op = "");
  // Notes a condition that the recording relies on; refused when it must hold and sizes within the bounds break it.
  void constrain(const Note& condition, bool must_hold, const char* what);
  TapeValue read(const at::Tensor& tensor) { return cells_.read(cells_.of(tensor), tensor, here()); }

  TapeWriter tape_;
  Cells cells_;
  ContainerNotes notes_;
  Diagnostics& diagnostics_;
  torch::jit::Module root_;
  bool first_is_sample_;
  std::vector<std::vector<std::vector<Fingerprint>>>* fingerprints_ = nullptr;
  std::vector<FoldedCall>* folded_ = nullptr;
  std::unordered_map<const void*, std::string> paths_;  // of module objects
  std::unordered_map<const Node*, std::vector<const torch::jit::Value*>> last_uses_;
  std::unordered_map<const Node*, c10::IValue> constants_;                        // of prim::Constant nodes
  std::unordered_map<const void*, at::Tensor> numbers_;                           // see mark_number
  std::unordered_map<const void*, std::pair<c10::IValue, TapeArgument>> packed_;  // by object, which is kept alive
  std::set<const torch::jit::Graph*> analysed_;
  std::unordered_map<const void*, FilledList> filled_;
  RecorderOptions options_;
  Attributes attributes_;
  std::unordered_map<const void*, std::string> shared_attributes_;  // tensors of attributes_ by those of the archive
  std::unordered_map<const void*, std::string> owned_containers_;   // lists and dicts of attributes
  std::optional<std::pair<std::string, std::string>> watched_;
  std::set<std::string> claimed_, called_classes_;
  std::optional<DataRegion> region_;   // innermost
  std::size_t round_first_value_ = 0;  // while one round of such a loop is recorded: Tape values from there on are its
  std::set<std::pair<std::string, std::string>> refused_;  // text and place
  const Frame* frame_ = nullptr;                           // innermost
  std::map<std::pair<const Node*, std::string>, Location> locations_;
};

// A list or tuple of the same type with other items.
c10::IValue container_like(const c10::IValue& container, std::vector<c10::IValue> items);
// The items of a type's flattened tensors in a slot, world by world.
std::vector<at::Tensor> tensors_in(const c10::IValue& value);

}  // namespace torch2nnef
