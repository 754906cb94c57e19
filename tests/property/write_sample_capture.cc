// Writes a capture with what a quiet host does not show: columns in frames of their own, gaps in
// both directions, records that fit no kind, all widths of integers, and two captures in one
// directory, the second of which was not sealed. `write_sample_capture DIRECTORY`; or two filtered
// captures of several segments in one file: `write_sample_capture --filtered FILE`.
#include <array>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "bpf/abi.h"
#include "format/capture_writer.h"
#include "format/layout.h"

namespace {

using namespace dse;
using namespace dse::format;
using namespace std::literals;

std::vector<std::byte> whole_record(Kind kind, std::uint64_t time, std::uint64_t seq,
                                    std::uint16_t cpu, std::uint32_t pid, std::string_view body) {
  dse_header header{};
  header.time_ns = time;
  header.seq = seq;
  header.size = static_cast<std::uint32_t>(sizeof(header) + body.size());
  header.kind = kind;
  header.cpu = cpu;
  header.task.start_time_ns = pid * std::uint64_t{1'000'003};
  header.task.pid = header.task.tid = pid;
  header.task.ns_user = 0xeffffffd;
  fmt::format_to_n(reinterpret_cast<char*>(header.task.comm), DSE_COMM_SIZE - 1, "task-{}", pid);
  std::vector<std::byte> out(header.size);
  std::memcpy(out.data(), &header, sizeof(header));
  std::memcpy(out.data() + sizeof(header), body.data(), body.size());
  return out;
}

template <typename Body>
std::vector<std::byte> record(Kind kind, std::uint64_t time, std::uint64_t seq, std::uint16_t cpu,
                              std::uint32_t pid, const Body& body, std::string_view tail = {}) {
  std::string bytes(reinterpret_cast<const char*>(&body), sizeof(body));
  return whole_record(kind, time, seq, cpu, pid, bytes + std::string(tail));
}

void fill_snapshot(Snapshot& snapshot) {
  StreamTable streams;
  snapshot.span = {900, 990, {}, {{9, 0, 3}}};
  dse_process_snapshot process{};
  process.args_total = process.args_size = 3;
  process.exe_size = 4;
  process.exe_ino = std::uint64_t{1} << 40;
  process.login_uid = 0xffffffff;
  process.cwd_size = 1;
  process.env_size = 4;
  snapshot.rows.append(
      record(DSE_PROCESS_SNAPSHOT, 950, 0, DSE_CPU_NONE, 1, process, "/exea\0b/A=b\0"sv), streams);
  dse_cgroup_snapshot cgroup{std::uint64_t{1} << 63, 0, 1};
  snapshot.rows.append(record(DSE_CGROUP_SNAPSHOT, 951, 0, DSE_CPU_NONE, 0, cgroup, "/"), streams);
  dse_socket_snapshot socket{};
  socket.cookie = 7;
  socket.owner_pid = 1;
  socket.owner_source = DSE_OWNER_SNAPSHOT;
  socket.family = 10;
  socket.local_port = 80;
  socket.local_address[15] = 1;
  std::memcpy(socket.owner_comm, "init", 4);
  snapshot.rows.append(record(DSE_SOCKET_SNAPSHOT, 940, 0, DSE_CPU_NONE, 0, socket), streams);
  dse_container_metadata metadata{2, 3, 0, 4, 0, 0, 0, 0, 0, 8};
  snapshot.rows.append(
      record(DSE_CONTAINER_METADATA, 960, 0, DSE_CPU_NONE, 0, metadata, "/cid1namel=1\0m=2\0"sv),
      streams);
}

// A record of any kind, as its layout has it: the numbers are those of `random`, the strings short.
std::vector<std::byte> record_of(const TableLayout& layout, std::uint64_t time, std::uint64_t seq,
                                 std::uint16_t cpu, std::uint32_t pid, std::uint64_t random) {
  std::string body(layout.fixed_size, '\0'), tail;
  for (const ColumnLayout& column : layout.columns) {
    random = random * 6364136223846793005u + 1442695040888963407u;
    std::string value;
    if (column.abi == Abi::fixed) {
      value.assign(column.size, static_cast<char>(random >> 60));
    } else {
      std::uint64_t number = random >> (random >> 58);
      if (column.abi == Abi::bytes) {
        number = random >> 61;
        tail.append(number, static_cast<char>('a' + (random >> 40 & 15)));
      }
      value.assign(reinterpret_cast<const char*>(&number), column.size);
    }
    body.replace(column.offset, column.size, value);
  }
  return whole_record(layout.kind, time, seq, cpu, pid, body + tail);
}

// `first` and what the sequence numbers have come to let blocks follow one another.
// With `sockets` most are records of that kind, enough for columns that are split.
void fill_block(Rows& rows, StreamTable& streams, std::uint64_t first, std::uint32_t count,
                bool sockets = false) {
  rows.first = first;
  std::vector<std::uint64_t> times;  // of sockets
  std::uint64_t random = first * 2654435761u + 1;
  for (std::uint32_t i = 0; i < count; ++i) {
    random = random * 6364136223846793005u + 1442695040888963407u;
    auto cpu = static_cast<std::uint16_t>(random >> 40 & 3);
    std::uint64_t number = first + i, time = 1'000'000 + 1000 * number - (random >> 60) * 700;
    // Some are lost, some come late.
    std::uint64_t seq = number / 4 + (random >> 50) % 7;
    auto pid = static_cast<std::uint32_t>(100 + (random >> 33) % 300);
    switch (sockets && random >> 60 < 13 ? 3 : random >> 61) {
      case 0: {
        std::string name = "/bin/x" + std::to_string(random >> 58 & 15);
        std::string args = std::string("x\0", 2) + std::string(random >> 54 & 63, 'a') +
                           std::to_string(number);
        dse_process_exec body{};
        body.old_tid = pid;
        body.args_count = 2;
        body.args_total = body.args_size = static_cast<std::uint32_t>(args.size());
        body.filename_size = static_cast<std::uint32_t>(name.size());
        body.exe_ino = number;
        body.exepath_size = body.filename_size;
        body.cwd_size = 1;
        rows.append(record(DSE_PROCESS_EXEC, time, seq, cpu, pid, body, name + args + name + "/"),
                    streams);
        break;
      }
      case 1: {
        dse_clock_sample body{1'700'000'000'000'000'000u + time + number};
        rows.append(record(DSE_CLOCK_SAMPLE, time, number, DSE_CPU_NONE, 0, body), streams);
        break;
      }
      case 2: {  // of no kind that anyone knows, or with a size that does not add up
        dse_clock_sample body{random};
        auto raw = record(static_cast<Kind>(random & 1 ? 40 : DSE_PROCESS_EXEC), time, seq, cpu,
                          pid, body);
        if (random & 2) raw.resize(random >> 55 & 31);
        rows.append(raw, streams);
        break;
      }
      case 3: {
        dse_socket_state body{};
        body.cookie = number * 3;
        body.family = 2;
        body.local_port = static_cast<__u16>(random >> 20);
        body.local_address[0] = static_cast<__u8>(random >> 16);
        body.owner_comm[0] = static_cast<__u8>('a' + number % 3);
        // Times of other rows, none, its own, and such as no row has.
        if (times.size() > 20) {
          const std::array<std::uint64_t, 5> known{*(times.end() - 1 - (random >> 30 & 15)), 0, time,
                                                   times[0], number};
          body.born_ns = known[(random >> 35 & 0xff) % known.size()];
          body.since_ns = known[(random >> 43 & 0xff) % known.size()];
        }
        times.push_back(time);
        rows.append(record(DSE_SOCKET_STATE, time, seq, cpu, pid, body), streams);
        break;
      }
      case 4:
      case 5: {  // each kind of the schema
        auto layouts = all_kind_layouts();
        rows.append(
            record_of(layouts[(random >> 44) % layouts.size()], time, seq, cpu, pid, random),
            streams);
        break;
      }
      default: {
        dse_signal_deliver body{};
        body.handler = random;
        body.signal = static_cast<__s32>(random >> 58);
        body.code = static_cast<__s32>(random >> 62) - 6;
        body.info_pid = -1;
        body.flags = 0x84000000;
        body.value = ~random;
        rows.append(record(DSE_SIGNAL_DELIVER, time, seq, cpu, pid, body), streams);
      }
    }
  }
}

SegmentInfo sample_info(std::uint8_t capture) {
  SegmentInfo info;
  info.abi_version = DSE_ABI_VERSION;
  info.capture_id.fill(capture);
  info.machine = "x86_64";
  info.boot_time = 1000;
  info.real_time = 1'700'000'000'000'000'000;
  return info;
}

Status write(const std::string& directory) {
  for (std::uint8_t capture = 1; capture <= 2; ++capture) {
    WriterOptions options;
    options.path = directory;
    DSE_TRY_ASSIGN(auto writer, CaptureWriter::open(options, FileSystem::host()));
    StreamTable streams;
    SegmentInfo info = sample_info(capture);
    std::uint64_t first = writer->first_record();
    for (std::uint32_t segment = 0; segment < 3; ++segment) {
      Snapshot snapshot;
      fill_snapshot(snapshot);
      DSE_TRY(writer->begin_segment(info, first, snapshot));
      for (std::uint32_t count : {1u, 20u, 6000u, 300u}) {
        Rows rows;
        fill_block(rows, streams, first, count, segment == 1);
        DSE_TRY(writer->write(rows));
        first += count;
      }
      EndInfo end;
      end.last = segment == 2;
      if (end.last && capture == 2) break;  // its recorder died
      DSE_TRY(writer->end_segment(end));
    }
  }
  return {};
}

// Numbers from `number` on, with `holes` or without, and no, one, or several events of a record.
void mark(Rows& rows, std::uint64_t& number, bool holes) {
  rows.marks.emplace();
  ShownEvents one{"SocketStateChange", {}, {}}, many{"ContainerEvent", {}, {}};
  std::uint64_t random = number;
  for (std::uint32_t i = 0; i < rows.count(); ++i) {
    random = random * 6364136223846793005u + 1442695040888963407u;
    rows.marks->number.push_back(number);
    number += 1 + (holes ? random >> (random >> 59) >> 16 & 0xfffff : 0);
    if (random >> 63) {
      one.position.push_back(i);
      one.nth.push_back(0);
    }
    for (std::uint32_t nth = 0; nth < 4; ++nth)
      if ((random >> (40 + nth) & 3) == 3) {
        many.position.push_back(i);
        many.nth.push_back(nth == 3 ? 0xffffffff : nth);
      }
  }
  rows.marks->shown = {std::move(one), {"SignalDelivered", {}, {}}, std::move(many)};
}

Status write_filtered(const std::string& path) {
  WriterOptions options;
  options.path = path;
  DSE_TRY_ASSIGN(auto writer, CaptureWriter::open(options, FileSystem::host()));
  for (std::uint8_t capture = 1; capture <= 2; ++capture) {
    StreamTable streams;
    std::uint64_t first = 0, number = capture;
    for (std::uint32_t segment = 0; segment < 2; ++segment) {
      Snapshot snapshot;
      fill_snapshot(snapshot);
      mark(snapshot.rows, number, true);
      // The rows of the one are those of a snapshot, the rows of the other come from blocks.
      if (capture == 1) snapshot.rows.marks->number.clear();
      DSE_TRY(writer->begin_segment(sample_info(capture), first, snapshot));
      for (std::uint32_t count : {1u, 6000u, 300u}) {
        Rows rows;
        fill_block(rows, streams, first, count);
        mark(rows, number, count != 300);
        DSE_TRY(writer->write(rows));
        first += count;
      }
      EndInfo end;
      end.last = segment == 1;
      DSE_TRY(writer->end_segment(end, capture == 1 || !end.last));
    }
  }
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  bool filtered = argc == 3 && argv[1] == "--filtered"sv;
  if (argc != 2 && !filtered) return 2;
  std::filesystem::remove_all(argv[argc - 1]);
  Status status = filtered ? write_filtered(argv[2]) : write(argv[1]);
  if (!status) fmt::print(stderr, "{}\n", status.error().message());
  return status ? 0 : 1;
}
