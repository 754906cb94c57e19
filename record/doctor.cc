#include "record/doctor.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <linux/capability.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <memory>
#include <utility>

#include <fmt/format.h>

#include "format/file.h"
#include "format/plural.h"
#include "record/host.h"
#include "record/programs.h"

namespace dse::record {
namespace {

using format::FileHandle;
using State = Check::State;

constexpr const char kBtfPath[] = "/sys/kernel/btf/vmlinux";
// Inode numbers of the namespaces that exist from boot on: include/linux/proc_ns.h.
constexpr ino_t kInitialUserNamespace = 0xEFFFFFFD;
// What bpf/*.bpf.c attaches to.
constexpr const char* kTracepoints[] = {
    "sched_process_fork",  "sched_process_exec", "sched_process_exit",
    "cgroup_mkdir",        "cgroup_rmdir",       "cgroup_attach_task",
    "inet_sock_set_state", "signal_generate",    "signal_deliver"};

struct FreeBtf {
  void operator()(btf* types) const { btf__free(types); }
};

// libbpf would explain on standard error what these checks explain.
class QuietLibbpf {
 public:
  QuietLibbpf() : before_(libbpf_set_print(nullptr)) {}
  ~QuietLibbpf() { libbpf_set_print(before_); }
  QuietLibbpf(const QuietLibbpf&) = delete;
  QuietLibbpf& operator=(const QuietLibbpf&) = delete;

