#include "tests/bench/records.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>
#include <map>
#include <optional>
#include <random>
#include <stdexcept>
#include <utility>

#include "bpf/abi.h"

namespace dse::bench {
namespace {

using format::Kind;

constexpr std::uint64_t kStart = 1'000'000'000'000;  // boot time, ns
constexpr std::uint32_t kFirstService = 400, kServices = 16, kThreads = 4;

struct Program {
  std::string_view name, path, arguments;  // arguments: separated by spaces
};
constexpr std::array<Program, 8> kPrograms{{
    {"sh", "/bin/sh", "sh -c make -j2 all"},
    {"grep", "/usr/bin/grep", "grep -rn --include=*.cc needle src"},
    {"curl", "/usr/bin/curl", "curl -s -o /dev/null http://10.0.0.7:8080/health"},
    {"python3", "/usr/bin/python3.11", "/usr/bin/python3 -m pytest tests/unit -q"},
    {"cat", "/usr/bin/cat", "cat /proc/loadavg"},
    {"sed", "/usr/bin/sed", "sed -i s/a/b/g config.ini"},
    {"git", "/usr/bin/git", "git status --porcelain --branch"},
    {"sleep", "/usr/bin/sleep", "sleep 0.1"},
}};
constexpr std::array<std::string_view, kServices> kServiceNames{
    "systemd", "bash", "nginx",      "postgres", "redis-server", "node",     "python3", "sshd",
    "dockerd", "runc", "containerd", "kubelet",  "java",         "journald", "cron",    "envoy"};

std::string hex_id(std::uint64_t seed) {
  std::string id;
  for (std::uint64_t state = seed; id.size() < 64;) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    id += "0123456789abcdef"[state >> 60];
  }
  return id;
}

void set_comm(std::uint8_t (&to)[DSE_COMM_SIZE], std::string_view name) {
  std::memset(to, 0, sizeof(to));
  std::memcpy(to, name.data(), std::min<std::size_t>(name.size(), sizeof(to) - 1));
}

template <typename T>
void append_bytes(const T& value, std::string& out) {
  out.append(reinterpret_cast<const char*>(&value), sizeof(value));
}

class Generator {
 public:
  explicit Generator(std::size_t most, std::optional<Kind> only = {}, std::uint32_t cpus = 2)
      : most_(most), only_(only), cpus_(cpus) {}

  std::size_t size() const { return out_.size(); }
  bool full() const { return out_.size() >= most_; }
  Records take() { return std::exchange(out_, {}); }

  // Thread 0 is the leader.
  static dse_task service(std::uint32_t number, std::uint32_t thread = 0) {
    dse_task task = process(kFirstService + 17 * number, 1, kServiceNames[number], number);
    task.tid += thread;
    return task;
  }

  void signal();
  void program();
  void failed_exec();
  void connection();
  void container();
  void process_snapshot(std::uint32_t number);
  void cgroup_snapshot(std::uint32_t number);

 private:
  static dse_task process(std::uint32_t pid, std::uint32_t ppid, std::string_view name,
                          std::uint32_t cgroup);
  std::uint64_t below(std::uint64_t n) { return random_() % n; }
  // Where a process runs.
  std::uint16_t cpu(std::uint32_t pid) const { return static_cast<std::uint16_t>(pid % cpus_); }
  template <typename Body>
  void put(Kind kind, std::uint16_t cpu, const dse_task& task, const Body& body,
           std::string_view tail = {});
  void send(const dse_task& sender, const dse_task& target, int number, int code, bool to_process);

  std::size_t most_;
  std::optional<Kind> only_;
  std::uint32_t cpus_;
  Records out_;
  std::string scratch_;
  std::mt19937_64 random_{1};  // the standard fixes what it gives, unlike the distributions
  std::uint64_t time_ = kStart;
  std::uint64_t next_cookie_ = 4096;
  std::uint64_t next_cgroup_ = 9000;
  std::uint32_t next_pid_ = 20'000;
  std::map<std::pair<Kind, std::uint16_t>, std::uint64_t> next_seq_;
};

dse_task Generator::process(std::uint32_t pid, std::uint32_t ppid, std::string_view name,
                            std::uint32_t cgroup) {
  dse_task task{};
  task.start_time_ns = kStart - 1'000'000'000 + pid * std::uint64_t{10'007};
  task.cgroup_id = 100 + cgroup % cgroup_paths().size();
  task.pid = task.tid = task.vpid = pid;
  task.ppid = ppid;
  task.uid = task.euid = cgroup % 3 == 0 ? 0 : 1000 + cgroup;
  task.gid = task.egid = task.uid;
  task.ns_cgroup = 0xEFFFFFFB;
  task.ns_ipc = 0xEFFFFFFF;
  task.ns_mnt = 0xF0000000 + cgroup;
  task.ns_net = 0xF0000098;
  task.ns_pid = DSE_INITIAL_PID_NS;
  task.ns_user = 0xEFFFFFFD;
  task.ns_uts = 0xEFFFFFFE;
  set_comm(task.comm, name);
  return task;
}

