// JSON that is not trusted, as a tree. (RapidJSON's own tree does not compile under clang 19.)
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace dse::record {

struct Json {
  enum class Kind { object, array, string, other };
  Kind kind = Kind::other;
  std::string key;           // in an object
  std::string text;          // of a string
  std::vector<Json> values;  // of an object or an array, in order; keys may repeat
};

// What is nested more deeply, or has more values, is refused like what is no JSON: documents of
// runtimes have about ten levels, and thousands of values.
inline constexpr std::size_t kMaxJsonDepth = 64;
inline constexpr std::size_t kMaxJsonValues = 1 << 18;

// Any bytes are safe. nullopt: refused.
std::optional<Json> parse_json(std::string_view text);

// The first member of an object with that key; nullptr if there is none, or no object.
const Json* member(const Json* object, std::string_view key);

// Of a string; "" if it is none, or not there.
std::string_view text_of(const Json* value);

}  // namespace dse::record
