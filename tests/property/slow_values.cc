// What values mean, and whether a test holds.
#include <arpa/inet.h>
#include <re2/re2.h>

#include <array>
#include <cstring>

#include "replay/session.h"
#include "replay/timestamp.h"
#include "tests/property/slow_filter.h"

using dse::replay::Arch;
using dse::replay::Event;
using dse::replay::Field;
using dse::replay::FieldType;
using dse::replay::Meaning;

namespace slow {

namespace {

// Wide enough for every number of every type, and for a size times its unit.
__extension__ using Number = __int128;

constexpr std::array kArchs{Arch::x86_64, Arch::aarch64, Arch::riscv64, Arch::s390x,  Arch::ppc64le,
                            Arch::mips64, Arch::sparc64, Arch::alpha,   Arch::unknown};

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_digits(std::string_view text) {
  for (char c : text)
    if (!is_digit(c)) return false;
  return !text.empty();
}

// ---- numbers -------------------------------------------------------------------------------------

std::optional<Number> digits(std::string_view text, int base) {
  if (text.empty() || text.size() > 30) return {};
  Number value = 0;
  for (char c : text) {
    int digit = is_digit(c)              ? c - '0'
                : (c >= 'a' && c <= 'f') ? c - 'a' + 10
                : (c >= 'A' && c <= 'F') ? c - 'A' + 10
                                         : 99;
    if (digit >= base) return {};
    value = value * base + digit;
  }
  return value;
}

std::optional<Number> plain_number(std::string_view text) {
  bool negative = text.starts_with('-');
  if (negative) text.remove_prefix(1);
  int base = text.starts_with("0x") ? 16 : text.starts_with("0o") ? 8 : 10;
  auto value = digits(base == 10 ? text : text.substr(2), base);
  if (value && negative) value = -*value;
  return value;
}

struct Unit {
  const char* name;
  Number size;
};

constexpr Number kNs = 1, kUs = 1000, kMs = 1000 * kUs, kS = 1000 * kMs;
constexpr std::array<Unit, 8> kDurations{{{"ns", kNs},
                                          {"us", kUs},
                                          {"ms", kMs},
                                          {"s", kS},
                                          {"m", 60 * kS},
                                          {"min", 60 * kS},
                                          {"h", 3600 * kS},
                                          {"d", 86400 * kS}}};
constexpr std::array<Unit, 13> kSizes{{{"B", 1},
                                       {"K", 1 << 10},
                                       {"KiB", 1 << 10},
                                       {"M", 1 << 20},
                                       {"MiB", 1 << 20},
                                       {"G", 1 << 30},
                                       {"GiB", 1 << 30},
                                       {"T", Number{1} << 40},
                                       {"TiB", Number{1} << 40},
                                       {"kB", 1000},
                                       {"MB", 1000 * 1000},
                                       {"GB", 1000 * 1000 * 1000},
                                       {"TB", Number{1000} * 1000 * 1000 * 1000}}};

// "1.5ms" in ns, "2KiB" in bytes, before it is rounded: as a fraction.
template <std::size_t N>
std::optional<Number> with_unit(std::string_view text, const std::array<Unit, N>& units,
                                Number divisor, bool whole_only = false) {
  std::size_t end = 0;
  while (end < text.size() && (is_digit(text[end]) || text[end] == '.')) ++end;
  std::string_view number = text.substr(0, end), name = text.substr(end);
  std::size_t dot = number.find('.');
  std::string_view whole = number.substr(0, dot);
  std::string_view fraction = dot == number.npos ? "" : number.substr(dot + 1);
  if (!is_digits(whole) || (dot != number.npos && !is_digits(fraction))) return {};
  if (whole.size() + fraction.size() > 20) return {};
  Number value = *digits(std::string(whole) + std::string(fraction), 10);
  for (char c : fraction) {
    (void)c;
    divisor *= 10;
  }
  for (const Unit& unit : units)
    if (name == unit.name) {
      if (whole_only && value * unit.size / (divisor / 1000) % 1000 != 0) return {};
      return value * unit.size / divisor;
    }
  return {};
}

std::optional<Number> number_value(const Field& field, FieldType type, Arch arch,
                                   const std::string& text) {
  if (type == FieldType::time) {
    auto time = dse::replay::parse_rfc3339(text);
    if (!time) return {};
    return Number{*time};
  }
  if (field.meaning == Meaning::signal)
    if (auto number = dse::replay::signal_number(arch, text)) return Number{*number};
  std::optional<Number> value = plain_number(text);
  if (!value && field.unit == "bytes") value = with_unit(text, kSizes, 1);
  if (!value && field.unit == "ns") value = with_unit(text, kDurations, 1);
  if (!value && field.unit == "us") value = with_unit(text, kDurations, 1000, true);
  if (!value) return {};
  bool fits = type == FieldType::id ? *value >= 0 && *value <= Number{~std::uint64_t{0}}
                                    : *value >= Number{INT64_MIN} && *value <= Number{INT64_MAX};
  return fits ? value : std::nullopt;
}

bool is_number_item(const Field& field, FieldType type, bool order, const Item& item) {
  auto plain = field;
  plain.meaning = Meaning::plain;
  if (item.to || order) {
    auto from = number_value(plain, type, Arch::unknown, item.from.text);
    auto to = item.to ? number_value(plain, type, Arch::unknown, item.to->text) : from;
    return from && to && *from <= *to;
  }
  // A signal that only other machines have is a name all the same.
  for (Arch arch : kArchs)
    if (number_value(field, type, arch, item.from.text)) return true;
  return false;
}

bool number_holds(const Test& test, Number have, Arch arch) {
  auto value = [&](const Value& v) { return number_value(test.spec, test.type, arch, v.text); };
  for (const Item& item : test.items) {
    std::optional<Number> from = value(item.from);
    if (test.op == "!=") return !from || have != *from;
    if (!from) continue;
    if (item.to) {
      std::optional<Number> to = value(*item.to);
      if (to && *from <= have && have <= *to) return true;
      continue;
    }
    if (test.op == "<"    ? have < *from
        : test.op == "<=" ? have <= *from
        : test.op == ">"  ? have > *from
        : test.op == ">=" ? have >= *from
                          : have == *from)
      return true;
  }
  return false;
}

// ---- addresses -----------------------------------------------------------------------------------

using Address = std::array<std::uint8_t, 16>;

std::optional<Address> address(const std::string& text) {
  Address out{};
  if (text.find('\0') != text.npos) return {};
  if (::inet_pton(AF_INET6, text.c_str(), out.data()) == 1) return out;
  out = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  if (::inet_pton(AF_INET, text.c_str(), out.data() + 12) == 1) return out;
  return {};
}

bool bit(const Address& address, unsigned number) {
  return address.at(number / 8) >> (7 - number % 8) & 1;
}

// Whether `have` is in "A", "A/N", or A..B; nothing if that is no such text.
std::optional<bool> in_network(const Address& have, const Item& item) {
  const std::string& text = item.from.text;
  if (item.to) {
    auto from = address(text), to = address(item.to->text);
    if (!from || !to || *to < *from) return {};
    return *from <= have && have <= *to;
  }
  std::size_t slash = text.find('/');
  auto base = address(text.substr(0, slash));
  if (!base) return {};
  if (slash == text.npos) return have == *base;
  bool is_ipv4 = text.find(':') == text.npos;
  auto prefix = digits(text.substr(slash + 1), 10);
  if (!prefix || *prefix > (is_ipv4 ? 32 : 128)) return {};
  for (unsigned i = 0; i < static_cast<unsigned>(*prefix) + (is_ipv4 ? 96 : 0); ++i)
    if (bit(have, i) != bit(*base, i)) return false;
  return true;
}

// ---- texts ---------------------------------------------------------------------------------------

// As the column has it; nothing: it can never be that.
std::optional<std::string> text_value(const Field& field, const std::string& text, Arch arch) {
  using namespace dse::replay;
  auto named = [&](auto&& name, int count) -> std::optional<std::string> {
    for (int i = 0; i < count; ++i)
      if (!name(i).empty() && name(i) == text) return text;
    return {};
  };
  switch (field.meaning) {
    case Meaning::plain:
    case Meaning::address: break;
    case Meaning::signal:
      if (auto number = signal_number(arch, text)) return signal_name(arch, *number);
      for (Arch other : kArchs)
        if (signal_number(other, text)) return text;
      if (text.starts_with("SIG") && is_digits(text.substr(3))) return text;
      return {};
    case Meaning::tcp_state:
      return named([](int n) { return tcp_state_name(static_cast<unsigned>(n)); }, 64);
    case Meaning::capability:
      return named([](int n) { return capability_name(static_cast<unsigned>(n)); }, 64);
    case Meaning::errno_code:
      for (Arch other : kArchs)
        if (auto found = named([&](int n) { return errno_name(other, n); }, 4096)) return found;
      return {};
  }
  bool numbered = field.name == "sock.proto" || field.name == "sock.family";
  if (field.values.empty() || (numbered && is_digits(text))) return text;
  for (const std::string& value : field.values)
    if (value == text) return text;
  return {};
}

bool glob(std::string_view pattern, std::string_view text) {
  if (pattern.empty()) return text.empty();
  std::string_view rest = pattern.substr(1);
  if (pattern[0] == '*')
    return glob(rest, text) || (!text.empty() && glob(pattern, text.substr(1)));
  if (text.empty()) return false;
  auto c = static_cast<unsigned char>(text[0]);
  if (pattern[0] == '?') return glob(rest, text.substr(1));
  if (pattern[0] == '[') {
    bool negated = rest.starts_with('!'), in = false;
    if (negated) rest.remove_prefix(1);
    while (!rest.starts_with(']')) {
      if (rest.starts_with('\\')) rest.remove_prefix(1);
      auto low = static_cast<unsigned char>(rest[0]), high = low;
      rest.remove_prefix(1);
      if (rest.size() > 1 && rest[0] == '-' && rest[1] != ']') {
        rest.remove_prefix(1);
        if (rest.starts_with('\\')) rest.remove_prefix(1);
        high = static_cast<unsigned char>(rest[0]);
        rest.remove_prefix(1);
      }
      in = in || (low <= c && c <= high);
    }
    return in != negated && glob(rest.substr(1), text.substr(1));
  }
  if (pattern[0] == '\\') {
    if (rest.empty()) return false;
    return rest[0] == text[0] && glob(rest.substr(1), text.substr(1));
  }
  return pattern[0] == text[0] && glob(rest, text.substr(1));
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return out;
}

bool is_equality(const std::string& op) {
  return op == "=" || op == "!=" || op == "in" || op == "intersects";
}

bool equals(const Test& test, const std::string& have, const Item& item, Arch arch) {
  if (test.spec.meaning != Meaning::address)
    return text_value(test.spec, item.from.text, arch) == have;
  auto parsed = address(have);
  return parsed && in_network(*parsed, item).value_or(false);
}

bool text_holds(const Test& test, const std::string& have, Arch arch) {
  if (is_equality(test.op)) {
    bool any = false;
    for (const Item& item : test.items) any = any || equals(test, have, item, arch);
    return any != (test.op == "!=");
  }
  const std::string& want = test.items[0].from.text;
  if (test.op == "contains") return have.find(want) != have.npos;
  if (test.op == "icontains") return lower(have).find(lower(want)) != have.npos;
  if (test.op == "startswith") return have.starts_with(want);
  if (test.op == "endswith") return have.ends_with(want);
  if (test.op == "glob") return glob(want, have);
  return re2::RE2::FullMatch(have, *test.regex);
}

std::vector<std::string> elements(std::string_view list) {
  std::vector<std::string> out;
  while (!list.empty()) {
    std::size_t end = list.find('\0');
    out.emplace_back(list.substr(0, end));
    list.remove_prefix(end == list.npos ? list.size() : end + 1);
  }
  return out;
}

}  // namespace

bool accepts(Test& test) {
  const std::string& op = test.op;
  if (op.empty()) return test.type == FieldType::flag;
  if (op == "exists") return true;
  bool order = op == "<" || op == "<=" || op == ">" || op == ">=";
  switch (test.type) {
    case FieldType::flag:
      return (op == "=" || op == "!=") &&
             (test.items[0].from.text == "true" || test.items[0].from.text == "false");
    case FieldType::number:
    case FieldType::id:
    case FieldType::time:
    case FieldType::numbers: {
      bool list = test.type == FieldType::numbers;
      if (!order && op != "=" && op != (list ? "intersects" : "in") && (list || op != "!="))
        return false;
      for (const Item& item : test.items)
        if (!is_number_item(test.spec, test.type, order, item)) return false;
      return true;
    }
    case FieldType::text:
      if (order || op == "intersects") return false;
      break;
    case FieldType::list:
      if (order || op == "in" || op == "!=") return false;
      break;
  }
  if (op == "regex") {
    re2::RE2::Options options;
    options.set_encoding(re2::RE2::Options::EncodingLatin1);
    options.set_dot_nl(true);
    options.set_log_errors(false);
    test.regex = std::make_shared<re2::RE2>(test.items[0].from.text, options);
    return test.regex->ok();
  }
  if (!is_equality(op)) return true;
  for (const Item& item : test.items) {
    if (test.spec.meaning == Meaning::address
            ? !in_network({}, item)
            : !text_value(test.spec, item.from.text, Arch::x86_64))
      return false;
  }
  return true;
}

bool holds(const Test& test, const Event& event) {
  const dse::replay::State& state = event.batch().state();
  switch (test.type) {
    case FieldType::flag: {
      auto flag = event.flag(test.field);
      if (test.op == "exists") return flag.has_value();
      if (!flag || test.op.empty()) return flag.value_or(false);
      return (*flag == (test.items[0].from.text == "true")) == (test.op == "=");
    }
    case FieldType::number: {
      auto number = event.signed_number(test.field);
      if (!number || test.op == "exists") return number.has_value();
      return number_holds(test, *number, state.arch());
    }
    case FieldType::id: {
      auto number = event.number(test.field);
      if (!number || test.op == "exists") return number.has_value();
      return number_holds(test, *number, state.arch());
    }
    case FieldType::time: {
      auto boot = event.number(test.field);
      if (!boot || test.op == "exists") return boot.has_value();
      return number_holds(test, state.real_time(*boot, event.batch().number(event.row())),
                          state.arch());
    }
    case FieldType::text:
    case FieldType::list:
    case FieldType::numbers: break;
  }
  auto text = event.text(test.field);
  if (!text || test.op == "exists") return text.has_value();
  if (test.type == FieldType::text) return text_holds(test, std::string(*text), state.arch());
  for (const std::string& element : elements(*text))
    if (test.type == FieldType::list ? text_holds(test, element, state.arch())
                                     : number_holds(test, *plain_number(element), state.arch()))
      return true;
  return false;
}

}  // namespace slow
