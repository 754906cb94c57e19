#include "tests/property/random_filter.h"

#include <algorithm>
#include <charconv>
#include <limits>

#include "replay/state.h"
#include "replay/timestamp.h"

using dse::replay::Event;
using dse::replay::Field;
using dse::replay::FieldType;
using dse::replay::Meaning;

// ---- values that occur ---------------------------------------------------------------------------

void Samples::add(const std::string& field, std::string value) {
  constexpr std::size_t kMaxValues = 40;
  std::vector<std::string>& values = values_[field];
  if (values.empty()) fields_.push_back(field);
  if (values.size() < kMaxValues && std::find(values.begin(), values.end(), value) == values.end())
    values.push_back(std::move(value));
}

void Samples::add(const Event& event) {
  for (const Field& field : dse::replay::builtin_fields()) {
    if (field.type == FieldType::number) {
      if (auto number = event.signed_number(field.name)) add(field.name, std::to_string(*number));
    } else if (field.type == FieldType::id || field.type == FieldType::flag) {
      if (auto number = event.number(field.name)) add(field.name, std::to_string(*number));
    } else if (field.type == FieldType::time) {
      auto boot = event.number(field.name);
      std::uint64_t record = event.batch().number(event.row());
      if (boot) add(field.name, std::to_string(event.batch().state().real_time(*boot, record)));
    } else if (auto text = event.text(field.name)) {
      if (!is_list(field.type)) add(field.name, std::string(*text));
      for (std::string_view rest = *text; is_list(field.type) && !rest.empty();) {
        std::size_t end = std::min(rest.find('\0'), rest.size());
        add(field.name, std::string(rest.substr(0, end)));
        rest.remove_prefix(std::min(end + 1, rest.size()));
      }
    }
  }
}

const std::vector<std::string>& Samples::of(const std::string& field) const {
  static const std::vector<std::string> kNone;
  auto found = values_.find(field);
  return found == values_.end() ? kNone : found->second;
}

// ---- how values are written ----------------------------------------------------------------------

std::string RandomFilters::one_of(std::initializer_list<std::string_view> texts) {
  return std::string(texts.begin()[below(texts.size())]);
}

std::string RandomFilters::one_of(const std::vector<std::string>& texts) {
  return texts.empty() ? "0" : texts[below(texts.size())];
}

std::string RandomFilters::space() {
  return chance(85) ? " " : one_of({"  ", "\t", "\n", " # (not ' this\n", "\r\n", " #\n#\n\t"});
}

std::string RandomFilters::quoted(const std::string& value) {
  char quote = chance(50) ? '\'' : '"';
  std::string out(1, quote);
  for (char c : value) {
    bool must = c == quote || c == '\\';
    if (c == '\0' || (!must && chance(5))) {
      constexpr std::string_view kHex = "0123456789abcdefABCDEF";
      auto byte = static_cast<unsigned char>(c);
      auto low = static_cast<std::size_t>(byte % 16);
      if (low >= 10 && chance(50)) low += 6;
      out += std::string("\\x") + kHex[byte / 16] + kHex[low];
    } else if (c == '\n' && chance(50)) {
      out += "\\n";
    } else if (c == '\t' && chance(50)) {
      out += "\\t";
    } else {
      if (must || ((c == '\'' || c == '"') && chance(50))) out += '\\';
      out += c;
    }
  }
  return out + quote;
}

std::string RandomFilters::written(const std::string& value) {
  bool word = !value.empty() && value.front() != '#' && value.find("..") == value.npos &&
              std::all_of(value.begin(), value.end(), [](char c) {
                auto byte = static_cast<unsigned char>(c);
                return byte > ' ' && byte != 0x7f &&
                       std::string_view("(),'\"=!<>&|").find(c) == std::string_view::npos;
              });
  return word && chance(60) ? value : quoted(value);
}

