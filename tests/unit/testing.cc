#include "tests/unit/testing.h"

#include <stdlib.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>

#include "format/batch_impl.h"
#include "replay/points/points.h"

using namespace dse::format;

namespace {

std::uint32_t size_of(std::string_view text) { return static_cast<std::uint32_t>(text.size()); }

}  // namespace

// ---- records by hand -----------------------------------------------------------------------------

dse_task make_task(std::uint32_t pid, std::string_view comm, std::uint32_t ppid) {
  dse_task task{};
  task.start_time_ns = pid * std::uint64_t{1'000'000};
  task.cgroup_id = 1;
  task.pid = task.tid = task.vpid = pid;
  task.ppid = ppid;
  task.uid = task.euid = 1000;
  task.gid = task.egid = 100;
  task.ns_cgroup = 0xEFFFFFFB;
  task.ns_ipc = 0xEFFFFFFF;
  task.ns_mnt = 0xF0000000;
  task.ns_net = 0xF0000098;
  task.ns_pid = 0xEFFFFFFC;
  task.ns_user = 0xEFFFFFFD;
  task.ns_uts = 0xEFFFFFFE;
  std::memcpy(task.comm, comm.data(), std::min<std::size_t>(comm.size(), DSE_COMM_SIZE - 1));
  return task;
}

std::string argument_block(const std::vector<std::string>& args) {
  std::string block;
  for (const std::string& arg : args) block.append(arg).push_back('\0');
  return block;
}

Record fork_record(const dse_task& parent, const dse_task& child) {
  dse_process_fork body{};
  body.child_start_time_ns = child.start_time_ns;
  body.child_cgroup_id = child.cgroup_id;
  body.child_pid = child.pid;
  body.child_tid = child.tid;
  body.child_vpid = child.vpid;
  body.child_ns_pid = child.ns_pid;
  body.child_ppid = child.tid == child.pid ? parent.pid : parent.ppid;
  body.child_ns_user = child.ns_user;
  return make_record(DSE_PROCESS_FORK, parent, body);
}

Record exec_record(const dse_task& task, std::string_view filename,
                   const std::vector<std::string>& args, std::uint32_t flags) {
  ExecFacts facts;
  facts.body.flags = flags;
  return exec_record(task, filename, args, std::move(facts));
}

Record exec_record(const dse_task& task, std::string_view filename,
                   const std::vector<std::string>& args, ExecFacts facts) {
  std::string block = argument_block(args);
  dse_process_exec& body = facts.body;
  body.old_tid = task.tid;
  body.args_count = static_cast<std::uint32_t>(args.size());
  body.args_total = size_of(block) + (body.flags & DSE_ARGS_CUT ? 1000u : 0u);
  body.filename_size = size_of(filename);
  body.args_size = size_of(block);
  body.exepath_size = size_of(facts.exepath);
  body.interp_size = size_of(facts.interp);
  body.cwd_size = size_of(facts.cwd);
  body.env_size = size_of(facts.env);
  return make_record(
      DSE_PROCESS_EXEC, task, body,
      std::string(filename) + block + facts.exepath + facts.interp + facts.cwd + facts.env);
}

Record exec_fail_record(const dse_task& task, std::string_view filename,
                        const std::vector<std::string>& args, int error, std::string_view cwd) {
  std::string block = argument_block(args);
  dse_process_exec_fail body{};
  body.error = error;
  body.args_count = static_cast<std::uint32_t>(args.size());
  body.dirfd = -100;  // AT_FDCWD
  body.filename_size = size_of(filename);
  body.args_size = size_of(block);
  body.cwd_size = size_of(cwd);
  return make_record(DSE_PROCESS_EXEC_FAIL, task, body,
                     std::string(filename) + block + std::string(cwd));
}

Record exit_record(const dse_task& task, bool group_dead) {
  dse_process_exit body{};
  body.start_time_ns = task.start_time_ns;
  body.flags = group_dead ? DSE_EXIT_GROUP_DEAD : 0;
  return make_record(DSE_PROCESS_EXIT, task, body);
}

