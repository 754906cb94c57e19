// ContainerEvent: containers that start, that end, and that exist when the capture begins.
//
// A container is what a cgroup path says (replay/container.h), or a new pid namespace with the cgroup
// of its own that its init process runs in. It starts when its init executes its program, or, where it
// shares the host's pid namespace, with the first program in its cgroup that is not the runtime setting
// things up. It ends with its init, else with its cgroup.
#include <algorithm>
#include <array>
#include <map>

#include "replay/container.h"
#include "replay/points/points.h"
#include "replay/table_view.h"

namespace dse::replay {
namespace {

using Ints = std::span<const std::uint64_t>;

// The initial pid namespace (PROC_PID_INIT_INO, include/linux/proc_ns.h).
constexpr std::uint64_t kInitialPidNamespace = 0xEFFFFFFC;

struct Container {
  std::string id;
  std::string runtime;
  std::uint64_t cgroup_id = 0;
  std::string cgroup_path;
  std::uint32_t init_pid = 0;
  std::uint64_t init_start = 0;
};

// One event to be.
struct Finding {
  std::uint32_t position;
  std::uint64_t time;
  std::uint64_t cpu;
  std::optional<std::uint64_t> task;  // row of the task table
  Container container;
  const char* phase;
  const char* evidence;
};

std::string_view leaf_of(std::string_view path) { return path.substr(path.rfind('/') + 1); }

// The runtime executes itself again inside the cgroup before it executes the container's program.
bool is_runtime_setup(std::string_view filename, std::string_view args) {
  std::size_t end = args.find('\0');
  bool init = end != std::string_view::npos && until_nul(args.substr(end + 1)) == "init";
  return init && (filename.starts_with("/proc/self/") || filename.starts_with("/dev/fd/"));
}

class ContainerEvent final : public ObservationPoint {
 public:
  ContainerEvent()
      : ObservationPoint("ContainerEvent",
                         "{container.phase} {container.id}  {container.runtime}"
                         "((  init {proc.name}[{container.init_pid}]))((  {cgroup.path}))"
                         "  ({container.evidence})") {}

  format::KindSet kinds() const override {
    using format::kind_bit;
    return kind_bit(DSE_PROCESS_EXEC) | kind_bit(DSE_PROCESS_EXIT) | kind_bit(DSE_PROCESS_FORK) |
           kind_bit(DSE_CGROUP_MKDIR) | kind_bit(DSE_CGROUP_RMDIR) | kind_bit(DSE_CGROUP_ATTACH) |
           kind_bit(DSE_PROCESS_SNAPSHOT) | kind_bit(DSE_CGROUP_SNAPSHOT);
  }

  StateNeeds use(const std::vector<std::size_t>&) override { return {true, true}; }

  void reset() override { containers_.clear(); }

  Status process(const format::Batch& batch, const State& state, EventBatch& out) override {
    std::vector<Finding> findings;
    if (batch.snapshot()) {
      DSE_TRY(find_existing(batch, state, findings));
    } else {
      DSE_TRY(find_changes(batch, state, findings));
    }
    return set_columns(batch, findings, out);
  }

 private:
  // What the task table says of one task.
  struct Tasks {
    Ints pid, ppid, vpid, ns_pid, start, cgroup;
    static Result<Tasks> open(const format::Batch& batch) {
      Tasks tasks;
      DSE_TRY_ASSIGN(tasks.pid, task_ints(batch, "pid"));
      DSE_TRY_ASSIGN(tasks.ppid, task_ints(batch, "ppid"));
      DSE_TRY_ASSIGN(tasks.vpid, task_ints(batch, "vpid"));
      DSE_TRY_ASSIGN(tasks.ns_pid, task_ints(batch, "nsPid"));
      DSE_TRY_ASSIGN(tasks.start, task_ints(batch, "startTime"));
      DSE_TRY_ASSIGN(tasks.cgroup, task_ints(batch, "cgroupId"));
      return tasks;
    }
    bool is_namespace_init(std::uint64_t task) const {
      return vpid[task] == 1 && ns_pid[task] != kInitialPidNamespace && ns_pid[task] != 0;
    }
  };

