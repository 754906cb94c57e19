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

#include <fmt/format.h>

#include "format/file.h"
#include "format/layout.h"

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
  std::unique_ptr<bpf_link, DestroyLink> processes;
  std::vector<FileHandle> ring_files;
  std::vector<int> ring_fds;
  std::vector<Ring> rings;
  int cpus = 0;
  // Attached programs by kind; the program has the kind's name.
  std::vector<std::pair<format::Kind, bpf_program*>> programs;

  Status make_rings(std::size_t bytes);
  std::vector<dse_counters> counters() const;  // by CPU
  std::vector<std::pair<format::Kind, std::uint64_t>> count_busy() const;
};

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
  skeleton->rodata->watermark = options.watermark_bytes;
  skeleton->rodata->cgroup_subsys = options.cgroup_subsys;
  auto cpus = static_cast<std::uint32_t>(impl->cpus);
  bpf_map__set_max_entries(skeleton->maps.rings, cpus);
  bpf_map__set_max_entries(skeleton->maps.scratch, cpus);
  // As bpf/emit.h explains.
  std::uint32_t scratch = sizeof(dse_header) + sizeof(dse_process_exec) + DSE_PATH_MAX +
                          options.max_args + 4096;
  bpf_map__set_value_size(skeleton->maps.scratch, (scratch + 7) & ~7u);
  // The verifier wants to see what the inner maps are like.
  FileHandle pattern(bpf_map_create(BPF_MAP_TYPE_RINGBUF, "dse_ring", 0, 0,
                                    static_cast<std::uint32_t>(options.ring_bytes), nullptr));
  if (pattern.get() < 0) return kernel_error("cannot make a ring buffer", errno);
  bpf_map__set_inner_map_fd(skeleton->maps.rings, pattern.get());

  bpf_program* program;
  bpf_object__for_each_program(program, skeleton->obj) {
    const format::TableLayout* layout = format::kind_layout(
        std::string_view(bpf_program__name(program)));
    if (!layout) continue;  // the iterator
    bool wanted = (options.kinds & format::kind_bit(layout->kind)) != 0;
    bpf_program__set_autoload(program, wanted);
    if (wanted) impl->programs.emplace_back(layout->kind, program);
  }
  if (int error = dse_bpf__load(skeleton))
    return kernel_error("cannot load the BPF programs", -error);
  DSE_TRY(impl->make_rings(options.ring_bytes));
  return std::unique_ptr<Programs>(new Programs(std::move(impl)));
}

