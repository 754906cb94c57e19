#include "record/programs.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <future>
#include <map>
#include <set>
#include <unordered_set>

#include <fmt/format.h>

#include "format/file.h"
#include "format/layout.h"
#include "format/plural.h"
#include "record/host.h"

// Types that the skeleton names.
#include "dse.skel.h"

namespace dse::record {
namespace {

using format::FileHandle;

// libbpf explains failures in its log only, so the last warning is kept for the error message.
thread_local std::string last_warning;

int keep_warning(libbpf_print_level level, const char* format, va_list arguments) {
  if (level != LIBBPF_WARN) return 0;
  char line[512];
  int n = std::vsnprintf(line, sizeof(line), format, arguments);
  last_warning = line;
  while (!last_warning.empty() && last_warning.back() == '\n') last_warning.pop_back();
  return n;
}

Error kernel_error(const std::string& what, int error_number) {
  std::string message = what + ": " + std::strerror(error_number);
  if (error_number == EPERM || error_number == EACCES)
    message += "; run as root, or with CAP_BPF, CAP_PERFMON and CAP_SYS_RESOURCE";
  else if (!last_warning.empty())
    message += " (" + last_warning + ")";
  return {ErrorCode::privilege, message};
}

struct DestroySkeleton {
  void operator()(dse_bpf* skeleton) const { dse_bpf__destroy(skeleton); }
};
struct DestroyLink {
  void operator()(bpf_link* link) const { bpf_link__destroy(link); }
};

}  // namespace

struct Programs::Impl {
  std::unique_ptr<dse_bpf, DestroySkeleton> skeleton;
  std::vector<std::unique_ptr<bpf_link, DestroyLink>> links;
  std::unique_ptr<bpf_link, DestroyLink> processes, sockets;
  FileHandle ring_map;  // the rings, by CPU
  std::vector<int> ring_cpus;
  std::vector<FileHandle> ring_files;
  std::vector<int> ring_fds;
  std::vector<Ring> rings;
  int cpus = 0;
  // Attached programs by kind; the program has the kind's name. A kind may have several, one after
  // the other.
  std::vector<std::pair<format::Kind, bpf_program*>> programs;

  // Of one kind, as the kernel times it.
  struct Cost {
    std::uint64_t runs = 0, ns = 0;
  };
  FileHandle measuring;  // while it is open, the kernel times programs
  std::uint64_t measuring_since = 0;
  std::uint64_t measured_window = 0;
  std::map<format::Kind, Cost> before, measured;

