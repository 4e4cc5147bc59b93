// An exported program as the file describes it: plain data, checked for being whole. No torch here.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "export/exported_program/expression.h"

namespace torch2nnef {

// The value of an argument: a name in the graph's environment, a literal, or a list of them.
struct ProgramGraph;
struct ProgramArgument {
  enum class Kind : std::uint8_t {
    kNone,
    kName,  // of a tensor or a number
    kInt,
    kFloat,
    kBool,
    kString,
    kComplex,  // real and imaginary
    kDtype,    // number: the file's
    kLayout,
    kMemoryFormat,
    kDevice,
    kList,
    kGraph,
    kOperator,  // text: its name
  };
  Kind kind = Kind::kNone;
  std::int64_t number = 0;
  double real = 0, imaginary = 0;
  std::string text;        // of kName, kString, kOperator
  bool is_tensor = false;  // of kName: a tensor, by the file
  std::vector<ProgramArgument> items;
  std::shared_ptr<const ProgramGraph> graph;
};

struct NamedProgramArgument {
  std::string name;  // the schema's; "" for an operator without a schema
  ProgramArgument value;
};

struct ProgramNode {
  std::string target;  // "torch.ops.aten.add.Tensor"
  std::vector<NamedProgramArgument> inputs;
  std::vector<ProgramArgument> outputs;
  std::string stack_trace, module_stack;  // as torch wrote them
};

// Size of an axis: an integer or an expression of symbols.
using ProgramShape = std::vector<Expression>;

struct ProgramGraph {
  std::vector<ProgramArgument> inputs, outputs;
  std::vector<ProgramNode> nodes;
  std::unordered_map<std::string, int> dtypes;  // of tensors, the file's numbers
  std::map<std::string, ProgramShape> shapes;   // of the graph's inputs
  bool is_single_return = false;
};

// What an input of the graph is.
struct ProgramInput {
  enum class Kind : std::uint8_t { kParameter, kBuffer, kConstant, kUser, kBaked };
  Kind kind = Kind::kUser;
  std::string name;       // of the value, or of the argument that is baked in
  std::string attribute;  // its path
  bool is_persistent = true;
  bool is_number = false;  // of kUser: an int, not a tensor
};

// What an output of the graph is.
struct ProgramOutput {
  enum class Kind : std::uint8_t { kUser, kBufferMutation, kInputMutation };
  Kind kind = Kind::kUser;
  ProgramArgument value;
  std::string target;  // of a mutation: the buffer's path or the input's name
};

struct ProgramRange {
  std::optional<std::int64_t> minimum, maximum;
};

struct Program {
  std::string torch_version;
  bool is_decomposed = false;
  ProgramGraph graph;
  std::vector<ProgramInput> inputs;  // parallel to graph.inputs, but for those that are baked in
  std::vector<ProgramOutput> outputs;
  std::map<std::string, ProgramRange> ranges;  // by the symbol's name
  std::vector<std::string> guards;
  std::string in_spec, out_spec;                                      // JSON text, "" when there is none
  std::vector<std::string> argument_names;                            // of forward
  std::map<std::string, std::vector<std::string>> namedtuple_fields;  // by registered name
  std::vector<std::string> modules;                                   // paths, in order
};

// Reads the record of a program. Throws nnef::FormatError with what is wrong: a schema that is not read, a value that
// is used before it is defined or defined twice, a signature that does not fit the graph.
Program parse_program(std::string_view json);

}  // namespace torch2nnef
