#include "replay/container_tracker.h"

#include <algorithm>
#include <array>

#include "replay/container.h"
#include "replay/event.h"
#include "replay/state.h"
#include "replay/table_view.h"

namespace dse::replay {
namespace {

using Ints = std::span<const std::uint64_t>;

std::string_view leaf_of(std::string_view path) { return path.substr(path.rfind('/') + 1); }

std::uint32_t u32(std::uint64_t value) { return static_cast<std::uint32_t>(value); }

bool is_init_of_namespace(std::uint64_t vpid, std::uint64_t ns_pid) {
  return vpid == 1 && ns_pid != DSE_INITIAL_PID_NS && ns_pid != 0;
}

// runc calls its own processes "runc:[0:PARENT]", "runc:[1:CHILD]" and "runc:[2:INIT]", each the parent
// of the next, until the container's program takes over in the last one.
bool is_runc_stage(std::string_view name) { return name.starts_with("runc:["); }
bool is_parent_of_runc_init(std::string_view name) { return name == "runc:[1:CHILD]"; }

std::string with_dashes(std::string_view uid) {
  std::string out(uid);
  std::replace(out.begin(), out.end(), '_', '-');
  return out;
}

}  // namespace

bool is_runtime_setup(std::string_view filename, std::string_view args) {
  std::size_t end = args.find('\0');
  bool init = end != std::string_view::npos && until_nul(args.substr(end + 1)) == "init";
  return init && (filename.starts_with("/proc/self/") || filename.starts_with("/dev/fd/"));
}

std::string_view confidence_name(Confidence confidence) {
  switch (confidence) {
    case Confidence::high: return "high";
    case Confidence::medium: return "medium";
    case Confidence::low: return "low";
  }
  return "";
}

std::shared_ptr<const Container> container_of_path(std::string_view path, unsigned edition) {
  std::vector<ContainerPath> nested = classify_cgroup_path_all(path, edition);
  if (nested.empty()) return nullptr;
  auto container = std::make_shared<Container>();
  for (const ContainerPath& found : nested) {
    container->ids += std::string(found.id) + '\0';
    container->id = found.id;
    container->runtime = found.runtime.empty() ? "unknown" : found.runtime;
    container->pod_uid = with_dashes(found.pod_uid_raw);
    // Up to the end of the component that names it: what is below belongs to it.
    auto id_end = static_cast<std::size_t>(found.id.data() + found.id.size() - path.data());
    container->key = path.substr(0, path.find('/', id_end));
  }
  return container;
}

std::string metadata_key(std::string_view cgroup_path, unsigned edition) {
  auto container = container_of_path(cgroup_path, edition);
  return container ? container->key : std::string(cgroup_path);
}

// ---- the tracker ---------------------------------------------------------------------------------

void ContainerTracker::reset() { *this = ContainerTracker(); }

void ContainerTracker::set_trace(StateTrace* trace) {
  trace_ = trace;
  by_cgroup_.set_trace(trace);
  by_namespace_.set_trace(trace);
  tracked_.set_trace(trace);
  inits_.set_trace(trace);
  members_.set_trace(trace);
}

const Container* ContainerTracker::by_cgroup(std::uint64_t id, std::uint64_t number) const {
  const Shared* found = by_cgroup_.at(id, number);
  return found ? found->get() : nullptr;
}

const Container* ContainerTracker::by_namespace(std::uint32_t ns_pid, std::uint64_t number) const {
  const Shared* found = by_namespace_.at(ns_pid, number);
  return found ? found->get() : nullptr;
}

ContainerTracker::Tracked& ContainerTracker::track(const Shared& container) {
  Tracked* known = tracked_.find(container->key);
  Tracked tracked = known ? *known : Tracked();
  tracked.container = container;
  return tracked_.set(container->key, std::move(tracked));
}

void ContainerTracker::register_namespace(Tracked& tracked, std::uint32_t ns_pid,
                                          std::uint64_t number) {
  if (ns_pid == 0 || ns_pid == DSE_INITIAL_PID_NS) return;
  if (by_namespace_.size() >= kMaxNamespaces) return;
  tracked.ns_pid = ns_pid;
  by_namespace_.set(ns_pid, number, tracked.container);
}

void ContainerTracker::forget(const std::string& key) {
  const Tracked* tracked = tracked_.find(key);
  if (tracked && tracked->init_pid) inits_.erase(tracked->init_pid);
  tracked_.erase(key);
}

bool ContainerTracker::is_member(std::uint32_t pid, std::uint64_t start,
                                 const Container& container) {
  const Member* found = members_.find(pid);
  return found && found->start == start && found->container->key == container.key;
}

// What the task table says of the tasks of a batch.
struct ContainerTracker::Tasks {
  Ints pid, ppid, vpid, ns_pid, start, cgroup;
  format::StringColumn comm;

