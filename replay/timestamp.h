// Points in time as RFC 3339 in UTC with nanoseconds, and back. No time zone of the host plays a part.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace dse::replay {

// "2026-11-22T15:32:56.123456789Z" for nanoseconds since 1970: as many bytes, whatever the time.
inline constexpr std::size_t kRfc3339Bytes = 30;
void append_rfc3339(std::uint64_t real_ns, std::string& out);

// Writes many of them, mostly of one second.
class TimeWriter {
 public:
  // Writes kRfc3339Bytes; returns where they end.
  char* write(std::uint64_t real_ns, char* out);

 private:
  std::uint64_t second_ = ~std::uint64_t{0};  // none has that many
  char text_[kRfc3339Bytes];
};

std::string rfc3339(std::uint64_t real_ns);

// The reverse. A fraction of any length and a zone ("Z", "+01:00") are understood; nothing for
// anything else, for dates that do not exist and for those before 1970 or after 2554.
std::optional<std::uint64_t> parse_rfc3339(std::string_view text);

// "10s", "1.5h", "100ms", "2min", "1d": nanoseconds. Units ns us ms s m min h d; a bare number is
// seconds. Nothing for anything else.
std::optional<std::uint64_t> parse_duration(std::string_view text);

}  // namespace dse::replay
