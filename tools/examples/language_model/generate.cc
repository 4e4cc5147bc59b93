// generate: runs a language model that export_language_model.py exported, greedily, in tract's shared library.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <optional>
#include <string>
#include <vector>

#include "export/verify/compare.h"
#include "export/verify/float_cast.h"
#include "nnef/io.h"
#include "session.h"
#include "terminal.h"
#include "tokenizer.h"

namespace language_model {
namespace {

using torch2nnef::cli::complain;
using torch2nnef::cli::print;
using Tokens = std::vector<std::int64_t>;

constexpr int kFailed = 1, kUsageStatus = 2, kDiffers = 3;

constexpr const char* kUsage = R"(usage: generate FOLDER --text TEXT [--tokens N] [--chunk N] [--ignore-end]
       generate FOLDER --ids 1,15,7 [--tokens N] [--chunk N] [--ignore-end]
       generate FOLDER --check [--chunk N]

Continues a text with the most likely token, again and again. FOLDER is what export_language_model.py wrote. What follows the
prompt goes to the standard output, the speed to the standard error.

  --text TEXT    the prompt; what follows is printed as text. Needs the folder's tokenizer.json and the tokenizers library
  --ids LIST     the prompt as token ids; what follows is printed as ids
  --tokens N     tokens to generate (default 32)
  --chunk N      hand over a prompt in pieces of N tokens (default 512), which bounds the memory that it takes
  --ignore-end   go on after a token that ends the text
  --check        compare the logits of FOLDER/check.npz, which PyTorch computed, with those of the archive

Exit status: 0 done, 1 failed, 2 usage, 3 the check found a difference. $TRACT_LIBRARY is tract's library, $TOKENIZERS_LIBRARY
the tokenizers library; without them, where tools/get-tract and tools/get-tokenizers put them.
)";

class UsageError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

struct Options {
  std::filesystem::path folder;
  Tokens prompt;
  std::string text;  // the prompt, or empty
  std::int64_t tokens = 32, chunk = 512;
  bool ignore_end = false, check = false, help = false;
};

std::int64_t number_of(std::string_view text, std::int64_t least) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || number < least) {
    throw UsageError(fmt::format("'{}' is not a number of {} or more", text, least));
  }
  return number;
}

Tokens ids_of(std::string_view text) {
  Tokens ids;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    ids.push_back(number_of(text.substr(begin, end - begin), 0));
    begin = end + 1;
  }
  return ids;
}

Options parse(const std::vector<std::string>& arguments) {
  Options options;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string& argument = arguments[i];
    const auto value = [&]() -> const std::string& {
      if (i + 1 == arguments.size()) throw UsageError(argument + " needs a value");
      return arguments[++i];
    };
    if (argument == "--help")
      options.help = true;
    else if (argument == "--text")
      options.text = value();
    else if (argument == "--ids")
      options.prompt = ids_of(value());
    else if (argument == "--tokens")
      options.tokens = number_of(value(), 1);
    else if (argument == "--chunk")
      options.chunk = number_of(value(), 1);
    else if (argument == "--ignore-end")
      options.ignore_end = true;
    else if (argument == "--check")
      options.check = true;
    else if (argument.starts_with("-") || !options.folder.empty())
      throw UsageError("unknown argument " + argument);
    else
      options.folder = argument;
  }
  if (options.help) return options;
  if (options.folder.empty()) throw UsageError("there is no folder");
  if (!options.text.empty() + !options.prompt.empty() + options.check != 1) {
    throw UsageError("give one of --text, --ids and --check");
  }
  return options;
}

// The logits after a text of any length, handed over in pieces.
std::vector<float> read_prompt(Session& session, const Tokens& prompt, std::int64_t chunk) {
  std::vector<float> logits;
  for (std::size_t begin = 0; begin < prompt.size(); begin += static_cast<std::size_t>(chunk)) {
    const std::size_t end = std::min(prompt.size(), begin + static_cast<std::size_t>(chunk));
    logits = session.step(
        {prompt.begin() + static_cast<std::ptrdiff_t>(begin), prompt.begin() + static_cast<std::ptrdiff_t>(end)});
  }
  return logits;
}

std::int64_t most_likely(const std::vector<float>& logits) {
  return std::max_element(logits.begin(), logits.end()) - logits.begin();
}

