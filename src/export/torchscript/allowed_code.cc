#include "export/torchscript/allowed_code.h"

#include <deque>
#include <map>
#include <unordered_set>

#include "export/diagnostics.h"
#include "export/operators/permission.h"
#include "export/record/slot.h"
#include "export/torchscript/source_location.h"

namespace torch2nnef {
namespace {

namespace jit = torch::jit;

// Statements that the interpreter of this folder knows: none of them executes anything of libtorch.
bool is_statement(const jit::Node* node) {
  switch (node->kind()) {
    case c10::prim::Constant:
    case c10::prim::GetAttr:
    case c10::prim::SetAttr:
    case c10::prim::CallFunction:
    case c10::prim::CallMethod:
    case c10::prim::If:
    case c10::prim::Loop:
    case c10::prim::unchecked_cast:
    case c10::prim::Uninitialized:
    case c10::prim::Print:
    case c10::prim::ListConstruct:
    case c10::prim::ListUnpack:
    case c10::prim::TupleConstruct:
    case c10::prim::TupleUnpack:
    case c10::prim::TupleSlice:
    case c10::prim::DictConstruct:
    case c10::prim::CreateObject:
    case c10::prim::isinstance:
      return true;
    default:
      return false;
  }
}

// Of a value and all that it holds. What a custom class holds is not TorchScript's: libtorch's own walk stops at it.
std::vector<c10::ClassTypePtr> classes_in(const c10::IValue& root) {
  std::vector<c10::ClassTypePtr> classes;
  std::vector<c10::IValue> pending{root};
  std::unordered_set<const void*> seen;
  while (!pending.empty()) {
    const c10::IValue value = std::move(pending.back());
    pending.pop_back();
    const bool holds = value.isObject() || value.isList() || value.isTuple() || value.isGenericDict();
    if (!holds || !seen.insert(value.internalToPointer()).second) continue;
    if (value.isObject()) {
      classes.push_back(value.toObjectRef().type());
      if (value.isCustomClass()) continue;
      for (const c10::IValue& slot : value.toObjectRef().slots()) pending.push_back(slot);
    } else if (value.isGenericDict()) {
      for (const auto& entry : value.toGenericDict()) pending.push_back(entry.value());
    } else if (!value.isIntList() && !value.isDoubleList() && !value.isBoolList() && !value.isTensorList()) {
      for (const c10::IValue& item : items_of(value)) pending.push_back(item);
    }
  }
  return classes;
}

class CodeWalk {
 public:
  CodeWalk(const jit::Module& root, const Tables& tables) : tables_(tables) {
    for (const c10::ClassTypePtr& type : classes_in(root._ivalue())) know(type);
  }

  // A class that is made on the way may be what an interface was before: until no more are found.
  void run(const jit::Function& method, const std::string& class_name) {
    for (std::size_t known = 0; known != types_.size();) {
      known = types_.size();
      visited_.clear();
      reach(method, {"", class_name});
      for (; !pending_.empty(); pending_.pop_front()) {
        place_ = pending_.front().second;
        visit(pending_.front().first->block());
      }
    }
  }

  std::vector<ForbiddenCall> take() { return std::move(found_); }

 private:
  struct Place {
    std::string path, class_name;
  };

  void reach(const jit::Function& function, Place place) {
    auto graph = jit::toGraphFunction(function).graph();
    if (visited_.insert(graph.get()).second) pending_.emplace_back(std::move(graph), std::move(place));
  }

  void visit(const jit::Block* block) {
    for (const jit::Node* node : block->nodes()) {
      for (const jit::Block* inner : node->blocks()) visit(inner);
      if (node->kind() == c10::prim::CreateObject) know(node->output()->type()->expect<c10::ClassType>());
      if (node->kind() == c10::prim::CallFunction) {
        visit_function(node);
      } else if (node->kind() == c10::prim::CallMethod) {
        visit_method(node);
      } else if (!is_statement(node)) {
        visit_operator(node);
      }
    }
  }

  void know(const c10::ClassTypePtr& type) { types_.emplace(type->name()->qualifiedName(), type); }