  // The container that a task is in, if it is in one. `number`: as of when.
  static std::optional<Container> identify(const Tasks& tasks, std::uint64_t task,
                                           const State& state, std::uint64_t number) {
    Container container;
    container.cgroup_id = tasks.cgroup[task];
    container.cgroup_path = state.cgroup_path(container.cgroup_id, number);
    container.init_pid = static_cast<std::uint32_t>(tasks.pid[task]);
    container.init_start = tasks.start[task];
    if (auto path = classify_cgroup_path(container.cgroup_path)) {
      container.id = path->id;
      container.runtime = path->runtime;
    } else if (tasks.is_namespace_init(task)) {
      const Process* parent = state.process(static_cast<std::uint32_t>(tasks.ppid[task]), number);
      bool own_cgroup = parent && parent->cgroup_id != container.cgroup_id;
      std::string_view leaf = leaf_of(container.cgroup_path);
      container.id = own_cgroup && !leaf.empty() ? std::string(leaf)
                                                 : "pidns-" + std::to_string(tasks.ns_pid[task]);
    } else {
      return {};
    }
    if (container.runtime.empty()) container.runtime = "unknown";
    return container;
  }

  // runc names its own processes "runc:[1:CHILD]" and "runc:[2:INIT]" until the container's program
  // takes over; the process table still has that name just before the exec.
  static void recognise_runtime(Container& container, const State& state, std::uint64_t number) {
    if (container.runtime != "unknown") return;
    const Process* before = state.process(container.init_pid, number - 1);
    if (before && before->name_view().starts_with("runc:[")) container.runtime = "runc";
  }

  Status find_existing(const format::Batch& batch, const State& state,
                       std::vector<Finding>& findings) {
    DSE_TRY_ASSIGN(TableView processes, TableView::open(batch, DSE_PROCESS_SNAPSHOT));
    if (processes.rows() == 0) return {};
    DSE_TRY_ASSIGN(Tasks tasks, Tasks::open(batch));
    DSE_TRY_ASSIGN(Ints time, processes.table()->time());
    DSE_TRY_ASSIGN(Ints cpu, processes.table()->cpu());

    // Of the processes of a container, its init: pid 1 of its namespace, else the oldest.
    std::map<std::string, std::uint32_t> init_row;
    std::map<std::uint32_t, Container> found;  // by row: the inits
    for (std::uint32_t row = 0; row < processes.rows(); ++row) {
      std::uint64_t task = processes.task[row];
      auto container = identify(tasks, task, state, 0);
      if (!container) continue;
      auto [at, is_new] = init_row.try_emplace(container->id, row);
      std::uint64_t former = processes.task[at->second];
      auto rank = [&](std::uint64_t t) {
        return std::pair(!tasks.is_namespace_init(t), tasks.start[t]);
      };
      if (!is_new && !(rank(task) < rank(former))) continue;
      if (!is_new) found.erase(at->second);
      at->second = row;
      found.emplace(row, std::move(*container));
    }
    for (auto& [row, container] : found) {
      containers_[container.id] = container;
      findings.push_back({processes.positions[row], time[row], cpu[row], processes.task[row],
                          container, "existing", "snapshot"});
    }
    return {};
  }

  Status find_changes(const format::Batch& batch, const State& state,
                      std::vector<Finding>& findings) {
    DSE_TRY_ASSIGN(TableView execs, TableView::open(batch, DSE_PROCESS_EXEC));
    DSE_TRY_ASSIGN(TableView exits, TableView::open(batch, DSE_PROCESS_EXIT));
    DSE_TRY_ASSIGN(TableView rmdirs, TableView::open(batch, DSE_CGROUP_RMDIR));
    if (execs.rows() + exits.rows() + rmdirs.rows() == 0) return {};
    DSE_TRY_ASSIGN(Tasks tasks, Tasks::open(batch));
    DSE_TRY_ASSIGN(format::StringColumn filename, execs.strings("filename"));
    DSE_TRY_ASSIGN(format::StringColumn args, execs.strings("args"));
    DSE_TRY_ASSIGN(Ints exit_flags, exits.ints("flags"));
    DSE_TRY_ASSIGN(Ints removed, rmdirs.ints("id"));
    DSE_TRY_ASSIGN(Ints hierarchy, rmdirs.ints("hierarchy"));

    std::array<const TableView*, 3> views{&execs, &exits, &rmdirs};
    std::array<Ints, 3> times, cpus;
    for (std::size_t i = 0; i < views.size(); ++i) {
      if (!views[i]->table()) continue;
      DSE_TRY_ASSIGN(times[i], views[i]->table()->time());
      DSE_TRY_ASSIGN(cpus[i], views[i]->table()->cpu());
    }
    return in_arrival_order(views, [&](std::size_t view, std::uint32_t row) -> Status {
      std::uint32_t position = views[view]->positions[row];
      std::uint64_t number = record_number(batch, position);
      std::uint64_t task = views[view]->task[row];
      auto report = [&](const Container& container, const char* phase, const char* evidence,
                        bool with_task) {
        findings.push_back({position, times[view][row], cpus[view][row],
                            with_task ? std::optional(task) : std::nullopt, container, phase,
                            evidence});
      };
      if (view == 0) {
        auto container = identify(tasks, task, state, number);
        if (!container || containers_.count(container->id) ||
            is_runtime_setup(filename[row], args[row]))
          return {};
        recognise_runtime(*container, state, number);
        containers_[container->id] = *container;
        report(*container, "started", tasks.is_namespace_init(task) ? "init_exec" : "first_exec",
               true);
        return {};
      }
      if (view == 1 && !(exit_flags[row] & DSE_EXIT_GROUP_DEAD)) return {};
      for (auto at = containers_.begin(); at != containers_.end(); ++at) {
        const Container& known = at->second;
        bool ended = view == 1 ? known.init_pid == tasks.pid[task] &&
                                     known.init_start == tasks.start[task]
                               : known.cgroup_id == removed[row] &&
                                     hierarchy[row] == state.info().cgroup_hierarchy;
        if (!ended) continue;
        report(known, "exited", view == 1 ? "init_exit" : "cgroup_rmdir", view == 1);
        containers_.erase(at);
        return {};
      }
      return {};
    });
  }

