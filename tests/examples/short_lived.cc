// An observation point of one's own: processes that ended within 100 ms of their exec.
//
//   short_lived CAPTURE...            one line of JSON per event
//   short_lived --text CAPTURE...     for people, and a sum at the end
#include <dse/dse.h>

#include <array>
#include <cstdint>
#include <iostream>
#include <span>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace {

using Ints = std::span<const std::uint64_t>;

class ShortLivedProcess final : public dse::ObservationPoint {
 public:
  // Own fields come on top of those that every point has (evt.*, proc.name, user.uid, cgroup.path, …).
  // The one with `from` is that column of process_exit; the others are set below.
  ShortLivedProcess()
      : ObservationPoint(
            "ShortLivedProcess",
            "{proc.name}[{proc.pid}]  lived {life.time_ns} ns  status={life.status}  "
            "{life.filename}",
            {{.name = "life.time_ns", .type = dse::FieldType::number, .unit = "ns"},
             {.name = "life.filename", .type = dse::FieldType::text},
             {.name = "life.status", .type = dse::FieldType::number, .from = "status"}}) {}

  // What this is made of. Recorders and readers leave out what no point asks for.
  dse::KindSet kinds() const override {
    return dse::kind_bit(DSE_PROCESS_EXEC) | dse::kind_bit(DSE_PROCESS_EXIT);
  }

  dse::Status process(const dse::Batch& batch, const dse::State&, dse::EventBatch& out) override {
    DSE_TRY_ASSIGN(auto execs, dse::TableView::open(batch, DSE_PROCESS_EXEC));
    DSE_TRY_ASSIGN(auto exits, dse::TableView::open(batch, DSE_PROCESS_EXIT));
    if (execs.rows() + exits.rows() == 0) return {};
    DSE_TRY_ASSIGN(Ints pid, dse::task_ints(batch, "pid"));
    DSE_TRY_ASSIGN(auto filename, execs.strings("filename"));
    DSE_TRY_ASSIGN(Ints exec_time, execs.time());
    DSE_TRY_ASSIGN(Ints exit_time, exits.time());
    DSE_TRY_ASSIGN(Ints exit_flags, exits.ints("flags"));

    // The events are some of the rows of process_exit; these are the values that go with them.
    std::vector<std::uint32_t> rows;
    auto& times = out.own_numbers(0);
    auto& filenames = out.own_texts(0);
    std::array<const dse::TableView*, 2> views{&execs, &exits};
    auto visit = [&](std::size_t view, std::uint32_t row) -> dse::Status {
      if (view == 0) {
        running_[pid[execs.task[row]]] = {exec_time[row], std::string(filename[row])};
        return {};
      }
      if (!(exit_flags[row] & DSE_EXIT_GROUP_DEAD)) return {};  // only a thread
      auto ended = running_.extract(pid[exits.task[row]]);
      if (!ended) return {};  // its exec was before the capture, or it had none
      auto& [start_ns, path] = ended.mapped();
      if (exit_time[row] - start_ns > kLimitNs) return {};
      rows.push_back(row);
      times.push_back(exit_time[row] - start_ns);
      filenames.push_back(out.own_text(std::move(path)));
      return {};
    };
    DSE_TRY(dse::in_arrival_order(views, visit));
    DSE_TRY(out.use_rows(exits.table(), std::move(rows)));
    out.set_column("life.time_ns", {.numbers = times});
    out.set_column("life.filename", {.texts = filenames});
    return {};
  }

  void reset() override { running_.clear(); }

 private:
  static constexpr std::uint64_t kLimitNs = 100'000'000;

  std::unordered_map<std::uint64_t, std::pair<std::uint64_t, std::string>> running_;  // by pid
};

}  // namespace

int main(int argc, char** argv) {
  std::vector<std::string> paths(argv + 1, argv + argc);
  bool as_text = !paths.empty() && paths.front() == "--text";
  if (as_text) paths.erase(paths.begin());
  auto source = dse::open_capture(paths);
  if (!source) {
    std::cerr << source.error().message() << '\n';
    return 1;
  }
  dse::Session session(std::move(*source));
  session.add(std::make_unique<ShortLivedProcess>());
  std::uint64_t count = 0, total_ns = 0;
  for (const dse::Event& event : session) {
    std::cout << (as_text ? event.text() : event.json()) << '\n';
    ++count;
    total_ns += event.number("life.time_ns").value_or(0);  // typed access to any field
  }
  if (as_text) std::cout << count << " short lives, " << total_ns / 1000 << " us in all\n";
  for (const auto& note : session.source().notes()) std::cerr << note.text << '\n';
  if (session.status()) return 0;
  std::cerr << session.status().error().message() << '\n';
  return 1;
}
