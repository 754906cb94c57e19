// dse_scale: writes a capture as a recorder on a host of many CPUs would, of a storm that nobody has to
// wait for: for questions to captures that are too large to be recorded each time.
#include <cstring>
#include <iostream>
#include <memory>
#include <string>

#include <CLI/CLI.hpp>

#include "format/capture_writer.h"
#include "format/file.h"
#include "tests/bench/captures.h"

namespace dse::bench {
namespace {

constexpr std::uint32_t kRecordsPerBatch = 65536;  // as the recorder does it
constexpr std::uint64_t kGroups = 16;              // batches that are made at a time

struct Options {
  std::string out;
  std::uint64_t events = 1'000'000;
  std::uint32_t cpus = 128;
  std::uint64_t segment_bytes = std::uint64_t{64} << 20;  // as the recorder does it
  Storm::Kind storm = Storm::Kind::mixed;
};

class Scale {
 public:
  explicit Scale(const Options& options)
      : options_(options), storm_(options.storm, options.cpus), info_(segment_info()) {
    info_.cpus = options.cpus;
    append_all(snapshot_records(), snapshot_.rows);
    snapshot_.span = {1, 2, {}, {}};
  }

  void write() {
    writer_ = must(format::CaptureWriter::open({options_.out, 1, 0}, files_));
    while (events_ < options_.events) {
      const Records records = storm_.next(kRecordsPerBatch * kGroups);
      if (first_ == 0) begin(records[0]);
      for (std::size_t i = 0; i < records.size() && events_ < options_.events; ++i) take(records[i]);
    }
    if (!rows_.empty()) flush();
    must(writer_->end_segment(end("events", true)));
    std::cout << "{\"events\":" << events_ << ",\"records\":" << number_
              << ",\"bytes\":" << writer_->total_bytes() << ",\"seconds\":"
              << static_cast<double>(last_ - first_) / 1e9 << "}\n";
  }

 private:
  static dse_header header_of(std::span<const std::byte> record) {
    dse_header header;
    std::memcpy(&header, record.data(), sizeof(header));
    return header;
  }

  void begin(std::span<const std::byte> record) {
    first_ = info_.boot_of_start = info_.boot_time = header_of(record).time_ns;
    must(writer_->begin_segment(info_, 0, snapshot_));
  }

  void take(std::span<const std::byte> record) {
    rows_.append(record, streams_);
    const dse_header header = header_of(record);
    // What the default points make events of.
    events_ += header.kind == DSE_SIGNAL_DELIVER || header.kind == DSE_SOCKET_STATE ||
               header.kind == DSE_PROCESS_EXEC;
    last_ = header.time_ns;
    if (rows_.count() == kRecordsPerBatch) flush();
  }

  void flush() {
    rows_.first = number_;
    number_ += rows_.count();
    must(writer_->write(rows_));
    rows_.clear();
    if (writer_->segment_bytes() >= options_.segment_bytes)
      must(writer_->rotate(end("rotated", false), info_, number_, snapshot_));
  }

  format::EndInfo end(const char* reason, bool last) const {
    format::EndInfo end;
    end.reason = reason;
    end.last = last;
    end.streams = streams_.positions();
    return end;
  }

  Options options_;
  Storm storm_;
  format::FileSystem files_;
  format::SegmentInfo info_;
  format::Snapshot snapshot_;
  std::unique_ptr<format::CaptureWriter> writer_;
  format::StreamTable streams_;
  format::Rows rows_;
  std::uint64_t number_ = 0, events_ = 0, first_ = 0, last_ = 0;
};

int main_of(int argc, char** argv) {
  Options options;
  bool signals = false;
  CLI::App app("Writes a synthetic capture, and tells what it is as JSON.", "dse_scale");
  app.add_option("OUT", options.out, "a directory")->required();
  app.add_option("--events", options.events)->capture_default_str();
  app.add_option("--cpus", options.cpus)->capture_default_str()->check(CLI::Range(1, 1024));
  app.add_option("--segment-bytes", options.segment_bytes)->capture_default_str();
  app.add_flag("--signals", signals, "signals only, instead of a mixed storm");
  CLI11_PARSE(app, argc, argv);
  if (signals) options.storm = Storm::Kind::signals;
  try {
    Scale(options).write();
  } catch (const std::exception& error) {
    std::cerr << "dse_scale: " << error.what() << "\n";
    return 1;
  }
  return 0;
}

}  // namespace
}  // namespace dse::bench

int main(int argc, char** argv) { return dse::bench::main_of(argc, argv); }
