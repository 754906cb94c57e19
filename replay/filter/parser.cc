#include "replay/filter/parser.h"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

#include "replay/filter/diagnostic.h"

namespace dse::replay::filter {
namespace {

constexpr std::array<std::pair<std::string_view, Operator>, 16> kOperators{{
    {"exists", Operator::exists},
    {"=", Operator::equal},
    {"==", Operator::equal},
    {"!=", Operator::not_equal},
    {"<", Operator::less},
    {"<=", Operator::less_equal},
    {">", Operator::greater},
    {">=", Operator::greater_equal},
    {"contains", Operator::contains},
    {"icontains", Operator::icontains},
    {"startswith", Operator::startswith},
    {"endswith", Operator::endswith},
    {"glob", Operator::glob},
    {"regex", Operator::regex},
    {"in", Operator::in},
    {"intersects", Operator::intersects},
}};

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }
bool is_name(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '-';
}
bool is_word(char c) {
  return !is_space(c) && std::string_view("(),'\"=!<>&|").find(c) == std::string_view::npos;
}

struct Token {
  enum class Kind { end, word, quoted, symbol };
  Kind kind = Kind::end;
  std::string text;  // of `quoted` without quotes, escapes resolved
  std::size_t begin = 0, end = 0;
  bool is(std::string_view what) const {
    return (kind == Kind::word || kind == Kind::symbol) && text == what;
  }
};

// Limits that all macros of an expression share.
struct Budget {
  std::size_t text = 0, nodes = 0, items = 0;
};

class Parser {
 public:
  Parser(std::shared_ptr<const Source> source, const Macros& macros, Budget& budget,
         std::vector<std::string>& open_macros)
      : source_(std::move(source)), macros_(macros), budget_(budget), open_(open_macros) {}

  Result<Node> whole(unsigned depth) {
    budget_.text += source_->text.size();
    if (budget_.text > kMaxText)
      return Error(ErrorCode::usage,
                   fmt::format("{}: an expression of more than 1 MiB", source_->name));
    DSE_TRY(advance_to_field());
    if (token_.kind == Token::Kind::end) return wrong("the expression is empty");
    DSE_TRY_ASSIGN(Node node, any(depth));
    if (token_.is(")")) return wrong("there is no '(' for this");
    if (token_.kind != Token::Kind::end) return wrong(expected("and, or, or the end"));
    return node;
  }

 private:
  Place place(std::size_t begin, std::size_t end) const { return {source_, begin, end}; }
  Place here() const { return place(token_.begin, token_.end); }
  Error wrong(std::string_view message) const { return error_at(here(), message); }
  std::string expected(std::string_view what) const {
    if (token_.kind == Token::Kind::end) return fmt::format("{} is missing", what);
    return fmt::format("here should be {}", what);
  }

  char at(std::size_t i) const { return i < source_->text.size() ? source_->text[i] : '\0'; }

  Status advance() {
    const std::string& text = source_->text;
    previous_end_ = token_.end;
    while (position_ < text.size() && (is_space(at(position_)) || at(position_) == '#')) {
      if (at(position_) == '#')
        position_ = std::min(text.find('\n', position_), text.size());
      else
        ++position_;
    }
    token_ = {};
    token_.begin = token_.end = position_;
    if (position_ == text.size()) return {};
    char c = at(position_);
    if (c == '\'' || c == '"') return quoted(c);
    if (is_word(c)) {
      word();
      return {};
    }
    token_.kind = Token::Kind::symbol;
    std::size_t length = 1;
    if (std::string_view two(text.data() + position_,
                             std::min<std::size_t>(2, text.size() - position_));
        two == "==" || two == "!=" || two == "<=" || two == ">=" || two == "&&" || two == "||")
      length = 2;
    token_.text = text.substr(position_, length);
    token_.end = position_ += length;
    return {};
  }

  void word() {
    const std::string& text = source_->text;
    // A field's index may hold anything: proc.env[A B].
    std::size_t end = position_;
    while (end < text.size() && is_word(text[end])) {
      if (text[end] == '[' && field_next_) {
        std::size_t close = text.find(']', end);
        if (close != std::string::npos) end = close;
      }
      ++end;
    }
    token_.kind = Token::Kind::word;
    token_.text = text.substr(position_, end - position_);
    token_.end = position_ = end;
  }

  static int hex(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
  }

