#include "transcript.h"

#include <fmt/format.h>

#include <regex>
#include <sstream>
#include <stdexcept>
#include <vector>

#include "export/verify/private_folder.h"
#include "export/verify/subprocess.h"

namespace golden {
namespace {

constexpr double kTimeoutSeconds = 300;

void replace_all(std::string& text, std::string_view from, std::string_view to) {
  for (std::size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size()) {
    text.replace(at, from.size(), to);
  }
}

std::vector<std::string> words_of(const std::string& line) {
  std::vector<std::string> words;
  bool in_word = false, in_quotes = false;
  for (char letter : line) {
    if (letter == '"') {
      in_quotes = !in_quotes;
    } else if (letter == ' ' && !in_quotes) {
      in_word = false;
      continue;
    }
    if (!in_word) words.emplace_back();
    in_word = true;
    if (letter != '"') words.back() += letter;
  }
  return words;
}

// Each line with a prefix; a last line without newline gets "\" at its end.
std::string prefixed(const std::string& text, char prefix) {
  std::istringstream stream(text);
  std::string result;
  for (std::string line; std::getline(stream, line);) {
    result += line.empty() ? fmt::format("{}\n", prefix) : fmt::format("{} {}\n", prefix, line);
  }
  if (!text.empty() && text.back() != '\n') result.insert(result.size() - 1, "\\");
  return result;
}

class Replay {
 public:
  explicit Replay(const Places& places) : places_(places) {
    std::filesystem::copy(places.files, folder_.path(), std::filesystem::copy_options::recursive);
  }

  std::string line(const std::string& text) {
    if (text.empty() || text[0] == '#') return text + "\n";
    if (text.starts_with("mask ")) return mask(text);
    if (text.starts_with("$ ")) return text + "\n" + run(text.substr(2));
    if (std::string_view(">!=").find(text[0]) != std::string_view::npos) return "";  // output, made anew
    throw std::runtime_error(fmt::format("a transcript has no line such as '{}'", text));
  }

 private:
  std::string mask(const std::string& text) {
    const std::vector<std::string> words = words_of(text);
    if (words.size() != 3) throw std::runtime_error(fmt::format("'{}' is no `mask PATTERN WORD`", text));
    masks_.emplace_back(std::regex(words[1]), words[2]);
    return text + "\n";
  }

  std::string run(std::string command) {
    replace_all(command, "{models}", places_.models.string());
    replace_all(command, "{archives}", archives().string());
    std::vector<std::string> words = words_of(command);
    const bool ours = words.at(0) == "torch2nnef" || words[0] == "nnef-check" || words[0] == "nnef-dump";
    if (ours) words[0] = (places_.torch2nnef.parent_path() / words[0]).string();
    words.insert(words.begin(), {"env", "-C", folder_.path().string()});
    const torch2nnef::ProcessResult result = torch2nnef::run_process(words, kTimeoutSeconds);
    if (!result.started) throw std::runtime_error(fmt::format("'{}' does not start: {}", command, result.why_not));
    if (result.timed_out) throw std::runtime_error(fmt::format("'{}' does not end", command));
    std::string text = prefixed(masked(result.output), '>') + prefixed(masked(result.errors), '!');
    if (result.exit_status != 0) text += fmt::format("= {}\n", result.exit_status);
    return text;
  }

  std::filesystem::path archives() const { return places_.files.parent_path() / "archives"; }

  std::string masked(std::string text) const {
    replace_all(text, places_.models.string(), "{models}");
    replace_all(text, archives().string(), "{archives}");
    replace_all(text, folder_.path().string(), "{here}");
    for (const auto& [pattern, word] : masks_) text = std::regex_replace(text, pattern, word);
    return text;
  }

  const Places& places_;
  torch2nnef::PrivateFolder folder_;
  std::vector<std::pair<std::regex, std::string>> masks_;
};

}  // namespace

std::string replay(const std::string& transcript, const Places& places) {
  Replay replay(places);
  std::istringstream stream(transcript);
  std::string result;
  for (std::string line; std::getline(stream, line);) result += replay.line(line);
  return result;
}

std::string difference(const std::string& expected, const std::string& actual) {
  std::istringstream wanted(expected), got(actual);
  std::string one, other, command;
  for (int number = 1;; ++number) {
    const bool more = static_cast<bool>(std::getline(wanted, one));
    const bool more_got = static_cast<bool>(std::getline(got, other));
    if (!more && !more_got) return "";
    if (!more) one = "(nothing)";
    if (!more_got) other = "(nothing)";
    if (one != other) return fmt::format("line {}: {}\n  expected {}\n  got      {}", number, command, one, other);
    if (one.starts_with("$ ")) command = one;
  }
}

}  // namespace golden
