#include "tests/bench/captures.h"

#include <sys/mman.h>

#include "format/byte_source.h"
#include "format/capture_reader.h"
#include "format/capture_writer.h"
#include "format/encode.h"
#include "format/file.h"
#include "format/message.h"

namespace dse::bench {
namespace {

// Keeps what is written. Files are only there to be locked.
class MemoryFiles final : public format::FileSystem {
 public:
  int open(const char*, int, mode_t) override { return ::memfd_create("capture", MFD_CLOEXEC); }
  ssize_t write(int, const void* data, std::size_t size) override {
    bytes.append(static_cast<const char*>(data), size);
    return static_cast<ssize_t>(size);
  }
  int fsync(int) override { return 0; }
  int rename(const char*, const char*) override { return 0; }

  std::string bytes;
};

}  // namespace

void append_all(const Records& records, format::Rows& rows) {
  format::StreamTable streams;
  for (std::size_t i = 0; i < records.size(); ++i) rows.append(records[i], streams);
}

format::Batch EncodedBlock::open() const {
  auto read = [this](std::uint64_t offset,
                     std::uint32_t size) -> Result<std::span<const std::byte>> {
    return std::span(body).subspan(offset, size);
  };
  return must(format::open_batch(header, read, nullptr));
}

EncodedBlock encode_block(const Records& records, int level) {
  format::Rows rows;
  append_all(records, rows);
  EncodedBlock block;
  block.header.count = rows.count();
  block.header.min_time = rows.min_time();
  block.header.max_time = rows.max_time();
  for (const format::Rows::Table& table : rows.tables())
    if (table.layout && table.count)
      block.header.kinds.push_back({table.layout->kind, table.count});
  format::BatchEncoder batches;
  format::EntryEncoder entries(level);
  auto bytes = must(entries.encode(block.header, *batches.block(rows)));
  block.raw_bytes = entries.raw_bytes();
  auto body = bytes.subspan(block.header.header_bytes());
  block.body.assign(body.begin(), body.end());
  return block;
}

format::SegmentInfo segment_info() {
  format::SegmentInfo info;
  info.abi_version = DSE_ABI_VERSION;
  info.capture_id.fill(0xb1);
  info.recorder_version = "0.0.0-bench";
  info.recorder_pid = 4242;
  info.host_name = "bench";
  info.kernel_release = "6.1.0";
  info.machine = "x86_64";
  info.boot_id = "00000000-0000-4000-8000-000000000001";
  info.cpus = 2;
  info.page_size = 4096;
  info.boot_time = 1'000'000'000;
  info.real_time = 1'795'361'576'000'000'000;
  for (const format::TableLayout& layout : format::all_kind_layouts())
    info.kinds.push_back(layout.kind);
  return info;
}

std::string capture_bytes(const Records& records, std::size_t per_block, int level) {
  MemoryFiles files;
  // A path that is a file's, and cannot be there.
  auto writer = must(format::CaptureWriter::open({"/dev/null/capture.dse", level, 0}, files));
  format::Snapshot snapshot;
  append_all(snapshot_records(), snapshot.rows);
  snapshot.span = {1, 2, {}, {}};
  must(writer->begin_segment(segment_info(), 0, snapshot));
  format::StreamTable streams;
  format::Rows rows;
  for (std::size_t i = 0; i < records.size(); ++i) {
    rows.append(records[i], streams);
    if (rows.count() < per_block && i + 1 < records.size()) continue;
    rows.first = i + 1 - rows.count();
    must(writer->write(rows));
    rows.clear();
  }
  format::EndInfo end;
  end.reason = "bench";
  end.last = true;
  end.streams = streams.positions();
  must(writer->end_segment(std::move(end)));
  return std::move(files.bytes);
}

std::unique_ptr<format::Source> open_capture(const std::string& bytes) {
  return std::make_unique<format::CaptureReader>(format::memory_byte_source(bytes, true), "bench");
}

}  // namespace dse::bench