  Status quoted(char quote) {
    const std::string& text = source_->text;
    token_.kind = Token::Kind::quoted;
    std::size_t i = position_ + 1;
    for (; i < text.size() && text[i] != quote; ++i) {
      if (text[i] != '\\') {
        token_.text += text[i];
        continue;
      }
      constexpr std::string_view kNames = "\\'\"ntr0", kBytes("\\'\"\n\t\r\0", 7);
      char name = at(++i);
      if (name == 'x' && hex(at(i + 1)) >= 0 && hex(at(i + 2)) >= 0) {
        token_.text += static_cast<char>(hex(at(i + 1)) * 16 + hex(at(i + 2)));
        i += 2;
      } else if (std::size_t found = kNames.find(name);
                 i < text.size() && found != std::string_view::npos) {
        token_.text += kBytes[found];
      } else {
        // Regular expressions have escapes of their own.
        token_.text += '\\';
        --i;
      }
    }
    if (i == text.size()) return error_at(place(position_, text.size()), "the quote is not closed");
    token_.end = position_ = i + 1;
    return {};
  }

  Status count_node() {
    if (++budget_.nodes > kMaxNodes)
      return wrong(fmt::format("the expression has more than {} parts", kMaxNodes));
    return {};
  }

  // "and" and "or" have one shape. Children of the same kind in brackets stay as they are written.
  template <typename Operand>
  Result<Node> sequence(Node::Kind kind, std::string_view keyword, std::string_view symbol,
                        Operand operand) {
    const std::size_t begin = token_.begin;  // that of the first part may be in a macro
    DSE_TRY_ASSIGN(Node first, operand());
    if (!token_.is(keyword) && !token_.is(symbol)) return first;
    DSE_TRY(count_node());
    Node node;
    node.kind = kind;
    node.children.push_back(std::move(first));
    while (token_.is(keyword) || token_.is(symbol)) {
      DSE_TRY(advance_to_field());
      DSE_TRY_ASSIGN(Node next, operand());
      node.children.push_back(std::move(next));
    }
    node.place = place(begin, previous_end_);
    return node;
  }

  Status advance_to_field() {
    field_next_ = true;
    auto status = advance();
    field_next_ = false;
    return status;
  }

  Result<Node> any(unsigned depth) {
    return sequence(Node::Kind::any, "or", "||", [&] { return all(depth); });
  }
  Result<Node> all(unsigned depth) {
    return sequence(Node::Kind::all, "and", "&&", [&] { return negation(depth); });
  }

  Result<Node> negation(unsigned depth) {
    if (depth > kMaxDepth)
      return wrong(fmt::format("the expression is nested more than {} deep", kMaxDepth));
    if (!token_.is("not") && !token_.is("!")) return primary(depth);
    DSE_TRY(count_node());
    Node node;
    node.kind = Node::Kind::negation;
    std::size_t begin = token_.begin;
    DSE_TRY(advance_to_field());
    DSE_TRY_ASSIGN(Node child, negation(depth + 1));
    node.children.push_back(std::move(child));
    node.place = place(begin, previous_end_);
    return node;
  }

  Result<Node> primary(unsigned depth) {
    if (token_.is("(")) {
      Token open = token_;
      DSE_TRY(advance_to_field());
      DSE_TRY_ASSIGN(Node node, any(depth + 1));
      if (!token_.is(")")) {
        if (token_.kind == Token::Kind::end)
          return error_at(place(open.begin, open.end), "this bracket is not closed");
        return wrong(expected("and, or, or ')'"));
      }
      DSE_TRY(advance());
      // What is negated or shown is the whole, with its brackets.
      if (node.place.source == source_) node.place = place(open.begin, previous_end_);
      return node;
    }
    if (token_.kind == Token::Kind::word && token_.text[0] == '@') return macro(depth);
    return test();
  }

  Result<Node> macro(unsigned depth) {
    std::string name = token_.text.substr(1);
    auto found = macros_.find(name);
    if (found == macros_.end()) {
      std::vector<std::string> known;
      for (const auto& [macro, text] : macros_) known.push_back("@" + macro);
      return wrong(fmt::format(
          "unknown macro '@{}'{}", name,
          macros_.empty() ? "; macros come with a profile" : did_you_mean("@" + name, known)));
    }
    if (std::find(open_.begin(), open_.end(), name) != open_.end())
      return wrong(fmt::format("macro '@{}' is made of itself", name));
    open_.push_back(name);
    auto source = std::make_shared<const Source>(Source{"macro @" + name, found->second});
    DSE_TRY_ASSIGN(Node node, Parser(source, macros_, budget_, open_).whole(depth + 1));
    open_.pop_back();
    DSE_TRY(advance());
    return node;
  }

