#include "tests/bench/captures.h"

#include <sys/mman.h>

#include "format/batch_impl.h"
#include "format/byte_source.h"
#include "format/capture_reader.h"
#include "format/capture_writer.h"
#include "format/encode.h"
#include "format/file.h"
#include "format/message.h"
#include "replay/batch_renderer.h"
#include "replay/points/points.h"

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

std::vector<RingRecord> in_rings(const Records& records, std::size_t rings) {
  std::vector<RingRecord> out;
  std::vector<std::map<std::string, std::uint32_t>> tasks(rings);
  std::vector<std::uint32_t> latest(rings);
  auto add = [&](std::size_t ring, const auto& begin, std::span<const std::byte> rest) {
    std::string bytes(reinterpret_cast<const char*>(&begin), sizeof(begin));
    bytes.append(reinterpret_cast<const char*>(rest.data()), rest.size());
    out.push_back({ring, std::move(bytes)});
  };
  for (std::size_t i = 0; i < records.size(); ++i) {
    dse_header header;
    std::memcpy(&header, records[i].data(), sizeof(header));
    const std::size_t ring = i % rings;
    const std::string key(reinterpret_cast<const char*>(&header.task), sizeof(header.task));
    if (tasks[ring].size() == DSE_RING_TASKS) tasks[ring].clear();
    auto [known, is_new] = tasks[ring].try_emplace(key, latest[ring] + 1);
    latest[ring] = std::max(latest[ring], known->second);
    dse_ring_header begin{header.time_ns, 0, known->second, DSE_RING_TASK, header.cpu};
    if (is_new) add(ring, dse_ring_task{begin, header.task}, {});
    begin.seq = header.seq;
    begin.kind = header.kind;
    add(ring, begin, records[i].subspan(sizeof(header)));
  }
  return out;
}

format::Batch EncodedBlock::open(format::ReadCounters* counters) const {
  auto read = [this](std::uint64_t offset,
                     std::uint32_t size) -> Result<std::span<const std::byte>> {
    return std::span(body).subspan(offset, size);
  };
  return must(format::open_batch(header, read, counters));
}

EncodedBlock encode_block(const Records& records, int level) {
  format::Rows rows;
  append_all(records, rows);
  EncodedBlock block;
  block.header.count = rows.count();
  block.header.min_time = rows.min_time();
  block.header.max_time = rows.max_time();
  for (const format::Rows::Table& table : rows.tables())
    if (table.layout && table.count())
      block.header.kinds.push_back({table.layout->kind, table.count()});
  format::BatchEncoder batches;
  format::EntryEncoder entries(level);
  auto bytes = must(entries.encode(block.header, *batches.block(rows)));
  block.raw_bytes = entries.raw_bytes();
  auto body = bytes.subspan(block.header.header_bytes());
  block.body.assign(body.begin(), body.end());
  return block;
}

format::Batch block_batch(const Records& records) {
  format::Rows rows;
  append_all(records, rows);
  return must(format::read_batch(format::BatchEncoder().block(rows)));
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

std::unique_ptr<replay::Session> open_session(const std::string& bytes) {
  auto session = std::make_unique<replay::Session>(open_capture(bytes));
  for (const std::string& name : replay::default_point_names())
    session->add(replay::make_point(name));
  return session;
}

replay::EventPage first_page(replay::Session& session) {
  must(session.next_page());  // of the snapshot
  return std::move(*must(session.next_page()));
}

InitialState::InitialState()
    : snapshot_([] {
        format::Rows rows;
        append_all(snapshot_records(), rows);
        return must(format::read_batch(format::BatchEncoder().snapshot(rows, {1, 2, {}, {}})));
      }()) {}

std::unique_ptr<replay::State> InitialState::make(const replay::StateNeeds& needs) const {
  auto state = std::make_unique<replay::State>();
  state->set_needs(needs);
  state->reset(segment_info());
  must(state->advance(snapshot_));
  return state;
}

PageRenderer::PageRenderer(const replay::Session& session, Form form) {
  for (const auto& point : session.points()) {
    auto& renderer = renderers_[point.get()];
    if (form == Form::json)
      renderer = std::make_unique<replay::JsonRenderer>(*point);
    else
      renderer = std::make_unique<replay::TextRenderer>(*point, false);
  }
}

std::size_t PageRenderer::in_batches(const replay::EventPage& page, replay::TextBuffer& out) const {
  std::size_t events = 0;
  for (const auto& source : page.sources()) {
    const replay::Renderer& renderer = *renderers_.at(&source.events->point());
    auto columns = renderer.columns(*source.events);
    replay::BatchRenderer batch;
    batch.begin(renderer, *source.events, columns, source.chosen);
    for (std::size_t i = 0; i < source.chosen.size(); ++i) batch.append(i, out);
    events += source.chosen.size();
  }
  return events;
}

std::size_t PageRenderer::one_by_one(const replay::EventPage& page, std::string& out) const {
  std::size_t events = 0;
  for (const auto& source : page.sources()) {
    const replay::Renderer& renderer = *renderers_.at(&source.events->point());
    for (std::uint32_t event : source.chosen) renderer.append(*source.events, event, out);
    events += source.chosen.size();
  }
  return events;
}

}  // namespace dse::bench