  Status make_rings(std::size_t bytes);
  Status set_rings() const;
  std::vector<dse_counters> counters() const;  // by CPU
  std::map<format::Kind, std::uint64_t> count_busy() const;
  std::map<format::Kind, Cost> timed() const;
};

namespace {

// The kind of a program: "process_exec_fail_at" is a second one of process_exec_fail.
const format::TableLayout* layout_of(const bpf_program* program) {
  std::string_view name = bpf_program__name(program);
  const format::TableLayout* layout = format::kind_layout(name);
  return layout ? layout : format::kind_layout(name.substr(0, name.rfind('_')));
}

// The CPUs that are online, from a list such as "0-3,8". A machine may have many more possible ones,
// whose rings would be memory for nothing.
std::vector<int> online_cpus() {
  std::ifstream file("/sys/devices/system/cpu/online");
  std::vector<int> cpus;
  int first = 0, last = 0;
  char separator = ',';
  while (separator == ',' && file >> first) {
    last = first;
    if (file.peek() == '-') file >> separator >> last;
    for (int cpu = first; cpu <= last; ++cpu) cpus.push_back(cpu);
    separator = 0;
    file >> separator;
  }
  return cpus;
}

}  // namespace

Result<std::unique_ptr<Programs>> Programs::load(const ProgramOptions& options) {
  libbpf_set_print(keep_warning);
  last_warning.clear();
  if (::access("/sys/kernel/btf/vmlinux", R_OK) != 0 && errno != EACCES)
    return Error(ErrorCode::privilege,
                 "this kernel has no BTF (/sys/kernel/btf/vmlinux): recording needs a kernel with "
                 "CONFIG_DEBUG_INFO_BTF=y");

  auto impl = std::make_unique<Impl>();
  impl->skeleton.reset(dse_bpf__open());
  if (!impl->skeleton) return kernel_error("cannot open the BPF programs", errno);
  dse_bpf* skeleton = impl->skeleton.get();
  impl->cpus = libbpf_num_possible_cpus();
  if (impl->cpus <= 0) return kernel_error("cannot count the CPUs", -impl->cpus);

  skeleton->rodata->max_args = options.max_args;
  skeleton->rodata->max_env = options.max_env;
  skeleton->rodata->watermark = options.watermark_bytes;
  skeleton->rodata->cgroup_controller = options.cgroup_controller;
  auto cpus = static_cast<std::uint32_t>(impl->cpus);
  bpf_map__set_max_entries(skeleton->maps.scratch, cpus);
  bpf_map__set_max_entries(skeleton->maps.paths, cpus + 1);
  skeleton->rodata->iterator_slot = cpus;
  // As bpf/emit.h explains.
  auto scratch = static_cast<std::uint32_t>(sizeof(dse_ring_header) + sizeof(dse_process_exec) +
                                            4 * DSE_PATH_MAX) +
                 options.max_args + options.max_env;
  bpf_map__set_value_size(skeleton->maps.scratch, (scratch + 7) & ~7u);
  DSE_TRY(impl->make_rings(options.ring_bytes));
  if (int error = bpf_map__reuse_fd(skeleton->maps.rings, impl->ring_map.get()))
    return kernel_error("cannot use the table of ring buffers", -error);
  // Then the kernel waits for all CPUs, which is as long as some programs take to load.
  auto rings_set = std::async(std::launch::async | std::launch::deferred,
                              [&] { return impl->set_rings(); });

  bpf_program* program;
  bpf_object__for_each_program(program, skeleton->obj) {
    const format::TableLayout* layout = layout_of(program);
    if (!layout) continue;  // an iterator
    bool wanted = (options.kinds & format::kind_bit(layout->kind)) != 0;
    bpf_program__set_autoload(program, wanted);
    if (wanted) impl->programs.emplace_back(layout->kind, program);
  }
  bpf_program__set_autoload(skeleton->progs.sockets,
                            (options.kinds & format::kind_bit(DSE_SOCKET_STATE)) != 0);
  if (int error = dse_bpf__load(skeleton))
    return kernel_error("cannot load the BPF programs", -error);
  DSE_TRY(rings_set.get());
  return std::unique_ptr<Programs>(new Programs(std::move(impl)));
}

Status Programs::Impl::make_rings(std::size_t bytes) {
  ring_cpus = online_cpus();
  if (ring_cpus.empty())
    return Error(ErrorCode::privilege,
                 "cannot tell which CPUs are online: /sys/devices/system/cpu/online is not readable");
  while (rings.size() < ring_cpus.size()) {
    FileHandle file(bpf_map_create(BPF_MAP_TYPE_RINGBUF, "dse_ring", 0, 0,
                                   static_cast<std::uint32_t>(bytes), nullptr));
    if (file.get() < 0)
      return kernel_error(fmt::format("cannot make a ring buffer of {} bytes for each of {}; "
                                      "try a smaller --buffer",
                                      bytes, plural(static_cast<std::uint64_t>(cpus), "CPU")),
                          errno);
    DSE_TRY_ASSIGN(Ring ring, Ring::map(file.get(), bytes));
    rings.push_back(std::move(ring));
    ring_fds.push_back(file.get());
    ring_files.push_back(std::move(file));
  }
  // The verifier wants to see what the inner maps are like: all are like the first.
  bpf_map_create_opts options{};
  options.sz = sizeof(options);
  options.inner_map_fd = static_cast<std::uint32_t>(ring_fds.front());
  ring_map.reset(bpf_map_create(BPF_MAP_TYPE_ARRAY_OF_MAPS, "rings", sizeof(std::uint32_t),
                                sizeof(std::uint32_t), static_cast<std::uint32_t>(cpus), &options));
  if (ring_map.get() < 0) return kernel_error("cannot make the table of ring buffers", errno);
  return {};
}

// All at once, as the kernel waits for all CPUs after each update. Before 5.14 it takes them singly.
Status Programs::Impl::set_rings() const {
  auto count = static_cast<std::uint32_t>(ring_cpus.size());
  if (bpf_map_update_batch(ring_map.get(), ring_cpus.data(), ring_fds.data(), &count, nullptr) == 0)
    return {};
  for (std::size_t i = 0; i < ring_cpus.size(); ++i)
    if (bpf_map_update_elem(ring_map.get(), &ring_cpus[i], &ring_fds[i], 0) != 0)
      return kernel_error("cannot set a ring buffer", errno);
  return {};
}

Programs::Programs(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Programs::~Programs() = default;

Status Programs::attach() {
  for (auto [kind, program] : impl_->programs) {
    impl_->links.emplace_back(bpf_program__attach(program));
    if (!impl_->links.back()) {
      if (kind == DSE_PROCESS_EXEC_FAIL && (errno == EACCES || errno == EPERM))
        return Error(ErrorCode::privilege,
                     "failed execs need to read tracefs (/sys/kernel/tracing): run as root");
      if (kind == DSE_PROCESS_EXEC_FAIL && errno == ENOENT)
        return Error(ErrorCode::privilege,
                     "failed execs need the tracepoints of system calls: mount tracefs (mount -t "
                     "tracefs nodev /sys/kernel/tracing), with CONFIG_FTRACE_SYSCALLS=y");
      return kernel_error("cannot attach to " + format::kind_name(kind), errno);
    }
  }
  impl_->processes.reset(bpf_program__attach(impl_->skeleton->progs.processes));
  if (!impl_->processes) return kernel_error("cannot list the processes", errno);
  if (bpf_program__autoload(impl_->skeleton->progs.sockets)) {
    impl_->sockets.reset(bpf_program__attach(impl_->skeleton->progs.sockets));
    if (!impl_->sockets) return kernel_error("cannot list the sockets", errno);
  }
  return {};
}

void Programs::detach() {
  impl_->links.clear();
  // A program that is running now may have taken its sequence number and not yet its space. This waits
  // until every CPU has left what it was in (a grace period of RCU).
  ::syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0);
}

std::vector<Ring>& Programs::rings() { return impl_->rings; }
std::span<const int> Programs::ring_fds() const { return impl_->ring_fds; }
void Programs::arm() { __atomic_store_n(&impl_->skeleton->bss->armed, 1, __ATOMIC_SEQ_CST); }

namespace {

// All that an iterator writes.
Result<std::vector<char>> read_iterator(const bpf_link* link, const std::string& what,
                                        const std::function<void()>& meanwhile) {
  FileHandle iterator(bpf_iter_create(bpf_link__fd(link)));
  if (iterator.get() < 0) return kernel_error("cannot list the " + what, errno);
  std::vector<char> bytes(std::size_t{64} << 10);
  std::size_t used = 0;
  while (true) {
    if (used == bytes.size()) bytes.resize(2 * bytes.size());
    ssize_t n = ::read(iterator.get(), bytes.data() + used, bytes.size() - used);
    if (n < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (n < 0) return kernel_error("cannot list the " + what, errno);
    if (n == 0) break;
    used += static_cast<std::size_t>(n);
    if (meanwhile) meanwhile();
  }
  bytes.resize(used);
  return bytes;
}

}  // namespace

Result<std::vector<ProcessRow>> Programs::processes(const std::function<void()>& meanwhile) {
  DSE_TRY_ASSIGN(std::vector<char> bytes,
                 read_iterator(impl_->processes.get(), "processes", meanwhile));
  std::vector<ProcessRow> rows;
  std::string_view rest(bytes.data(), bytes.size());
  while (rest.size() >= sizeof(dse_process_row)) {
    dse_process_row row;
    std::memcpy(&row, rest.data(), sizeof(row));
    rest.remove_prefix(sizeof(row));
    rows.push_back({row.task, row.facts, std::string(rest.substr(0, row.exe_size)),
                    std::string(rest.substr(row.exe_size, row.cwd_size))});
    rest.remove_prefix(row.exe_size + row.cwd_size);
  }
  return rows;
}

Result<std::vector<dse_socket_snapshot>> Programs::sockets(const std::function<void()>& meanwhile) {
  std::vector<dse_socket_snapshot> rows;
  if (!impl_->sockets) return rows;
  DSE_TRY_ASSIGN(std::vector<char> bytes,
                 read_iterator(impl_->sockets.get(), "sockets", meanwhile));
  std::unordered_set<std::uint64_t> known;  // several descriptors may be of one socket
  for (std::size_t at = 0; at + sizeof(dse_socket_snapshot) <= bytes.size();
       at += sizeof(dse_socket_snapshot)) {
    dse_socket_snapshot row;
    std::memcpy(&row, bytes.data() + at, sizeof(row));
    if (known.insert(row.cookie).second) rows.push_back(row);
  }
  return rows;
}

std::vector<dse_counters> Programs::Impl::counters() const {
  std::vector<dse_counters> values(static_cast<std::size_t>(cpus));
  std::uint32_t zero = 0;
  if (bpf_map_lookup_elem(bpf_map__fd(skeleton->maps.counters), &zero, values.data()) != 0)
    values.clear();
  return values;
}

std::map<format::Kind, std::uint64_t> Programs::Impl::count_busy() const {
  std::map<format::Kind, std::uint64_t> out;
  for (auto [kind, program] : programs) {
    bpf_prog_info info{};
    std::uint32_t size = sizeof(info);
    std::uint64_t& count = out[kind];
    if (bpf_obj_get_info_by_fd(bpf_program__fd(program), &info, &size) == 0)
      count += info.recursion_misses;
  }
  return out;
}

std::vector<dse_program_sample> Programs::costs() const {
  std::vector<dse_program_sample> out;
  auto counters = impl_->counters();
  for (auto [kind, busy] : impl_->count_busy()) {
    dse_program_sample sample{};
    sample.program = kind;
    sample.busy = busy;
    for (const dse_counters& cpu : counters) {
      sample.runs += cpu.seen[kind];
      sample.ring_full += cpu.refused[kind];
    }
    auto measured = impl_->measured.find(kind);
    if (measured != impl_->measured.end()) {
      sample.measured_runs = measured->second.runs;
      sample.measured_ns = measured->second.ns;
    }
    sample.window_ns = impl_->measured_window;
    out.push_back(sample);
  }
  return out;
}

std::vector<format::Loss> Programs::losses() const {
  std::vector<format::Loss> losses;
  for (const dse_program_sample& cost : costs()) {
    auto kind = static_cast<format::Kind>(cost.program);
    if (cost.ring_full) losses.push_back({kind, "ring full", cost.ring_full});
    if (cost.busy) losses.push_back({kind, "program busy", cost.busy});
  }
  return losses;
}

std::vector<format::Loss> Programs::seen() const {
  std::vector<format::Loss> seen;
  for (const dse_program_sample& cost : costs())
    seen.push_back({static_cast<format::Kind>(cost.program), "", cost.runs + cost.busy});
  return seen;
}

std::map<format::Kind, Programs::Impl::Cost> Programs::Impl::timed() const {
  std::map<format::Kind, Cost> out;
  for (auto [kind, program] : programs) {
    bpf_prog_info info{};
    std::uint32_t size = sizeof(info);
    if (bpf_obj_get_info_by_fd(bpf_program__fd(program), &info, &size) != 0) continue;
    out[kind].runs += info.run_cnt;
    out[kind].ns += info.run_time_ns;
  }
  return out;
}

void Programs::begin_measuring() {
  impl_->measuring.reset(bpf_enable_stats(BPF_STATS_RUN_TIME));
  impl_->before = impl_->timed();
  impl_->measuring_since = boot_time_ns();
}

void Programs::end_measuring() {
  if (impl_->measuring.get() < 0) return;
  for (const auto& [kind, after] : impl_->timed()) {
    impl_->measured[kind].runs += after.runs - impl_->before[kind].runs;
    impl_->measured[kind].ns += after.ns - impl_->before[kind].ns;
  }
  impl_->measured_window += boot_time_ns() - impl_->measuring_since;
  impl_->measuring.reset();
}

std::vector<format::StreamPosition> Programs::positions() const {
  std::vector<format::StreamPosition> positions;
  auto counters = impl_->counters();
  std::set<format::Kind> kinds;
  for (auto [kind, program] : impl_->programs) kinds.insert(kind);
  for (format::Kind kind : kinds)
    for (std::size_t cpu = 0; cpu < counters.size(); ++cpu)
      if (counters[cpu].seen[kind])
        positions.push_back({kind, static_cast<std::uint16_t>(cpu), counters[cpu].seen[kind]});
  return positions;
}

}  // namespace dse::record
