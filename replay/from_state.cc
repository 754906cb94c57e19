#include "replay/from_state.h"

#include <algorithm>
#include <array>
#include <unordered_map>

#include "replay/table_view.h"

namespace dse::replay {
namespace {

using Ints = std::span<const std::uint64_t>;

std::string_view present_text(std::string_view text) {
  return text.empty() ? std::string_view() : text;
}

// The text of each event, made by `make(task, number)` once for each moment. Equal texts are kept once: a
// batch may have many events of one process with long arguments.
template <typename Make>
Result<EventColumn> texts_by_task(const EventBatch& events, Make make) {
  DSE_TRY_ASSIGN(const EventBatch::Moments* moments, events.moments());
  const std::size_t n = moments->list.size();
  auto& values = events.own_texts(1);  // slot 0: missing
  std::unordered_map<std::string_view, std::uint64_t> known;
  std::vector<std::uint64_t> slots(n);  // by moment
  bool same = true;
  for (std::size_t i = 0; i < n; ++i) {
    const EventBatch::Moment& moment = moments->list[i];
    std::string_view text;
    if (moment.task != EventBatch::kNoTask) text = make(moment.task, moment.number);
    if (!text.data()) continue;
    if (std::uint64_t last = slots[i - (i != 0)]; last != 0 && values[last] == text) {
      slots[i] = last;
      continue;
    }
    auto found = known.find(text);
    if (found == known.end()) {
      values.push_back(events.own_text(std::string(text)));
      found = known.emplace(values.back(), values.size() - 1).first;
    }
    slots[i] = found->second;
  }
  for (std::uint64_t slot : slots) same = same && slot == slots[0];
  EventColumn out;
  if (same) {
    if (n != 0) values = {values[slots[0]]};
    out.index = events.same_index();
    out.texts = values;
    return out;
  }
  // Few values are worth an index of their own: who tests each value tests fewer.
  if (values.size() <= n / 4) {
    auto& index = events.own_numbers(events.size());
    for (std::uint32_t i = 0; i < events.size(); ++i) index[i] = slots[moments->index[i]];
    out.index = index;
    out.texts = values;
    return out;
  }
  auto& by_moment = events.own_texts(n);
  for (std::size_t i = 0; i < n; ++i) by_moment[i] = values[slots[i]];
  out.index = moments->index;
  out.texts = by_moment;
  return out;
}

// Names or ids of the process and its ancestors, as a list.
Result<EventColumn> ancestors(const EventBatch& events, bool names) {
  DSE_TRY_ASSIGN(Ints pid, task_ints(events.batch(), "pid"));
  DSE_TRY_ASSIGN(Ints ppid, task_ints(events.batch(), "ppid"));
  DSE_TRY_ASSIGN(Ints start, task_ints(events.batch(), "startTime"));
  DSE_TRY_ASSIGN(format::StringColumn comm, task_names(events.batch()));
  std::string list;
  return texts_by_task(events, [&](std::uint64_t task, std::uint64_t number) -> std::string_view {
    list = names ? std::string(until_nul(comm[task])) : std::to_string(pid[task]);
    list += '\0';
    events.state().for_each_ancestor(
        static_cast<std::uint32_t>(ppid[task]), start[task], number, [&](const Process& parent) {
          list += names ? std::string(parent.name_view()) : std::to_string(parent.pid);
          list += '\0';
        });
    return list;
  });
}

Result<EventColumn> parent_name(const EventBatch& events) {
  DSE_TRY_ASSIGN(Ints ppid, task_ints(events.batch(), "ppid"));
  return texts_by_task(events, [&](std::uint64_t task, std::uint64_t number) {
    const Process* parent = events.state().process(static_cast<std::uint32_t>(ppid[task]), number);
    return parent ? parent->name_view() : std::string_view();
  });
}

Result<EventColumn> image(const EventBatch& events, bool path) {
  DSE_TRY_ASSIGN(Ints pid, task_ints(events.batch(), "pid"));
  DSE_TRY_ASSIGN(Ints start, task_ints(events.batch(), "startTime"));
  std::string line;
  std::shared_ptr<const ProcessImage> of_line;
  return texts_by_task(events, [&](std::uint64_t task, std::uint64_t number) -> std::string_view {
    const Process* process = events.state().process(static_cast<std::uint32_t>(pid[task]), number);
    if (!process || !process->image || !process->started_at(start[task])) return {};
    if (path) return present_text(process->image->exepath);
    if (of_line != process->image) line = command_line(process->image->args);
    of_line = process->image;
    return present_text(line);
  });
}

Result<EventColumn> cgroup_path(const EventBatch& events) {
  DSE_TRY_ASSIGN(Ints cgroup, task_ints(events.batch(), "cgroupId"));
  return texts_by_task(events, [&](std::uint64_t task, std::uint64_t number) {
    return present_text(events.state().cgroup_path(cgroup[task], number));
  });
}

Result<EventColumn> container_field(std::string_view field, const EventBatch& events) {
  DSE_TRY_ASSIGN(Ints cgroup, task_ints(events.batch(), "cgroupId"));
  DSE_TRY_ASSIGN(Ints ns_pid, task_ints(events.batch(), "nsPid"));
  const State& state = events.state();
  return texts_by_task(events, [&](std::uint64_t task, std::uint64_t number) {
    const Container* container = state.container(cgroup[task],
                                                 static_cast<std::uint32_t>(ns_pid[task]), number);
    return container_text(field, container, state, number);
  });
}

// Whether it is the recorder's own doing.
Result<EventColumn> is_self(const EventBatch& events) {
  const std::uint64_t recorder = events.state().info().recorder_pid;
  DSE_TRY_ASSIGN(EventColumn pid, events.source_column("task.pid"));
  auto& flags = events.own_numbers(pid.numbers.size());
  for (std::size_t i = 0; i < flags.size(); ++i)
    flags[i] = recorder != 0 && pid.numbers[i] == recorder;
  pid.numbers = flags;
  pid.present = {};  // what no task did, the recorder did not
  return pid;
}

// Whose own state a source of metadata is; empty: that of one who calls another.
std::string_view runtime_of_source(std::string_view source) {
  if (source.starts_with("runc state")) return "runc";
  if (source.starts_with("crun state")) return "crun";
  return {};
}

bool is_container_field(std::string_view field) {
  return field.starts_with("container.") || field.starts_with("k8s.");
}

}  // namespace

std::string command_line(std::string_view args) {
  std::string out(args);
  if (!out.empty() && out.back() == '\0') out.pop_back();
  std::replace(out.begin(), out.end(), '\0', ' ');
  return out;
}

StateNeeds state_needs(std::string_view field) {
  StateNeeds needs;
  needs.processes = field == "proc.pname";
  needs.ancestors = field == "proc.aname" || field == "proc.apid";
  needs.images = field == "proc.exepath" || field == "proc.cmdline";
  needs.cgroups = field == "cgroup.path";
  needs.containers = is_container_field(field) || field.ends_with(".container");
  return needs;
}

std::string_view container_text(std::string_view field, const Container* container,
                                const State& state, std::uint64_t number) {
  if (!container) return {};
  if (field == "container.id") return container->id;
  if ((field == "container.runtime" && container->runtime == "unknown") ||
      (field == "container.confidence" && container->confidence != Confidence::high)) {
    // What nothing in the kernel tells, the runtime itself may have told.
    const ContainerMetadata* told = state.metadata(*container, number);
    std::string_view runtime = told ? runtime_of_source(told->source) : std::string_view();
    if (!runtime.empty()) return field == "container.runtime" ? runtime : "high";
  }
  if (field == "container.runtime") return container->runtime;
  if (field == "container.ids") return container->ids;
  if (field == "container.confidence") return confidence_name(container->confidence);
  if (field == "k8s.pod.uid" && !container->pod_uid.empty()) return container->pod_uid;
  const ContainerMetadata* metadata = state.metadata(*container, number);
  if (!metadata) return {};
  constexpr std::array<std::pair<std::string_view, std::string ContainerMetadata::*>, 8> kMembers{
      {{"container.name", &ContainerMetadata::name},
       {"container.image", &ContainerMetadata::image},
       {"container.image_digest", &ContainerMetadata::image_digest},
       {"container.labels", &ContainerMetadata::labels},
       {"container.source", &ContainerMetadata::source},
       {"k8s.pod.name", &ContainerMetadata::pod_name},
       {"k8s.ns.name", &ContainerMetadata::pod_namespace},
       {"k8s.pod.uid", &ContainerMetadata::pod_uid}}};
  for (const auto& [name, member] : kMembers)
    if (name == field) return present_text(metadata->*member);
  return {};
}

Result<EventColumn> derive_from_state(std::string_view field, const EventBatch& events) {
  if (field == "evt.self") return is_self(events);
  if (field == "proc.pname") return parent_name(events);
  if (field == "proc.aname" || field == "proc.apid")
    return ancestors(events, field == "proc.aname");
  if (field == "proc.exepath" || field == "proc.cmdline")
    return image(events, field == "proc.exepath");
  if (field == "cgroup.path") return cgroup_path(events);
  if (is_container_field(field)) return container_field(field, events);
  return EventColumn();
}

}  // namespace dse::replay
