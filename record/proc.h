// Processes as the snapshot has them, and as /proc shows those that the kernel's iterator leaves out.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "bpf/abi.h"
#include "record/host.h"

namespace dse::record {

// All process ids in /proc.
std::vector<std::uint32_t> list_proc();

// A process that exists, by its main thread.
struct ProcessRow {
  dse_task task;
  dse_exe_facts facts;
  std::string exe, cwd;  // paths
};

// When a process started, boot time in ns; 2^64-1 when it has gone.
std::uint64_t read_proc_start_time(std::uint32_t pid);

// From /proc; nothing when the process has gone. Its start time is only as fine as /proc has it (a clock
// tick), and neither the mount of its executable nor what its overlay says of it is known.
std::optional<ProcessRow> read_proc_process(std::uint32_t pid, const CgroupHierarchy& hierarchy);

}  // namespace dse::record
