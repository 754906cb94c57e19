#include "replay/closure.h"

#include <algorithm>
#include <cstring>

#include "bpf/abi.h"
#include "format/rewrite.h"
#include "replay/container.h"
#include "replay/point.h"
#include "replay/raw_record.h"
#include "replay/table_view.h"

namespace dse::replay {
namespace {

using Bytes = std::span<const std::byte>;

// The first string behind the fixed part.
template <typename Body>
std::string_view first_string(Bytes record, std::uint32_t size) {
  std::string_view rest(reinterpret_cast<const char*>(record.data()), record.size());
  return rest.size() < sizeof(dse_header) + sizeof(Body)
             ? std::string_view()
             : rest.substr(sizeof(dse_header) + sizeof(Body), size);
}

std::uint32_t u32(std::optional<std::uint64_t> value) {
  return static_cast<std::uint32_t>(value.value_or(0));
}

constexpr std::string_view kImage[] = {"exepath", "exe", "args"};
constexpr std::string_view kPath[] = {"path"};
// By which the table of containers tells the runtime's own execs from those of the container.
constexpr std::string_view kSetupStrings[] = {"filename", "args"};
constexpr std::string_view kSetupImageStrings[] = {"filename", "args", "exepath"};

bool is_setup(const dse_header& header, Bytes record) {
  if (header.kind != DSE_PROCESS_EXEC) return false;
  auto exec = body_of<dse_process_exec>(record);
  std::string_view filename = first_string<dse_process_exec>(record, exec.filename_size);
  std::string_view both = first_string<dse_process_exec>(record,
                                                         exec.filename_size + exec.args_size);
  return is_runtime_setup(filename, both.substr(filename.size()));
}

}  // namespace

bool Closure::has(const Processes& processes, std::uint32_t pid, std::uint64_t start_ns) {
  auto found = processes.find(pid);
  if (found == processes.end()) return false;
  // What only /proc knew of is as fine as its clock ticks.
  constexpr std::uint64_t kClockTick = 10'000'000;
  return std::any_of(found->second.begin(), found->second.end(), [&](std::uint64_t known) {
    return known / kClockTick == start_ns / kClockTick;
  });
}

void Closure::add(Processes& processes, const Process& process) {
  if (!has(processes, process.pid, process.start_time_ns))
    processes[process.pid].push_back(process.start_time_ns);
}

bool Closure::path_tells(std::string_view path, std::string_view id) const {
  auto container = container_of_path(path, edition_);
  return container && container->id == id;
}

// Of a process that only its place counts of. What runc calls its own tells of containers.
std::vector<std::byte> Closure::without_name(std::vector<std::byte> record) {
  dse_header header;
  std::memcpy(&header, record.data(), sizeof(header));
  constexpr char kRunc[] = "runc:[";
  if (std::memcmp(header.task.comm, kRunc, sizeof(kRunc) - 1) == 0) return record;
  std::memset(header.task.comm, 0, sizeof(header.task.comm));
  std::memcpy(record.data(), &header, sizeof(header));
  return record;
}

bool Closure::is_named(std::uint32_t pid, std::uint64_t start_ns) const {
  return has(named_, pid, start_ns) || has(imaged_, pid, start_ns);
}

bool Closure::is_inside(std::uint64_t cgroup, std::uint32_t ns_pid) const {
  return container_cgroups_.contains(cgroup) || container_namespaces_.contains(ns_pid);
}

void Closure::refer_to_context(const State& state, std::uint64_t cgroup, std::uint32_t ns_pid,
                               std::uint64_t number) {
  const Container* container = state.container(cgroup, ns_pid, number);
  if (!container) return;
  containers_.insert(container->id);
  needs_processes_ = needs_processes_ ||
                     !path_tells(state.cgroup_path(cgroup, number), container->id);
  cgroups_.insert(cgroup);
  container_cgroups_.insert(cgroup);
  if (ns_pid != DSE_INITIAL_PID_NS && ns_pid != 0) container_namespaces_.insert(ns_pid);
  if (std::string_view path = state.cgroup_path(cgroup, number); !path.empty())
    paths_.emplace(path);
}

void Closure::refer(const Event& event) {
  const State& state = event.batch().state();
  const std::string& point = event.batch().point().name();
  const std::uint64_t number = event.batch().number(event.row());
  edition_ = state.container_edition();
  auto process = [&](std::string_view field) -> const Process* {
    auto pid = event.number(field);
    return pid ? state.process(u32(pid), number) : nullptr;
  };
  if (auto cgroup = event.number("cgroup.id")) {
    cgroups_.insert(*cgroup);
    refer_to_context(state, *cgroup, u32(event.number("ns.pid")), number);
    // What exits is no container's any more where the state is asked.
    if (auto id = event.text("container.id")) {
      containers_.emplace(*id);
      container_cgroups_.insert(*cgroup);
      needs_processes_ = needs_processes_ ||
                         !path_tells(event.text("cgroup.path").value_or(""), *id);
    }
  }
  for (std::string_view field : {"sig.sender.pid", "sock.owner.pid", "sig.target.pid"})
    if (const Process* other = process(field))
      refer_to_context(state, other->cgroup_id, other->ns_pid, number);
  for (std::string_view field : {"sock.owner.container", "sig.sender.container"})
    if (auto id = event.text(field)) containers_.emplace(*id);

  if (const Process* self = process("proc.pid"))
    add(point == "ProcessExited" ? imaged_ : named_, *self);
  // What a process executes it may have from who made it.
  const Process* child = point == "ProcessExited" ? process("proc.pid") : nullptr;
  while (child && child->image) {
    const Process* parent = state.process(child->ppid, number);
    if (!parent || parent->image != child->image || parent->pid == child->pid ||
        has(imaged_, parent->pid, parent->start_time_ns))
      break;
    add(imaged_, *parent);
    child = parent;
  }
  for (std::string_view field : {"sig.target.pid", "container.init_pid"})
    if (const Process* other = process(field)) add(named_, *other);
  const Field* parent_name = find_builtin_field("proc.pname");
  if (parent_name && parent_name->shown_by(point))
    if (const Process* parent = process("proc.ppid")) add(named_, *parent);
  if (auto sending = event.number("sig.sender.num")) sendings_.emplace(capture_, *sending);
  if (auto cookie = event.number("sock.cookie")) sockets_.insert(*cookie);
}

bool Closure::is_cgroup_needed(std::uint64_t id, std::string_view path) {
  auto container = container_of_path(path, edition_);
  bool inside = container && containers_.contains(container->id);
  if (inside) container_cgroups_.insert(id);
  return inside || cgroups_.contains(id);
}

Status Closure::begin(const format::Batch& batch) {
  DSE_TRY_ASSIGN(TableView cgroups, TableView::open(batch, DSE_CGROUP_SNAPSHOT));
  DSE_TRY_ASSIGN(auto ids, cgroups.ints("id"));
  DSE_TRY_ASSIGN(format::StringColumn paths, cgroups.strings("path"));
  for (std::uint32_t row = 0; row < cgroups.rows(); ++row) is_cgroup_needed(ids[row], paths[row]);
  return {};
}

std::optional<std::vector<std::byte>> Closure::strings_of_process(Bytes record) const {
  dse_header header;
  std::memcpy(&header, record.data(), sizeof(header));
  const bool imaged = has(imaged_, header.task.pid, header.task.start_time_ns);
  if (is_setup(header, record))
    return imaged ? format::keep_strings(record, kSetupImageStrings)
                  : format::keep_strings(record, kSetupStrings);
  return imaged ? format::keep_strings(record, kImage) : format::keep_strings(record, {});
}

std::optional<std::vector<std::byte>> Closure::take(Bytes record, std::uint64_t number) {
  dse_header header{};
  if (record.size() < sizeof(header)) return {};
  std::memcpy(&header, record.data(), sizeof(header));
  const dse_task& task = header.task;
  auto as_it_is = [&] { return std::vector<std::byte>(record.begin(), record.end()); };
  const bool inside = needs_processes_ || is_inside(task.cgroup_id, task.ns_pid);
  const bool named = is_named(task.pid, task.start_time_ns);
  switch (header.kind) {
    case DSE_CLOCK_SAMPLE: return as_it_is();
    case DSE_PROCESS_FORK: {
      auto fork = body_of<dse_process_fork>(record);
      if (is_named(fork.child_pid, fork.child_start_time_ns)) return as_it_is();
      if (!inside && !is_inside(fork.child_cgroup_id, fork.child_ns_pid)) return {};
      return named ? as_it_is() : without_name(as_it_is());
    }
    case DSE_PROCESS_EXEC:
    case DSE_PROCESS_SNAPSHOT: {
      if (!named && !inside) return {};
      auto kept = strings_of_process(record);
      return kept && !named ? without_name(std::move(*kept)) : kept;
    }
    case DSE_PROCESS_EXIT:
      if (!named && !inside) return {};
      return named ? as_it_is() : without_name(as_it_is());
    case DSE_CGROUP_ATTACH: {
      auto attach = body_of<dse_cgroup_attach>(record);
      if (is_cgroup_needed(attach.id, first_string<dse_cgroup_attach>(record, attach.path_size))) {
        auto kept = format::keep_strings(record, kPath);
        return kept ? std::optional(without_name(std::move(*kept))) : kept;
      }
      if (!needs_processes_ && !named_.contains(attach.pid) && !imaged_.contains(attach.pid))
        return {};
      auto kept = format::keep_strings(record, {});
      return kept ? std::optional(without_name(std::move(*kept))) : kept;
    }
    case DSE_CGROUP_MKDIR:
    case DSE_CGROUP_RMDIR: {
      static_assert(sizeof(dse_cgroup_mkdir) == sizeof(dse_cgroup_rmdir));
      auto cgroup = body_of<dse_cgroup_mkdir>(record);
      if (!is_cgroup_needed(cgroup.id, first_string<dse_cgroup_mkdir>(record, cgroup.path_size)))
        return {};
      return named ? as_it_is() : without_name(as_it_is());
    }
    case DSE_CGROUP_SNAPSHOT: {
      auto cgroup = body_of<dse_cgroup_snapshot>(record);
      if (!is_cgroup_needed(cgroup.id, first_string<dse_cgroup_snapshot>(record, cgroup.path_size)))
        return {};
      return as_it_is();
    }
    case DSE_CONTAINER_METADATA: {
      auto metadata = body_of<dse_container_metadata>(record);
      std::string_view path = first_string<dse_container_metadata>(record, metadata.path_size);
      auto container = container_of_path(path, edition_);
      bool needed = (container && containers_.contains(container->id)) ||
                    std::any_of(paths_.begin(), paths_.end(), [&](const std::string& one) {
                      return one.starts_with(path) &&
                             (one.size() == path.size() || one[path.size()] == '/');
                    });
      if (!needed) return {};
      return as_it_is();
    }
    case DSE_SIGNAL_GENERATE:
      if (!sendings_.contains({capture_, number})) return {};
      return as_it_is();
    case DSE_SOCKET_SNAPSHOT:
      if (!sockets_.contains(body_of<dse_socket_snapshot>(record).cookie)) return {};
      return as_it_is();
    default: return {};
  }
}

}  // namespace dse::replay