std::string RandomFilters::number(const Field& field) {
  auto sample = one_of(samples_.of(field.name));
  if (field.meaning == Meaning::signal && chance(40))
    return one_of({"KILL", "SIGTERM", "CHLD", "SIGRTMIN+3", "RTMIN", "CLD", "SEGV"});
  bool id = field.type == FieldType::id;
  std::uint64_t value = 0;
  if (id)
    std::from_chars(sample.data(), sample.data() + sample.size(), value);
  else
    value = static_cast<std::uint64_t>(std::atoll(sample.c_str()));
  if (chance(25)) value += below(3) - 1;
  if (chance(5)) value = below(20);
  if (chance(2)) value = std::uint64_t{1} << 63;
  if (chance(2)) value = (std::uint64_t{1} << 63) - 1;
  if (chance(2) && id) value = ~std::uint64_t{0};
  bool negative = !id && static_cast<std::int64_t>(value) < 0;
  if (negative) value = -value;
  std::string sign = negative ? "-" : "";
  if (!field.unit.empty() && !negative && chance(50)) {
    std::string unit = field.unit == "bytes"
                           ? one_of({"B", "K", "KiB", "M", "MiB", "G", "GiB", "T", "TiB", "kB",
                                     "MB", "GB", "TB"})
                           : one_of({"ns", "us", "ms", "s", "m", "min", "h", "d"});
    std::string fraction = chance(40) ? "." + std::to_string(below(5000)) : "";
    return std::to_string(value % (chance(50) ? 10 : 2000)) + fraction + unit;
  }
  char digits[32];
  int base = chance(80) ? 10 : chance(50) ? 16 : 8;
  char* end = std::to_chars(digits, digits + sizeof(digits), value, base).ptr;
  return sign + (base == 16 ? "0x" : base == 8 ? "0o" : "") + std::string(digits, end);
}

// From the lower to the higher of two samples, as a rule.
std::string RandomFilters::range(const Field& field) {
  const std::vector<std::string>& samples = samples_.of(field.name);
  auto read = [&] {
    return static_cast<std::int64_t>(std::strtoull(one_of(samples).c_str(), nullptr, 10));
  };
  auto from = static_cast<std::uint64_t>(read()), to = static_cast<std::uint64_t>(read());
  bool is_signed = field.type != FieldType::id && field.type != FieldType::time;
  bool turned = is_signed ? static_cast<std::int64_t>(from) > static_cast<std::int64_t>(to)
                          : from > to;
  if (turned && !chance(3)) std::swap(from, to);
  auto show = [&](std::uint64_t value) {
    if (field.type == FieldType::time) return dse::replay::rfc3339(value);
    return is_signed ? std::to_string(static_cast<std::int64_t>(value)) : std::to_string(value);
  };
  std::string dots = chance(70) ? ".." : one_of({" .. ", " ..\n", "\t.. "});
  if (dots.size() > 2 && chance(30)) return quoted(show(from)) + dots + quoted(show(to));
  return show(from) + dots + show(to);
}

std::string RandomFilters::time() {
  auto real = static_cast<std::uint64_t>(std::atoll(one_of(samples_.of("evt.time")).c_str()));
  if (chance(40)) real += below(3) - 1;
  if (chance(20)) real -= real % 1'000'000'000;
  std::string text = dse::replay::rfc3339(real);
  if (chance(20) && real < 9'000'000'000'000'000'000) {
    text = dse::replay::rfc3339(real + 5'400'000'000'000);
    text.replace(text.size() - 1, 1, "+01:30");
  }
  return text;
}

std::string RandomFilters::address() {
  std::string out = chance(70) ? one_of(samples_.of(chance(50) ? "sock.lip" : "sock.rip"))
                               : one_of({"0.0.0.0", "127.0.0.1", "10.1.2.3", "::", "::1", "fe80::1",
                                         "255.255.255.255", "::ffff:127.0.0.1", "2001:db8::7"});
  bool ipv4 = out.find(':') == out.npos;
  if (out.empty() || (ipv4 && out.find('.') == out.npos)) out = "::1";
  if (ipv4 && chance(20)) out = "::ffff:" + out, ipv4 = false;
  if (chance(30)) out += "/" + std::to_string(below(ipv4 ? 33 : 129));
  return out;
}

