#include "export/exported_program/tree.h"

#include "export/exported_program/json.h"
#include "nnef/io.h"

namespace torch2nnef {
namespace {

using Kind = PickleValue::Kind;

// A context holds the keys of a dict as a list, those of a dataclass as the first of two lists.
std::vector<std::string> keys_of(const Json& context, std::size_t count) {
  std::vector<std::string> keys;
  if (context.kind == Json::Kind::kString) {
    Json list;
    try {
      list = parse_json(context.text);
    } catch (const nnef::FormatError&) {
      return keys;  // a name
    }
    if (list.kind != Json::Kind::kList) return keys;
    if (list.items.size() == 2 && list.items[0].kind == Json::Kind::kList) list = Json(list.items[0]);
    for (const Json& key : list.items) {
      keys.push_back(key.kind == Json::Kind::kInt ? std::to_string(key.integer) : key.text);
    }
  }
  if (keys.size() != count) keys.clear();
  return keys;
}

TreeSpec spec_of(const Json& json) {
  TreeSpec spec;
  if (const Json* type = json.find("type")) spec.type = type->string();
  if (const Json* children = json.find("children_spec")) {
    for (const Json& child : children->list()) spec.children.push_back(spec_of(child));
  }
  if (const Json* context = json.find("context")) spec.keys = keys_of(*context, spec.children.size());
  if (spec.keys.empty()) {
    for (std::size_t i = 0; i < spec.children.size(); ++i) spec.keys.push_back(std::to_string(i));
  }
  return spec;
}

void add_names(const TreeSpec& tree, const std::string& name, std::vector<std::string>& names) {
  if (tree.type.empty()) return names.push_back(name);
  for (std::size_t i = 0; i < tree.children.size(); ++i) {
    add_names(tree.children[i], name.empty() ? tree.keys[i] : name + "_" + tree.keys[i], names);
  }
}

class Leaves {
 public:
  explicit Leaves(const SavedValues& saved) : saved_(saved) {}

  void add(const TreeSpec& tree, std::uint32_t value) {
    if (tree.type.empty()) return found.push_back(value);
    const PickleValue& node = saved_.at(value);
    const std::vector<std::uint32_t> parts = node.kind == Kind::kDict ? by_key(tree, node) : in_order(tree, node);
    for (std::size_t i = 0; i < tree.children.size(); ++i) add(tree.children[i], parts[i]);
  }

  std::vector<std::uint32_t> found;

 private:
  std::vector<std::uint32_t> by_key(const TreeSpec& tree, const PickleValue& dict) const {
    std::vector<std::uint32_t> parts;
    for (const std::string& key : tree.keys) {
      const std::size_t before = parts.size();
      for (std::size_t i = 0; i + 1 < dict.items.size() && parts.size() == before; i += 2) {
        const PickleValue& candidate = saved_.at(dict.items[i]);
        const std::string text =
            candidate.kind == Kind::kInt ? std::to_string(candidate.number) : std::string(candidate.text);
        if (text == key) parts.push_back(dict.items[i + 1]);
      }
      if (parts.size() == before) damaged("there is no '" + key + "' in the example inputs");
    }
    return parts;
  }
  // Of an object: the arguments that it is made of, or its state, a dict of its fields.
  std::vector<std::uint32_t> in_order(const TreeSpec& tree, const PickleValue& node) const {
    const bool is_object = node.kind == Kind::kObject;
    if (!is_object && node.kind != Kind::kTuple && node.kind != Kind::kList) {
      damaged("the example inputs are nested in another way than the signature says");
    }
    if (is_object && !node.items.empty()) {
      const PickleValue& state = saved_.at(node.items.back());
      if (state.kind == Kind::kDict) return by_key(tree, state);
    }
    if (node.items.size() != tree.children.size())
      damaged("the example inputs are more or fewer than the signature says");
    return node.items;
  }

  const SavedValues& saved_;
};

}  // namespace

TreeSpec parse_tree(std::string_view text) {
  const Json json = parse_json(text);
  if (json.list().size() != 2) damaged("a tree is not a version and a node");
  return spec_of(json.items[1]);
}

std::vector<std::string> leaf_names(const TreeSpec& tree) {
  std::vector<std::string> names;
  add_names(tree, "", names);
  return names;
}

std::vector<std::uint32_t> leaves_of(const TreeSpec& tree, const SavedValues& saved) {
  Leaves leaves(saved);
  leaves.add(tree, saved.root);
  return std::move(leaves.found);
}

}  // namespace torch2nnef
