#include "tokenizer.h"

#include <dlfcn.h>
#include <fmt/format.h>

#include <cstdlib>
#include <cstring>

#include "export/verify/tract_place.h"

namespace language_model {

namespace fs = std::filesystem;

namespace {

using Give = void (*)(void*, const std::uint8_t*, std::size_t);

void take(void* to, const std::uint8_t* bytes, std::size_t length) {
  static_cast<std::string*>(to)->assign(reinterpret_cast<const char*>(bytes), length);
}

// $TOKENIZERS_LIBRARY, else beside this program, else where tools/get-tokenizers puts it.
fs::path find_tokenizers() {
  if (const char* given = std::getenv("TOKENIZERS_LIBRARY"); given && *given) return given;
  std::vector<fs::path> folders = {torch2nnef::program_folder()};
  if (const fs::path cache = torch2nnef::cache_place(); !cache.empty()) {
    folders.push_back(cache / "tokenizers-" TOKENIZERS_VERSION);
  }
  std::string looked;
  for (const fs::path& folder : folders) {
    const fs::path place = folder / "libtokenizer.so";
    std::error_code error;
    if (fs::is_regular_file(place, error)) return place;
    looked += "\n    " + place.string();
  }
  throw TokenizerError(
      "texts need the tokenizers library: run tools/get-tokenizers, set TOKENIZERS_LIBRARY to its path, or give token "
      "ids. Looked for" +
      looked);
}

}  // namespace

// Of rust/tokenizer.rs: a status of 0 comes with a result, any other with a message.
struct Tokenizer::Functions {
  explicit Functions(const fs::path& path) : handle(dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL), dlclose_quietly) {
    if (!handle) throw TokenizerError(fmt::format("the tokenizers library cannot be loaded: {}", dlerror()));
    bind(open, "tokenizer_open");
    bind(encode, "tokenizer_encode");
    bind(decode, "tokenizer_decode");
    bind(close, "tokenizer_close");
  }

  template <class F>
  void bind(F*& function, const char* name) {
    function = reinterpret_cast<F*>(dlsym(handle.get(), name));
    if (!function) throw TokenizerError(fmt::format("the tokenizers library has no function {}", name));
  }

  static void dlclose_quietly(void* library) {
    if (library) dlclose(library);
  }

  std::unique_ptr<void, void (*)(void*)> handle;
  int (*open)(const char*, Give, void*) = nullptr;
  int (*encode)(void*, const char*, std::size_t, Give, void*) = nullptr;
  int (*decode)(void*, const std::uint32_t*, std::size_t, Give, void*) = nullptr;
  void (*close)(void*) = nullptr;
};

Tokenizer::Tokenizer(const fs::path& path) : functions_(std::make_shared<Functions>(find_tokenizers())) {
  std::string result;
  if (functions_->open(path.c_str(), take, &result) != 0) {
    throw TokenizerError(path.string() + " cannot be read: " + result);
  }
  void* handle = nullptr;
  std::memcpy(&handle, result.data(), sizeof handle);
  handle_ = std::shared_ptr<void>(handle, [functions = functions_](void* one) { functions->close(one); });
}

std::vector<std::int64_t> Tokenizer::ids_of(const std::string& text) const {
  std::string result;
  if (functions_->encode(handle_.get(), text.data(), text.size(), take, &result) != 0) {
    throw TokenizerError("the text cannot be split into tokens: " + result);
  }
  std::vector<std::uint32_t> ids(result.size() / sizeof(std::uint32_t));
  if (!ids.empty()) std::memcpy(ids.data(), result.data(), result.size());
  return {ids.begin(), ids.end()};
}

std::string Tokenizer::text_of(const std::vector<std::int64_t>& ids) const {
  std::vector<std::uint32_t> tokens;
  tokens.reserve(ids.size());
  for (const std::int64_t id : ids) tokens.push_back(static_cast<std::uint32_t>(id));
  std::string result;
  if (functions_->decode(handle_.get(), tokens.data(), tokens.size(), take, &result) != 0) {
    throw TokenizerError("the tokens have no text: " + result);
  }
  return result;
}

}  // namespace language_model
