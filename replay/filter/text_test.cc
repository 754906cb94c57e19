#include "replay/filter/text_test.h"

#include <re2/re2.h>

#include <algorithm>

#include <fmt/format.h>

#include "replay/filter/diagnostic.h"

namespace dse::replay::filter {
namespace {

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](char c) { return lower(c); });
  return text;
}

// As fnmatch(3) without flags has it, but for classes by name: * ? [a-z] [!a-z] and \ before any of
// these. A bracket that is not closed stands for itself.
std::string regex_of_glob(std::string_view glob) {
  std::string out;
  for (std::size_t i = 0; i < glob.size(); ++i) {
    char c = glob[i];
    if (c == '*') {
      out += ".*";
    } else if (c == '?') {
      out += '.';
    } else if (c == '[') {
      std::size_t first = i + 1 +
                          (i + 1 < glob.size() && (glob[i + 1] == '!' || glob[i + 1] == '^'));
      std::size_t close = glob.find(']', first + 1);
      if (close == std::string_view::npos) {
        out += "\\[";
        continue;
      }
      out += first == i + 1 ? "[" : "[^";
      for (std::size_t j = first; j < close; ++j) {
        if (std::string_view("\\[]^&~").find(glob[j]) != std::string_view::npos) out += '\\';
        out += glob[j];
      }
      out += ']';
      i = close;
    } else {
      if (c == '\\' && i + 1 < glob.size()) c = glob[++i];
      out += re2::RE2::QuoteMeta(re2::StringPiece(&c, 1));
    }
  }
  return out;
}

Result<std::shared_ptr<const re2::RE2>> compile_pattern(const Value& value, bool glob) {
  re2::RE2::Options options;
  // Bytes, whatever they are: file names need not be UTF-8.
  options.set_encoding(re2::RE2::Options::EncodingLatin1);
  options.set_log_errors(false);
  options.set_dot_nl(true);
  options.set_never_capture(true);
  options.set_max_mem(std::int64_t{4} << 20);
  auto pattern = std::make_shared<const re2::RE2>(glob ? regex_of_glob(value.text) : value.text,
                                                  options);
  // RE2 compiles the way back late; it must not fail then.
  if (!pattern->ok() || pattern->ReverseProgramSize() < 0)
    return error_at(value.place, fmt::format("'{}' is not a {}: {}", value.text,
                                             glob ? "glob" : "regular expression",
                                             pattern->ok() ? "too large" : pattern->error()));
  return std::shared_ptr<const re2::RE2>(std::move(pattern));
}

}  // namespace

Result<TextTest> TextTest::make(const Field& field, const Test& test) {
  TextTest out;
  switch (test.op) {
    case Operator::contains: out.kind_ = Kind::contains; break;
    case Operator::icontains: out.kind_ = Kind::icontains; break;
    case Operator::startswith: out.kind_ = Kind::startswith; break;
    case Operator::endswith: out.kind_ = Kind::endswith; break;
    case Operator::glob:
    case Operator::regex: {
      out.kind_ = Kind::pattern;
      if (!test.pattern) {
        DSE_TRY_ASSIGN(test.pattern,
                       compile_pattern(test.items[0].from, test.op == Operator::glob));
      }
      out.pattern_ = test.pattern;
      return out;
    }
    default:
      if (field.meaning == Meaning::address) {
        out.kind_ = Kind::address;
        for (const Item& item : test.items) {
          DSE_TRY_ASSIGN(AddressRange range, address_range(field, item));
          out.networks_.push_back(range);
        }
        return out;
      }
      for (const Item& item : test.items) {
        if (item.to)
          return error_at(item.to->place,
                          fmt::format("{} is text, which has no ranges", field.name));
        DSE_TRY_ASSIGN(std::string value, text_value(field, item.from));
        out.values_.push_back(std::move(value));
      }
      std::sort(out.values_.begin(), out.values_.end());
      return out;
  }
  out.values_.push_back(test.items[0].from.text);
  if (out.kind_ == Kind::icontains) out.values_[0] = lower(out.values_[0]);
  return out;
}

bool TextTest::matches(std::string_view text) const {
  switch (kind_) {
    case Kind::equal:
      return values_.size() == 1 ? text == values_[0]
                                 : std::binary_search(values_.begin(), values_.end(), text);
    case Kind::contains: return text.find(values_[0]) != std::string_view::npos;
    case Kind::icontains:
      return std::search(text.begin(), text.end(), values_[0].begin(), values_[0].end(),
                         [](char a, char b) { return lower(a) == b; }) != text.end() ||
             values_[0].empty();
    case Kind::startswith: return text.starts_with(values_[0]);
    case Kind::endswith: return text.ends_with(values_[0]);
    case Kind::pattern:
      return pattern_->Match(re2::StringPiece(text.data(), text.size()), 0, text.size(),
                             re2::RE2::ANCHOR_BOTH, nullptr, 0);
    case Kind::address: {
      Address address;
      return parse_address(text, address) &&
             std::any_of(networks_.begin(), networks_.end(), [&](const AddressRange& range) {
               return range.low <= address && address <= range.high;
             });
    }
  }
  return false;
}

}  // namespace dse::replay::filter
