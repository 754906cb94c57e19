// The observer observed: what recording costs this host, as records in the stream.
#pragma once

#include <cstdint>
#include <functional>
#include <span>

#include "record/programs.h"

namespace dse::record {

// What has been written so far.
struct Written {
  std::uint64_t blocks = 0;
  std::uint64_t bytes = 0;
};

// Once a second while something happens, else every ten seconds, it has the kernel time the programs
// for a short while and then samples what programs and recorder have cost. In between, measuring costs
// nothing.
class Observer {
 public:
  // Where its records go; told for each sample.
  using Append = std::function<void(std::span<const std::byte> record)>;

  Observer(Programs& programs, std::size_t ring_bytes);

  // Boot time at which tick() next has something to do, ns.
  std::uint64_t next_ns() const { return next_ns_; }
  // `records`: taken out of the rings so far.
  void tick(std::uint64_t now, std::uint64_t records, const Written& written, const Append& append);
  // The last sample, with everything up to now.
  void finish(std::uint64_t records, const Written& written, const Append& append);

 private:
  void sample(std::uint64_t records, const Written& written, const Append& append);
  std::uint64_t total_runs() const;

  Programs& programs_;
  std::size_t ring_bytes_;
  bool measuring_ = false;
  std::uint64_t next_ns_;
  std::uint64_t sampled_ns_ = 0;    // when the last sample was taken
  std::uint64_t sampled_runs_ = 0;  // of all programs, by then
  std::uint64_t seq_ = 0;           // of observer_sample
  std::uint64_t program_seq_ = 0;   // of program_sample
};

}  // namespace dse::record
