// ProcessExited: processes that end, with their last thread.
#include <array>

#include "replay/names.h"
#include "replay/points/derive.h"
#include "replay/points/points.h"
#include "replay/table_view.h"

namespace dse::replay {
namespace {

class ProcessExited final : public ObservationPoint {
 public:
  ProcessExited()
      : ObservationPoint("ProcessExited",
                         "{proc.name}[{proc.pid}]((  code={proc.exit_code}))"
                         "((  killed by {proc.exit_signal}))((  in {container.id}))"
                         "  after {proc.duration}((  {proc.cmdline}))") {}

  format::KindSet kinds() const override { return format::kind_bit(DSE_PROCESS_EXIT); }
  bool remembers() const override { return true; }
  void reset() override { recent_.fill({}); }

  Status process(const format::Batch& batch, const State&, EventBatch& out) override {
    DSE_TRY_ASSIGN(TableView exits, TableView::open(batch, DSE_PROCESS_EXIT));
    if (exits.rows() == 0) return {};
    DSE_TRY_ASSIGN(auto flags, exits.ints("flags"));
    DSE_TRY_ASSIGN(auto pid, task_ints(batch, "pid"));
    DSE_TRY_ASSIGN(auto start, task_ints(batch, "startTime"));
    std::vector<std::uint32_t> rows;
    for (std::uint32_t row = 0; row < exits.rows(); ++row) {
      if (!(flags[row] & DSE_EXIT_GROUP_DEAD)) continue;
      // Two threads that end at the same moment may both be told to be the last.
      std::pair process(pid[exits.task[row]], start[exits.task[row]]);
      if (std::find(recent_.begin(), recent_.end(), process) != recent_.end()) continue;
      recent_[next_++ % recent_.size()] = process;
      rows.push_back(row);
    }
    return out.use_rows(exits.table(), std::move(rows));
  }

  Status derive(const Field& field, const EventBatch& events, EventColumn& out) const override {
    if (field.name == "proc.duration") return duration(events, out);
    if (field.name == "proc.maxrss") {
      DSE_TRY_ASSIGN(EventColumn pages, events.source_column("maxRss"));
      auto& bytes = events.own_numbers(events.size());
      auto& present = events.own_flags(events.size());
      for (std::uint32_t i = 0; i < events.size(); ++i) {
        bytes[i] = pages.numbers[pages.slot(i)] * events.state().info().page_size;
        present[i] = bytes[i] != 0;
      }
      out.numbers = bytes;
      out.present = present;
      return {};
    }
    if (!field.name.starts_with("proc.exit_") && field.name != "proc.core_dumped") return {};
    DSE_TRY_ASSIGN(EventColumn status, events.source_column("status"));
    out = exit_column(events, status, field.name);
    return {};
  }

 private:
  static Status duration(const EventBatch& events, EventColumn& out) {
    DSE_TRY_ASSIGN(EventColumn start, events.source_column("task.startTime"));
    DSE_TRY_ASSIGN(const EventColumn* time,
                   events.column(static_cast<std::size_t>(events.point().field("evt.time"))));
    auto& spans = events.own_numbers(events.size());
    for (std::uint32_t i = 0; i < events.size(); ++i)
      spans[i] = time->numbers[time->slot(i)] - start.numbers[start.slot(i)];
    out.numbers = spans;
    return {};
  }

  std::array<std::pair<std::uint64_t, std::uint64_t>, 16> recent_{};  // pid and start
  std::size_t next_ = 0;
};

}  // namespace

std::unique_ptr<ObservationPoint> process_exited() { return std::make_unique<ProcessExited>(); }

}  // namespace dse::replay
