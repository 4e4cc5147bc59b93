#include "export/exported_program/targets.h"

#include <algorithm>
#include <array>
#include <utility>

namespace torch2nnef {
namespace {

constexpr std::string_view kOps = "torch.ops.", kHigherOrder = "torch.ops.higher_order.";

}  // namespace

std::optional<OperatorName> operator_of(std::string_view target) {
  if (!target.starts_with(kOps) || target.starts_with(kHigherOrder)) return std::nullopt;
  target.remove_prefix(kOps.size());
  const std::size_t space = target.find('.'), overload = target.rfind('.');
  if (space == std::string_view::npos || overload == space) return std::nullopt;
  OperatorName op{
      std::string(target.substr(0, space)) + "::" + std::string(target.substr(space + 1, overload - space - 1)),
      std::string(target.substr(overload + 1))};
  if (op.overload == "default") op.overload.clear();
  return op;
}

std::optional<std::string> higher_order_of(std::string_view target) {
  if (!target.starts_with(kHigherOrder)) return std::nullopt;
  return std::string(target.substr(kHigherOrder.size()));
}

const char* number_operator_of(std::string_view target) {
  static constexpr std::array<std::pair<std::string_view, const char*>, 25> kOperators = {{
      {"_operator.add", "aten::add"},
      {"_operator.sub", "aten::sub"},
      {"_operator.mul", "aten::mul"},
      {"_operator.floordiv", "aten::floordiv"},
      {"_operator.mod", "aten::remainder"},
      {"_operator.truediv", "aten::div"},
      {"_operator.pow", "aten::pow"},
      {"_operator.neg", "aten::neg"},
      {"_operator.eq", "aten::eq"},
      {"_operator.ne", "aten::ne"},
      {"_operator.lt", "aten::lt"},
      {"_operator.le", "aten::le"},
      {"_operator.gt", "aten::gt"},
      {"_operator.ge", "aten::ge"},
      {"_operator.and_", "aten::__and__"},
      {"_operator.or_", "aten::__or__"},
      {"_operator.lshift", "aten::__lshift__"},
      {"_operator.rshift", "aten::__rshift__"},
      {"math.trunc", "aten::Int"},
      {"torch.sym_int", "aten::Int"},
      {"torch.sym_float", "aten::Float"},
      {"torch.sym_max", "prim::max"},
      {"torch.sym_min", "prim::min"},
      {"torch.sym_not", "aten::__not__"},
      {"torch._sym_sqrt", "aten::sqrt"},
  }};
  const auto found =
      std::find_if(kOperators.begin(), kOperators.end(), [&](const auto& entry) { return entry.first == target; });
  return found == kOperators.end() ? nullptr : found->second;
}

}  // namespace torch2nnef
