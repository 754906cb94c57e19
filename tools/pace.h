// --speed: shows what happened at the pace at which it happened, or a multiple of it.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>

#include "format/result.h"

namespace dse::tools {

// "10x", "0.5x"; nothing for "max". Error: usage.
Result<std::optional<double>> parse_speed(const std::string& text);

class Pace {
 public:
  explicit Pace(double speed) : speed_(speed) {}

  // When an event of this real time is due, CLOCK_MONOTONIC in ns. The first one is due at once, and one
  // that is older than the first too.
  std::uint64_t due(std::uint64_t real_ns);
  static std::uint64_t now();
  // Sleeps until then, and says so when that is long. False: stop() was called first.
  bool wait(std::uint64_t due_ns);

  // Also for signal handlers.
  void stop() { stopped_ = true; }
  bool stopped() const { return stopped_; }

 private:
  double speed_;
  std::optional<std::uint64_t> first_real_;
  std::uint64_t first_ns_ = 0;
  std::atomic<bool> stopped_ = false;
};

}  // namespace dse::tools