Record cgroup_record(std::uint16_t kind, const dse_task& task, std::uint64_t id,
                     std::string_view path, std::uint32_t hierarchy) {
  std::uint32_t size = size_of(path);
  if (kind == DSE_CGROUP_ATTACH)
    return make_record(
        kind, task, dse_cgroup_attach{id, hierarchy, task.pid, task.tid, task.vpid, 0, size}, path);
  // mkdir and rmdir have the same members.
  return make_record(kind, task, dse_cgroup_mkdir{id, 1, hierarchy, size}, path);
}

Record socket_record(const dse_task& task, const dse_socket_state& body) {
  return make_record(DSE_SOCKET_STATE, task, body);
}

Record generate_record(const dse_task& sender, const dse_task& target, int signal, int code,
                       bool to_process, std::uint32_t result) {
  dse_signal_generate body{};
  body.signal = signal;
  body.code = code;
  body.info_pid = static_cast<std::int32_t>(sender.pid);
  body.info_uid = sender.uid;
  body.group = to_process;
  body.result = result;
  body.target_pid = target.pid;
  body.target_tid = target.tid;
  body.target_vpid = target.vpid;
  return make_record(DSE_SIGNAL_GENERATE, sender, body);
}

Record deliver_record(const dse_task& target, int signal, int code, std::uint64_t handler) {
  dse_signal_deliver body{};
  body.handler = handler;
  body.signal = signal;
  body.code = code;
  return make_record(DSE_SIGNAL_DELIVER, target, body);
}

Record clock_record(std::uint64_t real_ns) {
  return make_record(DSE_CLOCK_SAMPLE, dse_task{}, dse_clock_sample{real_ns});
}

Record process_snapshot_record(const dse_task& task, std::string_view exe,
                               const std::vector<std::string>& args) {
  std::string block = argument_block(args);
  dse_process_snapshot body{};
  body.args_total = body.args_size = size_of(block);
  body.exe_size = size_of(exe);
  return make_record(DSE_PROCESS_SNAPSHOT, task, body, std::string(exe) + block);
}

Record cgroup_snapshot_record(std::uint64_t id, std::string_view path, std::uint32_t hierarchy) {
  return make_record(DSE_CGROUP_SNAPSHOT, dse_task{},
                     dse_cgroup_snapshot{id, hierarchy, size_of(path)}, path);
}

Record socket_snapshot_record(const dse_task& owner, const dse_socket_state& socket) {
  dse_socket_snapshot body{};
  body.cookie = socket.cookie;
  body.owner_start_time_ns = owner.start_time_ns;
  body.owner_cgroup_id = owner.cgroup_id;
  body.owner_pid = owner.pid;
  body.owner_uid = owner.uid;
  body.owner_ns_pid = owner.ns_pid;
  body.owner_source = DSE_OWNER_SNAPSHOT;
  body.family = socket.family;
  body.protocol = socket.protocol;
  body.local_port = socket.local_port;
  body.remote_port = socket.remote_port;
  body.state = socket.new_state;
  body.netns = socket.netns;
  std::memcpy(body.local_address, socket.local_address, sizeof(body.local_address));
  std::memcpy(body.remote_address, socket.remote_address, sizeof(body.remote_address));
  std::memcpy(body.owner_comm, owner.comm, sizeof(body.owner_comm));
  return make_record(DSE_SOCKET_SNAPSHOT, dse_task{}, body);
}

Record container_metadata_record(const std::vector<std::string>& strings) {
  std::array<std::uint32_t, 10> sizes{};
  static_assert(sizeof(sizes) == sizeof(dse_container_metadata));
  std::string tail;
  for (std::size_t i = 0; i < strings.size(); ++i) {
    sizes.at(i) = size_of(strings[i]);
    tail += strings[i];
  }
  return make_record(DSE_CONTAINER_METADATA, dse_task{}, sizes, tail);
}

dse_header header_of_record(std::string_view record) {
  dse_header header{};
  if (record.size() >= sizeof(header)) std::memcpy(&header, record.data(), sizeof(header));
  return header;
}

void set_header(Record& record, const dse_header& header) {
  std::memcpy(record.data(), &header, sizeof(header));
}

Script& Script::add(Record record, std::uint16_t cpu) {
  dse_header header = header_of_record(record);
  header.cpu = cpu;
  header.time_ns = time_ += 1000;
  header.seq = next_[{header.kind, cpu}]++;
  set_header(record, header);
  records_.push_back(std::move(record));
  return *this;
}

