#include "export/modules/user_tables.h"

#include <dlfcn.h>

#include <fstream>
#include <sstream>

#include "export/load/model.h"
#include "export/lower/rows/row.h"
#include "export/modules/plugin_call.h"

namespace torch2nnef {
namespace {

[[noreturn]] void refuse(const std::string& code, const std::string& text, const std::string& hint = "") {
  throw ExportError(ExportError::Kind::kUsage, {Severity::kError, code, "", {}, text, hint});
}

// What a plugin offers, as lowerings.
class Enrolment final : public extractor::Plugin {
 public:
  explicit Enrolment(Registry& registry) : registry_(registry) {}
  void module(std::string_view class_name, extractor::Function lower, std::string_view notes) override {
    add(std::string(kModuleClass) + std::string(class_name), lower, notes);
  }
  void module_at(std::string_view path, extractor::Function lower, std::string_view notes) override {
    add(std::string(kModulePath) + std::string(path), lower, notes);
  }
  void op(std::string_view name, extractor::Function lower, std::string_view notes) override {
    add(std::string(name), lower, notes);
  }

 private:
  void add(const std::string& name, extractor::Function lower, std::string_view notes) {
    auto run = [lower](Call& call) { lower_by_plugin(call, lower); };
    registry_.add(Lowering{name, Lowering::Kind::kCode, run, "", std::string(notes), Domain::kReal, ""});
  }
  Registry& registry_;
};

std::string torch_text(const std::string& version) {
  return version.empty() ? "without torch" : "with torch " + version;
}

// The plugin says what it was built with; whatever does not fit would end in a crash.
void check_description(const std::string& name, const extractor::Description& plugin) {
  const std::string hint = "build it again with the headers, the libtorch and the compiler of this torch2nnef";
  if (plugin.abi != extractor::kAbi) {
    refuse("T2N-P003",
           "--plugin: " + name + " was built for version " + std::to_string(plugin.abi) +
               " of the interface of plugins, this torch2nnef has version " + std::to_string(extractor::kAbi),
           hint);
  }
  const std::string compiler = TORCH2NNEF_COMPILER;
  if (compiler != plugin.compiler) {
    refuse("T2N-P003", "--plugin: " + name + " was built by " + plugin.compiler + ", this torch2nnef by " + compiler,
           hint);
  }
  const std::string torch = plugin.torch_version;
  if (!torch.empty() && torch != torch_version()) {
    refuse("T2N-P003",
           "--plugin: " + name + " was built " + torch_text(torch) + ", this torch2nnef " + torch_text(torch_version()),
           hint);
  }
}

std::shared_ptr<Registry> load_plugin(const std::filesystem::path& path) {
  const std::string name = path.filename().string();
  void* library = dlopen(std::filesystem::absolute(path).c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!library) refuse("T2N-P003", "--plugin: " + name + " cannot be loaded: " + dlerror());
  using Describe = const extractor::Description* (*)();
  auto describe = reinterpret_cast<Describe>(dlsym(library, "torch2nnef_plugin"));
  if (!describe) {
    refuse("T2N-P003", "--plugin: " + name + " has no function torch2nnef_plugin()",
           "define it with TORCH2NNEF_PLUGIN of export/modules/extractor.h");
  }
  check_description(name, *describe());
  auto registry = std::make_shared<Registry>();
  registry->set_origin("plugin " + name);
  registry->set_source(describe()->name);
  Enrolment enrolment(*registry);
  describe()->enroll(enrolment);
  return registry;
}

std::shared_ptr<Registry> read_fragments(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  try {
    if (!file) throw std::runtime_error("'" + path.string() + "' cannot be read");
    auto registry = std::make_shared<Registry>();
    registry->set_origin("fragment file " + path.filename().string());
    register_rows(*registry, text.str(), path.filename().string());
    return registry;
  } catch (const std::exception& error) {
    refuse("T2N-O001", std::string("--fragments: ") + error.what());
  }
}

}  // namespace

Tables user_tables(const std::vector<std::filesystem::path>& plugins,
                   const std::vector<std::filesystem::path>& fragment_files) {
  Tables tables(builtin_registry());
  for (const std::filesystem::path& path : plugins) tables.add(load_plugin(path));
  for (const std::filesystem::path& path : fragment_files) tables.add(read_fragments(path));
  return tables;
}

}  // namespace torch2nnef