namespace {

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

Status Programs::Impl::make_rings(std::size_t bytes) {
  for (int cpu : online_cpus()) {
    FileHandle file(bpf_map_create(BPF_MAP_TYPE_RINGBUF, "dse_ring", 0, 0,
                                   static_cast<std::uint32_t>(bytes), nullptr));
    if (file.get() < 0)
      return kernel_error(fmt::format("cannot make a ring buffer of {} bytes for each of {} CPUs; "
                                      "try a smaller --buffer",
                                      bytes, cpus),
                          errno);
    int fd = file.get();
    if (bpf_map_update_elem(bpf_map__fd(skeleton->maps.rings), &cpu, &fd, 0) != 0)
      return kernel_error("cannot set a ring buffer", errno);
    DSE_TRY_ASSIGN(Ring ring, Ring::map(fd, bytes));
    rings.push_back(std::move(ring));
    ring_fds.push_back(fd);
    ring_files.push_back(std::move(file));
  }
  return {};
}

Programs::Programs(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Programs::~Programs() = default;

Status Programs::attach() {
  for (auto [kind, program] : impl_->programs) {
    impl_->links.emplace_back(bpf_program__attach(program));
    if (!impl_->links.back())
      return kernel_error("cannot attach to " + format::kind_name(kind), errno);
  }
  impl_->processes.reset(bpf_program__attach(impl_->skeleton->progs.processes));
  if (!impl_->processes) return kernel_error("cannot list the processes", errno);
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

Result<std::vector<dse_task>> Programs::processes() {
  FileHandle iterator(bpf_iter_create(bpf_link__fd(impl_->processes.get())));
  if (iterator.get() < 0) return kernel_error("cannot list the processes", errno);
  std::vector<dse_task> tasks(1024);
  std::size_t bytes = 0;
  while (true) {
    if (bytes == tasks.size() * sizeof(dse_task)) tasks.resize(2 * tasks.size());
    ssize_t n = ::read(iterator.get(), reinterpret_cast<char*>(tasks.data()) + bytes,
                       tasks.size() * sizeof(dse_task) - bytes);
    if (n < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (n < 0) return kernel_error("cannot list the processes", errno);
    if (n == 0) break;
    bytes += static_cast<std::size_t>(n);
  }
  tasks.resize(bytes / sizeof(dse_task));
  return tasks;
}

std::vector<dse_counters> Programs::Impl::counters() const {
  std::vector<dse_counters> values(static_cast<std::size_t>(cpus));
  std::uint32_t zero = 0;
  if (bpf_map_lookup_elem(bpf_map__fd(skeleton->maps.counters), &zero, values.data()) != 0)
    values.clear();
  return values;
}

std::vector<std::pair<format::Kind, std::uint64_t>> Programs::Impl::count_busy() const {
  std::vector<std::pair<format::Kind, std::uint64_t>> out;
  for (auto [kind, program] : programs) {
    bpf_prog_info info{};
    std::uint32_t size = sizeof(info);
    if (bpf_obj_get_info_by_fd(bpf_program__fd(program), &info, &size) == 0)
      out.emplace_back(kind, info.recursion_misses);
  }
  return out;
}

std::vector<format::Loss> Programs::losses() const {
  std::vector<format::Loss> losses;
  auto counters = impl_->counters();
  for (auto [kind, program] : impl_->programs) {
    std::uint64_t refused = 0;
    for (const dse_counters& cpu : counters) refused += cpu.refused[kind];
    if (refused) losses.push_back({kind, "ring full", refused});
  }
  for (auto [kind, count] : impl_->count_busy())
    if (count) losses.push_back({kind, "program busy", count});
  return losses;
}

std::vector<format::Loss> Programs::seen() const {
  std::vector<format::Loss> seen;
  auto counters = impl_->counters();
  auto busy = impl_->count_busy();
  for (std::size_t i = 0; i < impl_->programs.size(); ++i) {
    format::Kind kind = impl_->programs[i].first;
    std::uint64_t count = i < busy.size() ? busy[i].second : 0;
    for (const dse_counters& cpu : counters) count += cpu.seen[kind];
    seen.push_back({kind, "", count});
  }
  return seen;
}

std::vector<format::StreamPosition> Programs::positions() const {
  std::vector<format::StreamPosition> positions;
  auto counters = impl_->counters();
  for (auto [kind, program] : impl_->programs)
    for (std::size_t cpu = 0; cpu < counters.size(); ++cpu)
      if (counters[cpu].seen[kind])
        positions.push_back({kind, static_cast<std::uint16_t>(cpu), counters[cpu].seen[kind]});
  return positions;
}

int cgroup_subsys_index(const std::string& controller) {
  libbpf_set_print(keep_warning);
  std::unique_ptr<btf, decltype(&btf__free)> types(btf__load_vmlinux_btf(), btf__free);
  if (!types) return -1;
  int id = btf__find_by_name_kind(types.get(), "cgroup_subsys_id", BTF_KIND_ENUM);
  if (id < 0) return -1;
  const btf_type* type = btf__type_by_id(types.get(), static_cast<std::uint32_t>(id));
  const struct btf_enum* values = btf_enum(type);
  for (int i = 0; i < btf_vlen(type); ++i)
    if (controller + "_cgrp_id" == btf__name_by_offset(types.get(), values[i].name_off))
      return values[i].val;
  return -1;
}

}  // namespace dse::record