  Status set_columns(const format::Batch& batch, const std::vector<Finding>& findings,
                     EventBatch& out) const;

  // Those that run, by id; in order, so that which one an exit ends is the same everywhere.
  std::map<std::string, Container> containers_;
};

Status ContainerEvent::set_columns(const format::Batch& batch, const std::vector<Finding>& findings,
                                   EventBatch& out) const {
  std::size_t n = findings.size();
  std::vector<std::uint32_t> positions;
  for (const Finding& finding : findings) positions.push_back(finding.position);
  out.use_positions(std::move(positions));
  if (n == 0) return {};

  auto set_numbers = [&](const char* name, auto get) {
    auto& values = out.own_numbers(n);
    auto& present = out.own_flags(n);
    for (std::size_t i = 0; i < n; ++i) {
      std::optional<std::uint64_t> value = get(findings[i]);
      present[i] = value.has_value();
      values[i] = value.value_or(0);
    }
    EventColumn column;
    column.numbers = values;
    column.present = present;
    out.set_column(static_cast<std::size_t>(field(name)), column);
  };
  auto set_texts = [&](const char* name, auto get) {
    auto& values = out.own_texts(n);
    for (std::size_t i = 0; i < n; ++i)
      if (std::string text = get(findings[i]); !text.empty())
        values[i] = out.own_text(std::move(text));
    EventColumn column;
    column.texts = values;
    out.set_column(static_cast<std::size_t>(field(name)), column);
  };
  using Number = std::optional<std::uint64_t>;
  set_numbers("evt.time", [](const Finding& f) { return Number(f.time); });
  set_numbers("evt.cpu",
              [](const Finding& f) { return f.cpu == DSE_CPU_NONE ? Number() : Number(f.cpu); });
  set_texts("container.phase", [](const Finding& f) { return std::string(f.phase); });
  set_texts("container.id", [](const Finding& f) { return f.container.id; });
  set_texts("container.runtime", [](const Finding& f) { return f.container.runtime; });
  set_numbers("container.init_pid", [](const Finding& f) { return Number(f.container.init_pid); });
  set_texts("container.evidence", [](const Finding& f) { return std::string(f.evidence); });
  set_numbers("cgroup.id", [](const Finding& f) { return Number(f.container.cgroup_id); });
  set_texts("cgroup.path", [](const Finding& f) { return f.container.cgroup_path; });

  // The rest is of the task: the container's init, where it is there to be seen.
  const auto& layout = batch.tasks().layout();
  for (const Field& spec : fields()) {
    if (!spec.from.starts_with("task.") || spec.name == "cgroup.id") continue;
    auto column = static_cast<unsigned>(layout.column(spec.from.substr(5)));
    if (layout.columns[column].is_string()) {
      DSE_TRY_ASSIGN(format::StringColumn values, batch.tasks().strings(column));
      set_texts(spec.name.c_str(), [&](const Finding& f) {
        return f.task ? std::string(until_nul(values[*f.task])) : std::string();
      });
    } else {
      DSE_TRY_ASSIGN(Ints values, batch.tasks().ints(column));
      set_numbers(spec.name.c_str(),
                  [&](const Finding& f) { return f.task ? Number(values[*f.task]) : Number(); });
    }
  }
  return {};
}

}  // namespace

std::unique_ptr<ObservationPoint> container_event() { return std::make_unique<ContainerEvent>(); }

}  // namespace dse::replay
