// The record of a program: version, graph, signature, trees and ranges.

#include <algorithm>

#include "export/exported_program/program.h"
#include "export/exported_program/program_arguments.h"
#include "nnef/io.h"

namespace torch2nnef {
namespace {

constexpr std::int64_t kMajor = 8;
constexpr std::int64_t kNoBound = std::int64_t{1} << 62;  // old files write numbers near the largest for "none"

void check_version(const Json& json) {
  const Json& version = json.at("schema_version");
  const std::int64_t major = version.at("major").number();
  if (major == kMajor) return;
  const std::string text = std::to_string(major) + "." + std::to_string(version.at("minor").number());
  damaged(major < kMajor ? "schema " + text + ", which torch before 2.6 writes, is not read"
                         : "schema " + text + " is newer than what is read (8)");
}

// A member of input_specs or output_specs: its tag and contents.
std::pair<std::string, const Json*> tagged(const Json& json, const char* what) {
  json.object();
  for (std::size_t i = 0; i < json.items.size(); ++i) {
    if (!json.items[i].is_null()) return {json.keys[i], &json.items[i]};
  }
  damaged(std::string("an ") + what + " spec is empty");
}

ProgramInput parse_input(const Json& json) {
  const auto [tag, spec] = tagged(json, "input");
  ProgramInput input;
  if (tag == "user_input") {
    const ProgramArgument argument = parse_argument(spec->at("arg"));
    if (argument.kind != ProgramArgument::Kind::kName) {  // an argument that is fixed, as old files write it
      input.kind = ProgramInput::Kind::kBaked;
      return input;
    }
    input.name = argument.text;
    input.is_number = !argument.is_tensor;
    return input;
  }
  if (tag == "constant_input") {
    input.kind = ProgramInput::Kind::kBaked;
    input.name = spec->at("name").string();
    return input;
  }
  const bool is_known = tag == "parameter" || tag == "buffer" || tag == "tensor_constant";
  if (!is_known) damaged("an input of the kind '" + tag + "' is not read");
  input.kind = tag == "parameter" ? ProgramInput::Kind::kParameter
               : tag == "buffer"  ? ProgramInput::Kind::kBuffer
                                  : ProgramInput::Kind::kConstant;
  input.name = spec->at("arg").at("name").string();
  input.attribute = spec->at(tag + "_name").string();
  if (const Json* persistent = spec->find("persistent")) input.is_persistent = persistent->boolean();
  return input;
}

ProgramOutput parse_output(const Json& json) {
  const auto [tag, spec] = tagged(json, "output");
  ProgramOutput output;
  if (tag == "user_output") {
    output.value = parse_argument(spec->at("arg"));
    return output;
  }
  const bool is_buffer = tag == "buffer_mutation";
  if (!is_buffer && tag != "user_input_mutation") damaged("an output of the kind '" + tag + "' is not read");
  output.kind = is_buffer ? ProgramOutput::Kind::kBufferMutation : ProgramOutput::Kind::kInputMutation;
  output.value.kind = ProgramArgument::Kind::kName;
  output.value.is_tensor = true;
  output.value.text = spec->at("arg").at("name").string();
  output.target = spec->at(is_buffer ? "buffer_name" : "user_input_name").string();
  return output;
}

// The signature's inputs are the graph's, in order, without those that are baked in.
void check_signature(const Program& program) {
  std::size_t next = 0;
  for (const ProgramInput& input : program.inputs) {
    const bool is_here = next < program.graph.inputs.size();
    const ProgramArgument none, &given = is_here ? program.graph.inputs[next] : none;
    if (input.kind == ProgramInput::Kind::kBaked) {
      if (is_here && given.kind != ProgramArgument::Kind::kName) ++next;
      continue;
    }
    if (!is_here || given.text != input.name) {
      damaged("the signature's input '" + input.name + "' is not the graph's at that place");
    }
    ++next;
  }
  if (next != program.graph.inputs.size()) {
    damaged("the graph has " + std::to_string(program.graph.inputs.size()) + " inputs, the signature " +
            std::to_string(next));
  }
  if (program.outputs.size() != program.graph.outputs.size()) {
    damaged("the graph has " + std::to_string(program.graph.outputs.size()) + " outputs, the signature " +
            std::to_string(program.outputs.size()));
  }
}

std::optional<std::int64_t> bound(const Json* json) {
  if (json == nullptr || json->kind != Json::Kind::kInt) return std::nullopt;  // "Infinity"
  if (json->integer >= kNoBound || json->integer <= -kNoBound) return std::nullopt;
  return json->integer;
}

void parse_ranges(const Json& json, Program& program) {
  json.object();
  for (std::size_t i = 0; i < json.items.size(); ++i) {
    program.ranges[json.keys[i]] = {bound(json.items[i].find("min_val")), bound(json.items[i].find("max_val"))};
  }
}

std::vector<std::string> texts(const Json& json) {
  std::vector<std::string> result;
  for (const Json& item : json.list()) result.push_back(item.string());
  return result;
}

void parse_modules(const Json& calls, Program& program) {
  for (const Json& call : calls.list()) {
    const std::string& path = call.at("fqn").string();
    program.modules.push_back(path.substr(0, path.find('@')));
    const Json* signature = call.find("signature");
    if (!path.empty() || signature == nullptr) continue;
    program.in_spec = signature->at("in_spec").string();
    program.out_spec = signature->at("out_spec").string();
    if (const Json* names = signature->find("forward_arg_names")) program.argument_names = texts(*names);
  }
}

}  // namespace

Program parse_program(std::string_view text) {
  const Json json = parse_json(text, "metadata", {"from_node", "torch_fn", "source_fn_stack", "custom"});
  check_version(json.object());
  Program program;
  if (const Json* version = json.find("torch_version")) program.torch_version = version->string();
  if (const Json* verifiers = json.find("verifiers")) {
    const std::vector<std::string> names = texts(*verifiers);
    program.is_decomposed = std::find(names.begin(), names.end(), "ATEN") != names.end();
  }
  const Json& module = json.at("graph_module");
  program.graph = parse_graph(module.at("graph"));
  const Json& signature = module.at("signature");
  for (const Json& input : signature.at("input_specs").list()) program.inputs.push_back(parse_input(input));
  for (const Json& output : signature.at("output_specs").list()) program.outputs.push_back(parse_output(output));
  check_signature(program);
  check_names(program.graph);
  if (const Json* calls = module.find("module_call_graph")) parse_modules(*calls, program);
  if (const Json* fields = module.find("treespec_namedtuple_fields")) {
    for (std::size_t i = 0; i < fields->items.size(); ++i) {
      program.namedtuple_fields[fields->keys[i]] = texts(fields->items[i].at("field_names"));
    }
  }
  parse_ranges(json.at("range_constraints"), program);
  if (const Json* guards = json.find("guards_code")) program.guards = texts(*guards);
  return program;
}

}  // namespace torch2nnef
