// A process as /proc shows it, for those that the kernel's task iterator leaves out.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "bpf/abi.h"
#include "record/host.h"

namespace dse::record {

// All process ids in /proc.
std::vector<std::uint32_t> list_proc();

// The task context of a process's main thread; nothing when it has gone. Its start time is only as fine
// as /proc has it (a clock tick).
std::optional<dse_task> read_proc_task(std::uint32_t pid, const CgroupHierarchy& hierarchy);

}  // namespace dse::record
