#include "export/report/html_page.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <numeric>
#include <string_view>

#include "export/report/codes.h"
#include "export/report/html_tree.h"
#include "export/report/html_weights.h"
#include "export/report/model_tree.h"
#include "export/report/text_report.h"
#include "export/report/utf8.h"
#include "export/version.h"
#include "nnef/embedded.h"

namespace torch2nnef {
namespace {

// Nothing is loaded from anywhere, whatever may stand in the page.
constexpr std::string_view kPolicy = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'";

std::string_view embedded(std::string_view name) {
  for (const torch2nnef_embedded::File& file : torch2nnef_embedded::page_files()) {
    if (file.name == name) return file.text;
  }
  return "";
}

std::string row(std::string_view title, const std::string& html) {
  return html.empty() ? "" : fmt::format("<dt>{}</dt><dd>{}</dd>\n", title, html);
}

std::string tensors(const std::vector<IoReport>& list) {
  std::string html;
  for (const IoReport& one : list) {
    html += (html.empty() ? "" : "<br>") + html_code(one.name + " " + one.dtype + nnef::to_string(one.shape));
  }
  return html;
}

std::string strings(const std::vector<std::string>& list) {
  std::string html;
  for (const std::string& one : list) html += (html.empty() ? "" : "<br>") + html_code(one);
  return html;
}

std::vector<std::string> symbol_texts(const std::vector<Symbol>& symbols) {
  std::vector<std::string> texts;
  for (const Symbol& symbol : symbols) {
    std::string text = symbol.name;
    if (symbol.minimum) text = fmt::format("{} <= {}", *symbol.minimum, text);
    if (symbol.maximum) text += fmt::format(" <= {}", *symbol.maximum);
    texts.push_back(text);
  }
  return texts;
}

std::vector<std::string> size_texts(const std::vector<nnef::Bindings>& worlds) {
  std::vector<std::string> texts;
  for (const nnef::Bindings& sizes : worlds) {
    std::string text;
    for (const auto& [name, size] : sizes) text += fmt::format("{}{}={}", text.empty() ? "" : " ", name, size);
    texts.push_back(text);
  }
  return texts;
}

std::vector<std::string> drawn_texts(const std::vector<DrawnInput>& drawn) {
  std::vector<std::string> texts;
  for (const DrawnInput& one : drawn) texts.push_back(drawn_text(one));
  return texts;
}

std::string summary(const ExportReport& report) {
  std::string html = "<dl class=\"facts\">\n";
  if (report.archive_bytes > 0) {
    html +=
        row("archive", fmt::format("{}, {}, {} of it in {} tensors", html_code(report.output.string()),
                                   text_size(report.archive_bytes), text_size(report.tensor_bytes), report.tensors));
    html += row("graph", fmt::format("{} operations from {} calls", report.operations, report.calls));
  }
  std::string inputs = tensors(report.inputs);
  if (inputs.empty() && report.tree) inputs = strings(report.tree->inputs);
  html += row("inputs", inputs) + row("outputs", tensors(report.outputs));
  html += row("symbols", strings(symbol_texts(report.symbols)));
  html +=
      row("constraints", strings(report.constraints)) + row("recorded at", strings(size_texts(report.recorded_sizes)));
  html += row("samples", html_text(report.inputs_from)) + row("drawn", strings(drawn_texts(report.drawn)));
  return html + "</dl>\n";
}

std::string check(const CheckReport& check) {
  std::string html = "<h2>Check</h2>\n";
  if (check.outputs.empty()) {
    return html + fmt::format("<p>Not run{}.</p>\n",
                              check.not_run_because.empty() ? "" : ": " + html_text(check.not_run_because));
  }
  html +=
      "<table><thead><tr><th>engine</th><th>output</th><th>at</th><th>verdict</th><th class=\"number\">max abs</th>"
      "<th class=\"number\">max rel</th></tr></thead><tbody>\n";
  for (const CheckReport::Output& output : check.outputs) {
    const std::vector<std::string> sizes = size_texts({output.sizes});
    html += fmt::format(
        "<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td class=\"number\">{:.2g}</td>"
        "<td class=\"number\">{:.2g}</td></tr>\n",
        html_text(output.engine.empty() ? check.engine : output.engine), html_code(output.name),
        html_text(sizes.front()), output.agrees ? "agrees" : "<strong>differs</strong>: " + html_text(output.detail),
        output.max_abs, output.max_rel);
  }
  html += "</tbody></table>\n";
  if (check.divergence) {
    html += fmt::format("<div class=\"message error\"><p><strong>First to differ:</strong> {}</p><p>{}</p></div>\n",
                        html_text(check.divergence->to_string()), html_text(check.divergence->detail));
  }
  return html;
}

// "2", or "1/4" of the frames that come in.
std::string rate_text(std::int64_t frames, std::int64_t pulse) {
  const std::int64_t common = std::gcd(frames, pulse);
  return common == pulse ? fmt::format("{}", frames / common) : fmt::format("{}/{}", frames / common, pulse / common);
}

std::string streams(const std::vector<StreamReport>& list) {
  if (list.empty()) return "";
  std::string html =
      "<h2>Streams</h2>\n<table><thead><tr><th>symbol</th><th class=\"number\">frames per pulse</th><th>output</th>"
      "<th class=\"number\">axis</th><th class=\"number\">frames out per pulse</th><th class=\"number\">frames out per "
      "frame in</th><th class=\"number\">frames late</th><th>verdict</th><th class=\"number\">frames compared</th>"
      "<th class=\"number\">max abs</th></tr></thead><tbody>\n";
  for (const StreamReport& stream : list) {
    for (const StreamReport::Output& output : stream.outputs) {
      html += fmt::format("<tr><td>{}</td><td class=\"number\">{}</td><td>{}</td>", html_code(stream.symbol),
                          stream.pulse, html_code(output.name));
      for (const std::string& number : {std::to_string(output.axis), std::to_string(output.frames),
                                        rate_text(output.frames, stream.pulse), std::to_string(output.delay)}) {
        html += "<td class=\"number\">" + number + "</td>";
      }
      html += fmt::format("<td>{}</td><td class=\"number\">{}</td><td class=\"number\">{:.2g}</td></tr>\n",
                          output.agrees ? "agrees" : "<strong>differs</strong>: " + html_text(output.detail),
                          output.compared, output.max_abs);
    }
  }
  return html + "</tbody></table>\n";
}

std::string messages(const std::vector<Diagnostic>& list) {
  if (list.empty()) return "";
  std::vector<const Diagnostic*> sorted;
  for (const Diagnostic& one : list) sorted.push_back(&one);
  std::stable_sort(sorted.begin(), sorted.end(), [](const Diagnostic* a, const Diagnostic* b) {
    return static_cast<int>(a->severity) > static_cast<int>(b->severity);
  });
  std::string html = "<h2>Messages</h2>\n";
  for (const Diagnostic* one : sorted) {
    html += fmt::format("<div class=\"message {}\"><p><strong>{} {}</strong> {}{}</p><p>{}</p>",
                        to_string(one->severity), to_string(one->severity), html_text(one->code), html_code(one->op),
                        one->count > 1 ? fmt::format(" in {} calls", one->count) : "", html_text(one->text));
    if (const std::string place = one->where.to_string(); !place.empty()) html += "<p>" + html_code(place) + "</p>";
    if (!one->hint.empty()) html += "<p class=\"soft\">" + html_text(one->hint) + "</p>";
    if (const Code* known = find_code(one->code)) html += "<p class=\"soft\">" + html_text(known->cause) + "</p>";
    html += "</div>\n";
  }
  return html;
}

// The bar above the tree: search, a box for each state that occurs, and buttons.
std::string tools(const ModelTree& tree) {
  std::string html =
      "<div class=\"tools\" role=\"search\"><input type=\"search\" id=\"search\" aria-label=\"Search calls\" "
      "placeholder=\"Search calls (press /)\">\n";
  using State = ModelCall::State;
  for (State state : {State::kUnsupported, State::kExported, State::kFolded, State::kUnused, State::kNotTried}) {
    const auto count =
        std::count_if(tree.calls.begin(), tree.calls.end(), [&](const ModelCall& call) { return call.state == state; });
    if (count == 0) continue;
    html += fmt::format("<label><input type=\"checkbox\" value=\"{0}\" checked> {0} ({1})</label>\n", to_string(state),
                        count);
  }
  return html +
         "<button type=\"button\" id=\"open-all\">Open all</button>\n"
         "<button type=\"button\" id=\"close-all\">Close all</button>\n"
         "<button type=\"button\" id=\"theme\">Theme: auto</button>\n"
         "<span id=\"count\" class=\"soft\" role=\"status\"></span></div>\n";
}

std::string legend() {
  return "<p class=\"soft\">Error that a call adds, as a share of the size of its values: "
         "<span class=\"error-chip e0\">up to 1e-6</span> <span class=\"error-chip e1\">1e-5</span> "
         "<span class=\"error-chip e2\">1e-4</span> <span class=\"error-chip e3\">more</span> "
         "<span class=\"error-chip e4\">outside of the tolerance</span></p>\n";
}

std::string model_section(const ExportReport& report) {
  if (!report.tree) return "";
  CallErrors errors;
  for (const CallError& one : report.check.calls) {
    const CallError*& worst = errors[static_cast<std::int64_t>(one.call)];
    if (!worst || (worst->own_agrees && (!one.own_agrees || one.own_abs > worst->own_abs))) worst = &one;
  }
  const Divergence* divergence = report.check.divergence ? &*report.check.divergence : nullptr;
  return "<h2>Model</h2>\n" + tools(*report.tree) + (errors.empty() ? "" : legend()) + "<div class=\"tree\">\n" +
         html_tree(*report.tree, errors, divergence) + "</div>\n";
}

std::string weights(const ModelTree& tree) {
  if (tree.weights.empty()) return "";
  std::vector<const ModelWeight*> sorted;
  for (const ModelWeight& one : tree.weights) sorted.push_back(&one);
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const ModelWeight* a, const ModelWeight* b) { return a->bytes > b->bytes; });
  const double most = static_cast<double>(std::max<std::uint64_t>(sorted.front()->bytes, 1));
  std::string html =
      "<h2>Weights and constants</h2>\n<table><thead><tr><th>name</th><th>tensor</th><th class=\"number\">size</th>"
      "<th style=\"width:25%\"></th></tr></thead><tbody>\n";
  for (const ModelWeight* one : sorted) {
    html += fmt::format(
        "<tr><td>{}</td><td>{}</td><td class=\"number\">{}</td><td><span class=\"bar\" "
        "style=\"width:{:.1f}%\"></span></td></tr>\n",
        html_code(one->label), html_code(one->facts), text_size(one->bytes),
        100 * static_cast<double>(one->bytes) / most);
  }
  return html + "</tbody></table>\n";
}

