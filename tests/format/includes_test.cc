// The format library stands alone: no header of torch, of the exporter or of the tools is included in it.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <regex>
#include <string>

namespace {

namespace fs = std::filesystem;

TEST(FormatLibrary, IncludesNothingOfTorchOrTheExporter) {
  const std::regex foreign(R"(^\s*#\s*include\s*[<"](torch|ATen|c10|caffe2|export|quant|tools)/.*)");
  int files = 0;
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(NNEF_SOURCES)) {
    if (entry.path().extension() != ".cc" && entry.path().extension() != ".h") continue;
    ++files;
    std::ifstream stream(entry.path());
    std::string line;
    for (int number = 1; std::getline(stream, line); ++number) {
      EXPECT_FALSE(std::regex_match(line, foreign)) << entry.path().filename() << ":" << number << ": " << line;
    }
  }
  EXPECT_GT(files, 20);
}

}  // namespace
