#include "replay/filter/literal.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <limits>
#include <map>
#include <optional>
#include <span>

#include <fmt/format.h>

#include "replay/filter/diagnostic.h"
#include "replay/names.h"
#include "replay/timestamp.h"

namespace dse::replay::filter {
namespace {

using Number = std::optional<std::uint64_t>;

struct Unit {
  std::string_view name;
  std::uint64_t factor;
};
constexpr std::uint64_t kKi = 1024, kKilo = 1000;
constexpr Unit kSizes[] = {{"B", 1},
                           {"K", kKi},
                           {"KiB", kKi},
                           {"kB", kKilo},
                           {"M", kKi* kKi},
                           {"MiB", kKi* kKi},
                           {"MB", kKilo* kKilo},
                           {"G", kKi* kKi* kKi},
                           {"GiB", kKi* kKi* kKi},
                           {"GB", kKilo* kKilo* kKilo},
                           {"T", kKi* kKi* kKi* kKi},
                           {"TiB", kKi* kKi* kKi* kKi},
                           {"TB", kKilo* kKilo* kKilo* kKilo}};

constexpr std::uint64_t kSecond = 1'000'000'000;
constexpr Unit kDurations[] = {
    {"ns", 1},           {"us", 1000},          {"ms", 1'000'000},     {"s", kSecond},
    {"m", 60 * kSecond}, {"min", 60 * kSecond}, {"h", 3600 * kSecond}, {"d", 86400 * kSecond}};

// "1.5GiB" in bytes, "1.5ms" in ns, rounded down; nothing for anything else, and for what a signed number
// cannot hold.
Number parse_with_unit(std::string_view text, std::span<const Unit> units) {
  std::size_t digits = std::min(text.find_first_not_of("0123456789."), text.size());
  auto unit = std::find_if(units.begin(), units.end(),
                           [&](const Unit& one) { return one.name == text.substr(digits); });
  if (unit == units.end()) return {};
  std::string_view number = text.substr(0, digits);
  std::size_t point = std::min(number.find('.'), number.size());
  std::uint64_t whole = 0;
  auto [end, error] = std::from_chars(number.data(), number.data() + point, whole);
  if (error != std::errc() || end != number.data() + point) return {};
  unsigned __int128 total = static_cast<unsigned __int128>(whole) * unit->factor;
  if (point < number.size()) {
    std::string_view digits_after = number.substr(point + 1);
    std::uint64_t fraction = 0, scale = 1;
    auto [stop, wrong] = std::from_chars(digits_after.data(),
                                         digits_after.data() + digits_after.size(), fraction);
    if (wrong != std::errc() || stop != digits_after.data() + digits_after.size() ||
        digits_after.size() > 9)
      return {};
    for (std::size_t i = 0; i < digits_after.size(); ++i) scale *= 10;
    total += static_cast<unsigned __int128>(fraction) * unit->factor / scale;
  }
  if (total > std::numeric_limits<std::int64_t>::max()) return {};
  return static_cast<std::uint64_t>(total);
}

// Decimal, 0x…, 0o…, with a sign for signed ones. Two's complement, as columns have it.
Number parse_integer(std::string_view text, bool is_signed) {
  bool negative = text.starts_with('-');
  if (negative) text.remove_prefix(1);
  int base = 10;
  if (text.starts_with("0x") || text.starts_with("0X")) base = 16;
  if (text.starts_with("0o")) base = 8;
  if (base != 10) text.remove_prefix(2);
  std::uint64_t value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc() || end != text.data() + text.size()) return {};
  constexpr std::uint64_t kTop = std::uint64_t{1} << 63;
  if (negative) return is_signed && value <= kTop ? Number(0 - value) : Number();
  return is_signed && value >= kTop ? Number() : Number(value);
}

Result<Key> number_key(const Field& field, const Value& value) {
  const std::string& text = value.text;
  if (field.type == FieldType::time) {
    if (auto time = parse_rfc3339(text)) return *time;
    return error_at(
        value.place,
        fmt::format("'{}' is not a time; {} takes one as 2026-11-22T15:32:56Z", text, field.name));
  }
  bool is_signed = field.type != FieldType::id;
  if (auto number = parse_integer(text, is_signed)) return key_of(field.type, *number);
  auto wrong = [&](std::string_view what, std::string_view example) {
    return error_at(value.place,
                    fmt::format("'{}' is not {}; {} takes {}", text, what, field.name, example));
  };
  if (field.unit == "ns" || field.unit == "us") {
    auto ns = parse_with_unit(text, kDurations);
    std::uint64_t unit = field.unit == "us" ? 1000 : 1;
    if (!ns) return wrong("a duration", "a number of " + field.unit + ", or 1.5ms, 10s, 5min");
    if (*ns % unit != 0)
      return error_at(value.place, fmt::format("'{}' is finer than {}, which counts {}", text,
                                               field.name, field.unit));
    return key_of(field.type, *ns / unit);
  }
  if (field.unit == "bytes") {
    if (auto size = parse_with_unit(text, kSizes)) return key_of(field.type, *size);
    return wrong("a size", "a number of bytes, or 10KiB, 1.5MB");
  }
  bool digits = !text.empty() && text.find_first_not_of("-0123456789") == std::string::npos;
  if (digits) return wrong("in range", is_signed ? "-2^63 to 2^63-1" : "0 to 2^64-1");
  return wrong("a number", "one");
}

// The items of a list with a range in them: "1..1023" is one word. Nothing when it is none.
std::optional<std::pair<Value, Value>> ends_of(const Item& item) {
  if (item.to) return std::pair(item.from, *item.to);
  if (item.from.quoted) return {};
  std::size_t dots = item.from.text.find("..");
  if (dots == std::string::npos) return {};
  Value low = item.from, high = item.from;
  low.text.resize(dots);
  high.text.erase(0, dots + 2);
  low.place.end = low.place.begin + dots;
  high.place.begin += dots + 2;
  return std::pair(std::move(low), std::move(high));
}

Place whole(const Item& item) {
  Place place = item.from.place;
  if (item.to) place.end = item.to->place.end;
  return place;
}

Error backwards(const Item& item) {
  return error_at(whole(item), "the range ends before it begins, so nothing is in it");
}

// IPv4 goes into its corner of IPv6.
void map_ipv4(Address& address) {
  std::copy_n(address.begin(), 4, address.begin() + 12);
  std::fill_n(address.begin(), 10, std::uint8_t{0});
  address[10] = address[11] = 0xff;
}

Result<AddressRange> one_address(const Field& field, const Value& value) {
  std::string_view text = value.text;
  std::size_t slash = text.find('/');
  AddressRange range;
  if (!parse_address(text.substr(0, slash), range.low))
    return error_at(value.place,
                    fmt::format("'{}' is not an address; {} takes one as 10.0.0.1, ::1, "
                                "10.0.0.0/8 or fd00::/8",
                                value.text, field.name));
  range.high = range.low;
  if (slash == std::string_view::npos) return range;
  std::string_view length = text.substr(slash + 1);
  bool ipv6 = text.substr(0, slash).find(':') != std::string_view::npos;
  unsigned bits = 0, most = ipv6 ? 128 : 32;
  auto [end, error] = std::from_chars(length.data(), length.data() + length.size(), bits);
  if (error != std::errc() || end != length.data() + length.size() || bits > most)
    return error_at(value.place,
                    fmt::format("'/{}' is not a length of a prefix: 0 to {}", length, most));
  if (!ipv6) bits += 96;
  for (unsigned bit = bits; bit < 128; ++bit) {
    auto mask = static_cast<std::uint8_t>(0x80 >> bit % 8);
    range.low[bit / 8] &= static_cast<std::uint8_t>(~mask);
    range.high[bit / 8] |= mask;
  }
  return range;
}

constexpr Arch kArchs[] = {Arch::x86_64, Arch::aarch64, Arch::riscv64, Arch::s390x,  Arch::ppc64le,
                           Arch::mips64, Arch::sparc64, Arch::alpha,   Arch::unknown};

bool all_digits(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

std::vector<std::string> numbered_names(unsigned from, unsigned count, auto name) {
  std::vector<std::string> names;
  for (unsigned i = from; i < count; ++i)
    if (std::string_view one = name(i); !one.empty()) names.emplace_back(one);
  return names;
}

// All names that a field can have, by its meaning; empty: anything goes.
std::vector<std::string> make_known_names(const Field& field) {
  switch (field.meaning) {
    case Meaning::signal: {
      std::vector<std::string> names;
      for (Arch arch : kArchs)
        for (int signal = 1; signal <= 128; ++signal)
          if (std::string name = signal_name(arch, signal); !all_digits(name.substr(3)))
            names.push_back(std::move(name));
      std::sort(names.begin(), names.end());
      names.erase(std::unique(names.begin(), names.end()), names.end());
      return names;
    }
    case Meaning::tcp_state: return numbered_names(1, 32, tcp_state_name);
    case Meaning::capability: return numbered_names(0, 64, capability_name);
    case Meaning::errno_code: {
      std::vector<std::string> names;
      for (Arch arch : kArchs)
        for (int code = 1; code < 1200; ++code)
          if (std::string_view name = errno_name(arch, code); !name.empty())
            names.emplace_back(name);
      std::sort(names.begin(), names.end());
      names.erase(std::unique(names.begin(), names.end()), names.end());
      return names;
    }
    default: return field.values;
  }
}

// Lists have many values, and there are many lists.
const std::vector<std::string>& known_names(const Field& field) {
  static const auto kByMeaning = [] {
    std::map<Meaning, std::vector<std::string>> names;
    for (Meaning meaning :
         {Meaning::signal, Meaning::tcp_state, Meaning::capability, Meaning::errno_code}) {
      Field of;
      of.meaning = meaning;
      names[meaning] = make_known_names(of);
    }
    return names;
  }();
  auto found = kByMeaning.find(field.meaning);
  return found == kByMeaning.end() ? field.values : found->second;
}

// The name under which the column has a signal; empty: there is no such.
std::string signal_of(std::string_view name) {
  for (Arch arch : kArchs)
    if (auto number = signal_number(arch, name)) return signal_name(arch, *number);
  return name.starts_with("SIG") && all_digits(name.substr(3)) ? std::string(name) : std::string();
}

}  // namespace

std::optional<std::uint64_t> parse_size(std::string_view text) {
  if (auto bytes = parse_integer(text, false)) return bytes;
  return parse_with_unit(text, kSizes);
}

std::vector<Range> sorted_ranges(std::vector<Range> ranges) {
  std::sort(ranges.begin(), ranges.end(),
            [](const Range& a, const Range& b) { return a.low < b.low; });
  std::size_t kept = 0;
  for (const Range& range : ranges) {
    Range* last = kept ? &ranges[kept - 1] : nullptr;
    if (last && (last->high == ~Key{0} || range.low <= last->high + 1))
      last->high = std::max(last->high, range.high);
    else
      ranges[kept++] = range;
  }
  ranges.resize(kept);
  return ranges;
}

bool in_ranges(const std::vector<Range>& ranges, Key key) {
  auto after = std::upper_bound(ranges.begin(), ranges.end(), key,
                                [](Key k, const Range& range) { return k < range.low; });
  return after != ranges.begin() && key <= std::prev(after)->high;
}

Result<Range> number_range(const Field& field, const Item& item) {
  auto ends = ends_of(item);
  if (!ends) {
    DSE_TRY_ASSIGN(Key key, number_key(field, item.from));
    return Range{key, key};
  }
  DSE_TRY_ASSIGN(Key low, number_key(field, ends->first));
  DSE_TRY_ASSIGN(Key high, number_key(field, ends->second));
  if (low > high) return backwards(item);
  return Range{low, high};
}

Result<AddressRange> address_range(const Field& field, const Item& item) {
  auto ends = ends_of(item);
  if (!ends) return one_address(field, item.from);
  DSE_TRY_ASSIGN(AddressRange low, one_address(field, ends->first));
  DSE_TRY_ASSIGN(AddressRange high, one_address(field, ends->second));
  if (low.low > high.high) return backwards(item);
  return AddressRange{low.low, high.high};
}

bool parse_address(std::string_view text, Address& address) {
  char buffer[INET6_ADDRSTRLEN];
  if (text.size() >= sizeof(buffer) || text.find('\0') != std::string_view::npos) return false;
  buffer[text.copy(buffer, sizeof(buffer) - 1)] = '\0';
  if (::inet_pton(AF_INET6, buffer, address.data()) == 1) return true;
  if (::inet_pton(AF_INET, buffer, address.data()) != 1) return false;
  map_ipv4(address);
  return true;
}

Result<std::string> text_value(const Field& field, const Value& value) {
  const std::string& text = value.text;
  if (field.meaning == Meaning::signal) {
    if (std::string name = signal_of(text); !name.empty()) return name;
    const std::string full = text.starts_with("SIG") ? text : "SIG" + text;
    // A number is another signal elsewhere.
    std::string_view more = all_digits(text) ? "; signals go by name, numbers by sig.num" : "";
    return error_at(value.place, fmt::format("unknown signal '{}'{}{}", text, more,
                                             did_you_mean(full, known_names(field))));
  }
  const std::vector<std::string>& known = known_names(field);
  if (known.empty() || std::find(known.begin(), known.end(), text) != known.end()) return text;
  // What has no name is shown by its number.
  bool numbered = field.values.empty() || field.name == "sock.proto" || field.name == "sock.family";
  if (numbered && all_digits(text)) {
    if (field.meaning == Meaning::plain) return text;
    return error_at(value.place, fmt::format("{} goes by name, not by number", field.name));
  }
  std::string_view what = field.meaning == Meaning::tcp_state    ? "TCP state"
                          : field.meaning == Meaning::errno_code ? "error"
                          : field.meaning == Meaning::capability ? "capability"
                                                                 : "value";
  std::string mean = did_you_mean(text, known);
  if (mean.empty() && field.meaning == Meaning::plain)
    mean = fmt::format("; it is one of {}", fmt::join(known, ", "));
  return error_at(value.place,
                  fmt::format("unknown {} '{}' of {}{}", what, text, field.name, mean));
}

}  // namespace dse::replay::filter