std::string operators(const std::map<std::string, int>& counts) {
  if (counts.empty()) return "";
  std::vector<std::pair<int, std::string>> sorted;
  for (const auto& [name, count] : counts) sorted.emplace_back(-count, name);
  std::sort(sorted.begin(), sorted.end());
  std::string html = "<h2>Operators</h2>\n<table><thead><tr><th>operator</th><th>calls</th></tr></thead><tbody>\n";
  for (const auto& [count, name] : sorted)
    html += fmt::format("<tr><td>{}</td><td>{}</td></tr>\n", html_code(name), -count);
  return html + "</tbody></table>\n";
}

std::string steps(const std::map<std::string, double>& seconds) {
  if (seconds.empty()) return "";
  std::string html = "<h2>Time</h2>\n<dl class=\"facts\">\n";
  for (const auto& [name, time] : seconds) html += row(html_text(name), fmt::format("{:.2f} s", time));
  return html + "</dl>\n";
}

std::string page(const std::string& model, std::string_view status, bool good, const ExportReport* report,
                 const std::vector<Diagnostic>& diagnostics) {
  const VersionInfo version = version_info();
  std::string html = fmt::format(
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta http-equiv=\"Content-Security-Policy\" content=\"{}\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{}: {}</title>\n<style>\n{}"
      "</style>\n</head>\n<body>\n<header><h1>{}</h1>\n<p><span class=\"badge {}\">{}</span></p></header>\n<main>\n",
      kPolicy, html_text(model), html_text(status), embedded("page.css"), html_text(model), good ? "good" : "bad",
      html_text(status));
  if (report) html += summary(*report);
  html += messages(diagnostics);
  if (report && (good || !report->check.outputs.empty())) html += check(report->check);
  if (report) html += streams(report->streams);
  if (report) html += model_section(*report);
  if (report) html += html_stored_weights(*report);
  if (report && report->tree) html += weights(*report->tree);
  if (report) html += operators(report->operators) + steps(report->seconds);
  html += fmt::format("</main>\n<footer><p>{}, libtorch {}, dialect {}</p></footer>\n", html_text(version.torch2nnef),
                      html_text(version.torch), html_text(version.dialect));
  const bool has_tree = report && report->tree;
  if (has_tree) html += fmt::format("<script>\n{}</script>\n", embedded("page.js"));
  return html + "</body>\n</html>\n";
}

