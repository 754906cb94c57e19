// Writes a capture with what a quiet host does not show: columns in frames of their own, gaps in
// both directions, records that fit no kind, all widths of integers, and two captures in one
// directory, the second of which was not sealed. `write_sample_capture DIRECTORY`.
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "bpf/abi.h"
#include "format/capture_writer.h"

namespace {

using namespace dse;
using namespace dse::format;
using namespace std::literals;

template <typename Body>
std::vector<std::byte> record(Kind kind, std::uint64_t time, std::uint64_t seq, std::uint16_t cpu,
                              std::uint32_t pid, const Body& body, std::string_view tail = {}) {
  dse_header header{};
  header.time_ns = time;
  header.seq = seq;
  header.size = static_cast<std::uint32_t>(sizeof(header) + sizeof(body) + tail.size());
  header.kind = kind;
  header.cpu = cpu;
  header.task.start_time_ns = pid * std::uint64_t{1'000'003};
  header.task.pid = header.task.tid = pid;
  header.task.ns_user = 0xeffffffd;
  fmt::format_to_n(reinterpret_cast<char*>(header.task.comm), DSE_COMM_SIZE - 1, "task-{}", pid);
  std::vector<std::byte> out(header.size);
  std::memcpy(out.data(), &header, sizeof(header));
  std::memcpy(out.data() + sizeof(header), &body, sizeof(body));
  if (!tail.empty())
    std::memcpy(out.data() + sizeof(header) + sizeof(body), tail.data(), tail.size());
  return out;
}

void fill_snapshot(Snapshot& snapshot) {
  StreamTable streams;
  snapshot.span = {900, 990, {}, {{9, 0, 3}}};
  dse_process_snapshot process{0, 3, 4, 3};
  snapshot.rows.append(record(DSE_PROCESS_SNAPSHOT, 950, 0, DSE_CPU_NONE, 1, process, "/exea\0b"sv),
                       streams);
  dse_cgroup_snapshot cgroup{std::uint64_t{1} << 63, 0, 1};
  snapshot.rows.append(record(DSE_CGROUP_SNAPSHOT, 951, 0, DSE_CPU_NONE, 0, cgroup, "/"), streams);
}

// `first` and what the sequence numbers have come to let blocks follow one another.
void fill_block(Rows& rows, StreamTable& streams, std::uint64_t first, std::uint32_t count) {
  rows.first = first;
  std::uint64_t random = first * 2654435761u + 1;
  for (std::uint32_t i = 0; i < count; ++i) {
    random = random * 6364136223846793005u + 1442695040888963407u;
    auto cpu = static_cast<std::uint16_t>(random >> 40 & 3);
    std::uint64_t number = first + i, time = 1'000'000 + 1000 * number - (random >> 60) * 700;
    // Some are lost, some come late.
    std::uint64_t seq = number / 4 + (random >> 50) % 7;
    auto pid = static_cast<std::uint32_t>(100 + (random >> 33) % 300);
    switch (random >> 61) {
      case 0: {
        std::string name = "/bin/x" + std::to_string(random >> 58 & 15);
        std::string args = std::string("x\0", 2) + std::string(random >> 54 & 63, 'a') +
                           std::to_string(number);
        dse_process_exec body{pid,
                              0,
                              2,
                              static_cast<std::uint32_t>(args.size()),
                              static_cast<std::uint32_t>(name.size()),
                              static_cast<std::uint32_t>(args.size())};
        rows.append(record(DSE_PROCESS_EXEC, time, seq, cpu, pid, body, name + args), streams);
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
        rows.append(record(DSE_SOCKET_STATE, time, seq, cpu, pid, body), streams);
        break;
      }
      default: {
        dse_signal_deliver body{random,    static_cast<__s32>(random >> 58),
                                0,         static_cast<__s32>(random >> 62) - 6,
                                -1,        0,
                                0x84000000};
        rows.append(record(DSE_SIGNAL_DELIVER, time, seq, cpu, pid, body), streams);
      }
    }
  }
}

Status write(const std::string& directory) {
  for (std::uint8_t capture = 1; capture <= 2; ++capture) {
    WriterOptions options;
    options.path = directory;
    DSE_TRY_ASSIGN(auto writer, CaptureWriter::open(options, FileSystem::host()));
    StreamTable streams;
    SegmentInfo info;
    info.capture_id.fill(capture);
    info.machine = "x86_64";
    info.boot_time = 1000;
    info.real_time = 1'700'000'000'000'000'000;
    std::uint64_t first = writer->first_record();
    for (std::uint32_t segment = 0; segment < 3; ++segment) {
      Snapshot snapshot;
      fill_snapshot(snapshot);
      DSE_TRY(writer->begin_segment(info, first, snapshot));
      for (std::uint32_t count : {1u, 20u, 6000u, 300u}) {
        Rows rows;
        fill_block(rows, streams, first, count);
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

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  std::filesystem::remove_all(argv[1]);
  Status status = write(argv[1]);
  if (!status) fmt::print(stderr, "{}\n", status.error().message());
  return status ? 0 : 1;
}
