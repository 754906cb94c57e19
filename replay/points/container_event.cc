// ContainerEvent: what becomes of containers, as replay/container_tracker.h follows them.
#include "replay/from_state.h"
#include "replay/points/derive.h"
#include "replay/points/points.h"

namespace dse::replay {
namespace {

using Number = std::optional<std::uint64_t>;

class ContainerEvent final : public ObservationPoint {
 public:
  ContainerEvent()
      : ObservationPoint("ContainerEvent",
                         "{container.phase} {container.id}  {container.runtime}"
                         "((  {container.name}))((  {container.image}))"
                         "((  {proc.name}[{proc.pid}]))((  init {container.init_pid}))"
                         "((  code={proc.exit_code}))((  killed by {proc.exit_signal}))"
                         "((  {cgroup.path}))  ({container.evidence})") {}

  // All of it comes from the state.
  format::KindSet kinds() const override { return 0; }

  StateNeeds use(const std::vector<std::size_t>& used) override {
    StateNeeds needs = ObservationPoint::use(used);
    needs.containers = true;
    return needs;
  }

  Status process(const format::Batch&, const State& state, EventBatch& out) override {
    const std::vector<ContainerFinding>& findings = state.container_findings();
    std::vector<std::uint32_t> positions;
    std::vector<std::uint64_t> tasks;
    for (const ContainerFinding& finding : findings) {
      positions.push_back(finding.position);
      tasks.push_back(finding.task);
    }
    out.use_positions(std::move(positions), std::move(tasks));
    if (findings.empty()) return {};
    set_columns(findings, state, out);
    return {};
  }

 private:
  template <typename Get>
  static EventColumn numbers(const std::vector<ContainerFinding>& findings, const EventBatch& out,
                             Get get) {
    auto& values = out.own_numbers(findings.size());
    auto& present = out.own_flags(findings.size());
    for (std::size_t i = 0; i < findings.size(); ++i) {
      Number value = get(findings[i]);
      present[i] = value.has_value();
      values[i] = value.value_or(0);
    }
    EventColumn column;
    column.numbers = values;
    column.present = present;
    return column;
  }
  template <typename Get>
  static EventColumn texts(const std::vector<ContainerFinding>& findings, const EventBatch& out,
                           Get get) {
    auto& values = out.own_texts(findings.size());
    for (std::size_t i = 0; i < findings.size(); ++i) values[i] = get(findings[i]);
    EventColumn column;
    column.texts = values;
    return column;
  }

  void set_columns(const std::vector<ContainerFinding>& findings, const State& state,
                   EventBatch& out) const {
    using Finding = ContainerFinding;
    auto set_numbers = [&](const char* name, auto get) {
      out.set_column(name, numbers(findings, out, get));
    };
    auto set_texts = [&](std::string_view name, auto get) {
      out.set_column(name, texts(findings, out, get));
    };
    set_numbers("evt.time", [](const Finding& f) { return Number(f.time); });
    set_numbers("evt.cpu",
                [](const Finding& f) { return f.cpu == DSE_CPU_NONE ? Number() : Number(f.cpu); });
    set_numbers("container.init_pid",
                [](const Finding& f) { return f.init_pid ? Number(f.init_pid) : Number(); });
    set_numbers("cgroup.id", [](const Finding& f) { return Number(f.cgroup_id); });
    set_texts("cgroup.path", [&](const Finding& f) {
      return f.cgroup_path.empty() ? std::string_view() : out.own_text(f.cgroup_path);
    });
    set_texts("container.phase", [](const Finding& f) { return std::string_view(f.phase); });
    set_texts("container.evidence", [](const Finding& f) { return std::string_view(f.evidence); });
    for (const Field& field : fields()) {
      bool of_container = field.name.starts_with("container.") || field.name.starts_with("k8s.");
      if (!of_container || field.name == "container.phase" || field.name == "container.evidence" ||
          field.name == "container.init_pid")
        continue;
      set_texts(field.name, [&](const Finding& f) {
        std::uint64_t number = record_number(out.batch(), f.position);
        std::string_view text = container_text(field.name, f.container.get(), state, number);
        // The container may be gone before the batch is shown.
        return text.data() ? out.own_text(std::string(text)) : text;
      });
    }
    EventColumn status = numbers(
        findings, out, [](const Finding& f) { return f.status ? Number(*f.status) : Number(); });
    for (const char* name : {"proc.exit_code", "proc.exit_signal"})
      out.set_column(name, exit_column(out, status, name));
  }
};

}  // namespace

std::unique_ptr<ObservationPoint> container_event() { return std::make_unique<ContainerEvent>(); }

}  // namespace dse::replay