 private:
  libbpf_print_fn_t before_;
};

ino_t inode(const char* path) {
  struct stat status;
  return ::stat(path, &status) == 0 ? status.st_ino : 0;
}

std::string reason(int error_number) { return std::strerror(error_number); }

// The effective set of this process, a bit each.
std::uint64_t capabilities() {
  std::ifstream status("/proc/self/status");
  for (std::string key; status >> key;) {
    std::uint64_t set = 0;
    if (key == "CapEff:" && status >> std::hex >> set) return set;
  }
  return 0;
}

// Whether something listens.
bool answers(const char* path) {
  FileHandle socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
  return socket.get() >= 0 &&
         ::connect(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0;
}

// Loads a program that returns 0 for a tracepoint; 0 or an errno.
int try_program(int tracepoint_type) {
  bpf_insn nothing[2] = {};
  nothing[0].code = BPF_ALU64 | BPF_MOV | BPF_K;  // r0 = 0
  nothing[1].code = BPF_JMP | BPF_EXIT;
  bpf_prog_load_opts options{};
  options.sz = sizeof(options);
  options.expected_attach_type = BPF_TRACE_RAW_TP;
  options.attach_btf_id = static_cast<std::uint32_t>(tracepoint_type);
  FileHandle program(bpf_prog_load(BPF_PROG_TYPE_TRACING, "dse_try", "GPL", nothing,
                                   std::size(nothing), &options));
  return program.get() < 0 ? errno : 0;
}

class Examination {
 public:
  Examination() : capabilities_(capabilities()) {
    ::uname(&system_);
    std::sscanf(system_.release, "%u.%u", &major_, &minor_);
  }

  std::vector<Check> run();

 private:
  void ok(const char* name, std::string detail) {
    checks_.push_back({name, State::ok, std::move(detail), {}, {}});
  }
  void warn(const char* name, std::string detail, std::string left_out, std::string remedy) {
    checks_.push_back(
        {name, State::warning, std::move(detail), std::move(left_out), std::move(remedy)});
  }
  void missing(const char* name, std::string detail, std::string remedy) {
    checks_.push_back({name, State::missing, std::move(detail), {}, std::move(remedy)});
  }

  bool can(unsigned capability) const { return (capabilities_ >> capability & 1) != 0; }
  bool before(unsigned major, unsigned minor) const {
    return std::pair(major_, minor_) < std::pair(major, minor);
  }
  bool has_type(const std::string& name, unsigned kind) const {
    return btf__find_by_name_kind(types_.get(), name.c_str(), kind) > 0;
  }
  bool has_helper(const char* name) const;

  bool privilege();
  void kernel();
  void btf_types(int error_number);
  void lockdown();
  void maps();
  void program();
  void tracepoints();
  void iterators();
  void failed_execs();
  void load_all();
  void statistics();
  void snapshot();
  void pid_namespace();
  void cgroups();
  void locked_memory();
  void runtimes();

  std::uint64_t capabilities_;
  utsname system_{};
  unsigned major_ = 0, minor_ = 0;
  std::unique_ptr<btf, FreeBtf> types_;
  std::vector<Check> checks_;
};

std::vector<Check> Examination::run() {
  bool privileged = privilege();
  types_.reset(btf__load_vmlinux_btf());
  int types_error = errno;
  kernel();
  btf_types(types_error);
  lockdown();
  if (privileged) {
    locked_memory();
    maps();
  }
  if (types_) {
    if (privileged) program();
    tracepoints();
    iterators();
    cgroups();
  }
  pid_namespace();
  if (privileged) {
    snapshot();
    failed_execs();
    statistics();
  }
  runtimes();
  return std::move(checks_);
}

bool Examination::privilege() {
  const char remedy[] = "run as root, or with CAP_BPF and CAP_PERFMON";
  std::vector<const char*> lacks;
  // CAP_SYS_ADMIN was both of them before 5.8, and still is.
  if (!can(CAP_SYS_ADMIN)) {
    if (!can(CAP_BPF)) lacks.push_back("CAP_BPF");
    if (!can(CAP_PERFMON)) lacks.push_back("CAP_PERFMON");
  }
  if (!lacks.empty()) {
    missing("privilege", fmt::format("user {} without {}", ::geteuid(), fmt::join(lacks, " and ")),
            remedy);
    return false;
  }
  if (ino_t in = inode("/proc/self/ns/user"); in != 0 && in != kInitialUserNamespace) {
    missing("privilege", "privileged in a user namespace only",
            std::string(remedy) + ", of the host");
    return false;
  }
  ok("privilege", ::geteuid() == 0 ? "root" : fmt::format("capabilities of user {}", ::geteuid()));
  return true;
}

bool Examination::has_helper(const char* name) const {
  int id = btf__find_by_name_kind(types_.get(), "bpf_func_id", BTF_KIND_ENUM);
  if (id < 0) return false;
  const btf_type* type = btf__type_by_id(types_.get(), static_cast<std::uint32_t>(id));
  const struct btf_enum* values = btf_enum(type);
  return std::any_of(values, values + btf_vlen(type), [&](const struct btf_enum& value) {
    return std::strcmp(btf__name_by_offset(types_.get(), value.name_off), name) == 0;
  });
}

void Examination::kernel() {
  std::string release = fmt::format("{} {}", system_.release, system_.machine);
  if (!before(5, 17))
    ok("kernel", release);
  else if (types_ && has_helper("BPF_FUNC_loop"))
    ok("kernel", release + ", with what is needed of 5.17");  // distributions carry it back
  else
    missing("kernel", release, "Linux 5.17 or later is needed (bpf_loop)");
}

void Examination::btf_types(int error_number) {
  struct stat status;
  if (::stat(kBtfPath, &status) != 0)
    missing("BTF", fmt::format("{} is not there", kBtfPath),
            "a kernel with CONFIG_DEBUG_INFO_BTF=y, and /sys mounted");
  else if (!types_)
    missing("BTF", fmt::format("{} cannot be used: {}", kBtfPath, reason(error_number)),
            "check that the file can be read, and that libbpf is not much older than the kernel");
  else
    ok("BTF", fmt::format("{}, {:.1f} MiB", kBtfPath,
                          static_cast<double>(status.st_size) / (1024 * 1024)));
}

void Examination::lockdown() {
  // "none [integrity] confidentiality"; only there where securityfs is mounted.
  std::ifstream file("/sys/kernel/security/lockdown");
  std::string line;
  std::getline(file, line);
  std::size_t open = line.find('['), close = line.find(']');
  if (open == std::string::npos || close == std::string::npos)
    ok("lockdown", "not in use");
  else if (std::string level = line.substr(open + 1, close - open - 1); level == "confidentiality")
    missing("lockdown", level + ": BPF programs may not read the kernel's memory",
            "boot with lockdown=integrity, or without lockdown");
  else
    ok("lockdown", level);
}

void Examination::maps() {
  // The one that is filled is tried for good; that the kernel knows the others is enough.
  auto page = static_cast<std::uint32_t>(::sysconf(_SC_PAGESIZE));
  FileHandle ring(bpf_map_create(BPF_MAP_TYPE_RINGBUF, "dse_try", 0, 0, page, nullptr));
  if (ring.get() < 0) {
    int error = errno;
    missing("maps", "cannot make a ring buffer: " + reason(error),
            error == EPERM
                ? "something other than privilege forbids bpf(2), such as seccomp or an LSM; "
                  "in a container, run it privileged"
                : "a kernel with CONFIG_BPF_SYSCALL=y");
    return;
  }
  constexpr std::pair<bpf_map_type, const char*> kinds[] = {
      {BPF_MAP_TYPE_ARRAY_OF_MAPS, "array of maps"}, {BPF_MAP_TYPE_SK_STORAGE, "socket storage"}};
  for (auto [kind, name] : kinds) {
    if (libbpf_probe_bpf_map_type(kind, nullptr) != 1) {
      missing("maps", fmt::format("no {}", name),
              "a kernel with CONFIG_BPF_SYSCALL=y and CONFIG_NET=y");
      return;
    }
  }
  ok("maps", "ring buffer, array of maps, socket storage");
}

void Examination::program() {
  int type = 0;
  for (const char* name : kTracepoints)
    type = std::max(type,
                    btf__find_by_name_kind(types_.get(), (std::string("btf_trace_") + name).c_str(),
                                           BTF_KIND_TYPEDEF));
  if (type <= 0) return;  // tracepoints() tells
  if (int error = try_program(type))
    missing("programs", "cannot load a BTF-typed tracepoint program: " + reason(error),
            error == EPERM
                ? "something other than privilege forbids bpf(2), such as seccomp or an LSM; "
                  "in a container, run it privileged"
                : "a kernel with CONFIG_BPF_EVENTS=y and CONFIG_BPF_JIT=y");
  else
    load_all();
}

void Examination::tracepoints() {
  std::string lacks;
  for (const char* name : kTracepoints)
    if (!has_type(std::string("btf_trace_") + name, BTF_KIND_TYPEDEF))
      lacks += (lacks.empty() ? "" : ", ") + std::string(name);
  if (lacks.empty())
    ok("tracepoints", fmt::format("all {}", std::size(kTracepoints)));
  else
    missing("tracepoints", "the kernel lacks " + lacks,
            "a kernel with CONFIG_TRACEPOINTS=y, CONFIG_CGROUPS=y and CONFIG_INET=y; or record "
            "only the "
            "points that do without (--point)");
}

void Examination::iterators() {
  if (!has_type("bpf_iter__task", BTF_KIND_STRUCT))
    missing("iterators", "no iterator over tasks", "a kernel with CONFIG_BPF_SYSCALL=y");
  else if (!has_type("bpf_iter__task_file", BTF_KIND_STRUCT))
    warn("iterators", "over tasks, but not over their files",
         "owners of sockets that existed before the recording",
         "a kernel with CONFIG_BPF_SYSCALL=y");
  else
    ok("iterators", "over tasks and their files");
}

void Examination::failed_execs() {
  bool denied = false;
  for (const char* root : {"/sys/kernel/tracing", "/sys/kernel/debug/tracing"}) {
    std::string events = std::string(root) + "/events/syscalls";
    if (::access((events + "/sys_exit_execve/id").c_str(), R_OK) == 0) {
      ok("failed execs", events);
      return;
    }
    denied = denied || errno == EACCES;
  }
  if (denied)
    warn("failed execs", "tracefs may not be read", "failed execs", "run as root");
  else
    warn("failed execs", "no sys_exit_execve in tracefs", "failed execs",
         "mount -t tracefs tracefs /sys/kernel/tracing; the kernel needs CONFIG_FTRACE_SYSCALLS=y");
}

// Whether this kernel's verifier takes the programs that record.
void Examination::load_all() {
  ProgramOptions options;
  options.kinds = format::kAllKinds;
  options.ring_bytes = 4096;
  options.watermark_bytes = 1024;
  auto loaded = Programs::load(options);
  if (loaded)
    ok("programs", "all load (BTF-typed tracepoints and iterators)");
  else
    missing("programs", loaded.error().message(),
            "this is not your fault: please report it with the kernel's release");
}

void Examination::statistics() {
  FileHandle on(bpf_enable_stats(BPF_STATS_RUN_TIME));
  if (on.get() >= 0)
    ok("statistics", "run times of BPF programs");
  else
    warn("statistics", "cannot measure run times of BPF programs: " + reason(errno),
         "what the programs cost in the kernel", "run as root (CAP_SYS_ADMIN)");
}

void Examination::snapshot() {
  if (can(CAP_SYS_PTRACE) && can(CAP_DAC_READ_SEARCH))
    ok("snapshot", "/proc shows all of all processes");
  else
    warn("snapshot",
         "without CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH /proc hides part of others' processes",
         "arguments and environments of others' processes that existed before the recording",
         "run as root, or with these too");
}

void Examination::pid_namespace() {
  ino_t in = inode("/proc/self/ns/pid");
  if (in == DSE_INITIAL_PID_NS)
    ok("pid namespace", "the initial one");
  else
    warn("pid namespace", "not the initial one: /proc has other process ids than the records",
         "arguments of processes that existed before the recording",
         "record from the initial pid namespace (in a container: --pid=host)");
}

void Examination::cgroups() {
  CgroupHierarchy hierarchy = find_cgroup_hierarchy();
  std::string which = hierarchy.id == 0 ? "unified (v2)"
                                        : fmt::format("v1 hierarchy {} ({})", hierarchy.id,
                                                      hierarchy.controllers);
  if (!hierarchy.mount_point.empty())
    ok("cgroups", which + " at " + hierarchy.mount_point);
  else
    warn("cgroups", which + ", not mounted", "paths of cgroups that existed before the recording",
         "mount it, below /sys/fs/cgroup");
}

void Examination::locked_memory() {
  if (!before(5, 11)) return;  // BPF memory is no locked memory any more
  rlimit limit{};
  ::getrlimit(RLIMIT_MEMLOCK, &limit);
  if (limit.rlim_cur == RLIM_INFINITY || can(CAP_SYS_RESOURCE))
    ok("locked memory", "not limited");
  else
    missing("locked memory", fmt::format("limited to {}", plural(limit.rlim_cur, "byte")),
            "ulimit -l unlimited, or CAP_SYS_RESOURCE");
}

void Examination::runtimes() {
  constexpr std::pair<const char*, const char*> sockets[] = {
      {"docker", "/run/docker.sock"},
      {"containerd", "/run/containerd/containerd.sock"},
      {"k3s", "/run/k3s/containerd/containerd.sock"},
      {"cri-o", "/run/crio/crio.sock"},
      {"podman", "/run/podman/podman.sock"}};
  std::string found;
  for (auto [name, path] : sockets)
    if (answers(path)) found += (found.empty() ? "" : ", ") + fmt::format("{} ({})", name, path);
  ok("runtimes", found.empty() ? "no container runtime answers" : found);
}

}  // namespace

std::vector<Check> examine_host() {
  QuietLibbpf quiet;
  return Examination().run();
}

bool can_record(const std::vector<Check>& checks) {
  return std::none_of(checks.begin(), checks.end(),
                      [](const Check& check) { return check.state == State::missing; });
}

}  // namespace dse::record
