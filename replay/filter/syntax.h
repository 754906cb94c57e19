// A filter expression as it is written: the tree that the parser makes of it. Names and values are
// texts here; what they mean is found out against an observation point (replay/filter/compile.h).
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace re2 {
class RE2;
}

namespace dse::replay::filter {

// A text that expressions come from: an option, a line of a profile, a file, a macro.
struct Source {
  std::string name;  // "--select", "profile.toml:12", "macro @web"
  std::string text;
};

// A stretch of a source, in bytes.
struct Place {
  std::shared_ptr<const Source> source;
  std::size_t begin = 0, end = 0;
  std::string_view text() const {
    return std::string_view(source->text).substr(begin, end - begin);
  }
};

enum class Operator {
  is_true,  // a flag alone
  exists,
  equal,
  not_equal,
  less,
  less_equal,
  greater,
  greater_equal,
  contains,
  icontains,
  startswith,
  endswith,
  glob,
  regex,
  in,
  intersects,
};

// "=", "startswith"; empty for is_true.
std::string_view operator_name(Operator op);

struct Value {
  std::string text;     // without quotes, escapes resolved
  bool quoted = false;  // then it is never a range
  Place place;
};

struct Item {
  Value from;
  std::optional<Value> to;  // a range, both ends included
};

struct Test {
  std::string field;  // with its index
  Place field_place;
  Operator op = Operator::is_true;
  Place op_place;  // where the whole test is for is_true
  std::vector<Item> items;
  // Of regex and glob, once it has been compiled: the same for all points.
  mutable std::shared_ptr<const re2::RE2> pattern = nullptr;
};

struct Node {
  enum class Kind { all, any, negation, test };  // and, or, not
  Kind kind = Kind::test;
  Place place;
  std::vector<Node> children;  // all, any: at least two; negation: one
  Test test;
};

}  // namespace dse::replay::filter
