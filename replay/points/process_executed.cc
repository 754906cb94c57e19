// ProcessExecuted: every exec that succeeded, and those that failed if they were recorded.
#include <fmt/format.h>

#include "replay/from_state.h"
#include "replay/names.h"
#include "replay/points/derive.h"
#include "replay/points/points.h"

namespace dse::replay {
namespace {

// Where argv[0] ends, its NUL included.
std::size_t first_argument(std::string_view args) {
  std::size_t end = args.find('\0');
  return end == std::string_view::npos ? args.size() : end + 1;
}

constexpr std::uint64_t kSetUid = 04000, kSetGid = 02000, kGroupExecute = 010;
constexpr std::uint64_t kNoUser = 0xffffffff;

// Which bit of which column says so.
struct FileFlag {
  std::string_view field;
  const char* column;
  std::uint64_t bits;
  bool any = false;  // one of them is enough
};
constexpr FileFlag kFileFlags[] = {
    {"proc.is_exe_from_memfd", "exeFlags", DSE_EXE_MEMFD},
    {"proc.is_exe_deleted", "exeFlags", DSE_EXE_DELETED},
    {"proc.is_exe_upper_layer", "exeFlags", DSE_EXE_UPPER_LAYER},
    {"proc.is_script", "exeFlags", DSE_EXE_SCRIPT},
    {"proc.paths_cut", "exeFlags", DSE_EXE_PATH_CUT | DSE_EXE_CWD_CUT, true},
    {"proc.is_exe_setuid", "exeMode", kSetUid},
    {"proc.is_exe_setgid", "exeMode", kSetGid | kGroupExecute},
};

std::string capability_names(std::uint64_t set) {
  std::string list;
  for (unsigned bit = 0; bit < 64; ++bit) {
    if (!(set >> bit & 1)) continue;
    std::string_view name = capability_name(bit);
    list += name.empty() ? std::to_string(bit) : std::string(name);
    list += '\0';
  }
  return list;
}

class ProcessExecuted final : public ObservationPoint {
 public:
  ProcessExecuted()
      : ObservationPoint("ProcessExecuted",
                         "{proc.name}[{proc.pid}]((  by {proc.pname}[{proc.ppid}]))  "
                         "uid={user.uid}((  in {container.id}))((  {proc.ret}: {proc.filename}))"
                         "  {proc.cmdline}") {}

  format::KindSet kinds() const override {
    return format::kind_bit(DSE_PROCESS_EXEC) | format::kind_bit(DSE_PROCESS_EXEC_FAIL);
  }

  Status process(const format::Batch& batch, const State&, EventBatch& out) override {
    return out.use_tables({batch.table(DSE_PROCESS_EXEC), batch.table(DSE_PROCESS_EXEC_FAIL)});
  }

  Status derive(const Field& field, const EventBatch& events, EventColumn& out) const override {
    for (const FileFlag& flag : kFileFlags)
      if (field.name == flag.field)
        return of_file(events, flag.column, out, [&](std::uint64_t value) {
          std::uint64_t found = value & flag.bits;
          return (flag.any ? found != 0 : found == flag.bits) ? 1u : 0u;
        });
    if (field.name == "proc.exe_uid")
      return of_file(events, "exeUid", out, [](std::uint64_t uid) { return uid; });
    if (field.name.starts_with("thread.cap_")) return capabilities(field.name, events, out);
    if (field.name == "proc.exe_dev" || field.name == "proc.tty" || field.name == "proc.ret" ||
        field.name == "user.loginuid" || field.name == "proc.args_cut")
      return from_numbers(field.name, events, out);
    if (field.name == "proc.exepath") {
      DSE_TRY_ASSIGN(EventColumn paths, events.source_column("exepath"));
      out = map_texts(events, paths, [](std::string_view path) {
        return path.empty() ? std::string_view() : path;
      });
      // Where all execs of a batch failed. What else the process executes is not the answer, as it is
      // not beside execs that succeeded.
      if (!out.is_text()) out.texts = events.own_texts(events.size());
      return {};
    }
    if (field.name != "proc.exe" && field.name != "proc.args" && field.name != "proc.cmdline")
      return {};
    DSE_TRY_ASSIGN(EventColumn args, events.source_column("args"));
    if (field.name == "proc.exe")
      out = map_texts(events, args, [](std::string_view a) { return a.substr(0, a.find('\0')); });
    else if (field.name == "proc.args")
      out = map_texts(events, args, [](std::string_view a) { return a.substr(first_argument(a)); });
    else if (field.name == "proc.cmdline")
      out = map_texts(events, args,
                      [&](std::string_view a) { return events.own_text(command_line(a)); });
    return {};
  }

