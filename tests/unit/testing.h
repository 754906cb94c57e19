// What the offline tests share: raw records made by hand or at random, sources and captures made of
// them, and everything that a session has to say about them.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "bpf/abi.h"
#include "format/byte_source.h"
#include "format/capture_reader.h"
#include "format/capture_writer.h"
#include "format/rows.h"
#include "format/source.h"
#include "replay/session.h"

// One raw record, as a ring buffer would give it.
using Record = std::string;
using Records = std::vector<Record>;

inline std::span<const std::byte> bytes_of(std::string_view record) {
  return std::as_bytes(std::span(record.data(), record.size()));
}
inline std::string string_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// ---- records by hand -----------------------------------------------------------------------------

// A thread group leader of the initial namespaces; its start time tells it from others of its pid.
dse_task make_task(std::uint32_t pid, std::string_view comm, std::uint32_t ppid = 1);

// A record with time, sequence number and CPU zero; Script sets what it must.
template <typename Body>
Record make_record(std::uint16_t kind, const dse_task& task, const Body& body,
                   std::string_view tail = {}) {
  dse_header header{};
  header.kind = kind;
  header.size = static_cast<std::uint32_t>(sizeof(header) + sizeof(body) + tail.size());
  header.task = task;
  Record record(sizeof(header) + sizeof(body), '\0');
  std::memcpy(record.data(), &header, sizeof(header));
  std::memcpy(record.data() + sizeof(header), &body, sizeof(body));
  record += tail;
  return record;
}

// Arguments as the kernel keeps them: each with a NUL at its end.
std::string argument_block(const std::vector<std::string>& args);

Record fork_record(const dse_task& parent, const dse_task& child);
Record exec_record(const dse_task& task, std::string_view filename,
                   const std::vector<std::string>& args, std::uint32_t flags = 0);
// An exec with all that newer layouts keep of it. Sizes and what exec_record sets need not be set in
// `body`.
struct ExecFacts {
  dse_process_exec body{};
  std::string exepath, interp, cwd, env;
};
Record exec_record(const dse_task& task, std::string_view filename,
                   const std::vector<std::string>& args, ExecFacts facts);
Record exec_fail_record(const dse_task& task, std::string_view filename,
                        const std::vector<std::string>& args, int error,
                        std::string_view cwd = "/");
Record exit_record(const dse_task& task, bool group_dead = true);
Record cgroup_record(std::uint16_t kind, const dse_task& task, std::uint64_t id,
                     std::string_view path, std::uint32_t hierarchy = 0);
Record socket_record(const dse_task& task, const dse_socket_state& body);
Record generate_record(const dse_task& sender, const dse_task& target, int signal, int code,
                       bool to_process, std::uint32_t result = 0);
Record deliver_record(const dse_task& target, int signal, int code, std::uint64_t handler = 0);
Record clock_record(std::uint64_t real_ns);
Record process_snapshot_record(const dse_task& task, std::string_view exe,
                               const std::vector<std::string>& args);
Record cgroup_snapshot_record(std::uint64_t id, std::string_view path, std::uint32_t hierarchy = 0);
Record socket_snapshot_record(const dse_task& owner, const dse_socket_state& socket);
// The strings of container_metadata in their order; missing ones at the end are empty.
Record container_metadata_record(const std::vector<std::string>& strings);

dse_header header_of_record(std::string_view record);
void set_header(Record& record, const dse_header& header);

// Records in order, with times that rise and sequence numbers without gaps, unless told otherwise.
class Script {
 public:
  explicit Script(std::uint64_t start_ns = 1'000'000'000) : time_(start_ns) {}

  Script& add(Record record, std::uint16_t cpu = 0);
  // The next record of that CPU and kind comes after a gap.
  Script& lose(std::uint16_t kind, std::uint16_t cpu, std::uint64_t records);
  Script& wait(std::uint64_t ns);

  std::uint64_t time() const { return time_; }
  const Records& records() const { return records_; }

 private:
  std::uint64_t time_;
  std::map<std::pair<std::uint16_t, std::uint16_t>, std::uint64_t> next_;
  Records records_;
};

// ---- records at random ---------------------------------------------------------------------------

// Seeded: the same records on every machine (only std::mt19937_64 itself is used, since the standard
// fixes that but not the distributions).
class RandomRecords {
 public:
  enum class Style {
    arbitrary,  // any bytes: every kind, unknown kinds, sizes that do not add up, wild numbers
    plausible,  // few processes, cgroups and signals, so that records have to do with one another
  };
  RandomRecords(std::uint64_t seed, Style style) : random_(seed), style_(style) {}

