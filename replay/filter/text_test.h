// What a test does with one text: equality, parts, patterns, networks.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "format/result.h"
#include "replay/field.h"
#include "replay/filter/literal.h"
#include "replay/filter/syntax.h"

namespace re2 {
class RE2;
}

namespace dse::replay::filter {

// Immutable; safe to use from any thread. Texts are bytes: "?" and "." stand for one byte, and case is
// that of ASCII.
class TextTest {
 public:
  // Of a field of texts, or of the elements of a list. `op` is one for texts; not_equal is as equal.
  // Error: usage, with the place.
  static Result<TextTest> make(const Field& field, const Test& test);

  bool matches(std::string_view text) const;

  // Equality with one of these, sorted; nullptr for other tests.
  const std::vector<std::string>* equals() const {
    return kind_ == Kind::equal ? &values_ : nullptr;
  }

 private:
  enum class Kind { equal, contains, icontains, startswith, endswith, pattern, address };

  Kind kind_ = Kind::equal;
  std::vector<std::string> values_;
  std::vector<AddressRange> networks_;
  std::shared_ptr<const re2::RE2> pattern_;
};

}  // namespace dse::replay::filter