Script& Script::lose(std::uint16_t kind, std::uint16_t cpu, std::uint64_t records) {
  next_[{kind, cpu}] += records;
  return *this;
}

Script& Script::wait(std::uint64_t ns) {
  time_ += ns;
  return *this;
}

// ---- records at random ---------------------------------------------------------------------------

namespace {

constexpr std::string_view kId = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

}  // namespace

std::string RandomRecords::random_bytes(std::size_t size) {
  std::string bytes(size, '\0');
  for (char& byte : bytes) byte = static_cast<char>(random_());
  return bytes;
}

// Numbers of every width, and those at their edges.
std::uint64_t RandomRecords::wild_number() {
  switch (below(6)) {
    case 0: return 0;
    case 1: return below(8);
    case 2: return ~std::uint64_t{0} - below(3);
    case 3: return std::uint64_t{1} << below(64);
    case 4: return (std::uint64_t{1} << below(64)) - 1;
    default: return random_() >> below(64);
  }
}

std::uint64_t RandomRecords::number(const std::string& column, std::uint32_t size) {
  if ((column == "born" || column == "since") && chance(60))
    return recent_times_[below(recent_times_.size())];
  if (style_ == Style::arbitrary) return wild_number();
  auto one_of = [&](std::initializer_list<std::int64_t> values) {
    return static_cast<std::uint64_t>(values.begin()[below(values.size())]);
  };
  if (column.ends_with("Tid") || column == "tid") return chance(70) ? 1 + below(6) : 11 + below(6);
  if (column.ends_with("id") || column.ends_with("Id") || column.ends_with("Pid")) {
    if (size == 8) return 1 + below(9);  // cgroups
    return 1 + below(6);                 // processes
  }
  if (column == "startTime" || column == "childStartTime" || column == "ownerStartTime")
    return 1000 * below(3);
  if (column == "born" || column == "since") return chance(30) ? 0 : time_ - below(100'000);
  if (column == "ownerSource" || column == "exitFlags") return below(6);
  if (column == "exeMode") return one_of({0, 0100755, 0104755, 0102711});
  if (column == "exeFlags") return below(64);
  if (column == "groupExit") return one_of({0, 0, 9, 11, 0x8b, 3 << 8});
  if (column == "signal") return one_of({2, 9, 10, 15, 17, 17, 11, 34, 35, 64});
  if (column == "code") return one_of({0, 0, 0, -1, -6, 1, 2, 0x80});
  if (column == "group" || column == "flags") return below(2);
  if (column == "result") return chance(80) ? 0 : below(6);
  if (column == "hierarchy") return chance(85) ? 0 : 3;
  if (column == "family") return one_of({2, 2, 10, 10, 1});
  if (column == "oldState" || column == "newState") return below(15);
  if (column == "handler") return one_of({0, 1, 0x7fff'dead'beef});
  return chance(70) ? below(300) : wild_number();
}

std::string RandomRecords::text(const std::string& column) {
  if (chance(15)) return {};
  if (style_ == Style::arbitrary || chance(15)) return random_bytes(below(40));
  auto one_of = [&](std::initializer_list<std::string_view> values) {
    return std::string(values.begin()[below(values.size())]);
  };
  std::string id(kId);
  id[0] = static_cast<char>('a' + below(3));
  if (column == "path")
    return one_of({"/", "/init.scope", "/user.slice/box", "/deep/er/box"}) +
           (chance(60) ? "/docker/" + id : "");
  if (column == "filename") return one_of({"/bin/sh", "/proc/self/exe", "/usr/bin/caf\xc3\xa9"});
  if (column == "args")
    return argument_block({one_of({"sh", "runc", "\xff\xfe"}), one_of({"init", "-c", "\x1b[2J"})});
  return one_of({"a", "bb", "\xc3\xa9"});
}

dse_task RandomRecords::task() {
  dse_task task{};
  if (style_ == Style::arbitrary) {
    // Few distinct ones, for runs and repetitions, and now and then one of random bytes.
    std::uint64_t which = below(12);
    if (which == 11) {
      std::string bytes = random_bytes(sizeof(task));
      std::memcpy(&task, bytes.data(), sizeof(task));
      return task;
    }
    task = make_task(static_cast<std::uint32_t>(which), "task");
    task.flags = static_cast<std::uint32_t>(which % 2);
    return task;
  }
  auto pid = static_cast<std::uint32_t>(1 + below(6));
  task = make_task(pid, pid % 2 ? "runc:[2:INIT]" : "caf\xc3\xa9\x1b[1m",
                   static_cast<std::uint32_t>(1 + below(6)));
  if (chance(20)) std::memcpy(task.comm, "renamed\xff", 9);
  if (chance(25)) task.tid = 10 + pid;
  task.start_time_ns = 1000 * below(3);
  task.cgroup_id = 1 + below(9);
  task.vpid = pid < 4 ? 1 : pid;
  task.ns_pid = pid % 3 ? 0xEFFFFFFC : 0xF0001000 + pid;
  return task;
}

Record RandomRecords::of_kind(const TableLayout& layout) {
  std::string body(layout.fixed_size, '\0'), tail;
  for (const ColumnLayout& column : layout.columns) {
    char* to = body.data() + column.offset;
    if (column.abi == Abi::fixed) {
      std::string bytes = chance(50) ? std::string(column.size, static_cast<char>(below(3)))
                                     : random_bytes(column.size);
      std::memcpy(to, bytes.data(), column.size);
    } else if (column.abi == Abi::bytes) {
      std::string value = text(column.name);
      auto size = static_cast<std::uint32_t>(value.size());
      std::memcpy(to, &size, sizeof(size));
      tail += value;
    } else {
      std::uint64_t value = number(column.name, column.size);
      std::memcpy(to, &value, column.size);
    }
  }
  dse_header header{};
  header.kind = layout.kind;
  header.task = task();
  header.size = static_cast<std::uint32_t>(sizeof(header) + body.size() + tail.size());
  Record record(sizeof(header), '\0');
  set_header(record, header);
  return record + body + tail;
}

Record RandomRecords::next() {
  bool arbitrary = style_ == Style::arbitrary;
  auto layouts = all_kind_layouts();
  const TableLayout* layout = &layouts[below(layouts.size())];
  // Snapshot records do not come in the stream, and clocks are few.
  while (!arbitrary && layout->kind >= DSE_KERNEL_KINDS &&
         (layout->kind != DSE_CLOCK_SAMPLE || !chance(30)))
    layout = &layouts[below(layouts.size())];
  Record record = of_kind(*layout);
  dse_header header = header_of_record(record);

  unsigned odd = arbitrary ? static_cast<unsigned>(below(100)) : 100;
  if (odd < 8) {  // a kind from the future
    constexpr std::array<std::uint16_t, 7> kUnknown{0, 11, 15, 23, 63, 64, 0xffff};
    header.kind = kUnknown[below(kUnknown.size())];
  } else if (odd < 12) {  // sizes that do not add up
    header.size += static_cast<std::uint32_t>(1 + below(3));
  } else if (odd < 16) {
    record += random_bytes(1 + below(9));
    header.size = static_cast<std::uint32_t>(record.size());
  } else if (odd < 20) {
    record.resize(sizeof(header) + below(record.size() - sizeof(header) + 1));
    header.size = static_cast<std::uint32_t>(record.size());
  } else if (odd < 23) {  // not even a header
    return random_bytes(below(sizeof(header)));
  }

  header.cpu = static_cast<std::uint16_t>(below(4));
  if (arbitrary && chance(3))
    header.cpu = static_cast<std::uint16_t>(chance(50) ? 0xffff : random_());
  std::uint64_t& seq = next_seq_[{header.kind, header.cpu}];
  if (chance(arbitrary ? 10 : 2)) seq = arbitrary ? wild_number() : seq + below(20);
  header.seq = seq++;
  time_ += below(100'000);
  header.time_ns = arbitrary && chance(2) ? wild_number() : time_ - below(50'000);
  recent_times_[below(recent_times_.size())] = header.time_ns;
  set_header(record, header);
  return record;
}

Records RandomRecords::take(std::size_t count) {
  Records records;
  while (records.size() < count) records.push_back(next());
  return records;
}

Records RandomRecords::snapshot(std::size_t count) {
  Records records;
  constexpr std::array<std::uint16_t, 5> kKinds{DSE_PROCESS_SNAPSHOT, DSE_CGROUP_SNAPSHOT,
                                                DSE_PROCESS_SNAPSHOT, DSE_SOCKET_SNAPSHOT,
                                                DSE_CONTAINER_METADATA};
  std::map<Kind, std::uint64_t> seq;
  while (records.size() < count) {
    Record record = of_kind(*kind_layout(Kind{kKinds[below(kKinds.size())]}));
    dse_header header = header_of_record(record);
    header.cpu = DSE_CPU_NONE;
    header.seq = seq[header.kind]++;
    header.time_ns = time_;
    set_header(record, header);
    records.push_back(std::move(record));
  }
  return records;
}

// ---- batches, sources and captures ---------------------------------------------------------------

SegmentInfo test_info() {
  SegmentInfo info;
  info.abi_version = DSE_ABI_VERSION;
  for (std::size_t i = 0; i < info.capture_id.size(); ++i)
    info.capture_id[i] = static_cast<std::uint8_t>(0xa0 + i);
  info.recorder_version = "0.0.0-test";
  info.recorder_pid = 4242;
  info.host_name = "testhost";
  info.kernel_release = "6.18.0";
  info.kernel_version = "#1 SMP";
  info.machine = "x86_64";
  info.boot_id = "00000000-0000-4000-8000-000000000001";
  info.cpus = 4;
  info.page_size = 4096;
  info.boot_time = 1'000'000'000;
  info.real_time = 1'795'361'576'000'000'000;  // 2026-11-22T15:32:56Z
  info.boot_of_start = 900'000'000;
  info.options = {{"points", "all"}};
  info.kinds = {DSE_PROCESS_EXEC, DSE_SOCKET_STATE};
  return info;
}

Rows rows_of(std::span<const Record> records, StreamTable& streams, std::uint64_t first) {
  Rows rows;
  rows.first = first;
  for (const Record& record : records) rows.append(bytes_of(record), streams);
  return rows;
}

dse::Result<Batch> batch_of(const Rows& rows) {
  BatchEncoder encoder;
  return read_batch(encoder.block(rows));
}

Records records_of(const Batch& batch, dse::Status* status, unsigned abi_version) {
  Records records;
  dse::Status result = batch.for_each_record(abi_version,
                                             [&](std::span<const std::byte> record) -> dse::Status {
                                               records.push_back(string_of(record));
                                               return {};
                                             });
  if (status) *status = result;
  return records;
}

std::vector<Records> cut(const Records& records, std::size_t size) {
  if (size == 0) return {records};
  std::vector<Records> runs;
  for (std::size_t at = 0; at < records.size(); at += size) {
    auto begin = records.begin() + static_cast<std::ptrdiff_t>(at);
    runs.emplace_back(begin,
                      begin + static_cast<std::ptrdiff_t>(std::min(size, records.size() - at)));
  }
  return runs;
}

MemoryRecords::MemoryRecords(Records snapshot, std::vector<Records> batches, SegmentInfo info)
    : info_(std::move(info)), snapshot_(std::move(snapshot)), batches_(std::move(batches)) {}

void MemoryRecords::report_damage(const dse::Error& error) {
  notes_.push_back({Note::What::damaged, error.message()});
}

dse::Result<Step> MemoryRecords::next() {
  std::size_t at = at_++;
  if (at == 0) return Step{Step::What::capture, {}};
  BatchEncoder encoder;
  if (at == 1) {
    StreamTable streams;  // those of the snapshot are its own
    DSE_TRY_ASSIGN(Batch batch,
                   read_batch(encoder.snapshot(rows_of(snapshot_, streams), {1, 2, {}, {}})));
    return Step{Step::What::batch, std::move(batch)};
  }
  if (at - 2 >= batches_.size()) return Step{Step::What::end, {}};
  const Records& records = batches_[at - 2];
  Rows rows = rows_of(records, streams_, first_);
  first_ += records.size();
  DSE_TRY_ASSIGN(Batch batch, read_batch(encoder.block(rows)));
  return Step{Step::What::batch, std::move(batch)};
}

TempDir::TempDir() {
  std::string name = (std::filesystem::temp_directory_path() / "dse-test-XXXXXX").string();
  if (!::mkdtemp(name.data())) throw std::runtime_error("mkdtemp");
  path_ = name;
}

TempDir::~TempDir() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::runtime_error("cannot open " + path);
  return {std::istreambuf_iterator<char>(file), {}};
}

void write_file(const std::string& path, std::string_view bytes) {
  std::ofstream file(path, std::ios::binary);
  file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  if (!file.flush()) throw std::runtime_error("cannot write " + path);
}

dse::Status write_capture(const std::string& path, const Records& snapshot,
                          const std::vector<Records>& batches, FileSystem& fs, SegmentInfo info) {
  DSE_TRY_ASSIGN(std::unique_ptr<CaptureWriter> writer, CaptureWriter::open({path, 1, 0}, fs));
  Snapshot beginning;
  StreamTable snapshot_streams;
  beginning.rows = rows_of(snapshot, snapshot_streams);
  beginning.span = {1, 2, {}, {}};
  std::uint64_t first = writer->first_record();
  DSE_TRY(writer->begin_segment(std::move(info), first, beginning));
  StreamTable streams;
  std::map<Kind, std::uint64_t> lost;
  for (const Records& batch : batches) {
    Rows rows = rows_of(batch, streams, first);
    DSE_TRY(writer->write(rows));
    first += batch.size();
    for (const Gap& gap : rows.gaps())
      if (gap.lost > 0) lost[gap.kind] += static_cast<std::uint64_t>(gap.lost);
  }
  EndInfo end;
  for (auto [kind, count] : lost) end.losses.push_back({kind, "ring full", count});
  end.reason = "test";
  end.last = true;
  end.streams = streams.positions();
  return writer->end_segment(std::move(end));
}

std::string capture_bytes(const Records& snapshot, const std::vector<Records>& batches,
                          SegmentInfo info) {
  TempDir dir;
  std::string path = dir / "capture.dse";
  auto status = write_capture(path, snapshot, batches, FileSystem::host(), std::move(info));
  if (!status) throw std::runtime_error(status.error().message());
  return read_file(path);
}

bool ReadBack::has_note(Note::What what) const {
  return std::any_of(notes.begin(), notes.end(),
                     [&](const Note& note) { return note.what == what; });
}

std::string ReadBack::describe() const {
  std::string out = std::to_string(records.size()) + " records";
  for (const Note& note : notes) out += "\n  note: " + note.text;
  if (error) out += "\n  error: " + error->message();
  return out;
}

ReadBack read_back(CaptureReader& reader) {
  ReadBack result;
  while (true) {
    auto step = reader.next();
    if (!step) {
      result.error = step.error();
      break;
    }
    if (step->what == Step::What::end) break;
    if (step->what != Step::What::batch) continue;
    dse::Status status;
    Records records = records_of(*step->batch, &status, reader.info().abi_version);
    if (!status) reader.report_damage(status.error());
    Records& to = step->batch->snapshot() ? result.snapshot : result.records;
    to.insert(to.end(), records.begin(), records.end());
  }
  result.notes = reader.notes();
  return result;
}

ReadBack read_back(std::string bytes, bool seekable) {
  CaptureReader reader(memory_byte_source(std::move(bytes), seekable), "test");
  return read_back(reader);
}

std::vector<std::string> events_of(std::unique_ptr<Source> source,
                                   const std::vector<std::string>& points) {
  dse::replay::Session session(std::move(source));
  for (const std::string& name : points.empty() ? dse::replay::point_names() : points)
    session.add(dse::replay::make_point(name));
  std::vector<std::string> lines;
  for (const dse::replay::Event& event : session) {
    lines.push_back(event.json());
    lines.push_back(event.text());
  }
  if (!session.status()) lines.push_back("error: " + session.status().error().message());
  for (const Note& note : session.source().notes()) lines.push_back("note: " + note.text);
  return lines;
}

bool is_subsequence(const Records& some, const Records& all) {
  auto at = all.begin();
  for (const Record& record : some) {
    at = std::find(at, all.end(), record);
    if (at == all.end()) return false;
    ++at;
  }
  return true;
}
