#include "export/report/html_tree.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <memory>
#include <string_view>

#include "export/report/text_report.h"
#include "export/report/utf8.h"

namespace torch2nnef {
namespace {

// Rows of <dt>, <dd>; empty values are left out.
class Facts {
 public:
  Facts& add(std::string_view title, const std::string& html) {
    if (!html.empty()) rows_ += fmt::format("<dt>{}</dt><dd>{}</dd>", title, html);
    return *this;
  }
  std::string html() const { return rows_.empty() ? "" : "<dl class=\"facts\">" + rows_ + "</dl>"; }

 private:
  std::string rows_;
};

std::string lines(const std::vector<std::string>& items) {
  std::string html;
  for (const std::string& item : items) html += (html.empty() ? "" : "<br>") + html_code(item);
  return html;
}

std::string place_of(const SourceLine& line) {
  return fmt::format("{}:{}{}{}", line.file, line.line, line.function.empty() ? "" : " in " + line.function,
                     line.text.empty() ? "" : ": " + line.text);
}

std::string short_place_of(const Location& where) {
  if (where.stack.empty()) return "";
  const SourceLine& line = where.stack.front();
  return fmt::format("{}:{}", line.file.substr(line.file.find_last_of("/\\") + 1), line.line);
}

// The error that a call adds, as a share of the size of its values: where the colours change.
constexpr std::array<double, 3> kSteps = {1e-6, 1e-5, 1e-4};

double share_of(const CallError& error) {
  return error.magnitude > 0 ? error.own_abs / error.magnitude : error.own_abs;
}

int level_of(const CallError& error) {
  if (!error.own_agrees || std::isnan(error.own_abs)) return 4;
  const double share = share_of(error);
  return static_cast<int>(std::count_if(kSteps.begin(), kSteps.end(), [&](double step) { return share > step; }));
}

std::string chip(const CallError* error) {
  if (!error) return "<span class=\"not-measured\">not measured</span>";
  return fmt::format(
      "<span class=\"error-chip e{}\" title=\"largest error that this call adds, as a share of the size "
      "of its values\">{}{:.1e}</span>",
      level_of(*error), error->own_agrees ? "" : "differs: ", share_of(*error));
}

std::string error_facts(const CallError& error) {
  return fmt::format(
      "adds max abs {:.2g}, max rel {:.2g}{}<br>since the inputs max abs {:.2g}, max rel {:.2g}{}<br>"
      "root mean square of its values {:.3g}",
      error.own_abs, error.own_rel, error.own_agrees ? "" : " (outside of the tolerance)", error.max_abs, error.max_rel,
      error.agrees ? "" : " (outside of the tolerance)", error.magnitude);
}

// A module, made from the paths that calls and the module list name.
struct Module {
  std::string name, path, class_name;
  std::vector<std::unique_ptr<Module>> children;
  // In the order of execution: a call (its index) or the first call inside a child (-1 - its index).
  std::vector<std::int64_t> items;
  std::map<std::string, std::size_t> by_name;
  int calls = 0, troubles = 0;
  std::uint64_t weight_bytes = 0;
};

class TreeWriter {
 public:
  TreeWriter(const ModelTree& tree, const CallErrors& errors, const Divergence* divergence)
      : tree_(tree), errors_(errors), divergence_(divergence) {
    for (const auto& [path, class_name] : tree.modules) {
      if (Module* module = walk(path, false); module->class_name.empty()) module->class_name = class_name;
    }
    for (std::size_t i = 0; i < tree.calls.size(); ++i) place(tree.calls[i], static_cast<std::int64_t>(i));
    for (const ModelWeight& weight : tree.weights) count_weight(weight);
  }

  std::string run() {
    write(root_, "the model");
    return std::move(html_);
  }

 private:
  // The module of a path, made where it is missing. `executed`: its parents' items get it in its turn.
  Module* walk(const std::string& path, bool executed) {
    Module* module = &root_;
    for (std::size_t begin = 0; begin < path.size();) {
      const std::size_t end = std::min(path.find('.', begin), path.size());
      const std::string name = path.substr(begin, end - begin);
      const auto [found, is_new] = module->by_name.try_emplace(name, module->children.size());
      if (is_new) {
        module->children.push_back(std::make_unique<Module>());
        module->children.back()->name = name;
        module->children.back()->path = path.substr(0, end);
      }
      const std::int64_t item = -1 - static_cast<std::int64_t>(found->second);
      if (executed && std::find(module->items.begin(), module->items.end(), item) == module->items.end()) {
        module->items.push_back(item);
      }
      module = module->children[found->second].get();
      begin = end + 1;
    }
    return module;
  }