  Record next();
  Records take(std::size_t count);
  // Records as they stand in a snapshot.
  Records snapshot(std::size_t count);

  // Uniform enough in [0, n).
  std::uint64_t below(std::uint64_t n) { return random_() % n; }
  bool chance(unsigned percent) { return below(100) < percent; }

 private:
  std::uint64_t wild_number();
  std::uint64_t number(const std::string& column, std::uint32_t size);
  std::string text(const std::string& column);
  std::string random_bytes(std::size_t size);
  dse_task task();
  Record of_kind(const dse::format::TableLayout& layout);

  std::mt19937_64 random_;
  Style style_;
  std::uint64_t time_ = 1'000'000'000;
  std::array<std::uint64_t, 16> recent_times_{};  // of records, in no order
  std::map<std::pair<std::uint16_t, std::uint16_t>, std::uint64_t> next_seq_;
};

// ---- batches, sources and captures ---------------------------------------------------------------

// What a capture says of itself in tests.
dse::format::SegmentInfo test_info();

dse::format::Rows rows_of(std::span<const Record> records, dse::format::StreamTable& streams,
                          std::uint64_t first = 0);
// The batch as a live source makes it, without a file in between.
dse::Result<dse::format::Batch> batch_of(const dse::format::Rows& rows);
// The whole records of a batch; the status of for_each_record in `status` if wanted.
Records records_of(const dse::format::Batch& batch, dse::Status* status = nullptr,
                   unsigned abi_version = DSE_ABI_VERSION);

// Cuts `records` into runs of `size`; 0: one run.
std::vector<Records> cut(const Records& records, std::size_t size);

// Hands out batches from memory, as a live source does.
class MemoryRecords final : public dse::format::Source {
 public:
  MemoryRecords(Records snapshot, std::vector<Records> batches,
                dse::format::SegmentInfo info = test_info());

  dse::Result<dse::format::Step> next() override;
  const dse::format::SegmentInfo& info() const override { return info_; }
  void want(dse::format::KindSet) override {}
  void report_damage(const dse::Error& error) override;
  const std::vector<dse::format::Note>& notes() const override { return notes_; }
  std::vector<dse::format::Loss> losses() const override { return {}; }

 private:
  dse::format::SegmentInfo info_;
  Records snapshot_;
  std::vector<Records> batches_;
  std::size_t at_ = 0;
  std::uint64_t first_ = 0;
  dse::format::StreamTable streams_;
  std::vector<dse::format::Note> notes_;
};

// A directory that goes away with its contents.
class TempDir {
 public:
  TempDir();
  ~TempDir();
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  const std::string& path() const { return path_; }
  std::string operator/(std::string_view name) const { return path_ + "/" + std::string(name); }

 private:
  std::string path_;
};

std::string read_file(const std::string& path);
void write_file(const std::string& path, std::string_view bytes);

// Writes a capture of one segment with CaptureWriter; the first error, if any.
dse::Status write_capture(const std::string& path, const Records& snapshot,
                          const std::vector<Records>& batches, dse::format::FileSystem& fs,
                          dse::format::SegmentInfo info = test_info());
// The bytes of such a capture.
std::string capture_bytes(const Records& snapshot, const std::vector<Records>& batches,
                          dse::format::SegmentInfo info = test_info());

// All that reading a capture gives.
struct ReadBack {
  Records records;  // of blocks, not of snapshots
  Records snapshot;
  std::vector<dse::format::Note> notes;
  std::optional<dse::Error> error;  // not of damage: that is in the notes
  bool has_note(dse::format::Note::What what) const;
  std::string describe() const;
};
ReadBack read_back(dse::format::CaptureReader& reader);
ReadBack read_back(std::string bytes, bool seekable);

// The events of a session with the given points (none: all), each as a line of JSON and one of text.
std::vector<std::string> events_of(std::unique_ptr<dse::format::Source> source,
                                   const std::vector<std::string>& points = {});

// Whether `some` are members of `all` in the same order.
bool is_subsequence(const Records& some, const Records& all);