// ---- texts ---------------------------------------------------------------------------------------

std::string RandomFilters::text(const Field& field) {
  const std::vector<std::string>& samples = samples_.of(field.name);
  if (!field.values.empty() && chance(30)) return one_of(field.values);
  std::string out = samples.empty() ? "x" : one_of(samples);
  bool free = field.meaning == Meaning::plain && field.values.empty() && field.name != "evt.type";
  switch (free && chance(40) ? below(6) : 9) {
    case 0: return "";
    case 1:
      return one_of({"and", "not", "exists", "in", "or", "@x", "#", "a b", "\\", "a'b\"c", "é"});
    case 2: return out + "x";
    case 3: return out.substr(0, out.size() / 2);
    case 4: return std::string(1, static_cast<char>(below(256)));
    case 5:
      if (!out.empty()) out[below(out.size())] ^= ' ';
      break;
    default: break;
  }
  if (field.meaning == Meaning::signal && out.starts_with("SIG") &&
      out.find_first_of("0123456789") == out.npos && chance(40))
    out.erase(0, 3);
  if (field.meaning != Meaning::plain && out.empty()) out = "0";
  return out;
}

std::string RandomFilters::part_of(const std::string& text) {
  std::size_t from = below(text.size() + 1), size = below(text.size() - from + 1);
  std::string part = text.substr(from, size);
  for (char& c : part)
    if (chance(10) && ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'))) c ^= ' ';
  return part;
}

std::string RandomFilters::glob_of(const std::string& text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    auto c = static_cast<unsigned char>(text[i]);
    bool letter = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
    switch (below(12)) {
      case 0: out += '?'; break;
      case 1:
        out += '*';
        i += below(6);
        break;
      case 2:
        out += letter ? std::string("[") + (chance(50) ? "!" : "") + "b-y" + text[i] + "]" : "?";
        break;
      default:
        if (std::string_view("*?[]\\").find(text[i]) != std::string_view::npos || chance(5))
          out += '\\';
        out += text[i];
    }
  }
  return chance(20) ? out + "*" : out;
}

std::string RandomFilters::regex_of(const std::string& text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    auto c = static_cast<unsigned char>(text[i]);
    bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                 c == '_';
    switch (below(12)) {
      case 0: out += '.'; break;
      case 1:
        out += one_of({".*", ".+", "[^/]*", "\\w+", "(a|b|.)*"});
        i += below(6);
        break;
      case 2:
        out += plain ? std::string("[") + (chance(30) ? "^" : "") + "b-y" + text[i] + "]" : ".";
        break;
      default:
        if (c < ' ' || c >= 0x7f) {
          constexpr std::string_view kHex = "0123456789abcdef";
          out += std::string("\\x") + kHex[c / 16] + kHex[c % 16];
        } else {
          if (!plain) out += '\\';
          out += text[i];
        }
    }
  }
  return chance(20) ? "(?i)" + out : out;
}

// ---- tests ---------------------------------------------------------------------------------------

std::string RandomFilters::number_test(const Field& field, const std::string& name, bool list) {
  auto value = [&] {
    std::string text = field.type == FieldType::time ? time() : number(field);
    return chance(85) ? text : quoted(text);
  };
  if (chance(35)) {
    std::string out = name + space() + (list ? "intersects" : "in") + maybe_space() + "(";
    for (std::uint64_t i = 0, n = 1 + below(5); i < n; ++i) {
      out += (i ? "," : "") + maybe_space();
      out += chance(65) ? value() : range(field);
      out += maybe_space();
    }
    return out + ")";
  }
  std::string op = one_of({"=", "==", list ? "=" : "!=", "<", "<=", ">", ">="});
  return name + maybe_space() + op + maybe_space() + value();
}

