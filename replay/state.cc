#include "replay/state.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>

#include "replay/container.h"
#include "replay/table_view.h"

namespace dse::replay {
namespace {

using Ints = std::span<const std::uint64_t>;

std::uint32_t u32(std::uint64_t value) { return static_cast<std::uint32_t>(value); }

constexpr std::size_t kMaxLabels = std::size_t{1} << 20;  // bytes

// By which edition of the table of container paths a capture replays.
unsigned edition_of(const format::SegmentInfo& info) {
  for (const auto& [name, value] : info.options) {
    unsigned edition = 0;
    if (name == kContainerTableOption &&
        std::from_chars(value.data(), value.data() + value.size(), edition).ec == std::errc())
      return std::min(edition, kContainerTableVersion);
  }
  return info.abi_version < 2 ? 1 : kContainerTableVersion;
}

void set_name(Process& process, std::string_view comm) {
  std::memcpy(process.name, comm.data(), std::min(comm.size(), sizeof(process.name)));
}

}  // namespace

bool Process::started_at(std::uint64_t start_ns) const {
  constexpr std::uint64_t kClockTick = 10'000'000;
  return start_time_ns == start_ns ||
         (start_time_ns % kClockTick == 0 && start_ns - start_time_ns < kClockTick);
}

std::string_view Process::name_view() const {
  return until_nul(std::string_view(name, sizeof(name)));
}

void State::set_needs(StateNeeds needs) {
  needs_ = needs;
  needs_.cgroups = needs_.cgroups || needs_.containers;
  needs_.processes = needs_.processes || needs_.ancestors || needs_.images || needs_.containers;
}

void State::set_trace(StateTrace* trace) {
  trace_ = trace;
  processes_.set_trace(trace);
  cgroups_.set_trace(trace);
  metadata_.set_trace(trace);
  containers_.set_trace(trace);
}

format::KindSet State::kinds() const {
  using format::kind_bit;
  format::KindSet kinds = kind_bit(DSE_CLOCK_SAMPLE);
  if (needs_.processes)
    kinds |= kind_bit(DSE_PROCESS_FORK) | kind_bit(DSE_PROCESS_EXEC) | kind_bit(DSE_PROCESS_EXIT) |
             kind_bit(DSE_PROCESS_SNAPSHOT) | kind_bit(DSE_CGROUP_ATTACH);
  if (needs_.containers) kinds |= kind_bit(DSE_CONTAINER_METADATA);
  if (needs_.cgroups)
    kinds |= kind_bit(DSE_CGROUP_MKDIR) | kind_bit(DSE_CGROUP_RMDIR) | kind_bit(DSE_CGROUP_ATTACH) |
             kind_bit(DSE_CGROUP_SNAPSHOT);
  return kinds;
}

void State::reset(const format::SegmentInfo& info) {
  info_ = info;
  arch_ = arch_from_machine(info.machine);
  container_edition_ = edition_of(info);
  processes_.clear();
  children_.clear();
  images_ = {};
  cgroups_.clear();
  metadata_.clear();
  containers_.reset();
  containers_.set_trace(trace_);
  clock_.start(info.real_time - info.boot_time);
}

Status State::advance(const format::Batch& batch) {
  std::uint64_t first = record_number(batch, 0);
  processes_.settle(first, [this](Process& process) {
    for (ProcessImages& images : images_) images.keep(process.image);
  });
  images_ = {};
  cgroups_.settle(first);
  metadata_.settle(first);
  clock_.settle();
  reparented_ = 0;
  DSE_TRY(advance_clock(batch));
  if (needs_.processes) DSE_TRY(advance_processes(batch));
  if (needs_.cgroups) DSE_TRY(advance_cgroups(batch));
  if (needs_.containers) {
    DSE_TRY(advance_metadata(batch));
    DSE_TRY(containers_.advance(batch, *this));
  }
  return {};
}

Status State::advance_clock(const format::Batch& batch) {
  const format::Table* table = batch.table(DSE_CLOCK_SAMPLE);
  if (!table) return {};
  DSE_TRY_ASSIGN(TableView samples, TableView::open(batch, DSE_CLOCK_SAMPLE));
  DSE_TRY_ASSIGN(Ints real, samples.ints("real"));
  DSE_TRY_ASSIGN(Ints boot, table->time());
  for (std::uint32_t row = 0; row < samples.rows(); ++row)
    clock_.set(record_number(batch, samples.positions[row]), real[row] - boot[row]);
  return {};
}

Status State::advance_processes(const format::Batch& batch) {
  DSE_TRY_ASSIGN(TableView snapshot, TableView::open(batch, DSE_PROCESS_SNAPSHOT));
  DSE_TRY_ASSIGN(TableView forks, TableView::open(batch, DSE_PROCESS_FORK));
  DSE_TRY_ASSIGN(TableView execs, TableView::open(batch, DSE_PROCESS_EXEC));
  DSE_TRY_ASSIGN(TableView exits, TableView::open(batch, DSE_PROCESS_EXIT));
  DSE_TRY_ASSIGN(TableView attaches, TableView::open(batch, DSE_CGROUP_ATTACH));
  if (snapshot.rows() + forks.rows() + execs.rows() + exits.rows() + attaches.rows() == 0)
    return {};
  DSE_TRY_ASSIGN(Ints pid, task_ints(batch, "pid"));
  DSE_TRY_ASSIGN(Ints tid, task_ints(batch, "tid"));
  DSE_TRY_ASSIGN(Ints ppid, task_ints(batch, "ppid"));
  DSE_TRY_ASSIGN(Ints start, task_ints(batch, "startTime"));
  DSE_TRY_ASSIGN(Ints cgroup, task_ints(batch, "cgroupId"));
  DSE_TRY_ASSIGN(Ints ns_pid, task_ints(batch, "nsPid"));
  DSE_TRY_ASSIGN(format::StringColumn comm, task_names(batch));
  DSE_TRY_ASSIGN(Ints child_pid, forks.ints("childPid"));
  DSE_TRY_ASSIGN(Ints child_tid, forks.ints("childTid"));
  DSE_TRY_ASSIGN(Ints child_start, forks.ints("childStartTime"));
  DSE_TRY_ASSIGN(Ints child_cgroup, forks.ints("childCgroupId"));
  DSE_TRY_ASSIGN(Ints child_ppid, forks.ints("childPpid"));
  DSE_TRY_ASSIGN(Ints child_ns_pid, forks.ints("childNsPid"));
  DSE_TRY_ASSIGN(Ints reaper, exits.ints("reaperPid"));
  if (needs_.images) {
    DSE_TRY_ASSIGN(images_[0], ProcessImages::open(snapshot, "exe"));
    DSE_TRY_ASSIGN(images_[1], ProcessImages::open(execs, "exepath"));
  }
  DSE_TRY_ASSIGN(Ints exit_flags, exits.ints("flags"));
  DSE_TRY_ASSIGN(Ints moved_pid, attaches.ints("pid"));
  DSE_TRY_ASSIGN(Ints moved_tid, attaches.ints("tid"));
  DSE_TRY_ASSIGN(Ints moved_flags, attaches.ints("flags"));
  DSE_TRY_ASSIGN(Ints moved_to, attaches.ints("id"));
  DSE_TRY_ASSIGN(Ints moved_in, attaches.ints("hierarchy"));

  auto of_task = [&](std::uint64_t task) {
    Process process{
        u32(pid[task]), u32(ppid[task]), start[task], cgroup[task], u32(ns_pid[task]), {}, {}};
    set_name(process, comm[task]);
    return process;
  };
  std::array<const TableView*, 5> views{&snapshot, &forks, &execs, &exits, &attaches};
  return in_arrival_order(views, [&](std::size_t view, std::uint32_t row) -> Status {
    trace_at(views[view]->positions[row]);
    std::uint64_t number = record_number(batch, views[view]->positions[row]);
    std::uint64_t task = views[view]->task[row];
    if (view == 1) {
      if (child_pid[row] != child_tid[row]) return {};  // a thread
      const Process* caller = processes_.newest(pid[task]);
      if (caller && !caller->started_at(start[task])) caller = nullptr;
      Process child{u32(child_pid[row]),
                    u32(child_ppid[row] ? child_ppid[row] : pid[task]),
                    child_start[row],
                    child_cgroup[row],
                    u32(child_ns_pid[row]),
                    {},
                    caller ? caller->image : nullptr};
      set_name(child, comm[task]);
      // A fork also tells what its caller is called now.
      Process current = of_task(task);
      if (pid[task] == tid[task] && (!caller || caller->name_view() != current.name_view())) {
        if (caller) current.image = caller->image;
        set_process(std::move(current), number);
      }
      set_process(std::move(child), number);
    } else if (view == 3) {
      const Process* known = processes_.newest(pid[task]);
      bool same = known && known->started_at(start[task]);
      if (same && (exit_flags[row] & DSE_EXIT_GROUP_DEAD))
        end_process(u32(pid[task]), u32(reaper[row]), number + 1);
    } else if (view == 4) {
      const Process* known = processes_.newest(moved_pid[row]);
      // Of v1, a thread may be moved alone.
      bool whole = moved_pid[row] == moved_tid[row] ||
                   (moved_flags[row] & DSE_ATTACH_THREADGROUP) != 0;
      if (!known || !whole || moved_in[row] != info_.cgroup_hierarchy) return {};
      Process moved = *known;
      moved.cgroup_id = moved_to[row];
      processes_.set(moved_pid[row], number, std::move(moved));
    } else {
      Process process = of_task(task);
      if (needs_.images) process.image = images_[view == 0 ? 0 : 1].at(row);
      set_process(std::move(process), number);
    }
    return {};
  });
}

void State::set_process(Process process, std::uint64_t number) {
  const Process* known = processes_.peek(process.pid);
  if (!known || known->ppid != process.ppid) children_.add(process.pid, process.ppid);
  const std::uint32_t pid = process.pid;
  processes_.set(pid, number, std::move(process));
}

// Its children belong to who inherits them from `number` on.
void State::end_process(std::uint32_t pid, std::uint32_t reaper, std::uint64_t number) {
  children_.remove(pid);
  processes_.erase(pid, number);
  orphans_.clear();
  children_.take_all(pid, orphans_);
  // Many children that are handed on again and again: only a hostile capture has more of them.
  reparented_ += orphans_.size();
  if (reparented_ > kMaxReparented) return;
  for (std::uint32_t child : orphans_) {
    const Process* orphan = processes_.newest(child);
    if (!orphan) continue;
    Process moved = *orphan;
    moved.ppid = reaper;
    processes_.set(child, number, std::move(moved));
    children_.add(child, reaper);
  }
}

Status State::advance_metadata(const format::Batch& batch) {
  DSE_TRY_ASSIGN(TableView table, TableView::open(batch, DSE_CONTAINER_METADATA));
  DSE_TRY_ASSIGN(TableView rmdirs, TableView::open(batch, DSE_CGROUP_RMDIR));
  DSE_TRY_ASSIGN(auto removed, rmdirs.strings("path"));
  DSE_TRY_ASSIGN(Ints removed_from, rmdirs.ints("hierarchy"));
  DSE_TRY_ASSIGN(auto path, table.strings("path"));
  DSE_TRY_ASSIGN(auto source, table.strings("source"));
  DSE_TRY_ASSIGN(auto name, table.strings("name"));
  DSE_TRY_ASSIGN(auto image, table.strings("image"));
  DSE_TRY_ASSIGN(auto digest, table.strings("imageDigest"));
  DSE_TRY_ASSIGN(auto pod_name, table.strings("podName"));
  DSE_TRY_ASSIGN(auto pod_namespace, table.strings("podNamespace"));
  DSE_TRY_ASSIGN(auto pod_uid, table.strings("podUid"));
  DSE_TRY_ASSIGN(auto labels, table.strings("labels"));
  DSE_TRY_ASSIGN(auto id, table.strings("id"));
  std::array<const TableView*, 2> views{&table, &rmdirs};
  return in_arrival_order(views, [&](std::size_t view, std::uint32_t row) -> Status {
    trace_at(views[view]->positions[row]);
    std::uint64_t number = record_number(batch, views[view]->positions[row]);
    if (view == 1) {
      if (removed_from[row] == info_.cgroup_hierarchy)
        metadata_.erase(std::string(removed[row]), number + 1);
      return {};
    }
    // A runtime says so much at most (see the recorder's own bounds).
    if (path[row].size() > DSE_PATH_MAX || labels[row].size() > kMaxLabels) return {};
    auto text = [&](const format::StringColumn& column) { return std::string(column[row]); };
    std::string key = metadata_key(path[row], container_edition_);
    // What is only called by its id (by runc alone) has it for a name where the cgroup shows another.
    bool shown = key.find(id[row]) != std::string::npos;
    std::string called = !name[row].empty() || shown ? text(name) : text(id);
    metadata_.set(key, number,
                  {text(source), called, text(image), text(digest), text(pod_name),
                   text(pod_namespace), text(pod_uid), text(labels)});
    return {};
  });
}

Status State::advance_cgroups(const format::Batch& batch) {
  DSE_TRY_ASSIGN(TableView snapshot, TableView::open(batch, DSE_CGROUP_SNAPSHOT));
  DSE_TRY_ASSIGN(TableView mkdirs, TableView::open(batch, DSE_CGROUP_MKDIR));
  DSE_TRY_ASSIGN(TableView attaches, TableView::open(batch, DSE_CGROUP_ATTACH));
  DSE_TRY_ASSIGN(TableView rmdirs, TableView::open(batch, DSE_CGROUP_RMDIR));
  std::array<const TableView*, 4> views{&snapshot, &mkdirs, &attaches, &rmdirs};
  std::array<Ints, 4> id, hierarchy;
  std::array<format::StringColumn, 4> path;
  for (std::size_t i = 0; i < views.size(); ++i) {
    DSE_TRY_ASSIGN(id[i], views[i]->ints("id"));
    DSE_TRY_ASSIGN(hierarchy[i], views[i]->ints("hierarchy"));
    DSE_TRY_ASSIGN(path[i], views[i]->strings("path"));
  }
  return in_arrival_order(views, [&](std::size_t view, std::uint32_t row) -> Status {
    if (hierarchy[view][row] != info_.cgroup_hierarchy) return {};
    trace_at(views[view]->positions[row]);
    std::uint64_t number = record_number(batch, views[view]->positions[row]);
    if (path[view][row].size() > DSE_PATH_MAX) return {};  // none is longer
    if (view == 3)
      cgroups_.erase(id[view][row], number + 1);
    else if (const Cgroup* known = cgroups_.newest(id[view][row]);
             !known || (view == 1 && known->path != path[view][row]))
      cgroups_.set(
          id[view][row], number,
          {std::string(path[view][row]), container_of_path(path[view][row], container_edition_)});
    return {};
  });
}

bool State::steady() const {
  return !processes_.changed() && !cgroups_.changed() && !metadata_.changed() &&
         !containers_.changed();
}

std::uint64_t State::holds_until(const Task& task, std::uint64_t number) const {
  std::uint64_t until = kForEver;
  auto note = [&](std::uint64_t change) { until = std::min(until, change); };
  if (needs_.processes) {
    note(processes_.holds_until(task.pid, number));
    note(processes_.holds_until(task.ppid, number));
  }
  if (needs_.ancestors)
    for_each_ancestor(task.ppid, task.start_time_ns, number, [&](const Process& parent) {
      note(processes_.holds_until(parent.ppid, number));
    });
  if (needs_.cgroups) note(cgroups_.holds_until(task.cgroup_id, number));
  if (!needs_.containers) return until;
  note(containers_.holds_until(task.cgroup_id, task.ns_pid, number));
  if (const Container* in = container(task.cgroup_id, task.ns_pid, number))
    note(metadata_.holds_until(in->key, number));
  return until;
}

const Cgroup* State::cgroup(std::uint64_t id, std::uint64_t number) const {
  return cgroups_.at(id, number);
}

const Container* State::container(std::uint64_t cgroup_id, std::uint32_t ns_pid,
                                  std::uint64_t number) const {
  if (const Cgroup* in = cgroup(cgroup_id, number); in && in->container) return in->container.get();
  if (const Container* found = containers_.by_cgroup(cgroup_id, number)) return found;
  return containers_.by_namespace(ns_pid, number);
}

const ContainerMetadata* State::metadata(const Container& container, std::uint64_t number) const {
  return metadata_.at(container.key, number);
}

const Process* State::process(std::uint32_t pid, std::uint64_t number) const {
  return processes_.at(pid, number);
}

std::string_view State::cgroup_path(std::uint64_t id, std::uint64_t number) const {
  const Cgroup* found = cgroup(id, number);
  return found ? std::string_view(found->path) : std::string_view();
}

}  // namespace dse::replay
