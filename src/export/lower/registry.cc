// The registry of lowerings, and the built-in table.

#include <algorithm>

#include "export/lower/lowering.h"
#include "export/lower/rows/row.h"

namespace torch2nnef {

bool is_complex_call(const TapeCall& call, const Tape& tape) {
  const auto is_one = [&](TapeValue value) { return value && is_complex(tape.info(value).type); };
  const std::vector<TapeValue> read = call.tensors_read();
  return std::any_of(call.results.begin(), call.results.end(), is_one) || std::any_of(read.begin(), read.end(), is_one);
}

bool covers(Domain domain, bool is_complex) {
  return domain == Domain::kBoth || is_complex == (domain == Domain::kComplex);
}

void Registry::add(Lowering lowering) {
  if (lowering.source.empty()) lowering.source = source_;
  lowering.origin = origin_;
  by_name_[lowering.name].push_back(std::move(lowering));
}

void Registry::add(std::string_view names, LoweringFunction lower, std::string_view notes, Domain domain) {
  while (!names.empty()) {
    std::size_t end = std::min(names.find(' '), names.size());
    if (end > 0) {
      std::string name(names.substr(0, end));
      add(Lowering{std::move(name), Lowering::Kind::kCode, lower, source_, std::string(notes), domain, ""});
    }
    names.remove_prefix(std::min(end + 1, names.size()));
  }
}

std::vector<const Lowering*> Registry::find(const TapeCall& call) const {
  std::vector<const Lowering*> result;
  auto collect = [&](const std::string& name) {
    auto found = by_name_.find(name);
    if (found == by_name_.end()) return;
    for (const Lowering& lowering : found->second) result.push_back(&lowering);
  };
  if (!call.overload.empty()) collect(call.full_name());
  collect(call.op);
  return result;
}

std::vector<const Lowering*> Registry::all() const {
  std::vector<const Lowering*> result;
  for (const auto& [name, lowerings] : by_name_) {
    for (const Lowering& lowering : lowerings) result.push_back(&lowering);
  }
  return result;
}

std::vector<const Lowering*> Tables::find(const TapeCall& call) const {
  std::vector<const Lowering*> found;
  for (const auto& table : users_) {
    found = table->find(call);
    if (!found.empty()) break;
  }
  for (const Lowering* lowering : builtin_.find(call)) found.push_back(lowering);
  return found;
}

std::string Tables::claim(const std::string& path, const std::string& class_name) const {
  std::string best;
  for (const Lowering* lowering : claims()) {
    if (lowering->name == std::string(kModulePath) + path) return lowering->name;
    if (!lowering->name.starts_with(kModuleClass)) continue;
    const std::string claimed = lowering->name.substr(kModuleClass.size());
    bool fits = class_name == claimed || class_name.ends_with("." + claimed);
    if (fits && lowering->name.size() > best.size()) best = lowering->name;
  }
  return best;
}

std::vector<const Lowering*> Tables::claims() const {
  std::vector<const Lowering*> result;
  for (const auto& table : users_) {
    for (const Lowering* lowering : table->all()) {
      if (lowering->name.starts_with(kModuleClass) || lowering->name.starts_with(kModulePath)) {
        result.push_back(lowering);
      }
    }
  }
  return result;
}

std::vector<const Lowering*> Tables::all() const {
  std::vector<const Lowering*> result;
  for (const auto& table : users_) {
    for (const Lowering* lowering : table->all()) result.push_back(lowering);
  }
  for (const Lowering* lowering : builtin_.all()) result.push_back(lowering);
  return result;
}

#define T2N_FAMILY(folder, name) void register_##name(Registry& registry);
#include "export/ops/families.def"
#undef T2N_FAMILY

namespace {

Registry make_builtin_registry() {
  Registry registry;
#define T2N_FAMILY(folder, name)                \
  registry.set_source(#folder "/" #name ".cc"); \
  register_##name(registry);
#include "export/ops/families.def"
#undef T2N_FAMILY
  register_builtin_rows(registry);
  return registry;
}

}  // namespace

const Registry& builtin_registry() {
  static const Registry registry = make_builtin_registry();
  return registry;
}

const Tables& builtin_tables() {
  static const Tables tables(builtin_registry());
  return tables;
}

}  // namespace torch2nnef