class Clock {
 public:
  double seconds() const { return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count(); }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

void say_speed(const char* what, std::size_t tokens, double seconds) {
  complain(fmt::format("{:<9} {} tokens in {:.3f} s, {:.1f} tokens per second\n", what, tokens, seconds,
                       static_cast<double>(tokens) / seconds));
}

// What --text takes; nothing with --ids.
std::optional<Tokenizer> tokenizer_for(const Options& options, const Manifest& manifest) {
  if (options.text.empty()) return std::nullopt;
  if (manifest.tokenizer.empty()) throw TokenizerError("the folder has no tokenizer.json: give token ids");
  return Tokenizer(manifest.tokenizer);
}

int generate(const Options& options) {
  const Manifest manifest = read_manifest(options.folder);
  const std::optional<Tokenizer> tokenizer = tokenizer_for(options, manifest);
  const Tokens prompt = tokenizer ? tokenizer->ids_of(options.text) : options.prompt;
  if (prompt.empty()) throw UsageError("the text has no tokens");
  const Clock loading;
  Session session(manifest);
  complain(fmt::format("{:<9} {:.3f} s\n", "loading", loading.seconds()));
  const Clock reading;
  std::vector<float> logits = read_prompt(session, prompt, options.chunk);
  say_speed("prompt", prompt.size(), reading.seconds());
  const Clock writing;
  Tokens written = {most_likely(logits)};
  const auto is_end = [&](std::int64_t token) {
    return !options.ignore_end && std::find(manifest.ends.begin(), manifest.ends.end(), token) != manifest.ends.end();
  };
  while (static_cast<std::int64_t>(written.size()) < options.tokens && !is_end(written.back()) &&
         session.length() < manifest.longest) {
    written.push_back(most_likely(session.step({written.back()})));
  }
  if (written.size() > 1) say_speed("generated", written.size() - 1, writing.seconds());
  print(tokenizer ? tokenizer->text_of(written) + "\n" : fmt::format("{}\n", fmt::join(written, ",")));
  return 0;
}

nnef::TensorDataPtr entry(const std::vector<nnef::NamedTensor>& bundle, const std::string& name, nnef::DType dtype) {
  for (const nnef::NamedTensor& tensor : bundle) {
    if (tensor.name == name && tensor.data->dtype() == dtype) return tensor.data;
  }
  throw nnef::FormatError(fmt::format("check.npz has no {} of type {}", name, nnef::to_string(dtype)));
}

Tokens tokens_in(const nnef::TensorData& tensor) {
  const std::vector<std::byte> bytes = torch2nnef::bytes_of(tensor);
  Tokens tokens(static_cast<std::size_t>(tensor.numel()));
  std::memcpy(tokens.data(), bytes.data(), bytes.size());
  return tokens;
}

// Each step's logits against PyTorch's; the tokens are those that PyTorch chose, so that one difference is not two.
int check(const Options& options) {
  const Manifest manifest = read_manifest(options.folder);
  const auto bundle = nnef::read_npz(options.folder / "check.npz");
  const Tokens prompt = tokens_in(*entry(bundle, "prompt", nnef::DType::kI64));
  const Tokens tokens = tokens_in(*entry(bundle, "tokens", nnef::DType::kI64));
  const nnef::TensorDataPtr expected = entry(bundle, "logits", nnef::DType::kF32);
  Session session(manifest);
  std::vector<std::byte> computed;
  std::size_t same = 0;
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    const std::vector<float> logits =
        i == 0 ? read_prompt(session, prompt, options.chunk) : session.step({tokens[i - 1]});
    const auto* bytes = reinterpret_cast<const std::byte*>(logits.data());
    computed.insert(computed.end(), bytes, bytes + logits.size() * sizeof(float));
    same += most_likely(logits) == tokens[i] ? 1 : 0;
  }
  const nnef::OwnedTensor actual(nnef::DType::kF32, expected->shape(), std::move(computed));
  const auto found = torch2nnef::compare_tensors(*expected, actual, torch2nnef::Tolerance::kApproximate, 0);
  print(fmt::format("{}: prompt of {} tokens and {} steps: logits {} (max abs {:.2g}), {} of {} tokens equal\n",
                    options.folder.string(), prompt.size(), tokens.size() - 1, found.agrees ? "agree" : "differ",
                    found.max_abs, same, tokens.size()));
  if (!found.agrees) complain("generate: " + found.detail + "\n");
  return found.agrees && same == tokens.size() ? 0 : kDiffers;
}

}  // namespace
}  // namespace language_model

int main(int argc, char** argv) {
  using namespace language_model;
  try {
    const Options options = parse({argv + 1, argv + argc});
    if (options.help) {
      print(kUsage);
      return 0;
    }
    return options.check ? check(options) : generate(options);
  } catch (const UsageError& error) {
    complain(fmt::format("generate: {}\n\n{}", error.what(), kUsage));
    return kUsageStatus;
  } catch (const std::exception& error) {
    complain(fmt::format("generate: {}\n", error.what()));
    return kFailed;
  }
}
