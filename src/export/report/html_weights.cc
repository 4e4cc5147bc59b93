#include "export/report/html_weights.h"

#include <fmt/format.h>

#include <cmath>
#include <cstdint>

#include "export/report/text_report.h"
#include "export/report/utf8.h"

namespace torch2nnef {
namespace {

std::string number_cell(const std::string& text) { return "<td class=\"number\">" + text + "</td>"; }

// An error as a share of the size of the numbers themselves.
std::string share(double error, double of) {
  return of > 0 ? fmt::format("{:.2g} %", 100 * error / of) : fmt::format("{:.2g}", error);
}

std::string output_cells(const std::optional<WeightReport::Output>& output) {
  if (!output) return "<td></td><td></td>";
  return number_cell(share(output->plain_error, output->root_mean_square)) +
         number_cell(share(output->error, output->root_mean_square));
}

std::string weight_row(const WeightReport& one) {
  const std::string path = "<tr><td>" + html_code(one.path) + "</td>";
  if (one.form.empty()) {
    return path + "<td>f32</td>" + number_cell(text_size(one.bytes)) + "<td></td><td colspan=\"4\">" +
           html_text(one.why_not) + "</td></tr>\n";
  }
  return path + "<td>" + html_text(one.form) + "</td>" + number_cell(text_size(one.bytes)) +
         number_cell(text_size(one.float_bytes)) +
         number_cell(share(std::sqrt(one.mean_squared_error), one.root_mean_square)) +
         number_cell(fmt::format("{:.2g}", one.largest_error)) + output_cells(one.output) + "</tr>\n";
}

std::string distance_table(const std::vector<FloatDistance>& distances) {
  if (distances.empty()) return "";
  std::string html =
      "<h3>Outputs against the float model</h3>\n<table><thead><tr><th>output</th><th>at</th>"
      "<th class=\"number\">rms error</th><th class=\"number\">largest error</th></tr></thead><tbody>\n";
  for (const FloatDistance& one : distances) {
    std::string sizes;
    for (const auto& [name, size] : one.sizes) sizes += fmt::format("{}{}={}", sizes.empty() ? "" : " ", name, size);
    html += "<tr><td>" + html_code(one.output) + "</td><td>" + html_text(sizes) + "</td>" +
            number_cell(share(one.rms_error, one.root_mean_square)) +
            number_cell(fmt::format("{:.2g}", one.largest_error)) + "</tr>\n";
  }
  return html + "</tbody></table>\n";
}

}  // namespace

std::string html_stored_weights(const ExportReport& report) {
  if (report.weights.empty()) return "";
  std::uint64_t before = 0, after = 0;
  std::string rows;
  for (const WeightReport& one : report.weights) {
    before += one.float_bytes;
    after += one.bytes;
    rows += weight_row(one);
  }
  return fmt::format("<h2>Stored weights</h2>\n<p>{} instead of {}.</p>\n", text_size(after), text_size(before)) +
         "<table><thead><tr><th>weight</th><th>form</th><th class=\"number\">size</th><th class=\"number\">before</th>"
         "<th class=\"number\">rms error</th><th class=\"number\">largest error</th>"
         "<th class=\"number\">output error, plain scales</th><th class=\"number\">output error</th></tr></thead>"
         "<tbody>\n" +
         rows + "</tbody></table>\n" + distance_table(report.float_distance);
}

}  // namespace torch2nnef
