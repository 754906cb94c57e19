// Filter expressions once more: a parser and an evaluator that share no code with replay/filter, one event
// at a time, by the accessors of Event alone. Slow and obvious; what the fast one says is held against it.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "replay/event.h"
#include "replay/field.h"
#include "replay/names.h"

namespace re2 {
class RE2;
}

namespace slow {

struct Value {
  std::string text;
  bool quoted = false;
};

struct Item {
  Value from;
  std::optional<Value> to;
};

struct Test {
  std::string field;              // "proc.args[0]"
  dse::replay::Field spec;        // of "proc.args"
  dse::replay::FieldType type{};  // of the element, where there is an index
  std::string op;                 // "" for a flag alone
  std::vector<Item> items;
  std::shared_ptr<const re2::RE2> regex;
};

struct Expression {
  enum class Kind { all, any, negation, test };
  Kind kind = Kind::test;
  std::vector<Expression> children;
  Test test;
};

using Macros = std::map<std::string, std::string>;

// Nothing: the text must be refused.
std::optional<Expression> parse(const std::string& text, const Macros& macros = {});

bool matches(const Expression& expression, const dse::replay::Event& event);

// What parse() asks of a test (slow_values.cc): the values suit the field.
bool accepts(Test& test);
bool holds(const Test& test, const dse::replay::Event& event);

}  // namespace slow
