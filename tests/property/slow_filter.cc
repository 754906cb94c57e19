#include "tests/property/slow_filter.h"

#include <algorithm>
#include <cctype>
#include <set>

namespace slow {

namespace {

struct Refused {};

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }
bool is_name(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '-';
}
bool is_word(char c) {
  return !is_space(c) && std::string_view("(),'\"=!<>&|").find(c) == std::string_view::npos;
}
int hex(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  throw Refused();
}

class Parser {
 public:
  Parser(const std::string& text, const Macros& macros, std::set<std::string> open)
      : text_(text), macros_(macros), open_(std::move(open)) {}

  Expression whole() {
    Expression result = expression();
    skip();
    if (at_ != text_.size()) throw Refused();
    return result;
  }

 private:
  char peek(std::size_t ahead = 0) const {
    return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0';
  }
  bool more() const { return at_ < text_.size(); }

  void skip() {
    while (more()) {
      if (is_space(peek())) {
        ++at_;
      } else if (peek() == '#') {
        while (more() && peek() != '\n') ++at_;
      } else {
        return;
      }
    }
  }

  bool take_symbol(std::string_view symbol) {
    skip();
    if (text_.compare(at_, symbol.size(), symbol) != 0) return false;
    at_ += symbol.size();
    return true;
  }

  // A keyword is a whole word.
  bool take_keyword(std::string_view keyword) {
    skip();
    std::size_t end = at_;
    while (end < text_.size() && is_word(text_[end])) ++end;
    if (text_.substr(at_, end - at_) != keyword) return false;
    at_ = end;
    return true;
  }

  Expression joined(Expression::Kind kind, std::string_view word, std::string_view symbol,
                    Expression (Parser::*part)()) {
    Expression first = (this->*part)();
    Expression all{kind, {}, {}};
    all.children.push_back(std::move(first));
    while (take_keyword(word) || take_symbol(symbol)) all.children.push_back((this->*part)());
    if (all.children.size() == 1) {
      Expression only = std::move(all.children[0]);
      return only;
    }
    return all;
  }

  Expression expression() {
    return joined(Expression::Kind::any, "or", "||", &Parser::conjunction);
  }
  Expression conjunction() { return joined(Expression::Kind::all, "and", "&&", &Parser::negation); }

  Expression negation() {
    if (take_keyword("not") || take_symbol("!")) {
      Expression result{Expression::Kind::negation, {}, {}};
      result.children.push_back(negation());
      return result;
    }
    return primary();
  }

  Expression primary() {
    if (take_symbol("(")) {
      Expression result = expression();
      if (!take_symbol(")")) throw Refused();
      return result;
    }
    if (take_symbol("@")) return macro();
    return test();
  }

  Expression macro() {
    std::string name;
    while (more() && is_name(peek())) name += text_[at_++];
    auto found = macros_.find(name);
    if (found == macros_.end() || open_.contains(name)) throw Refused();
    std::set<std::string> open = open_;
    open.insert(name);
    return Parser(found->second, macros_, std::move(open)).whole();
  }

  std::string field() {
    skip();
    std::string name;
    while (is_name(peek()) || peek() == '.') name += text_[at_++];
    if (name.empty() || name.front() == '.' || name.back() == '.') throw Refused();
    if (peek() != '[') return name;
    std::size_t end = text_.find(']', at_);
    if (end == std::string::npos) throw Refused();
    name += text_.substr(at_, end + 1 - at_);
    at_ = end + 1;
    return name;
  }

  Value quoted(char quote) {
    Value value{"", true};
    ++at_;
    while (true) {
      if (!more()) throw Refused();
      char c = text_[at_++];
      if (c == quote) return value;
      if (c != '\\') {
        value.text += c;
        continue;
      }
      if (!more()) throw Refused();
      switch (char escaped = text_[at_++]) {
        case '\\':
        case '\'':
        case '"': value.text += escaped; break;
        case 'n': value.text += '\n'; break;
        case 't': value.text += '\t'; break;
        case 'r': value.text += '\r'; break;
        case '0': value.text += '\0'; break;
        case 'x': {
          if (!std::isxdigit(static_cast<unsigned char>(peek())) ||
              !std::isxdigit(static_cast<unsigned char>(peek(1)))) {
            value.text += "\\x";
            break;
          }
          int high = hex(peek()), low = hex(peek(1));
          value.text += static_cast<char>(high * 16 + low);
          at_ += 2;
          break;
        }
        // Regular expressions have escapes of their own, which stay.
        default: value.text += '\\'; --at_;
      }
    }
  }