template <typename Body>
void Generator::put(Kind kind, std::uint16_t cpu, const dse_task& task, const Body& body,
                    std::string_view tail) {
  if (full() || (only_ && *only_ != kind)) return;
  dse_header header{};
  header.time_ns = time_ += 200 + below(1800);
  header.seq = next_seq_[{kind, cpu}]++;
  header.size = static_cast<std::uint32_t>(sizeof(header) + sizeof(body) + tail.size());
  header.kind = kind;
  header.cpu = cpu;
  header.task = task;
  scratch_.clear();
  append_bytes(header, scratch_);
  append_bytes(body, scratch_);
  scratch_ += tail;
  out_.add(scratch_);
}

void Generator::send(const dse_task& sender, const dse_task& target, int number, int code,
                     bool to_process) {
  dse_signal_generate sent{};
  sent.signal = number;
  sent.code = code;
  sent.info_pid = static_cast<std::int32_t>(sender.pid);
  sent.info_uid = sender.uid;
  sent.group = to_process;
  sent.target_pid = target.pid;
  sent.target_tid = target.tid;
  sent.target_vpid = target.vpid;
  put(DSE_SIGNAL_GENERATE, cpu(sender.pid), sender, sent);
  dse_signal_deliver delivered{};
  delivered.handler = number == 9 ? 0 : 0x55d0'0000'1000 + target.pid * std::uint64_t{4096};
  delivered.signal = number;
  delivered.code = code;
  delivered.info_pid = sent.info_pid;
  delivered.info_uid = sent.info_uid;
  delivered.flags = 0x14000000;
  put(DSE_SIGNAL_DELIVER, cpu(target.pid), target, delivered);
}

void Generator::signal() {
  constexpr int kTkill = -6, kUser = 0, kTimer = -2;
  auto number = [&] { return static_cast<std::uint32_t>(below(kServices)); };
  dse_task sender = service(number(), static_cast<std::uint32_t>(below(kThreads)));
  dse_task target = service(number(), static_cast<std::uint32_t>(below(kThreads)));
  std::uint64_t lot = below(1000);
  if (lot < 700) return send(sender, target, 10, kTkill, false);
  if (lot < 900) return send(sender, target, 12, kUser, true);
  if (lot < 980) return send(target, target, 14, kTimer, true);
  if (lot < 997) return send(sender, target, 15, kUser, true);
  send(sender, target, 9, kUser, true);
}

void Generator::program() {
  const Program& what = kPrograms[below(kPrograms.size())];
  dse_task parent = service(1);
  dse_task child = process(next_pid_++, parent.pid, "bash", 1);
  const std::uint16_t on = cpu(child.pid);
  put(DSE_PROCESS_FORK, on, parent,
      dse_process_fork{child.start_time_ns, child.cgroup_id, child.pid, child.tid, child.vpid,
                       child.ns_pid, parent.pid, child.ns_user});

  std::string args(what.arguments);
  args.append(" ").append(std::to_string(child.pid));
  dse_process_exec body{};
  body.args_count = static_cast<std::uint32_t>(1 + std::count(args.begin(), args.end(), ' '));
  std::replace(args.begin(), args.end(), ' ', '\0');
  args += '\0';
  constexpr std::string_view kCwd = "/home/build/work";
  body.old_tid = child.tid;
  body.args_total = body.args_size = static_cast<std::uint32_t>(args.size());
  body.filename_size = body.exepath_size = static_cast<std::uint32_t>(what.path.size());
  body.cwd_size = static_cast<std::uint32_t>(kCwd.size());
  body.exe_ino = 100'000 + what.path.size();
  body.exe_dev = 8 << 20 | 1;
  body.exe_mount = 29;
  body.exe_mode = 0100755;
  body.session = parent.pid;
  body.login_uid = 1000;
  body.tty = 34816;
  set_comm(child.comm, what.name);
  put(DSE_PROCESS_EXEC, on, child, body,
      std::string(what.path) + args + std::string(what.path) + std::string(kCwd));

  auto status = static_cast<std::uint32_t>(below(10) == 0 ? 1 << 8 : 0);
  put(DSE_PROCESS_EXIT, on, child,
      dse_process_exit{child.start_time_ns, status, DSE_EXIT_GROUP_DEAD, 1,
                       static_cast<std::uint32_t>(400 + below(4000))});
  send(child, parent, 17, 1, true);
}

