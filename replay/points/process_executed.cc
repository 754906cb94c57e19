// ProcessExecuted: every exec that succeeded.
#include "replay/points/derive.h"
#include "replay/points/points.h"
#include "replay/table_view.h"

namespace dse::replay {
namespace {

// Where argv[0] ends, its NUL included.
std::size_t first_argument(std::string_view args) {
  std::size_t end = args.find('\0');
  return end == std::string_view::npos ? args.size() : end + 1;
}

std::string command_line(std::string_view args) {
  std::string out(args);
  if (!out.empty() && out.back() == '\0') out.pop_back();
  for (char& c : out)
    if (c == '\0') c = ' ';
  return out;
}

class ProcessExecuted final : public ObservationPoint {
 public:
  ProcessExecuted()
      : ObservationPoint("ProcessExecuted",
                         "{proc.name}[{proc.pid}]((  by {proc.pname}[{proc.ppid}]))  "
                         "uid={user.uid}  {proc.cmdline}") {}

  format::KindSet kinds() const override { return format::kind_bit(DSE_PROCESS_EXEC); }

  Status process(const format::Batch& batch, const State&, EventBatch& out) override {
    return out.use_table(batch.table(DSE_PROCESS_EXEC));
  }

  Status derive(const Field& field, const EventBatch& events, EventColumn& out) const override {
    if (field.name == "proc.pname") return parent_names(events, out);
    DSE_TRY_ASSIGN(TableView execs, TableView::open(events.batch(), DSE_PROCESS_EXEC));
    if (field.name == "proc.args_cut") {
      DSE_TRY_ASSIGN(auto flags, execs.ints("flags"));
      auto& values = events.own_numbers(flags.size());
      for (std::size_t i = 0; i < values.size(); ++i) values[i] = flags[i] != 0;
      out.numbers = values;
      return {};
    }
    DSE_TRY_ASSIGN(format::StringColumn args, execs.strings("args"));
    if (field.name == "proc.exe")
      out = map_strings(events, args, [](std::string_view a) { return a.substr(0, a.find('\0')); });
    else if (field.name == "proc.args")
      out = map_strings(events, args,
                        [](std::string_view a) { return a.substr(first_argument(a)); });
    else if (field.name == "proc.cmdline")
      out = map_strings(events, args,
                        [&](std::string_view a) { return events.own_text(command_line(a)); });
    return {};
  }

 private:
  static Status parent_names(const EventBatch& events, EventColumn& out) {
    DSE_TRY_ASSIGN(auto task, events.table()->task());
    DSE_TRY_ASSIGN(auto ppid, task_ints(events.batch(), "ppid"));
    auto& names = events.own_texts(events.size());
    for (std::uint32_t i = 0; i < events.size(); ++i) {
      auto parent = static_cast<std::uint32_t>(ppid[task[i]]);
      if (const Process* known = events.state().process(parent, events.number(i)))
        names[i] = known->name_view();
    }
    out.texts = names;
    return {};
  }
};

}  // namespace

std::unique_ptr<ObservationPoint> process_executed() { return std::make_unique<ProcessExecuted>(); }

}  // namespace dse::replay
