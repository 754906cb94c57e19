#include "record/host.h"

#include <sys/random.h>
#include <sys/timex.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <fstream>
#include <sstream>
#include <string_view>

#include "record/programs.h"

namespace dse::record {
namespace {

std::uint64_t clock_ns(clockid_t clock) {
  timespec now;
  ::clock_gettime(clock, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000u +
         static_cast<std::uint64_t>(now.tv_nsec);
}

std::string read_line(const char* path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

}  // namespace

std::uint64_t boot_time_ns() { return clock_ns(CLOCK_BOOTTIME); }

ClockPair read_clocks() {
  ClockPair best{};
  std::uint64_t best_gap = ~std::uint64_t{0};
  // The tightest of a few tries: an interrupt between the reads would move real time.
  for (int i = 0; i < 3; ++i) {
    std::uint64_t before = clock_ns(CLOCK_BOOTTIME);
    std::uint64_t real = clock_ns(CLOCK_REALTIME);
    std::uint64_t after = clock_ns(CLOCK_BOOTTIME);
    if (after - before < best_gap) {
      best_gap = after - before;
      best = {before + (after - before) / 2, real};
    }
  }
  return best;
}

bool is_clock_synchronised() {
  timex state{};
  return ::adjtimex(&state) != TIME_ERROR && !(state.status & STA_UNSYNC);
}

CgroupHierarchy find_cgroup_hierarchy() {
  CgroupHierarchy out;
  std::ifstream cgroups("/proc/self/cgroup");
  std::string line;
  // In this order: all runtimes use the first ones; a host may have any of them switched off.
  constexpr std::array<std::string_view, DSE_CONTROLLERS> preferred{
      "memory", "pids", "cpu", "cpuset", "devices", "freezer"};
  std::size_t best = preferred.size();
  while (std::getline(cgroups, line)) {
    std::size_t colon = line.find(':');
    std::size_t second = line.find(':', colon + 1);
    if (colon == std::string::npos || second == std::string::npos) continue;
    std::string controllers = line.substr(colon + 1, second - colon - 1);
    std::stringstream names(controllers);
    for (std::string name; std::getline(names, name, ',');) {
      auto at = static_cast<std::size_t>(
          std::find(preferred.begin(), preferred.end(), name) - preferred.begin());
      if (at >= best) continue;
      best = at;
      out.id = static_cast<std::uint32_t>(std::stoul(line.substr(0, colon)));
      out.controllers = controllers;
      out.controller = static_cast<int>(at);
    }
  }

  std::ifstream mounts("/proc/self/mountinfo");
  while (std::getline(mounts, line)) {
    // "36 25 0:31 / /sys/fs/cgroup/memory rw,… - cgroup cgroup rw,memory"
    std::size_t dash = line.find(" - ");
    if (dash == std::string::npos) continue;
    std::stringstream left(line.substr(0, dash)), right(line.substr(dash + 3));
    std::string skip, mount_point, type, source, options;
    left >> skip >> skip >> skip >> skip >> mount_point;
    right >> type >> source >> options;
    if (out.id == 0 ? type == "cgroup2" : type == "cgroup" && options.ends_with(out.controllers)) {
      out.mount_point = mount_point;
      break;
    }
  }
  return out;
}

void describe_host(format::SegmentInfo& info) {
  utsname name;
  ::uname(&name);
  info.abi_version = DSE_ABI_VERSION;
  info.recorder_version = DSE_VERSION;
  info.host_name = name.nodename;
  info.kernel_release = name.release;
  info.kernel_version = name.version;
  info.machine = name.machine;
  info.boot_id = read_line("/proc/sys/kernel/random/boot_id");
  info.cpus = static_cast<std::uint32_t>(::sysconf(_SC_NPROCESSORS_CONF));
  info.page_size = static_cast<std::uint32_t>(::sysconf(_SC_PAGESIZE));
  info.recorder_pid = static_cast<std::uint32_t>(::getpid());
}

format::CaptureId random_capture_id() {
  format::CaptureId id;
  std::size_t done = 0;
  while (done < id.size()) {
    ssize_t n = ::getrandom(id.data() + done, id.size() - done, 0);
    if (n > 0) done += static_cast<std::size_t>(n);
  }
  return id;
}

std::uint64_t peak_memory_bytes() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with("VmHWM:")) return std::stoull(line.substr(6)) * 1024;
  return 0;
}

std::vector<std::byte> make_record(format::Kind kind, std::uint64_t time_ns, std::uint64_t seq,
                                   const dse_task& task, std::span<const std::byte> body) {
  return format::whole_record({time_ns, seq, kind, DSE_CPU_NONE}, task, body);
}

}  // namespace dse::record