  Value value() {
    skip();
    if (peek() == '\'' || peek() == '"') return quoted(peek());
    Value word;
    while (more() && is_word(peek())) word.text += text_[at_++];
    if (word.text.empty()) throw Refused();
    return word;
  }

  // A range is one word, "1..5", or has its dots as a word of their own. Texts have none: there, dots
  // within a word are dots.
  Item item(bool ranges) {
    Item result{value(), {}};
    if (!ranges) return result;
    std::string& from = result.from.text;
    if (take_keyword("..")) {
      result.to = value();
    } else if (std::size_t dots = from.find(".."); !result.from.quoted && dots != from.npos) {
      result.to = Value{from.substr(dots + 2), false};
      from.resize(dots);
    }
    return result;
  }

  Expression test() {
    Expression result;
    Test& test = result.test;
    test.field = field();
    std::size_t bracket = test.field.find('[');
    const dse::replay::Field* spec = dse::replay::find_builtin_field(test.field.substr(0, bracket));
    if (!spec) throw Refused();
    test.spec = *spec;
    test.type = spec->type;
    if (bracket != std::string::npos) {
      std::string index = test.field.substr(bracket + 1, test.field.size() - bracket - 2);
      bool place = std::all_of(index.begin(), index.end(),
                               [](char c) { return c >= '0' && c <= '9'; });
      if (index.empty()) throw Refused();
      if (spec->type == dse::replay::FieldType::list)
        test.type = dse::replay::FieldType::text;
      else if (spec->type == dse::replay::FieldType::numbers && place)
        test.type = dse::replay::FieldType::number;
      else
        throw Refused();
    }
    test.op = operation();
    bool ranges = (test.type != dse::replay::FieldType::text &&
                   test.type != dse::replay::FieldType::list) ||
                  test.spec.meaning == dse::replay::Meaning::address;
    if (test.op == "in" || test.op == "intersects") {
      if (!take_symbol("(")) throw Refused();
      do {
        test.items.push_back(item(ranges));
      } while (take_symbol(","));
      if (!take_symbol(")")) throw Refused();
    } else if (!test.op.empty() && test.op != "exists") {
      test.items.push_back({value(), {}});
    }
    if (!accepts(test)) throw Refused();
    return result;
  }

  std::string operation() {
    if (take_symbol("==")) return "=";
    for (std::string_view symbol : {"=", "!=", "<=", "<", ">=", ">"})
      if (take_symbol(symbol)) return std::string(symbol);
    for (std::string_view keyword : {"exists", "contains", "icontains", "startswith", "endswith",
                                     "glob", "regex", "in", "intersects"})
      if (take_keyword(keyword)) return std::string(keyword);
    return "";
  }

  std::string text_;
  const Macros& macros_;
  std::set<std::string> open_;
  std::size_t at_ = 0;
};

}  // namespace

std::optional<Expression> parse(const std::string& text, const Macros& macros) {
  try {
    return Parser(text, macros, {}).whole();
  } catch (const Refused&) {
    return {};
  }
}

bool matches(const Expression& expression, const dse::replay::Event& event) {
  switch (expression.kind) {
    case Expression::Kind::test: return holds(expression.test, event);
    case Expression::Kind::negation: return !matches(expression.children[0], event);
    case Expression::Kind::all:
      for (const Expression& child : expression.children)
        if (!matches(child, event)) return false;
      return true;
    case Expression::Kind::any:
      for (const Expression& child : expression.children)
        if (matches(child, event)) return true;
      return false;
  }
  return false;
}

}  // namespace slow