  Result<Node> test() {
    if (token_.kind != Token::Kind::word) return wrong(expected("a field (proc.name, …)"));
    DSE_TRY(count_node());
    Node node;
    node.test.field = token_.text;
    node.test.field_place = here();
    std::size_t begin = token_.begin;
    DSE_TRY(advance());
    auto found = std::find_if(kOperators.begin(), kOperators.end(),
                              [&](const auto& row) { return token_.is(row.first); });
    if (found == kOperators.end()) {
      if (token_.kind != Token::Kind::end && !token_.is(")") && !token_.is("and") &&
          !token_.is("&&") && !token_.is("or") && !token_.is("||"))
        return not_an_operator();
      node.place = node.test.op_place = node.test.field_place;
      return node;
    }
    node.test.op = found->second;
    node.test.op_place = here();
    DSE_TRY(advance());
    if (node.test.op == Operator::in || node.test.op == Operator::intersects) {
      DSE_TRY(items(node.test));
    } else if (node.test.op != Operator::exists) {
      DSE_TRY_ASSIGN(Value single, value());
      node.test.items.push_back({std::move(single), {}});
    }
    node.place = place(begin, previous_end_);
    return node;
  }

  Error not_an_operator() const {
    std::vector<std::string> known;
    for (const auto& [name, op] : kOperators) known.emplace_back(name);
    if (token_.kind == Token::Kind::word && token_.text.size() > 1)
      if (std::string mean = did_you_mean(token_.text, known); !mean.empty())
        return wrong(fmt::format("'{}' is no operator{}", token_.text, mean));
    if (token_.is("&") || token_.is("|"))
      return wrong(fmt::format("write {0}{0} or {1}", token_.text, token_.is("&") ? "and" : "or"));
    return wrong(
        "here should be an operator (= != < <= > >= in contains startswith endswith glob regex "
        "exists …), and, or, or the end");
  }

  Result<Value> value() {
    if (token_.kind != Token::Kind::word && token_.kind != Token::Kind::quoted)
      return wrong(token_.kind == Token::Kind::end
                       ? "a value is missing"
                       : "here should be a value; one with such characters goes in quotes");
    Value value{token_.text, token_.kind == Token::Kind::quoted, here()};
    DSE_TRY(advance());
    return value;
  }

  Status items(Test& test) {
    std::size_t open = token_.begin;
    if (!token_.is("("))
      return wrong(expected(fmt::format("a list in brackets: {} (1, 2)", operator_name(test.op))));
    DSE_TRY(advance());
    while (true) {
      if (++budget_.items > kMaxItems)
        return wrong(fmt::format("lists of more than {} values", kMaxItems));
      DSE_TRY_ASSIGN(Value from, value());
      Item item{std::move(from), {}};
      if (token_.is("..")) {
        DSE_TRY(advance());
        DSE_TRY_ASSIGN(item.to, value());
      }
      test.items.push_back(std::move(item));
      if (token_.is(")")) break;
      if (token_.kind == Token::Kind::end)
        return error_at(place(open, open + 1), "this list is not closed");
      if (!token_.is(",")) return wrong(expected("',' or ')'"));
      DSE_TRY(advance());
    }
    return advance();
  }

  std::shared_ptr<const Source> source_;
  const Macros& macros_;
  Budget& budget_;
  std::vector<std::string>& open_;  // macros that are being read
  std::size_t position_ = 0;
  std::size_t previous_end_ = 0;
  bool field_next_ = false;  // of the next word: it may be a field
  Token token_;
};

}  // namespace

std::string_view operator_name(Operator op) {
  for (const auto& [name, known] : kOperators)
    if (known == op) return name;
  return {};
}

bool is_macro_name(std::string_view name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), is_name);
}

Result<Node> parse(std::string name, std::string text, const Macros& macros) {
  auto source = std::make_shared<const Source>(Source{std::move(name), std::move(text)});
  Budget budget;
  std::vector<std::string> open;
  return Parser(std::move(source), macros, budget, open).whole(0);
}

}  // namespace dse::replay::filter
