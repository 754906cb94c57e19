#include "record/host.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <functional>
#include <sstream>

#include <fmt/format.h>

#include "format/file.h"
#include "record/programs.h"

namespace dse::record {
namespace {

// Snapshots are bounded, because a reader holds one in memory.
constexpr std::size_t kMaxSnapshotArgs = 48u << 20;

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

// At most `limit` bytes of a file, and whether there was more. /proc files have no size.
std::string read_up_to(const std::string& path, std::size_t limit, std::size_t* total) {
  format::FileHandle file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  std::string out;
  *total = 0;
  if (file.get() < 0) return out;
  char buffer[16384];
  while (true) {
    ssize_t n = ::read(file.get(), buffer, sizeof(buffer));
    if (n <= 0) break;
    *total += static_cast<std::size_t>(n);
    if (out.size() < limit)
      out.append(buffer, std::min(static_cast<std::size_t>(n), limit - out.size()));
  }
  return out;
}

std::vector<std::byte> with_tail(std::span<const std::byte> body, std::string_view a,
                                 std::string_view b) {
  std::vector<std::byte> out(body.begin(), body.end());
  for (std::string_view part : {a, b}) {
    auto bytes = std::as_bytes(std::span(part.data(), part.size()));
    out.insert(out.end(), bytes.begin(), bytes.end());
  }
  return out;
}

// Calls `visit(id, path)` for every cgroup below `directory`, which is a mount point at first.
void walk_cgroups(const std::string& directory, const std::string& path,
                  const std::function<void(std::uint64_t, const std::string&)>& visit) {
  struct stat status;
  if (::stat(directory.c_str(), &status) != 0) return;  // removed meanwhile
  visit(status.st_ino, path.empty() ? "/" : path);
  std::unique_ptr<DIR, int (*)(DIR*)> dir(::opendir(directory.c_str()), ::closedir);
  if (!dir) return;
  while (dirent* entry = ::readdir(dir.get())) {
    std::string_view name = entry->d_name;
    if (entry->d_type != DT_DIR || name == "." || name == "..") continue;
    walk_cgroups(directory + "/" + entry->d_name, path + "/" + entry->d_name, visit);
  }
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

CgroupHierarchy find_cgroup_hierarchy() {
  CgroupHierarchy out;
  std::ifstream cgroups("/proc/self/cgroup");
  std::string line;
  // In this order: all runtimes use the first ones; a host may have any of them switched off.
  const char* const preferred[] = {"memory", "pids", "cpu", "cpuset", "devices", "freezer"};
  std::size_t best = std::size(preferred);
  while (std::getline(cgroups, line)) {
    std::size_t colon = line.find(':');
    std::size_t second = line.find(':', colon + 1);
    if (colon == std::string::npos || second == std::string::npos) continue;
    std::string controllers = line.substr(colon + 1, second - colon - 1);
    std::stringstream names(controllers);
    for (std::string name; std::getline(names, name, ',');) {
      auto at = static_cast<std::size_t>(
          std::find(std::begin(preferred), std::end(preferred), name) - std::begin(preferred));
      if (at >= best) continue;
      int subsys = cgroup_subsys_index(name);
      if (subsys < 0) continue;
      best = at;
      out.id = static_cast<std::uint32_t>(std::stoul(line.substr(0, colon)));
      out.controllers = controllers;
      out.subsys = subsys;
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

std::vector<std::byte> make_record(format::Kind kind, std::uint64_t time_ns, std::uint64_t seq,
                                   const dse_task& task, std::span<const std::byte> body) {
  dse_header header{};
  header.time_ns = time_ns;
  header.seq = seq;
  header.size = static_cast<std::uint32_t>(sizeof(header) + body.size());
  header.kind = kind;
  header.cpu = DSE_CPU_NONE;
  header.task = task;
  auto bytes = std::as_bytes(std::span(&header, 1));
  std::vector<std::byte> out(bytes.begin(), bytes.end());
  out.insert(out.end(), body.begin(), body.end());
  return out;
}

void take_snapshot(const std::vector<dse_task>& processes, const CgroupHierarchy& hierarchy,
                   std::uint32_t max_args, format::Rows& rows, format::StreamTable& streams,
                   const std::function<void()>& meanwhile) {
  constexpr std::uint64_t kPatience = 64;  // processes or cgroups: some milliseconds
  std::uint64_t seq = 0;
  std::size_t args_bytes = 0;
  for (const dse_task& task : processes) {
    if (seq % kPatience == kPatience - 1) meanwhile();
    std::string directory = fmt::format("/proc/{}", task.pid);
    std::string exe, args;
    std::size_t total = 0;
    if (!(task.flags & DSE_TASK_KERNEL_THREAD)) {
      char target[DSE_PATH_MAX];
      ssize_t n = ::readlink((directory + "/exe").c_str(), target, sizeof(target));
      if (n > 0) exe.assign(target, static_cast<std::size_t>(n));
      std::size_t limit = args_bytes < kMaxSnapshotArgs ? max_args : 0;
      args = read_up_to(directory + "/cmdline", limit, &total);
    }
    args_bytes += args.size();
    dse_process_snapshot body{};
    body.flags = args.size() < total ? DSE_ARGS_CUT : 0;
    body.args_total = static_cast<std::uint32_t>(total);
    body.exe_size = static_cast<std::uint32_t>(exe.size());
    body.args_size = static_cast<std::uint32_t>(args.size());
    rows.append(make_record(DSE_PROCESS_SNAPSHOT, boot_time_ns(), seq++, task,
                            with_tail(std::as_bytes(std::span(&body, 1)), exe, args)),
                streams);
  }
  seq = 0;
  if (hierarchy.mount_point.empty()) return;
  walk_cgroups(hierarchy.mount_point, "", [&](std::uint64_t id, const std::string& path) {
    if (seq % kPatience == kPatience - 1) meanwhile();
    dse_cgroup_snapshot body{};
    body.id = id;
    body.hierarchy = hierarchy.id;
    body.path_size = static_cast<std::uint32_t>(path.size());
    rows.append(make_record(DSE_CGROUP_SNAPSHOT, boot_time_ns(), seq++, dse_task{},
                            with_tail(std::as_bytes(std::span(&body, 1)), path, "")),
                streams);
  });
}

}  // namespace dse::record
