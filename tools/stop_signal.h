// SIGINT, SIGTERM and SIGHUP: the first one ends the work cleanly, the second one at once.
#pragma once

#include <functional>

namespace dse::tools {

// While it lives, the first signal calls `stop`, which must be async-signal-safe; a second one ends the
// process with 128 + its number, and what has been written stays readable. One at a time.
class StopSignalGuard {
 public:
  explicit StopSignalGuard(std::function<void()> stop);
  ~StopSignalGuard();
  StopSignalGuard(const StopSignalGuard&) = delete;
  StopSignalGuard& operator=(const StopSignalGuard&) = delete;

 private:
  std::function<void()> stop_;
};

}  // namespace dse::tools