  static Result<Tasks> open(const format::Batch& batch) {
    Tasks tasks;
    DSE_TRY_ASSIGN(tasks.pid, task_ints(batch, "pid"));
    DSE_TRY_ASSIGN(tasks.ppid, task_ints(batch, "ppid"));
    DSE_TRY_ASSIGN(tasks.vpid, task_ints(batch, "vpid"));
    DSE_TRY_ASSIGN(tasks.ns_pid, task_ints(batch, "nsPid"));
    DSE_TRY_ASSIGN(tasks.start, task_ints(batch, "startTime"));
    DSE_TRY_ASSIGN(tasks.cgroup, task_ints(batch, "cgroupId"));
    DSE_TRY_ASSIGN(tasks.comm, task_names(batch));
    return tasks;
  }
};

// One batch: its records, and what they make of the tracker.
class ContainerTracker::Walk {
 public:
  Walk(ContainerTracker& tracker, const format::Batch& batch, const State& state)
      : tracker_(tracker), batch_(batch), state_(state) {}

  Status existing();
  Status changes();

 private:
  // A process, whoever tells of it.
  struct Subject {
    std::uint32_t pid, ppid;
    std::uint64_t start, cgroup, vpid, ns_pid;
    bool runc_stage;  // runc has not become the container's program yet
  };

  Subject subject_of(std::uint64_t task) const {
    return {u32(tasks_.pid[task]),
            u32(tasks_.ppid[task]),
            tasks_.start[task],
            tasks_.cgroup[task],
            tasks_.vpid[task],
            tasks_.ns_pid[task],
            false};
  }
  std::string_view path_of(std::uint64_t cgroup) const {
    return state_.cgroup_path(cgroup, number_);
  }
  Shared known_container(const Subject& subject) const;
  Shared new_container(const Subject& subject) const;
  Tracked& adopt(const Shared& container, const Subject& subject);
  void set_init(Tracked& tracked, const Subject& subject);
  void report(const Tracked& tracked, const char* phase, const char* evidence, std::uint64_t task,
              std::optional<std::uint32_t> status = {});

  Status on_fork(std::uint32_t row);
  Status on_exec(std::uint32_t row);
  Status on_exit(std::uint32_t row);
  Status on_mkdir(std::uint32_t row);
  Status on_rmdir(std::uint32_t row);
  void end(Tracked& tracked, const char* evidence, std::uint64_t task,
           std::optional<std::uint32_t> status);

  Status open(TableView& view, format::Kind kind);
  void set_phase(Tracked& tracked, Phase phase) {
    tracker_.tracked_.change(tracked.container->key);
    tracked.phase = phase;
  }
  void trace_at(std::uint32_t position) {
    if (tracker_.trace_) tracker_.trace_->at_position(position);
  }

  ContainerTracker& tracker_;
  const format::Batch& batch_;
  const State& state_;
  Tasks tasks_;
  // The record at hand.
  std::uint32_t position_ = 0;
  std::uint64_t number_ = 0;
  std::uint64_t time_ = 0, cpu_ = 0;