 private:
  // A number that is only known where the executable is.
  template <typename Make>
  static Status of_file(const EventBatch& events, const char* column, EventColumn& out, Make make) {
    DSE_TRY_ASSIGN(EventColumn values, events.source_column(column));
    DSE_TRY_ASSIGN(EventColumn mode, events.source_column("exeMode"));
    auto& numbers = events.own_numbers(events.size());
    auto& present = events.own_flags(events.size());
    for (std::uint32_t i = 0; i < events.size(); ++i) {
      present[i] = !mode.missing(i) && mode.numbers[mode.slot(i)] != 0;
      if (present[i]) numbers[i] = make(values.numbers[values.slot(i)]);
    }
    out.numbers = numbers;
    out.present = present;
    return {};
  }

  static Status capabilities(std::string_view field, const EventBatch& events, EventColumn& out) {
    const char* column = field == "thread.cap_effective"   ? "capEffective"
                         : field == "thread.cap_permitted" ? "capPermitted"
                                                           : "capInheritable";
    EventColumn sets;
    DSE_TRY(of_file(events, column, sets, [](std::uint64_t set) { return set; }));
    out = name_numbers(events, sets,
                       [&](std::uint64_t set) { return std::optional(capability_names(set)); });
    return {};
  }

  static Status from_numbers(std::string_view field, const EventBatch& events, EventColumn& out) {
    Arch arch = events.state().arch();
    auto non_empty = [](std::string text) {
      return text.empty() ? std::nullopt : std::optional(std::move(text));
    };
    if (field == "proc.args_cut") {
      DSE_TRY_ASSIGN(EventColumn flags, events.source_column("flags"));
      auto& values = events.own_numbers(events.size());
      for (std::uint32_t i = 0; i < events.size(); ++i)
        values[i] = (flags.numbers[flags.slot(i)] & (DSE_ARGS_CUT | DSE_ARGS_UNREAD)) != 0;
      out.numbers = values;
    } else if (field == "user.loginuid") {
      DSE_TRY(of_file(events, "loginUid", out, [](std::uint64_t uid) { return uid; }));
      auto& present = events.own_flags(events.size());
      for (std::uint32_t i = 0; i < events.size(); ++i)
        present[i] = out.present[i] && out.numbers[i] != kNoUser;
      out.present = present;
    } else if (field == "proc.ret") {
      DSE_TRY_ASSIGN(EventColumn errors, events.source_column("error"));
      out = name_numbers(events, errors, [&](std::uint64_t error) {
        std::string_view name = errno_name(arch, static_cast<int>(error));
        return std::optional(name.empty() ? std::to_string(error) : std::string(name));
      });
    } else if (field == "proc.tty") {
      DSE_TRY_ASSIGN(EventColumn devices, events.source_column("tty"));
      out = name_numbers(events, devices, [&](std::uint64_t device) {
        return non_empty(tty_name(static_cast<std::uint32_t>(device)));
      });
    } else {
      EventColumn devices;
      DSE_TRY(of_file(events, "exeDev", devices, [](std::uint64_t device) { return device; }));
      out = name_numbers(events, devices, [](std::uint64_t device) {
        return std::optional(fmt::format("{}:{}", device >> 20, device & 0xfffff));
      });
    }
    return {};
  }
};

}  // namespace

std::unique_ptr<ObservationPoint> process_executed() { return std::make_unique<ProcessExecuted>(); }

}  // namespace dse::replay
