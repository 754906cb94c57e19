#include "format/rewrite.h"

#include <algorithm>
#include <cstring>
#include <string>

namespace dse::format {
namespace {

std::uint16_t kind_of(std::span<const std::byte> record) {
  dse_header header{};
  if (record.size() >= sizeof(header)) std::memcpy(&header, record.data(), sizeof(header));
  return header.kind;
}

std::string_view last_component(std::string_view path) { return path.substr(path.rfind('/') + 1); }

// ---- records by their layouts --------------------------------------------------------------------

std::uint32_t load(std::span<const std::byte> record, const ColumnLayout& column) {
  std::uint32_t value;
  std::memcpy(&value, record.data() + sizeof(dse_header) + column.offset, sizeof(value));
  return value;
}
void store(std::span<std::byte> record, const ColumnLayout& column, std::size_t size) {
  auto value = static_cast<std::uint32_t>(size);
  std::memcpy(record.data() + sizeof(dse_header) + column.offset, &value, sizeof(value));
}

// nullptr: the kind has no column of that name.
const ColumnLayout* find_column(const TableLayout& layout, std::string_view name) {
  int column = layout.column(name);
  return column < 0 ? nullptr : &layout.columns[static_cast<std::size_t>(column)];
}

// The strings of a record that has this layout, in the order of the columns of `bytes`. nullopt: it has
// not, or its sizes do not add up.
std::optional<std::vector<std::string_view>> strings_of(std::span<const std::byte> record,
                                                        const TableLayout& layout) {
  dse_header header;
  if (record.size() < sizeof(header) + layout.fixed_size) return {};
  std::memcpy(&header, record.data(), sizeof(header));
  auto rest = record.subspan(sizeof(header) + layout.fixed_size);
  std::vector<std::string_view> strings;
  for (const ColumnLayout& column : layout.columns) {
    if (column.abi != Abi::bytes) continue;
    const std::uint32_t size = load(record, column);
    if (size > rest.size()) return {};
    strings.emplace_back(reinterpret_cast<const char*>(rest.data()), size);
    rest = rest.subspan(size);
  }
  if (!rest.empty() || header.size != record.size()) return {};
  return strings;
}

// ---- rules ---------------------------------------------------------------------------------------

// Of a failed exec each argument may be cut, and has a NUL all the same: those that are as long as the
// kernel side keeps them, and the last one.
std::string redact_failed_args(const Redactor& redactor, std::string_view block, bool cut) {
  constexpr std::size_t kLongest = 4095;
  std::string args = redactor.args(block, false);
  if (!cut || !redactor.redacts()) return args;
  std::string out;
  for (std::string_view rest = block, kept = args; !rest.empty();) {
    std::size_t end = std::min(rest.find('\0'), rest.size());
    std::size_t kept_end = std::min(kept.find('\0'), kept.size());
    bool last = end + 1 >= rest.size();
    out += last || end >= kLongest ? std::string_view("***") : kept.substr(0, kept_end);
    out += '\0';
    rest.remove_prefix(std::min(end + 1, rest.size()));
    kept.remove_prefix(std::min(kept_end + 1, kept.size()));
  }
  return out;
}

enum class Variables { asked_for, all };

// One string of a record of that kind; `flags` are those of execs and of processes.
std::string redact_string(const Redactor& redactor, Kind kind, std::string_view column,
                          std::uint32_t flags, Variables variables, std::string_view text) {
  if (column == "args") {
    const bool cut = (flags & DSE_ARGS_CUT) != 0;
    return kind == DSE_PROCESS_EXEC_FAIL ? redact_failed_args(redactor, text, cut)
                                         : redactor.args(text, cut);
  }
  if (column == "env") {
    const bool cut = (flags & DSE_ENV_CUT) != 0;
    return variables == Variables::all ? redactor.all_env(text, cut) : redactor.env(text, cut);
  }
  if (column == "labels") return redactor.texts(text);
  return redactor.text(text);
}

// A record with `make(column, flags, text)` for each string; `flags` are those of execs and of processes.
// nullopt: the record is too short for its kind.
template <typename Make>
std::optional<std::vector<std::byte>> map_strings(std::span<const std::byte> record,
                                                  const TableLayout& layout, Make make) {
  const auto strings = strings_of(record, layout);
  // What is malformed may be of a version whose strings begin where this one has numbers, but not
  // before the end of what the first version had.
  const std::size_t numbers = sizeof(dse_header) +
                              (strings ? layout.fixed_size : layout.fixed_size_at(1));
  if (record.size() < numbers) return {};
  std::vector<std::byte> out(sizeof(dse_header) + layout.fixed_size);
  std::copy_n(record.begin(), numbers, out.begin());

  const ColumnLayout* args = find_column(layout, "args");
  const ColumnLayout* flags_of = args ? find_column(layout, "flags") : nullptr;
  const std::uint32_t flags = flags_of ? load(out, *flags_of) : 0;
  if (flags_of && !strings) store(out, *flags_of, flags | DSE_ARGS_CUT);

  std::string tail;
  std::size_t next = 0;
  for (const ColumnLayout& column : layout.columns) {
    if (column.abi != Abi::bytes) continue;
    std::string kept;
    if (strings) kept = make(column.name, flags, (*strings)[next++]);
    store(out, column, kept.size());
    tail += kept;
  }
  // The true size would tell how long a secret is.
  if (const ColumnLayout* total = args ? find_column(layout, "argsTotal") : nullptr)
    if (!(flags & DSE_ARGS_CUT)) store(out, *total, load(out, *args));

  auto bytes = std::as_bytes(std::span(tail.data(), tail.size()));
  out.insert(out.end(), bytes.begin(), bytes.end());
  dse_header header;
  std::memcpy(&header, out.data(), sizeof(header));
  header.size = static_cast<std::uint32_t>(out.size());
  std::memcpy(out.data(), &header, sizeof(header));
  return out;
}

// All but the names of processes. nullopt: the record is too short for its kind.
std::optional<std::vector<std::byte>> rewrite_strings(std::span<const std::byte> record,
                                                      const TableLayout& layout,
                                                      const Redactor& redactor,
                                                      Variables variables) {
  return map_strings(record, layout,
                     [&](std::string_view column, std::uint32_t flags, std::string_view text) {
                       return redact_string(redactor, layout.kind, column, flags, variables, text);
                     });
}

// Where names stand in records of a kind, besides that of the task.
std::span<const std::size_t> name_places(Kind kind) {
  static const auto places = [] {
    std::array<std::vector<std::size_t>, kMaxKinds> out;
    for (const TableLayout& layout : all_kind_layouts())
      for (const ColumnLayout& column : layout.columns)
        if (column.abi == Abi::fixed && column.name.ends_with("Comm"))
          out[layout.kind].push_back(sizeof(dse_header) + column.offset);
    return out;
  }();
  if (kind >= kMaxKinds) return {};
  return places[kind];
}

}  // namespace

// ---- names of processes --------------------------------------------------------------------------

NameRedactor::Name NameRedactor::name_of(std::string_view text) {
  Name name{};
  text = text.substr(0, std::min(text.find('\0'), name.size() - 1));
  std::copy(text.begin(), text.end(), name.begin());
  return name;
}

void NameRedactor::hide(const Name& name) {
  if (name[0] == '\0') return;  // of a record that has no task
  hidden_.insert(name);
  known_.erase(name);
}

void NameRedactor::learn(std::string_view path, const std::uint8_t (&name)[DSE_COMM_SIZE]) {
  if (!redactor_.redacts()) return;
  const std::string kept = redactor_.text(path);
  std::string_view file = last_component(path);
  if (last_component(kept) == file) return;
  hide(name_of({reinterpret_cast<const char*>(name), sizeof(name)}));
  // The thread at hand may have another name by now than the others still have.
  hide(name_of(file));
}

void NameRedactor::learn_from_record(std::span<const std::byte> record) {
  const Kind kind = kind_of(record);
  if (kind != DSE_PROCESS_EXEC && kind != DSE_PROCESS_SNAPSHOT) return;
  const TableLayout& layout = *kind_layout(kind);
  const auto strings = strings_of(record, layout);
  if (!strings) return;
  dse_header header;
  std::memcpy(&header, record.data(), sizeof(header));
  std::size_t next = 0;
  for (const ColumnLayout& column : layout.columns) {
    if (column.abi != Abi::bytes) continue;
    std::string_view text = (*strings)[next++];
    if (column.name == "filename" || column.name == "exe") learn(text, header.task.comm);
    // What is executed by its descriptor may be called as its file is, by another name than this.
    if (column.name == "exepath") learn(text, {});
  }
}

void NameRedactor::apply(std::uint8_t (&name)[DSE_COMM_SIZE]) {
  if (!redactor_.redacts()) return;
  std::string_view text(reinterpret_cast<const char*>(name), sizeof(name));
  const Name before = name_of(text);
  if (known_.size() >= kMaxKnown) known_.clear();
  auto [found, is_new] = known_.try_emplace(before);
  if (is_new)
    found->second = name_of(
        hidden_.contains(before) ? "***" : redactor_.text(text.substr(0, text.find('\0'))));
  std::memcpy(name, found->second.data(), sizeof(name));
}

void NameRedactor::apply_to_record(std::span<std::byte> record) {
  if (!redactor_.redacts() || record.size() < sizeof(dse_header)) return;
  auto apply_at = [&](std::size_t place) {
    std::uint8_t name[DSE_COMM_SIZE];
    if (record.size() < place + sizeof(name)) return;
    std::memcpy(name, record.data() + place, sizeof(name));
    apply(name);
    std::memcpy(record.data() + place, name, sizeof(name));
  };
  apply_at(offsetof(dse_header, task) + offsetof(dse_task, comm));
  for (std::size_t place : name_places(kind_of(record))) apply_at(place);
}

// ---- records -------------------------------------------------------------------------------------

bool needs_rewrite(Kind kind, const Redactor& redactor) {
  return (kind == DSE_PROCESS_EXEC && (redactor.redacts() || redactor.keeps_env())) ||
         (kind == DSE_PROCESS_EXEC_FAIL && redactor.redacts());
}

std::vector<std::byte> rewrite(std::span<const std::byte> record, const Redactor& redactor) {
  const Kind kind = kind_of(record);
  if (kind != DSE_PROCESS_EXEC && kind != DSE_PROCESS_EXEC_FAIL)
    return {record.begin(), record.end()};
  auto kept = rewrite_strings(record, *kind_layout(kind), redactor, Variables::asked_for);
  if (kept) return std::move(*kept);
  auto header = record.first(sizeof(dse_header));
  return {header.begin(), header.end()};
}

std::optional<std::vector<std::byte>> rewrite_all(std::span<const std::byte> record,
                                                  const Redactor& redactor, NameRedactor& names) {
  const TableLayout* layout = kind_layout(kind_of(record));
  if (!layout) return {};
  names.learn_from_record(record);
  auto kept = rewrite_strings(record, *layout, redactor, Variables::all);
  if (kept) names.apply_to_record(*kept);
  return kept;
}

std::optional<std::vector<std::byte>> keep_strings(std::span<const std::byte> record,
                                                   std::span<const std::string_view> columns) {
  const TableLayout* layout = kind_layout(kind_of(record));
  if (!layout) return {};
  return map_strings(
      record, *layout, [&](std::string_view column, std::uint32_t, std::string_view text) {
        bool kept = std::find(columns.begin(), columns.end(), column) != columns.end();
        return std::string(kept ? text : std::string_view());
      });
}

}  // namespace dse::format