std::string RandomFilters::text_test(const Field& field, const std::string& name, bool list) {
  bool is_address = field.meaning == Meaning::address;
  auto value = [&] { return is_address ? written(address()) : written(text(field)); };
  if (chance(30)) {
    std::string out = name + space() + (list ? "intersects" : "in") + maybe_space() + "(";
    for (std::uint64_t i = 0, n = 1 + below(5); i < n; ++i) {
      out += (i ? "," : "") + maybe_space();
      if (is_address && chance(30)) {
        std::string from = address(), to = address();
        out += from.substr(0, from.find('/')) + ".." + to.substr(0, to.find('/'));
      } else {
        out += value();
      }
      out += maybe_space();
    }
    return out + ")";
  }
  std::string sample = text(field);
  switch (below(10)) {
    case 0: return name + space() + "contains" + space() + written(part_of(sample));
    case 1: return name + space() + "icontains" + space() + written(part_of(sample));
    case 2:
      return name + space() + "startswith" + space() +
             written(sample.substr(0, below(sample.size() + 1)));
    case 3:
      return name + space() + "endswith" + space() +
             written(sample.substr(below(sample.size() + 1)));
    case 4: return name + space() + "glob" + space() + written(glob_of(sample));
    case 5: return name + space() + "regex" + space() + written(regex_of(sample));
    default:
      return name + maybe_space() + one_of({"=", "==", list ? "=" : "!="}) + maybe_space() +
             value();
  }
}

std::string RandomFilters::test() {
  const auto& all = dse::replay::builtin_fields();
  std::string name = !only_.empty()                             ? one_of(only_)
                     : chance(90) && !samples_.fields().empty() ? one_of(samples_.fields())
                                                                : all[below(all.size())].name;
  const Field& field = *dse::replay::find_builtin_field(name);
  FieldType type = field.type;
  if (is_list(type) && chance(40)) {
    bool place = type == FieldType::numbers || chance(60);
    const auto& samples = samples_.of(name);
    std::string key = samples.empty() ? "PATH" : one_of(samples);
    key.resize(std::min(key.size(), key.find('=')));
    if (key.empty() || key.find_first_of("[]") != key.npos) key = "HOME";
    name += "[" + (place ? std::to_string(below(4)) : key) + "]";
    type = type == FieldType::list ? FieldType::text : FieldType::number;
  }
  if (chance(8)) return name + space() + "exists";
  if (chance(2))  // of the wrong type, as likely as not
    return name + space() + one_of({"=", "<", "contains", "glob", "!="}) + space() +
           one_of({"nonsense", "7"});
  switch (type) {
    case FieldType::flag:
      if (chance(50)) return name;
      return name + maybe_space() + one_of({"=", "!=", "=="}) + maybe_space() +
             one_of({"true", "false"});
    case FieldType::text: return text_test(field, name, false);
    case FieldType::list: return text_test(field, name, true);
    case FieldType::numbers: return number_test(field, name, true);
    default: return number_test(field, name, false);
  }
}

std::string RandomFilters::expression(unsigned depth) {
  if (depth == 0 || chance(25)) return test();
  if (chance(25)) {
    std::string sign = chance(50) ? "not" + space() : "!" + maybe_space();
    return sign + (chance(50) ? test() : "(" + expression(depth - 1) + ")");
  }
  bool all = chance(50);
  std::string out;
  for (std::uint64_t i = 0, n = 2 + below(2); i < n; ++i) {
    if (i)
      out += all ? one_of({" and ", " && ", "\nand\t"}) : one_of({" or ", " || ", " # or\nor\n"});
    // Without parentheses, now and then, precedence decides.
    std::string part = expression(depth - 1);
    out += chance(60) ? "(" + maybe_space() + part + maybe_space() + ")" : part;
  }
  return out;
}

std::string RandomFilters::expression_on(std::vector<std::string> fields, unsigned depth) {
  only_ = std::move(fields);
  std::string out = expression(depth);
  only_.clear();
  return out;
}
