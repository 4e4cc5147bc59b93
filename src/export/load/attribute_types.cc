#include "export/load/attribute_types.h"

#include <unordered_set>

#include "nnef/io.h"

namespace torch2nnef {
namespace {

struct Work {
  c10::IValue value;
  c10::TypePtr type;
  std::string where;
};

class AttributeCheck {
 public:
  void run(const c10::IValue& root) {
    todo_.push_back({root, root.type(), ""});
    while (!todo_.empty()) {
      const Work work = std::move(todo_.back());
      todo_.pop_back();
      check(work);
    }
  }

 private:
  [[noreturn]] static void fail(const Work& work) {
    throw nnef::FormatError("the attribute '" + work.where + "' is not of its class's type " +
                            work.type->annotation_str());
  }

  void check(const Work& work) {
    const c10::IValue& value = work.value;
    switch (work.type->kind()) {
      case c10::TypeKind::OptionalType:
        if (!value.isNone()) todo_.push_back({value, work.type->containedType(0), work.where});
        break;
      case c10::TypeKind::TensorType:
        require(value.isTensor() || value.isNone(), work);
        break;
      case c10::TypeKind::IntType:
        require(value.isInt(), work);
        break;
      case c10::TypeKind::FloatType:
        require(value.isDouble(), work);
        break;
      case c10::TypeKind::BoolType:
        require(value.isBool(), work);
        break;
      case c10::TypeKind::StringType:
        require(value.isString(), work);
        break;
      case c10::TypeKind::ListType:
        require(value.isList(), work);
        if (is_new(value)) {
          for (const c10::IValue& item : value.toListRef()) {
            todo_.push_back({item, work.type->containedType(0), work.where});
          }
        }
        break;
      case c10::TypeKind::DictType:
        require(value.isGenericDict(), work);
        if (is_new(value)) {
          for (const auto& entry : value.toGenericDict()) {
            todo_.push_back({entry.key(), work.type->containedType(0), work.where});
            todo_.push_back({entry.value(), work.type->containedType(1), work.where});
          }
        }
        break;
      case c10::TypeKind::TupleType:
        check_tuple(work);
        break;
      case c10::TypeKind::ClassType:
        check_object(work);
        break;
      default:  // interfaces, enumerations and Any: what is there says itself what it is
        if (value.isObject()) check_slots(work);
    }
  }

  static void require(bool holds, const Work& work) {
    if (!holds) fail(work);
  }

  // A list, dict or object that several values share is looked at once.
  bool is_new(const c10::IValue& value) { return seen_.insert(value.internalToPointer()).second; }

  void check_tuple(const Work& work) {
    const std::size_t count = work.type->containedTypes().size();
    require(work.value.isTuple() && work.value.toTupleRef().elements().size() == count, work);
    for (std::size_t i = 0; i < count; ++i) {
      todo_.push_back({work.value.toTupleRef().elements()[i], work.type->containedTypes()[i], work.where});
    }
  }

  void check_object(const Work& work) {
    if (work.value.isCapsule()) return;  // of a class in C++, which made it
    require(work.value.isObject() && *work.value.toObjectRef().type() == *work.type, work);
    check_slots(work);
  }

  void check_slots(const Work& work) {
    if (!is_new(work.value)) return;
    const c10::ivalue::Object& object = work.value.toObjectRef();
    const std::shared_ptr<c10::ClassType> type = object.type();
    require(object.slots().size() >= type->numAttributes(), work);
    for (std::size_t i = 0; i < type->numAttributes(); ++i) {
      const std::string& name = type->getAttributeName(i);
      todo_.push_back({object.getSlot(i), type->getAttribute(i), work.where.empty() ? name : work.where + "." + name});
    }
  }

  std::vector<Work> todo_;
  std::unordered_set<const void*> seen_;
};

}  // namespace

void check_attribute_types(const torch::jit::Module& module) { AttributeCheck().run(module._ivalue()); }

}  // namespace torch2nnef