  void visit_function(const jit::Node* node) {
    const auto type = node->input(0)->type()->cast<c10::FunctionType>();
    const jit::Function* function = type ? type->function() : nullptr;
    if (!function || !function->isGraphFunction())
      return forbid(node, "a function without code", "an export does not execute it: it has no code in the archive");
    reach(*function, place_);
  }

  void visit_method(const jit::Node* node) {
    const std::string& name = node->s(c10::attr::name);
    const c10::TypePtr type = node->input(0)->type();
    if (auto object = type->cast<c10::ClassType>()) {
      const jit::Function* method = object->findMethod(name);
      if (!method || !method->isGraphFunction()) {
        return forbid(node, object->name()->qualifiedName() + "." + name,
                      "an export never executes it: it is a method of a class that is not written in TorchScript");
      }
      return reach(*method, {path_of(node->input(0)), normalized_class(object->name()->qualifiedName())});
    }
    if (!type->cast<c10::InterfaceType>())
      return forbid(node, type->str() + "." + name, "an export does not execute it: it is not a method of a module");
    for (const auto& [class_name, object] : types_) {
      const jit::Function* method = object->isSubtypeOf(*type) ? object->findMethod(name) : nullptr;
      if (method && method->isGraphFunction()) {
        reach(*method, {path_of(node->input(0)), normalized_class(class_name)});
      }
    }
  }

  void visit_operator(const jit::Node* node) {
    const c10::FunctionSchema* schema = node->maybeSchema();
    if (!schema)
      return forbid(node, node->kind().toQualString(), "an export does not execute it: the statement is not known");
    const std::string_view reason = why_not_executed(*schema, tables_);
    if (!reason.empty()) forbid(node, c10::toString(schema->operator_name()), "it " + std::string(reason));
  }

  void forbid(const jit::Node* node, const std::string& op, const std::string& reason) {
    Location where;
    where.module_path = place_.path;
    where.module_class = place_.class_name;
    where.stack = source_lines(node);
    if (said_.insert(op + " " + where.to_string()).second) found_.push_back({op, reason, std::move(where)});
  }

  // "encoder.layer" of self.encoder.layer.
  std::string path_of(const jit::Value* value) const {
    std::string path;
    for (; value->node()->kind() == c10::prim::GetAttr; value = value->node()->input(0)) {
      path = value->node()->s(c10::attr::name) + (path.empty() ? "" : ".") + path;
    }
    if (value->node()->kind() != c10::prim::Param) return path;
    return place_.path.empty() || path.empty() ? place_.path + path : place_.path + "." + path;
  }

  const Tables& tables_;
  // By name: any of the model's objects may be what an interface is in the end.
  std::map<std::string, c10::ClassTypePtr> types_;
  std::unordered_set<const jit::Graph*> visited_;
  std::deque<std::pair<std::shared_ptr<jit::Graph>, Place>> pending_;
  std::set<std::string> said_;
  std::vector<ForbiddenCall> found_;
  Place place_;
};

}  // namespace

std::string_view why_not_executed(const c10::FunctionSchema& schema, const Tables& tables) {
  const Permission permission = permission_of(schema);
  if (is_allowed(permission)) return "";
  if (permission == Permission::kRefused) return "is never executed: it reaches beyond its arguments";
  TapeCall call;
  call.op = schema.name();
  call.overload = schema.overload_name();
  return tables.find(call).empty() ? "is not executed: it is not known to be a pure function" : "";
}

std::vector<ForbiddenCall> forbidden_calls(const jit::Module& root, const jit::Function& method, const Tables& tables) {
  CodeWalk walk(root, tables);
  walk.run(method, normalized_class(root.type()->name()->qualifiedName()));
  return walk.take();
}

void refuse_forbidden_calls(const jit::Module& root, const std::string& method, const Tables& tables) {
  const auto found = root.find_method(method);
  if (!found) return;
  std::vector<Diagnostic> errors;
  for (ForbiddenCall& call : forbidden_calls(root, found->function(), tables)) {
    errors.push_back({Severity::kError, "T2N-R016", call.op, std::move(call.where), std::move(call.reason),
                      "export the part of the model that does without it"});
  }
  if (!errors.empty()) throw ExportError(ExportError::Kind::kNotExportable, std::move(errors));
}

}  // namespace torch2nnef
