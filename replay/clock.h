// What the clock of the recorded host showed: real time by boot time. It may have been set in between, so
// it is asked "as of" a record's number.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

namespace dse::replay {

class Clock {
 public:
  // From the start on real time is this much ahead of boot time, ns.
  void start(std::uint64_t offset) { versions_.assign(1, {0, offset}); }
  // The same from record `number` on; numbers never go back.
  void set(std::uint64_t number, std::uint64_t offset) { versions_.push_back({number, offset}); }
  // Nobody asks for a record before those that come now.
  void settle() {
    if (versions_.size() > 1) versions_.erase(versions_.begin(), versions_.end() - 1);
  }
  // Real time of a boot time, both ns.
  std::uint64_t real_time(std::uint64_t boot_ns, std::uint64_t number) const {
    if (versions_.size() == 1) return boot_ns + versions_[0].offset;
    auto after = std::upper_bound(versions_.begin(), versions_.end(), number,
                                  [](std::uint64_t n, const Version& v) { return n < v.from; });
    if (after != versions_.begin()) --after;
    return after == versions_.end() ? boot_ns : boot_ns + after->offset;
  }

 private:
  struct Version {
    std::uint64_t from;
    std::uint64_t offset;  // real - boot, ns
  };
  std::vector<Version> versions_;
};

}  // namespace dse::replay
