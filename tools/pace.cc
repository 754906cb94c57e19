#include "tools/pace.h"

#include <time.h>

#include <algorithm>
#include <charconv>
#include <limits>

#include <fmt/format.h>

#include "tools/terminal.h"

namespace dse::tools {
namespace {

constexpr std::uint64_t kSecond = 1'000'000'000;
// A pause this long is announced; a terminal shows shorter ones too.
constexpr std::uint64_t kAnnounced = 60 * kSecond;
constexpr std::uint64_t kShown = 2 * kSecond;
// A signal may come just before a sleep begins.
constexpr std::uint64_t kSlice = kSecond / 5;
constexpr double kSlowest = 0.001, kFastest = 1e6;

}  // namespace

Result<std::optional<double>> parse_speed(const std::string& text) {
  if (text == "max") return std::optional<double>();
  double speed = 0;
  const char* end = text.data() + text.size() - (text.ends_with('x') ? 1 : 0);
  auto [stop, error] = std::from_chars(text.data(), end, speed, std::chars_format::fixed);
  if (error != std::errc() || stop != end || !(speed >= kSlowest && speed <= kFastest))
    return Error(ErrorCode::usage, "--speed: '" + text +
                                       "' is not a speed: use 1x, 10x, 0.5x (0.001x to 1000000x) "
                                       "or max");
  return std::optional(speed);
}

std::uint64_t Pace::now() {
  timespec time{};
  ::clock_gettime(CLOCK_MONOTONIC, &time);
  return static_cast<std::uint64_t>(time.tv_sec) * kSecond +
         static_cast<std::uint64_t>(time.tv_nsec);
}

std::uint64_t Pace::due(std::uint64_t real_ns) {
  if (!first_real_) {
    first_real_ = real_ns;
    first_ns_ = now();
  }
  if (real_ns <= *first_real_) return first_ns_;
  // Times of a capture may be anything.
  double ns = std::min(static_cast<double>(real_ns - *first_real_) / speed_,
                       static_cast<double>(std::numeric_limits<std::int64_t>::max() / 2));
  return first_ns_ + static_cast<std::uint64_t>(ns);
}

bool Pace::wait(std::uint64_t due_ns) {
  bool announced = false;
  for (std::uint64_t at = now(); at < due_ns && !stopped_; at = now()) {
    std::uint64_t left = due_ns - at;
    if (left >= kAnnounced && !announced) {
      say(fmt::format("the next event is due in {}", human_duration(left)));
      announced = true;
    } else if (left >= kShown) {
      show_status(fmt::format("the next event is due in {}", human_duration(left)));
    }
    std::uint64_t until = std::min(due_ns, at + kSlice);
    timespec time{static_cast<time_t>(until / kSecond), static_cast<long>(until % kSecond)};
    ::clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, nullptr);
  }
  return !stopped_;
}

}  // namespace dse::tools