std::string verdict(const CheckReport& check) {
  if (check.outputs.empty()) return "exported, not checked";
  return check.agrees() ? "exported, agrees with PyTorch in " + check.engine : "exported, DIFFERS from PyTorch";
}

std::string_view verdict(ExportError::Kind kind) {
  switch (kind) {
    case ExportError::Kind::kNotExportable:
      return "not exported";
    case ExportError::Kind::kUsage:
      return "not exported: the command line does not fit the model";
    case ExportError::Kind::kCheckFailed:
      return "not exported: the archive does not compute what PyTorch does";
    case ExportError::Kind::kInternal:
      break;
  }
  return "not exported: a bug in torch2nnef";
}

}  // namespace

std::string html_report(const ExportReport& report, const std::string& model) {
  return page(model, verdict(report.check), report.check.outputs.empty() || report.check.agrees(), &report,
              report.diagnostics.list());
}

std::string html_report(const ExportError& error, const ExportReport* known, const std::string& model) {
  // The error's own messages, and what was said before it came to that.
  std::vector<Diagnostic> list = error.diagnostics();
  if (known) {
    for (const Diagnostic& one : known->diagnostics.list()) {
      if (one.severity != Severity::kError) list.push_back(one);
    }
  }
  return page(model, verdict(error.kind()), false, known, list);
}

}  // namespace torch2nnef
