#include "record/proc.h"

#include <dirent.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <memory>
#include <sstream>

#include <fmt/format.h>

namespace dse::record {
namespace {

std::uint32_t namespace_of(std::uint32_t pid, const char* name) {
  struct stat status;
  if (::stat(fmt::format("/proc/{}/ns/{}", pid, name).c_str(), &status) != 0) return 0;
  return static_cast<std::uint32_t>(status.st_ino);
}

// The cgroup of the process in `hierarchy`; the inode number of its directory is its id.
std::uint64_t cgroup_of(std::uint32_t pid, const CgroupHierarchy& hierarchy) {
  std::ifstream file(fmt::format("/proc/{}/cgroup", pid));
  std::string prefix = fmt::format("{}:{}:", hierarchy.id, hierarchy.controllers);
  for (std::string line; std::getline(file, line);) {
    struct stat status;
    if (line.starts_with(prefix) &&
        ::stat((hierarchy.mount_point + line.substr(prefix.size())).c_str(), &status) == 0)
      return status.st_ino;
  }
  return 0;
}

}  // namespace

std::vector<std::uint32_t> list_proc() {
  std::vector<std::uint32_t> pids;
  std::unique_ptr<DIR, int (*)(DIR*)> dir(::opendir("/proc"), ::closedir);
  while (dirent* entry = dir ? ::readdir(dir.get()) : nullptr) {
    char* end = nullptr;
    unsigned long pid = std::strtoul(entry->d_name, &end, 10);
    if (pid != 0 && *end == '\0') pids.push_back(static_cast<std::uint32_t>(pid));
  }
  std::sort(pids.begin(), pids.end());
  return pids;
}

namespace {

// Of /proc/PID/status.
void read_status(std::istream& status, ProcessRow& row) {
  dse_task& task = row.task;
  for (std::string line; std::getline(status, line);) {
    std::istringstream words(line);
    std::string key;
    words >> key;
    if (key == "Name:") {
      std::string name = line.substr(std::min(line.size(), key.size() + 1));
      std::memcpy(task.comm, name.data(), std::min(name.size(), sizeof(task.comm) - 1));
    } else if (key == "PPid:") {
      words >> task.ppid;
    } else if (key == "Uid:") {
      words >> task.uid >> task.euid;
    } else if (key == "Gid:") {
      words >> task.gid >> task.egid;
    } else if (key == "NSpid:") {
      while (words >> task.vpid) {
      }
    } else if (key == "CapInh:") {
      words >> std::hex >> row.facts.cap_inheritable;
    } else if (key == "CapPrm:") {
      words >> std::hex >> row.facts.cap_permitted;
    } else if (key == "CapEff:") {
      words >> std::hex >> row.facts.cap_effective;
    } else if (key == "Kthread:") {  // since 6.8
      int kernel_thread = 0;
      words >> kernel_thread;
      if (kernel_thread) task.flags |= DSE_TASK_KERNEL_THREAD;
    }
  }
}

std::string read_link(const std::string& path) {
  char target[DSE_PATH_MAX];
  ssize_t n = ::readlink(path.c_str(), target, sizeof(target));
  return n > 0 ? std::string(target, static_cast<std::size_t>(n)) : std::string();
}

void read_executable(const std::string& directory, ProcessRow& row) {
  constexpr std::string_view kDeleted = " (deleted)";
  struct stat status;
  row.exe = read_link(directory + "/exe");
  row.cwd = read_link(directory + "/cwd");
  if (row.cwd.ends_with(kDeleted)) row.cwd.resize(row.cwd.size() - kDeleted.size());
  if (::stat((directory + "/exe").c_str(), &status) != 0) return;
  row.facts.ino = status.st_ino;
  row.facts.dev = major(status.st_dev) << 20 | minor(status.st_dev);
  row.facts.mode = status.st_mode;
  row.facts.uid = status.st_uid;
  if (status.st_nlink == 0)
    row.facts.flags |= row.exe.starts_with("/memfd:") ? DSE_EXE_MEMFD : DSE_EXE_DELETED;
  if (status.st_nlink == 0 && row.exe.ends_with(kDeleted))
    row.exe.resize(row.exe.size() - kDeleted.size());
}

struct Stat {
  std::uint32_t session = 0, tty = 0;
  std::uint64_t start_time_ns = ~std::uint64_t{0};
};

// Of /proc/PID/stat, counted from behind the name, which may hold anything: fields 6 (session), 7 (tty),
// 22 (start).
Stat read_stat(std::uint32_t pid) {
  Stat out;
  std::ifstream file(fmt::format("/proc/{}/stat", pid));
  std::string line;
  if (!std::getline(file, line)) return out;
  std::istringstream fields(line.substr(std::min(line.size(), line.rfind(')') + 1)));
  std::string field;
  for (int i = 3; i <= 22 && fields >> field; ++i) {
    std::uint64_t number = std::strtoull(field.c_str(), nullptr, 10);
    if (i == 6) out.session = static_cast<std::uint32_t>(number);
    if (i == 7) out.tty = static_cast<std::uint32_t>(number);
    if (i == 22)
      out.start_time_ns = number *
                          (1'000'000'000u / static_cast<std::uint64_t>(::sysconf(_SC_CLK_TCK)));
  }
  return out;
}

}  // namespace

std::uint64_t read_proc_start_time(std::uint32_t pid) { return read_stat(pid).start_time_ns; }

std::optional<ProcessRow> read_proc_process(std::uint32_t pid, const CgroupHierarchy& hierarchy) {
  ProcessRow row{};
  std::string directory = fmt::format("/proc/{}", pid);
  std::ifstream status(directory + "/status");
  if (!status) return {};
  dse_task& task = row.task;
  task.pid = task.tid = task.vpid = pid;
  read_status(status, row);
  Stat stat = read_stat(pid);
  row.facts.session = stat.session;
  row.facts.tty = stat.tty;
  task.start_time_ns = stat.start_time_ns;
  row.facts.login_uid = 0xffffffff;
  std::ifstream(directory + "/loginuid") >> row.facts.login_uid;
  if (!(task.flags & DSE_TASK_KERNEL_THREAD)) read_executable(directory, row);
  task.cgroup_id = cgroup_of(pid, hierarchy);
  task.ns_cgroup = namespace_of(pid, "cgroup");
  task.ns_ipc = namespace_of(pid, "ipc");
  task.ns_mnt = namespace_of(pid, "mnt");
  task.ns_net = namespace_of(pid, "net");
  task.ns_pid = namespace_of(pid, "pid");
  task.ns_user = namespace_of(pid, "user");
  task.ns_uts = namespace_of(pid, "uts");
  return row;
}

}  // namespace dse::record
