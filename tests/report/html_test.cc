// The page on trees made by hand: what it shows, and that nothing of a model becomes markup.
#include <gtest/gtest.h>

#include <memory>
#include <regex>

#include "export/report/html_page.h"
#include "export/report/html_tree.h"
#include "export/report/model_tree.h"
#include "export/report/utf8.h"

namespace torch2nnef {
namespace {

ModelCall call(std::string op, std::string path, ModelCall::State state, std::int64_t index) {
  ModelCall made;
  made.op = std::move(op);
  made.where.module_path = std::move(path);
  made.where.stack = {{"/folder/model.py", 12, "forward", "x = self.conv(x)"}};
  made.state = state;
  made.results = {"float32[B,3]"};
  made.tape_index = index;
  return made;
}

std::string summary_of(const std::string& html, const std::string& op) {
  const std::size_t at = html.find("<code>" + op + "</code>");
  if (at == std::string::npos) return "";
  const std::size_t begin = html.rfind("<details class=\"call", at), end = html.find("</summary>", at);
  return html.substr(begin, end - begin);
}

TEST(Utf8, TextIsMadeSafe) {
  const struct {
    std::string text, html;
  } rows[] = {
      {"", ""},
      {"a < b && c > \"d\"", "a &lt; b &amp;&amp; c &gt; &quot;d&quot;"},
      {"it's", "it&#39;s"},
      {"</script><!--", "&lt;/script&gt;&lt;!--"},
      {"gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f"},
      {"\xff\xc3(\xe2\x82",
       "?"
       "?(?"
       "?"},
      {std::string("a\0b\x1b[31m", 8), "a?b?[31m"},
  };
  for (const auto& row : rows) EXPECT_EQ(html_text(row.text), row.html);
}

TEST(HtmlTree, ShowsModulesCallsStatesAndErrors) {
  ModelTree tree;
  tree.modules = {{"", "Net"}, {"layer", "Block"}, {"layer.conv", "torch.nn.Conv2d"}, {"head", "torch.nn.Linear"}};
  tree.calls = {call("aten::conv2d", "layer.conv", ModelCall::State::kExported, 0),
                call("aten::relu", "layer", ModelCall::State::kExported, 1),
                call("aten::ones", "", ModelCall::State::kFolded, -1),
                call("aten::nope", "", ModelCall::State::kUnsupported, 2),
                call("aten::rest", "", ModelCall::State::kUnused, 3)};
  tree.calls[0].operations = {"conv = conv"};
  tree.calls[3].reason = "T2N-L001: no lowering";
  tree.weights = {{"layer.conv.weight", "float32[8,3,3,3]", 864}};
  CallError good, bad;
  good.own_abs = 2e-8;
  good.magnitude = 1;
  bad.own_abs = 0.5;
  bad.magnitude = 1;
  bad.own_agrees = false;
  Divergence divergence;
  divergence.name = "conv";
  divergence.aten = "aten::conv2d";
  const std::string html = html_tree(tree, {{0, &bad}, {1, &good}}, &divergence);
  EXPECT_NE(summary_of(html, "aten::conv2d").find("first to differ"), std::string::npos);
  EXPECT_NE(summary_of(html, "aten::conv2d").find("error-chip e4"), std::string::npos);
  EXPECT_NE(summary_of(html, "aten::relu").find("error-chip e0"), std::string::npos);
  EXPECT_NE(summary_of(html, "aten::relu").find("2.0e-08"), std::string::npos);
  EXPECT_EQ(summary_of(html, "aten::ones").find("not measured"), std::string::npos) << "it is not in the archive";
  EXPECT_NE(summary_of(html, "aten::nope").find(" open"), std::string::npos);
  EXPECT_NE(html.find("T2N-L001: no lowering"), std::string::npos);
  EXPECT_NE(summary_of(html, "aten::rest").find("data-state=\"unused\""), std::string::npos);
  EXPECT_NE(summary_of(html, "aten::relu").find("model.py:12"), std::string::npos);
  EXPECT_NE(html.find("torch.nn.Linear &middot; not called"), std::string::npos);
  EXPECT_NE(html.find("Block &middot; 2 calls &middot; weights 864 B"), std::string::npos) << html;
  // conv is inside layer, which is inside the root.
  EXPECT_LT(html.find("data-path=\"layer\""), html.find("data-path=\"layer.conv\""));
}

TEST(HtmlTree, WithoutMeasurementsSaysSo) {
  ModelTree tree;
  tree.calls = {call("aten::relu", "", ModelCall::State::kExported, 0)};
  EXPECT_NE(html_tree(tree, {}, nullptr).find("not measured"), std::string::npos);
}

TEST(HtmlPage, LetsNothingOfAModelBecomeMarkup) {
  const std::string evil = "<img src=x onerror=alert(1)>\"'</script><script>alert(2)</script>";
  auto tree = std::make_shared<ModelTree>();
  ModelCall hostile = call(evil, evil, ModelCall::State::kUnsupported, 0);
  hostile.arguments = hostile.results = hostile.operations = {evil};
  hostile.reason = evil;
  hostile.where.module_class = evil;
  hostile.where.stack = {{evil, 1, evil, evil}};
  tree->modules = {{evil, evil}};
  tree->calls = {hostile};
  tree->weights = {{evil, evil, 1}};
  tree->inputs = {evil};
  ExportReport report;
  report.output = evil;
  report.archive_bytes = 1;
  report.inputs = report.outputs = {{evil, evil, {}}};
  report.operators = {{evil, 1}};
  report.symbols = {{evil, 1, 2}};
  report.recorded_sizes = {{{evil, 3}}};
  report.constraints = {evil};
  report.inputs_from = evil;
  report.seconds = {{evil, 1.0}};
  report.tree = tree;
  report.check.engine = report.check.not_run_because = evil;
  CheckReport::Output output;
  output.engine = output.name = output.detail = evil;
  output.sizes = {{evil, 4}};
  report.check.outputs = {output};
  report.check.divergence.emplace();
  report.check.divergence->engine = report.check.divergence->name = report.check.divergence->aten = evil;
  report.check.divergence->detail = evil;
  report.diagnostics.error("T2N-L001", evil, hostile.where, evil, evil);
  const ExportError error(ExportError::Kind::kCheckFailed, report.diagnostics.list());
  for (const std::string& page : {html_report(report, evil), html_report(error, &report, evil)}) {
    EXPECT_EQ(page.find("<img"), std::string::npos);
    EXPECT_EQ(page.find("alert(2)</script>"), std::string::npos);
    const std::regex scripts("<script");
    EXPECT_EQ(std::distance(std::sregex_iterator(page.begin(), page.end(), scripts), std::sregex_iterator()), 1);
    EXPECT_EQ(page.find("http://"), std::string::npos);
    EXPECT_EQ(page.find("https://"), std::string::npos);
    EXPECT_NE(page.find("Content-Security-Policy"), std::string::npos);
  }
}

TEST(HtmlPage, ShowsWhatBecameOfWeights) {
  ExportReport report;
  WeightReport stored{"layer<0>.weight", "q4_0", "", 64, 256, 36, 0.01, 0.25, 1.0, std::nullopt};
  stored.output = WeightReport::Output{0.5, 0.125, 1.0};
  report.weights = {stored, {"bias", "", "it has fewer than 2 axes", 2, 8, 8, 0, 0, 0, std::nullopt}};
  report.float_distance = {{"y", {{"S", 3}}, 0.25, 0.75, 1.0}};
  const std::string html = html_report(report, "model.pt");
  EXPECT_NE(html.find("44 B instead of 264 B"), std::string::npos) << html;
  EXPECT_NE(html.find("<code>layer&lt;0&gt;.weight</code></td><td>q4_0</td>"), std::string::npos) << html;
  EXPECT_NE(html.find("50 %</td><td class=\"number\">12 %"), std::string::npos) << html;
  EXPECT_NE(html.find("it has fewer than 2 axes"), std::string::npos) << html;
  EXPECT_NE(html.find("<td>S=3</td><td class=\"number\">25 %</td>"), std::string::npos) << html;
  EXPECT_EQ(html_report(ExportReport(), "model.pt").find("Stored weights"), std::string::npos);
}

TEST(HtmlPage, ShowsPulseRateAndDelayOfStreams) {
  ExportReport report;
  report.streams = {
      {"T", 8, 64, {{"slow<er>", 2, 3, 2, 14, 1e-7, true, ""}, {"faster", 1, 0, 16, 9, 0.5, false, "no"}}}};
  const std::string html = html_report(report, "model.pt");
  const auto cells = [](const std::vector<std::string>& numbers) {
    std::string text;
    for (const std::string& number : numbers) text += "<td class=\"number\">" + number + "</td>";
    return text;
  };
  EXPECT_NE(html.find("<code>slow&lt;er&gt;</code></td>" + cells({"2", "2", "1/4", "3"}) + "<td>agrees</td>"),
            std::string::npos)
      << html;
  EXPECT_NE(
      html.find("<code>faster</code></td>" + cells({"1", "16", "2", "0"}) + "<td><strong>differs</strong>: no</td>"),
      std::string::npos)
      << html;
  EXPECT_EQ(html_report(ExportReport(), "model.pt").find("Streams"), std::string::npos);
}

TEST(HtmlPage, OfAModelThatWasNotLoaded) {
  const ExportError error(ExportError::Kind::kNotExportable,
                          {Severity::kError, "T2N-M002", "", {}, "x.pt is an empty file", "check how it was copied"});
  const std::string page = html_report(error, nullptr, "x.pt");
  EXPECT_NE(page.find("x.pt is an empty file"), std::string::npos);
  EXPECT_EQ(page.find("<script"), std::string::npos) << "there is nothing to search";
}

}  // namespace
}  // namespace torch2nnef
