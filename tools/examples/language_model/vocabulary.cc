#include "vocabulary.h"

#include <array>
#include <fstream>
#include <iterator>
#include <map>
#include <optional>

#include "export/exported_program/json.h"
#include "nnef/io.h"

namespace language_model {

using torch2nnef::Json;

namespace {

constexpr std::int64_t kMostTokens = 1 << 24;

std::string utf8(unsigned code) {
  if (code < 0x80) return {static_cast<char>(code)};
  return {static_cast<char>(0xc0 | code >> 6), static_cast<char>(0x80 | (code & 0x3f))};  // below U+0800
}

// Byte-level vocabularies write each byte as a printable character: those that are none come from U+0100 on, in order.
std::map<std::string, char> bytes_by_letter() {
  std::map<std::string, char> letters;
  unsigned next = 0x100;
  for (unsigned byte = 0; byte < 256; ++byte) {
    const bool is_printable = (byte > 0x20 && byte < 0x7f) || (byte > 0xa0 && byte != 0xad);
    letters[utf8(is_printable ? byte : next++)] = static_cast<char>(byte);
  }
  return letters;
}

std::string from_byte_letters(const std::string& piece) {
  static const std::map<std::string, char> letters = bytes_by_letter();
  std::string bytes;
  for (std::size_t i = 0; i < piece.size();) {
    const std::size_t length = static_cast<unsigned char>(piece[i]) < 0x80 ? 1 : 2;
    const auto found = letters.find(piece.substr(i, length));
    if (found == letters.end()) return piece;
    bytes += found->second;
    i += length;
  }
  return bytes;
}

// SentencePiece: U+2581 is a space, <0x0A> a byte.
std::string from_sentence_piece(const std::string& piece) {
  constexpr std::string_view kSpace = "\xe2\x96\x81";
  if (piece.size() == 6 && piece.starts_with("<0x") && piece.back() == '>') {
    return {static_cast<char>(std::stoi(piece.substr(3, 2), nullptr, 16))};
  }
  std::string text = piece;
  for (std::size_t at = 0; (at = text.find(kSpace, at)) != std::string::npos; ++at)
    text.replace(at, kSpace.size(), " ");
  return text;
}

enum class Decoder { kByteLevel, kSentencePiece };

std::optional<Decoder> decoder_of(const Json& json) {
  const Json* decoder = json.find("decoder");
  if (!decoder) return std::nullopt;
  const std::string& type = decoder->at("type").string();
  if (type == "ByteLevel") return Decoder::kByteLevel;
  if (type == "Metaspace") return Decoder::kSentencePiece;
  if (type != "Sequence") return std::nullopt;
  for (const Json& step : decoder->at("decoders").list()) {
    if (step.at("type").string() == "ByteLevel") return Decoder::kByteLevel;
    if (step.at("type").string() == "ByteFallback") return Decoder::kSentencePiece;
  }
  return std::nullopt;
}

}  // namespace

Vocabulary::Vocabulary(const std::filesystem::path& tokenizer) {
  std::ifstream file(tokenizer, std::ios::binary);
  if (!file) throw nnef::IoError(tokenizer.string() + " cannot be read");
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  const Json json = torch2nnef::parse_json(text, "model", {"merges"});
  const std::optional<Decoder> decoder = decoder_of(json);
  if (!decoder) return;
  const auto put = [&](std::int64_t token, std::string piece) {
    if (token < 0 || token >= kMostTokens) throw nnef::FormatError(tokenizer.string() + ": a token beyond all bounds");
    if (pieces_.size() <= static_cast<std::size_t>(token)) pieces_.resize(static_cast<std::size_t>(token) + 1);
    pieces_[static_cast<std::size_t>(token)] = std::move(piece);
  };
  const auto piece_of = [&](const std::string& piece) {
    return *decoder == Decoder::kByteLevel ? from_byte_letters(piece) : from_sentence_piece(piece);
  };
  const Json& words = json.at("model").at("vocab");
  for (std::size_t i = 0; i < words.items.size(); ++i) {
    const bool is_list = words.kind == Json::Kind::kList;  // of [piece, score]: Unigram
    put(is_list ? static_cast<std::int64_t>(i) : words.items[i].number(),
        piece_of(is_list ? words.items[i].list().at(0).string() : words.keys[i]));
  }
  if (const Json* added = json.find("added_tokens")) {
    for (const Json& one : added->list()) {
      put(one.at("id").number(), one.at("special").boolean() ? "" : one.at("content").string());
    }
  }
}

std::string Vocabulary::text_of(const std::vector<std::int64_t>& tokens) const {
  std::string text;
  for (const std::int64_t token : tokens) {
    if (token >= 0 && token < static_cast<std::int64_t>(pieces_.size()))
      text += pieces_[static_cast<std::size_t>(token)];
  }
  return text;
}

}  // namespace language_model