void Generator::failed_exec() {
  constexpr std::string_view kPath = "/usr/local/bin/make", kCwd = "/home/build/work";
  const std::string args("make\0-j2\0all\0", 13);
  dse_process_exec_fail body{};
  body.error = 2;
  body.args_count = 3;
  body.dirfd = -100;
  body.filename_size = static_cast<std::uint32_t>(kPath.size());
  body.args_size = static_cast<std::uint32_t>(args.size());
  body.cwd_size = static_cast<std::uint32_t>(kCwd.size());
  put(DSE_PROCESS_EXEC_FAIL, cpu(service(1).pid), service(1), body, std::string(kPath) + args + std::string(kCwd));
}

// The client is closed with a reset, as the storms do it.
void Generator::connection() {
  constexpr std::uint8_t kClose = 7, kSynSent = 2, kSynRecv = 3, kEstablished = 1, kListen = 10;
  auto client = service(static_cast<std::uint32_t>(3 + below(4))), server = service(2);
  auto port = static_cast<std::uint16_t>(32768 + below(28'000));
  std::uint64_t cookie = next_cookie_;
  next_cookie_ += 2;
  dse_socket_state body{};
  body.netns = 0xF0000098;
  body.family = 2;
  body.protocol = 6;
  body.type = 1;
  body.born_ns = time_;
  auto change = [&](bool accepted, std::uint8_t from, std::uint8_t to) {
    const dse_task& owner = accepted ? server : client;
    std::array<std::uint8_t, 4> near{10, 0, 0, 7}, far{10, 0, 1, static_cast<std::uint8_t>(port)};
    if (!accepted) std::swap(near, far);
    std::memcpy(body.local_address, near.data(), near.size());
    std::memcpy(body.remote_address, far.data(), far.size());
    body.cookie = cookie + accepted;
    body.local_port = accepted ? 8080 : port;
    body.remote_port = accepted ? port : 8080;
    body.old_state = from;
    body.new_state = to;
    body.since_ns = time_;
    body.bytes_sent = to == kClose ? 120 + below(8000) : 0;
    body.bytes_received = to == kClose ? below(64'000) : 0;
    body.segments_sent = to == kClose ? 6 : 1;
    body.segments_received = body.segments_sent;
    body.srtt_us = static_cast<std::uint32_t>(20 + below(60));
    body.owner_start_time_ns = owner.start_time_ns;
    body.owner_cgroup_id = owner.cgroup_id;
    body.owner_pid = owner.pid;
    body.owner_uid = owner.uid;
    body.owner_ns_pid = owner.ns_pid;
    body.owner_source = accepted ? DSE_OWNER_ACCEPT : DSE_OWNER_CONNECT;
    std::memcpy(body.owner_comm, owner.comm, sizeof(body.owner_comm));
    put(DSE_SOCKET_STATE, cpu(client.pid), client, body);
  };
  change(false, kClose, kSynSent);
  change(true, kListen, kSynRecv);
  change(false, kSynSent, kEstablished);
  change(true, kSynRecv, kEstablished);
  change(false, kEstablished, kClose);
  change(true, kEstablished, kClose);
}

// One that comes, and goes at once.
void Generator::container() {
  std::string path = "/system.slice/docker-" + hex_id(next_pid_) + ".scope";
  auto size = static_cast<std::uint32_t>(path.size());
  dse_task runtime = service(9);
  std::uint64_t id = next_cgroup_++;
  put(DSE_CGROUP_MKDIR, cpu(runtime.pid), runtime, dse_cgroup_mkdir{id, 101, 0, size}, path);
  dse_task init = process(next_pid_++, runtime.pid, "runc:[2:INIT]", 9);
  put(DSE_PROCESS_FORK, cpu(runtime.pid), runtime,
      dse_process_fork{init.start_time_ns, init.cgroup_id, init.pid, init.tid, 1, 0xF0001000,
                       runtime.pid, init.ns_user});
  put(DSE_CGROUP_ATTACH, cpu(runtime.pid), runtime, dse_cgroup_attach{id, 0, init.pid, init.tid, 1, 1, size},
      path);
  init.cgroup_id = id;
  put(DSE_PROCESS_EXIT, cpu(init.pid), init,
      dse_process_exit{init.start_time_ns, 0, DSE_EXIT_GROUP_DEAD, 1, 900});
  put(DSE_CGROUP_RMDIR, cpu(runtime.pid), runtime, dse_cgroup_rmdir{id, 101, 0, size}, path);
}

void Generator::process_snapshot(std::uint32_t number) {
  dse_task task = service(number);
  std::string exe = "/usr/sbin/" + std::string(kServiceNames[number]), args = exe;
  args += '\0';
  dse_process_snapshot body{};
  body.args_total = body.args_size = static_cast<std::uint32_t>(args.size());
  body.exe_size = static_cast<std::uint32_t>(exe.size());
  put(DSE_PROCESS_SNAPSHOT, DSE_CPU_NONE, task, body, exe + args);
}

void Generator::cgroup_snapshot(std::uint32_t number) {
  const std::string& path = cgroup_paths()[number];
  put(DSE_CGROUP_SNAPSHOT, DSE_CPU_NONE, dse_task{},
      dse_cgroup_snapshot{100 + number, 0, static_cast<std::uint32_t>(path.size())}, path);
}

void round(Generator& generator, unsigned number) {
  generator.program();
  for (int i = 0; i < 4; ++i) generator.connection();
  for (int i = 0; i < 40; ++i) generator.signal();
  if (number % 8 == 0) generator.failed_exec();
  if (number % 32 == 0) generator.container();
}

}  // namespace

std::span<const std::string> cgroup_paths() {
  static const std::vector<std::string> paths{
      "/init.scope",
      "/user.slice/user-1000.slice/session-3.scope",
      "/system.slice/nginx.service",
      "/system.slice/docker-" + hex_id(1) + ".scope",
      "/docker/" + hex_id(2),
      "/kubepods.slice/kubepods-burstable.slice/"
      "kubepods-burstable-pod6f1f1a2c_0b0e_4a51_9f0e_7d1c2b3a4d5e.slice/cri-containerd-" +
          hex_id(3) + ".scope",
      "/machine.slice/libpod-" + hex_id(4) + ".scope/container",
      "/user.slice/user-1000.slice/user@1000.service/app.slice/app-terminal.scope",
  };
  return paths;
}

struct Storm::Impl {
  Kind kind;
  Generator generator;
  unsigned rounds = 0;
};

Storm::Storm(Kind kind, std::uint32_t cpus)
    : impl_(std::make_unique<Impl>(
          kind, Generator(std::numeric_limits<std::size_t>::max(), {}, cpus))) {}
Storm::~Storm() = default;

Records Storm::next(std::size_t records) {
  while (impl_->generator.size() < records) {
    if (impl_->kind == Kind::signals)
      impl_->generator.signal();
    else
      round(impl_->generator, impl_->rounds++);
  }
  return impl_->generator.take();
}

Records signal_storm(std::size_t records) {
  Generator generator(records);
  while (!generator.full()) generator.signal();
  return generator.take();
}

Records mixed_storm(std::size_t records) {
  Generator generator(records);
  for (unsigned number = 0; !generator.full(); ++number) round(generator, number);
  return generator.take();
}

Records records_of_kind(Kind kind, std::size_t records) {
  Generator generator(records, kind);
  while (!generator.full()) {
    switch (kind) {
      case DSE_PROCESS_FORK:
      case DSE_PROCESS_EXEC:
      case DSE_PROCESS_EXIT: generator.program(); break;
      case DSE_PROCESS_EXEC_FAIL: generator.failed_exec(); break;
      case DSE_CGROUP_MKDIR:
      case DSE_CGROUP_ATTACH:
      case DSE_CGROUP_RMDIR: generator.container(); break;
      case DSE_SOCKET_STATE: generator.connection(); break;
      case DSE_SIGNAL_GENERATE:
      case DSE_SIGNAL_DELIVER: generator.signal(); break;
      default: throw std::invalid_argument("no records of kind " + format::kind_name(kind));
    }
  }
  return generator.take();
}

Records snapshot_records() {
  Generator generator(kServices + cgroup_paths().size());
  for (std::uint32_t i = 0; i < kServices; ++i) generator.process_snapshot(i);
  for (std::uint32_t i = 0; i < cgroup_paths().size(); ++i) generator.cgroup_snapshot(i);
  return generator.take();
}

}  // namespace dse::bench
