// What the recorder reads of the host besides the ring buffers: its identity, its clocks and its
// cgroup hierarchies.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "bpf/abi.h"
#include "format/capture_writer.h"
#include "format/result.h"
#include "format/segment_info.h"

namespace dse::record {

// Boot time and real time at one moment, ns. The error is the time between two clock reads.
struct ClockPair {
  std::uint64_t boot_ns;
  std::uint64_t real_ns;
};
ClockPair read_clocks();
// Whether a time service keeps real time right (adjtimex(2)).
bool is_clock_synchronised();
std::uint64_t boot_time_ns();

// The cgroup hierarchy that tells containers apart: the unified one on a pure v2 host; where v1
// controllers are mounted (also hybrid), runtimes keep containers there.
struct CgroupHierarchy {
  std::uint32_t id = 0;     // 0: unified
  std::string controllers;  // as /proc/self/cgroup has them; empty: unified
  int controller = DSE_CONTROLLER_NONE;  // one of them, for the kernel side
  std::string mount_point;  // empty: not mounted, its cgroups can't be listed
};
CgroupHierarchy find_cgroup_hierarchy();

// Host, kernel, boot and clock; the capture's own members are left alone.
void describe_host(format::SegmentInfo& info);
format::CaptureId random_capture_id();

// Most memory that this process ever had resident, bytes. Not of getrusage(2), whose figure survives exec.
std::uint64_t peak_memory_bytes();

// A record that the recorder itself writes: `body` behind a header with `task`.
std::vector<std::byte> make_record(format::Kind kind, std::uint64_t time_ns, std::uint64_t seq,
                                   const dse_task& task, std::span<const std::byte> body);

}  // namespace dse::record
