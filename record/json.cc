#include "record/json.h"

#include <rapidjson/memorystream.h>
#include <rapidjson/reader.h>

#include <utility>

namespace dse::record {
namespace {

// False from a handler ends the parser.
class Builder : public rapidjson::BaseReaderHandler<rapidjson::UTF8<>, Builder> {
 public:
  bool Default() { return add(Json::Kind::other); }
  bool String(const char* text, rapidjson::SizeType size, bool) {
    return add(Json::Kind::string, {text, size});
  }
  bool Key(const char* text, rapidjson::SizeType size, bool) {
    key_.assign(text, size);
    return true;
  }
  bool StartObject() { return open(Json::Kind::object); }
  bool EndObject(rapidjson::SizeType) { return close(); }
  bool StartArray() { return open(Json::Kind::array); }
  bool EndArray(rapidjson::SizeType) { return close(); }

  Json take() { return std::move(root_.values.front()); }

 private:
  bool add(Json::Kind kind, std::string_view text = {}) {
    if (++count_ > kMaxJsonValues) return false;
    open_.back()->values.push_back({kind, std::move(key_), std::string(text), {}});
    key_.clear();
    return true;
  }
  bool open(Json::Kind kind) {
    if (open_.size() > kMaxJsonDepth || !add(kind)) return false;
    open_.push_back(&open_.back()->values.back());
    return true;
  }
  bool close() {
    open_.pop_back();
    return true;
  }

  Json root_;  // of which the document is the only value
  // From the root to the innermost. They stay where they are: only the innermost one grows.
  std::vector<Json*> open_{&root_};
  std::string key_;
  std::size_t count_ = 0;
};

}  // namespace

std::optional<Json> parse_json(std::string_view text) {
  if (text.empty()) return {};
  // Iterative: how deep it goes is for the builder to bound, not for the stack.
  constexpr unsigned kFlags = rapidjson::kParseIterativeFlag |
                              rapidjson::kParseValidateEncodingFlag;
  rapidjson::MemoryStream stream(text.data(), text.size());
  rapidjson::Reader reader;
  Builder builder;
  if (!reader.Parse<kFlags>(stream, builder)) return {};
  return builder.take();
}

const Json* member(const Json* object, std::string_view key) {
  if (!object || object->kind != Json::Kind::object) return nullptr;
  for (const Json& value : object->values) {
    if (value.key == key) return &value;
  }
  return nullptr;
}

std::string_view text_of(const Json* value) {
  return value ? std::string_view(value->text) : std::string_view{};
}

}  // namespace dse::record
