#include "replay/state.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "replay/table_view.h"

namespace dse::replay {
namespace {

using Ints = std::span<const std::uint64_t>;

std::uint32_t u32(std::uint64_t value) { return static_cast<std::uint32_t>(value); }

void set_name(Process& process, std::string_view comm) {
  std::memcpy(process.name, comm.data(), std::min(comm.size(), sizeof(process.name)));
}

}  // namespace

std::string_view Process::name_view() const {
  return until_nul(std::string_view(name, sizeof(name)));
}

format::KindSet State::kinds() const {
  using format::kind_bit;
  format::KindSet kinds = kind_bit(DSE_CLOCK_SAMPLE);
  if (needs_.processes)
    kinds |= kind_bit(DSE_PROCESS_FORK) | kind_bit(DSE_PROCESS_EXEC) | kind_bit(DSE_PROCESS_EXIT) |
             kind_bit(DSE_PROCESS_SNAPSHOT) | kind_bit(DSE_CGROUP_ATTACH);
  if (needs_.cgroups)
    kinds |= kind_bit(DSE_CGROUP_MKDIR) | kind_bit(DSE_CGROUP_RMDIR) | kind_bit(DSE_CGROUP_ATTACH) |
             kind_bit(DSE_CGROUP_SNAPSHOT);
  return kinds;
}

void State::reset(const format::SegmentInfo& info) {
  info_ = info;
  arch_ = arch_from_machine(info.machine);
  processes_.clear();
  cgroups_.clear();
  clock_.assign(1, {0, info.real_time - info.boot_time});
}

Status State::advance(const format::Batch& batch) {
  std::uint64_t first = record_number(batch, 0);
  processes_.settle(first);
  cgroups_.settle(first);
  if (clock_.size() > 1) clock_.erase(clock_.begin(), clock_.end() - 1);
  DSE_TRY(advance_clock(batch));
  if (needs_.processes) DSE_TRY(advance_processes(batch));
  if (needs_.cgroups) DSE_TRY(advance_cgroups(batch));
  return {};
}

Status State::advance_clock(const format::Batch& batch) {
  const format::Table* table = batch.table(DSE_CLOCK_SAMPLE);
  if (!table) return {};
  DSE_TRY_ASSIGN(TableView samples, TableView::open(batch, DSE_CLOCK_SAMPLE));
  DSE_TRY_ASSIGN(Ints real, samples.ints("real"));
  DSE_TRY_ASSIGN(Ints boot, table->time());
  for (std::uint32_t row = 0; row < samples.rows(); ++row)
    clock_.push_back({record_number(batch, samples.positions[row]), real[row] - boot[row]});
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
  DSE_TRY_ASSIGN(format::StringColumn comm, task_names(batch));
  DSE_TRY_ASSIGN(Ints child_pid, forks.ints("childPid"));
  DSE_TRY_ASSIGN(Ints child_tid, forks.ints("childTid"));
  DSE_TRY_ASSIGN(Ints child_start, forks.ints("childStartTime"));
  DSE_TRY_ASSIGN(Ints child_cgroup, forks.ints("childCgroupId"));
  DSE_TRY_ASSIGN(Ints exit_flags, exits.ints("flags"));
  DSE_TRY_ASSIGN(Ints moved_pid, attaches.ints("pid"));
  DSE_TRY_ASSIGN(Ints moved_to, attaches.ints("id"));
  DSE_TRY_ASSIGN(Ints moved_in, attaches.ints("hierarchy"));

  auto of_task = [&](std::uint64_t task) {
    Process process{u32(pid[task]), u32(ppid[task]), start[task], cgroup[task], {}};
    set_name(process, comm[task]);
    return process;
  };
  std::array<const TableView*, 5> views{&snapshot, &forks, &execs, &exits, &attaches};
  return in_arrival_order(views, [&](std::size_t view, std::uint32_t row) -> Status {
    std::uint64_t number = record_number(batch, views[view]->positions[row]);
    std::uint64_t task = views[view]->task[row];
    if (view == 1) {
      if (child_pid[row] != child_tid[row]) return {};  // a thread
      Process child{u32(child_pid[row]), u32(pid[task]), child_start[row], child_cgroup[row], {}};
      set_name(child, comm[task]);
      processes_.set(child.pid, number, child);
      // A fork also tells what its parent is called now.
      const Process* parent = processes_.newest(pid[task]);
      Process current = of_task(task);
      if (pid[task] == tid[task] && (!parent || parent->name_view() != current.name_view()))
        processes_.set(current.pid, number, current);
    } else if (view == 3) {
      const Process* known = processes_.newest(pid[task]);
      bool same = known && known->start_time_ns == start[task];
      if (same && (exit_flags[row] & DSE_EXIT_GROUP_DEAD)) processes_.erase(pid[task], number + 1);
    } else if (view == 4) {
      const Process* known = processes_.newest(moved_pid[row]);
      if (!known || moved_in[row] != info_.cgroup_hierarchy) return {};
      Process moved = *known;
      moved.cgroup_id = moved_to[row];
      processes_.set(moved.pid, number, moved);
    } else {
      processes_.set(pid[task], number, of_task(task));
    }
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
    std::uint64_t number = record_number(batch, views[view]->positions[row]);
    if (view == 3)
      cgroups_.erase(id[view][row], number + 1);
    else if (!cgroups_.newest(id[view][row]) ||
             (view == 1 && *cgroups_.newest(id[view][row]) != path[view][row]))
      cgroups_.set(id[view][row], number, std::string(path[view][row]));
    return {};
  });
}

const Process* State::process(std::uint32_t pid, std::uint64_t number) const {
  return processes_.at(pid, number);
}

std::string_view State::cgroup_path(std::uint64_t id, std::uint64_t number) const {
  const std::string* path = cgroups_.at(id, number);
  return path ? std::string_view(*path) : std::string_view();
}

std::uint64_t State::real_time(std::uint64_t boot_ns, std::uint64_t number) const {
  for (std::size_t i = clock_.size(); i-- > 0;)
    if (clock_[i].from <= number || i == 0) return boot_ns + clock_[i].offset;
  return boot_ns;
}

}  // namespace dse::replay