  TableView forks_, execs_, exits_, mkdirs_, rmdirs_;
  Ints child_pid_, child_tid_, child_ppid_, child_vpid_, child_ns_pid_, child_start_, child_cgroup_;
  format::StringColumn filename_, args_;
  Ints exit_flags_, exit_status_;
  Ints made_, made_in_, made_below_, removed_, removed_from_;
};

Status ContainerTracker::Walk::open(TableView& view, format::Kind kind) {
  DSE_TRY_ASSIGN(view, TableView::open(batch_, kind));
  return {};
}

// The container that a process is in, if it is in one that is known.
ContainerTracker::Shared ContainerTracker::Walk::known_container(const Subject& subject) const {
  if (const Cgroup* cgroup = state_.cgroup(subject.cgroup, number_); cgroup && cgroup->container)
    return cgroup->container;
  if (const Shared* found = tracker_.by_cgroup_.newest(subject.cgroup)) return *found;
  const Shared* found = tracker_.by_namespace_.newest(subject.ns_pid);
  if (!found) return nullptr;
  // The kernel uses the numbers of namespaces again; another init is that of another one.
  if (is_init_of_namespace(subject.vpid, subject.ns_pid)) {
    const std::string* init = tracker_.inits_.find(subject.pid);
    if (!init || *init != (*found)->key) return nullptr;
  }
  return *found;
}

// One that nothing but this process tells of: the init of a pid namespace, or a program that runc is
// about to start. Its id is the leaf of its cgroup, if that is not the one of its parent too.
ContainerTracker::Shared ContainerTracker::Walk::new_container(const Subject& subject) const {
  const Process* parent = state_.process(subject.ppid, number_);
  std::string_view leaf = leaf_of(path_of(subject.cgroup));
  bool own_cgroup = parent && parent->cgroup_id != subject.cgroup && !leaf.empty();
  bool init = is_init_of_namespace(subject.vpid, subject.ns_pid);
  if (!init && !(subject.runc_stage && own_cgroup)) return nullptr;
  auto container = std::make_shared<Container>();
  container->id = own_cgroup ? std::string(leaf) : "pidns-" + std::to_string(subject.ns_pid);
  container->key = own_cgroup ? std::string(path_of(subject.cgroup)) : container->id;
  container->ids = container->id + '\0';
  container->runtime = subject.runc_stage ? "runc" : "unknown";
  container->confidence = subject.runc_stage ? Confidence::high
                          : own_cgroup       ? Confidence::medium
                                             : Confidence::low;
  return container;
}

// Tracks a container that `subject` is in.
ContainerTracker::Tracked& ContainerTracker::Walk::adopt(const Shared& container,
                                                         const Subject& subject) {
  Tracked& tracked = tracker_.track(container);
  std::string_view path = path_of(subject.cgroup);
  const Cgroup* cgroup = state_.cgroup(subject.cgroup, number_);
  tracked.has_path = cgroup && cgroup->container;
  if (tracked.cgroup_path.empty()) {
    tracked.cgroup_path = path;
    tracked.cgroup_id = subject.cgroup;
  }
  if (!tracked.has_path && path == container->key)
    tracker_.by_cgroup_.set(subject.cgroup, number_, container);
  return tracked;
}

void ContainerTracker::Walk::set_init(Tracked& tracked, const Subject& subject) {
  tracker_.tracked_.change(tracked.container->key);
  if (tracked.init_pid) tracker_.inits_.erase(tracked.init_pid);
  tracked.init_pid = subject.pid;
  tracked.init_start = subject.start;
  tracker_.inits_.set(subject.pid, tracked.container->key);
  tracker_.register_namespace(tracked, u32(subject.ns_pid), number_);
}

void ContainerTracker::Walk::report(const Tracked& tracked, const char* phase, const char* evidence,
                                    std::uint64_t task, std::optional<std::uint32_t> status) {
  tracker_.findings_.push_back({position_, time_, cpu_, task, tracked.container,
                                tracked.cgroup_path, tracked.cgroup_id, tracked.init_pid, phase,
                                evidence, status});
}

// ---- the snapshot --------------------------------------------------------------------------------

Status ContainerTracker::Walk::existing() {
  TableView processes;
  DSE_TRY(open(processes, DSE_PROCESS_SNAPSHOT));
  if (processes.rows() == 0) return {};
  DSE_TRY_ASSIGN(tasks_, Tasks::open(batch_));
  DSE_TRY_ASSIGN(Ints time, processes.table()->time());
  DSE_TRY_ASSIGN(Ints cpu, processes.table()->cpu());

  // The inits of namespaces first: they make containers known that no path tells of.
  for (bool inits : {true, false}) {
    for (std::uint32_t row = 0; row < processes.rows(); ++row) {
      trace_at(processes.positions[row]);
      std::uint64_t task = processes.task[row];
      Subject subject = subject_of(task);
      if (is_init_of_namespace(subject.vpid, subject.ns_pid) != inits) continue;
      Shared container = known_container(subject);
      if (!container && inits) container = new_container(subject);
      if (!container) continue;
      tracker_.members_.set(subject.pid, {subject.start, container});
      bool is_new = !tracker_.tracked_.contains(container->key);
      Tracked& tracked = adopt(container, subject);
      tracked.phase = Phase::started;
      // Of the processes of a container, its init: the oldest pid 1 of a namespace, else the oldest.
      bool older = subject.start < tracked.init_start && (inits || !tracked.ns_pid);
      if (is_new || older) set_init(tracked, subject);
    }
  }
  for (std::uint32_t row = 0; row < processes.rows(); ++row) {
    trace_at(processes.positions[row]);
    Subject subject = subject_of(processes.task[row]);
    const std::string* init = tracker_.inits_.find(subject.pid);
    const Tracked* known = init ? tracker_.tracked_.find(*init) : nullptr;
    if (!known || known->init_start != subject.start) continue;
    const Tracked& tracked = *known;
    position_ = processes.positions[row];
    time_ = time[row];
    cpu_ = cpu[row];
    report(tracked, "existing", "snapshot", processes.task[row]);
  }
  return {};
}

// ---- the stream ----------------------------------------------------------------------------------

Status ContainerTracker::Walk::changes() {
  DSE_TRY(open(forks_, DSE_PROCESS_FORK));
  DSE_TRY(open(execs_, DSE_PROCESS_EXEC));
  DSE_TRY(open(exits_, DSE_PROCESS_EXIT));
  DSE_TRY(open(mkdirs_, DSE_CGROUP_MKDIR));
  DSE_TRY(open(rmdirs_, DSE_CGROUP_RMDIR));
  std::array<const TableView*, 5> views{&forks_, &execs_, &exits_, &mkdirs_, &rmdirs_};
  if (std::all_of(views.begin(), views.end(), [](auto* view) { return view->rows() == 0; }))
    return {};
  DSE_TRY_ASSIGN(tasks_, Tasks::open(batch_));
  DSE_TRY_ASSIGN(child_pid_, forks_.ints("childPid"));
  DSE_TRY_ASSIGN(child_tid_, forks_.ints("childTid"));
  DSE_TRY_ASSIGN(child_ppid_, forks_.ints("childPpid"));
  DSE_TRY_ASSIGN(child_vpid_, forks_.ints("childVpid"));
  DSE_TRY_ASSIGN(child_ns_pid_, forks_.ints("childNsPid"));
  DSE_TRY_ASSIGN(child_start_, forks_.ints("childStartTime"));
  DSE_TRY_ASSIGN(child_cgroup_, forks_.ints("childCgroupId"));
  DSE_TRY_ASSIGN(filename_, execs_.strings("filename"));
  DSE_TRY_ASSIGN(args_, execs_.strings("args"));
  DSE_TRY_ASSIGN(exit_flags_, exits_.ints("flags"));
  DSE_TRY_ASSIGN(exit_status_, exits_.ints("status"));
  DSE_TRY_ASSIGN(made_, mkdirs_.ints("id"));
  DSE_TRY_ASSIGN(made_in_, mkdirs_.ints("hierarchy"));
  DSE_TRY_ASSIGN(made_below_, mkdirs_.ints("parentId"));
  DSE_TRY_ASSIGN(removed_, rmdirs_.ints("id"));
  DSE_TRY_ASSIGN(removed_from_, rmdirs_.ints("hierarchy"));
  std::array<Ints, 5> times, cpus;
  for (std::size_t i = 0; i < views.size(); ++i) {
    if (!views[i]->table()) continue;
    DSE_TRY_ASSIGN(times[i], views[i]->table()->time());
    DSE_TRY_ASSIGN(cpus[i], views[i]->table()->cpu());
  }
  constexpr std::array<Status (Walk::*)(std::uint32_t), 5> kOn{
      &Walk::on_fork, &Walk::on_exec, &Walk::on_exit, &Walk::on_mkdir, &Walk::on_rmdir};
  return in_arrival_order(views, [&](std::size_t view, std::uint32_t row) -> Status {
    position_ = views[view]->positions[row];
    trace_at(position_);
    number_ = record_number(batch_, position_);
    time_ = times[view][row];
    cpu_ = cpus[view][row];
    return (this->*kOn[view])(row);
  });
}

Status ContainerTracker::Walk::on_fork(std::uint32_t row) {
  if (child_pid_[row] != child_tid_[row]) return {};  // a thread
  std::uint64_t task = forks_.task[row];
  Subject child{u32(child_pid_[row]),
                u32(child_ppid_[row] ? child_ppid_[row] : tasks_.pid[task]),
                child_start_[row],
                child_cgroup_[row],
                child_vpid_[row],
                child_ns_pid_[row],
                is_parent_of_runc_init(until_nul(tasks_.comm[task]))};
  const Member* parent = tracker_.members_.find(u32(tasks_.pid[task]));
  if (parent && parent->start == tasks_.start[task])
    tracker_.members_.set(child.pid, {child.start, Shared(parent->container)});
  else
    tracker_.members_.erase(child.pid);  // another process had this number

  bool init = is_init_of_namespace(child.vpid, child.ns_pid) && child.ns_pid != tasks_.ns_pid[task];
  if (!init && !child.runc_stage) return {};
  if (init) tracker_.by_namespace_.erase(child.ns_pid, number_);  // of one that has gone
  Shared container = known_container(child);
  if (!container && !child.runc_stage) return {};  // what it is shows when it executes something
  if (!container) container = new_container(child);
  if (!container) return {};
  Tracked* known = tracker_.tracked_.find(container->key);
  if (known && known->phase == Phase::started) return {};
  bool is_new = !known || known->phase == Phase::exited;
  Tracked& tracked = known ? *known : adopt(container, child);
  if (is_new && !child.runc_stage && !tracked.has_path) return {};
  set_phase(tracked, Phase::created);
  if (init || child.runc_stage) set_init(tracked, child);
  if (is_new) report(tracked, "created", init ? "pidns_init" : "runtime_init", EventBatch::kNoTask);
  return {};
}

Status ContainerTracker::Walk::on_exec(std::uint32_t row) {
  std::uint64_t task = execs_.task[row];
  Subject subject = subject_of(task);
  bool init = is_init_of_namespace(subject.vpid, subject.ns_pid);
  const Process* before = state_.process(subject.pid, number_ - 1);
  subject.runc_stage = before && is_runc_stage(before->name_view());
  Shared container = known_container(subject);
  if (!container && (init || subject.runc_stage)) container = new_container(subject);
  if (!container || is_runtime_setup(filename_[row], args_[row])) return {};

  Tracked* known = tracker_.tracked_.find(container->key);
  Tracked& tracked = known ? *known : adopt(container, subject);
  // A cgroup that stays may have another container's life in it.
  if (tracked.phase == Phase::exited && init && subject.ns_pid != tracked.ns_pid) {
    set_phase(tracked, Phase::created);
    tracked.ns_pid = 0;
  }
  switch (tracked.phase) {
    case Phase::created: {
      // With a namespace of its own, what else runs before its init does belongs to the setup (hooks).
      bool awaits_init = tracked.ns_pid != 0;
      bool is_it = tracked.init_pid == subject.pid && tracked.init_start == subject.start;
      if (awaits_init && !is_it) return {};
      if (!is_it) set_init(tracked, subject);
      set_phase(tracked, Phase::started);
      tracker_.members_.set(subject.pid, {subject.start, container});
      report(tracked, "started", init ? "init_exec" : "first_exec", task);
      return {};
    }
    case Phase::started:
      if (tracker_.is_member(subject.pid, subject.start, *container)) return {};
      tracker_.members_.set(subject.pid, {subject.start, container});
      report(tracked, "exec", "entered", task);
      return {};
    case Phase::exited: return {};
  }
  return {};
}

void ContainerTracker::Walk::end(Tracked& tracked, const char* evidence, std::uint64_t task,
                                 std::optional<std::uint32_t> status) {
  if (tracked.phase == Phase::exited) return;
  set_phase(tracked, Phase::exited);
  report(tracked, "exited", evidence, task, status);
}

Status ContainerTracker::Walk::on_exit(std::uint32_t row) {
  if (!(exit_flags_[row] & DSE_EXIT_GROUP_DEAD)) return {};
  std::uint64_t task = exits_.task[row];
  std::uint32_t pid = u32(tasks_.pid[task]);
  tracker_.members_.erase(pid);
  const std::string* init = tracker_.inits_.find(pid);
  Tracked* known = init ? tracker_.tracked_.find(*init) : nullptr;
  if (!known || known->init_start != tasks_.start[task]) return {};
  // Also one that never executed the program: what runc leaves behind when starting failed.
  Tracked& tracked = *known;
  end(tracked, "init_exit", task, u32(exit_status_[row]));
  // One with a cgroup of its own is there until that goes, for what is left in it.
  if (tracked.container->key == tracked.container->id) tracker_.forget(tracked.container->id);
  return {};
}

Status ContainerTracker::Walk::on_mkdir(std::uint32_t row) {
  if (made_in_[row] != state_.info().cgroup_hierarchy) return {};
  const Cgroup* cgroup = state_.cgroup(made_[row], number_);
  if (cgroup && cgroup->container) {
    // Not those below its own, nor one that is there again for what has been there all the time.
    const std::string& key = cgroup->container->key;
    if (cgroup->path != key || tracker_.tracked_.contains(key)) return {};
    Tracked& tracked = tracker_.track(cgroup->container);
    tracked.has_path = true;
    tracked.cgroup_id = made_[row];
    tracked.cgroup_path = cgroup->path;
    report(tracked, "created", "cgroup_mkdir", EventBatch::kNoTask);
  } else if (const Shared* around = tracker_.by_cgroup_.newest(made_below_[row])) {
    Shared container = *around;
    tracker_.by_cgroup_.set(made_[row], number_, container);
  }
  return {};
}

Status ContainerTracker::Walk::on_rmdir(std::uint32_t row) {
  if (removed_from_[row] != state_.info().cgroup_hierarchy) return {};
  tracker_.by_cgroup_.erase(removed_[row], number_ + 1);
  const std::string key(path_of(removed_[row]));
  Tracked* tracked = tracker_.tracked_.find(key);
  if (!tracked) return {};
  end(*tracked, "cgroup_rmdir", EventBatch::kNoTask, {});
  tracker_.forget(key);
  return {};
}

Status ContainerTracker::advance(const format::Batch& batch, const State& state) {
  std::uint64_t first = record_number(batch, 0);
  by_cgroup_.settle(first);
  by_namespace_.settle(first);
  findings_.clear();
  Walk walk(*this, batch, state);
  return batch.snapshot() ? walk.existing() : walk.changes();
}

}  // namespace dse::replay
