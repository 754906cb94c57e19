#include "replay/timestamp.h"

#include <array>
#include <charconv>
#include <chrono>
#include <cmath>
#include <cstring>

namespace dse::replay {
namespace {

constexpr std::uint64_t kSecond = 1'000'000'000;

void put(std::uint64_t value, int digits, char* out) {
  for (int i = digits; i-- > 0; value /= 10) out[i] = static_cast<char>('0' + value % 10);
}

// "00" to "99".
constexpr std::array<char, 200> kPairs = [] {
  std::array<char, 200> pairs{};
  for (std::size_t i = 0; i < 100; ++i) {
    pairs[2 * i] = static_cast<char>('0' + i / 10);
    pairs[2 * i + 1] = static_cast<char>('0' + i % 10);
  }
  return pairs;
}();

void put_pair(std::uint32_t value, char* out) { std::memcpy(out, &kPairs[2 * value], 2); }

// The nine digits of a fraction of a second.
void put_nanoseconds(std::uint32_t ns, char* out) {
  const std::uint32_t high = ns / 10'000, low = ns % 10'000;  // five digits and four
  out[0] = static_cast<char>('0' + high / 10'000);
  put_pair(high / 100 % 100, out + 1);
  put_pair(high % 100, out + 3);
  put_pair(low / 100, out + 5);
  put_pair(low % 100, out + 7);
}

// Exactly `digits` digits at the front of `text`, which moves behind them.
std::optional<unsigned> take_number(std::string_view& text, std::size_t digits) {
  unsigned value = 0;
  if (text.size() < digits) return {};
  for (std::size_t i = 0; i < digits; ++i) {
    if (text[i] < '0' || text[i] > '9') return {};
    value = value * 10 + static_cast<unsigned>(text[i] - '0');
  }
  text.remove_prefix(digits);
  return value;
}

bool take(std::string_view& text, char c) {
  if (text.empty() || text[0] != c) return false;
  text.remove_prefix(1);
  return true;
}

}  // namespace

char* TimeWriter::write(std::uint64_t real_ns, char* out) {
  using namespace std::chrono;
  const std::uint64_t seconds = real_ns / kSecond;
  if (seconds != second_) {
    second_ = seconds;
    year_month_day date(sys_days(days(seconds / 86400)));
    std::uint64_t of_day = seconds % 86400;
    std::memcpy(text_, "0000-00-00T00:00:00.000000000Z", kRfc3339Bytes);
    put(static_cast<std::uint64_t>(static_cast<int>(date.year())), 4, text_);
    put(static_cast<unsigned>(date.month()), 2, text_ + 5);
    put(static_cast<unsigned>(date.day()), 2, text_ + 8);
    put(of_day / 3600, 2, text_ + 11);
    put(of_day / 60 % 60, 2, text_ + 14);
    put(of_day % 60, 2, text_ + 17);
  }
  std::memcpy(out, text_, kRfc3339Bytes);
  put_nanoseconds(static_cast<std::uint32_t>(real_ns - seconds * kSecond), out + 20);
  return out + kRfc3339Bytes;
}

void append_rfc3339(std::uint64_t real_ns, std::string& out) {
  char text[kRfc3339Bytes];
  TimeWriter().write(real_ns, text);
  out.append(text, sizeof(text));
}

std::string rfc3339(std::uint64_t real_ns) {
  std::string out;
  append_rfc3339(real_ns, out);
  return out;
}

std::optional<std::uint64_t> parse_rfc3339(std::string_view text) {
  using namespace std::chrono;
  auto y = take_number(text, 4);
  if (!y || !take(text, '-')) return {};
  auto mo = take_number(text, 2);
  if (!mo || !take(text, '-')) return {};
  auto d = take_number(text, 2);
  if (!d || !(take(text, 'T') || take(text, 't') || take(text, ' '))) return {};
  auto h = take_number(text, 2);
  if (!h || !take(text, ':')) return {};
  auto mi = take_number(text, 2);
  if (!mi || !take(text, ':')) return {};
  auto s = take_number(text, 2);
  if (!s) return {};
  std::uint64_t fraction = 0;
  if (take(text, '.')) {
    std::uint64_t scale = kSecond;
    std::size_t digits = 0;
    while (!text.empty() && text[0] >= '0' && text[0] <= '9') {
      scale /= 10;
      fraction += scale * static_cast<std::uint64_t>(text[0] - '0');
      text.remove_prefix(1);
      ++digits;
    }
    if (digits == 0) return {};
  }
  std::int64_t zone = 0;
  if (!take(text, 'Z') && !take(text, 'z')) {
    int sign = take(text, '+') ? 1 : take(text, '-') ? -1 : 0;
    auto zh = sign ? take_number(text, 2) : std::nullopt;
    if (!zh || !take(text, ':')) return {};
    auto zm = take_number(text, 2);
    if (!zm || *zh > 23 || *zm > 59) return {};
    zone = sign * (std::int64_t{*zh} * 3600 + std::int64_t{*zm} * 60);
  }
  year_month_day date(year(static_cast<int>(*y)), month(*mo), day(*d));
  if (!text.empty() || !date.ok() || *h > 23 || *mi > 59 || *s > 59) return {};
  std::int64_t seconds = sys_days(date).time_since_epoch().count() * std::int64_t{86400} +
                         *h * std::int64_t{3600} + *mi * std::int64_t{60} + *s - zone;
  // 2^64 ns are some 584 years.
  if (seconds < 0 || seconds >= 18'446'744'073) return {};
  return static_cast<std::uint64_t>(seconds) * kSecond + fraction;
}

std::optional<std::uint64_t> parse_duration(std::string_view text) {
  double value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || !(value >= 0)) return {};
  std::string_view unit(end, static_cast<std::size_t>(text.data() + text.size() - end));
  struct Unit {
    std::string_view name;
    double ns;
  };
  constexpr std::array<Unit, 9> units{{{"", 1e9},
                                       {"ns", 1},
                                       {"us", 1e3},
                                       {"ms", 1e6},
                                       {"s", 1e9},
                                       {"m", 60e9},
                                       {"min", 60e9},
                                       {"h", 3600e9},
                                       {"d", 86400e9}}};
  for (const Unit& known : units)
    if (unit == known.name) {
      double ns = value * known.ns;
      if (!(ns < 9.2e18)) return {};
      return static_cast<std::uint64_t>(std::llround(ns));
    }
  return {};
}

}  // namespace dse::replay