  void place(const ModelCall& call, std::int64_t index) {
    Module* module = walk(call.where.module_path, true);
    if (module->class_name.empty()) module->class_name = call.where.module_class;
    module->items.push_back(index);
    const bool is_trouble = call.state == ModelCall::State::kUnsupported;
    for_each_parent(call.where.module_path, [&](Module& one) {
      ++one.calls;
      one.troubles += is_trouble ? 1 : 0;
    });
  }

  // The root, and the modules on the way to a path as far as they are known.
  template <class Function>
  void for_each_parent(const std::string& path, const Function& function) {
    Module* module = &root_;
    function(*module);
    for (std::size_t begin = 0; begin < path.size();) {
      const std::size_t end = std::min(path.find('.', begin), path.size());
      const auto found = module->by_name.find(path.substr(begin, end - begin));
      if (found == module->by_name.end()) return;
      module = module->children[found->second].get();
      function(*module);
      begin = end + 1;
    }
  }

  void count_weight(const ModelWeight& weight) {
    for_each_parent(weight.label, [&](Module& one) { one.weight_bytes += weight.bytes; });
  }

  void write(const Module& module, const std::string& name) {
    const bool open = module.path.empty() || module.troubles > 0;
    html_ += fmt::format(
        "<details class=\"module\" data-path=\"{}\"{}><summary><span class=\"name mono\">{}</span> "
        "<span class=\"soft\">{}",
        html_text(module.path), open ? " open" : "", html_text(name), html_text(module.class_name));
    html_ += module.calls == 0 ? " &middot; not called"
                               : fmt::format(" &middot; {} call{}", module.calls, module.calls == 1 ? "" : "s");
    if (module.weight_bytes > 0) html_ += fmt::format(" &middot; weights {}", text_size(module.weight_bytes));
    html_ += "</span>";
    if (module.troubles > 0) html_ += fmt::format(" <span class=\"badge bad\">{} unsupported</span>", module.troubles);
    html_ += "</summary><div class=\"inside\">";
    for (std::int64_t item : module.items) {
      if (item >= 0) {
        write(tree_.calls[static_cast<std::size_t>(item)]);
      } else {
        const Module& child = *module.children[static_cast<std::size_t>(-1 - item)];
        write(child, child.name);
      }
    }
    for (const auto& child : module.children) {
      if (child->calls == 0) write(*child, child->name);
    }
    html_ += "</div></details>\n";
  }

  bool is_first_to_differ(const ModelCall& call) const {
    if (!divergence_ || divergence_->aten.empty()) return false;
    const auto named = [&](const std::string& operation) { return operation.starts_with(divergence_->name + " = "); };
    return std::any_of(call.operations.begin(), call.operations.end(), named);
  }

  void write(const ModelCall& call) {
    const auto found = errors_.find(call.tape_index);
    const CallError* error = call.tape_index < 0 || found == errors_.end() ? nullptr : found->second;
    const bool is_exported = call.state == ModelCall::State::kExported;
    const bool is_trouble = call.state == ModelCall::State::kUnsupported;
    const std::string_view state = to_string(call.state);
    html_ += fmt::format(
        "<details class=\"call {}{}\" data-state=\"{}\" data-path=\"{}\"{}><summary><span class=\"state\">{}</span>"
        "{} <span class=\"mono\">{}</span>",
        call.state == ModelCall::State::kNotTried ? "waiting" : state,
        is_first_to_differ(call) ? " first-to-differ" : "", state, html_text(call.where.module_path),
        is_trouble ? " open" : "", state, html_code(call.op),
        html_text(call.results.empty() ? "" : fmt::format("-> {}", fmt::join(call.results, ", "))));
    if (is_first_to_differ(call)) html_ += " <span class=\"badge bad\">first to differ</span>";
    if (is_exported) html_ += chip(error);
    html_ += fmt::format("<span class=\"where mono\">{}</span></summary><div class=\"inside\">",
                         html_text(short_place_of(call.where)));
    Facts facts;
    facts.add("reason", call.reason.empty() ? "" : html_text(call.reason));
    facts.add("arguments", lines(call.arguments)).add("results", lines(call.results));
    facts.add("in graph.nnef", lines(call.operations));
    facts.add("error", error ? error_facts(*error) : "");
    std::vector<std::string> stack;
    for (const SourceLine& line : call.where.stack) stack.push_back(place_of(line));
    facts.add("source", lines(stack));
    facts.add("module", html_text(call.where.module_path +
                                  (call.where.module_class.empty() ? "" : " (" + call.where.module_class + ")")));
    html_ += facts.html() + "</div></details>\n";
  }

  const ModelTree& tree_;
  const CallErrors& errors_;
  const Divergence* divergence_;
  Module root_;
  std::string html_;
};

}  // namespace

std::string html_tree(const ModelTree& tree, const CallErrors& errors, const Divergence* divergence) {
  return TreeWriter(tree, errors, divergence).run();
}

}  // namespace torch2nnef
