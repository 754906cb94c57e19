#include "replay/capture_merge.h"

#include <algorithm>
#include <cstring>

#include <fmt/format.h>

#include "bpf/abi.h"
#include "format/transcriber.h"
#include "replay/session.h"

namespace dse::replay {
namespace {

constexpr std::uint64_t kSliceRecords = 32768;
constexpr std::size_t kSliceBytes = std::size_t{4} << 20;

std::string_view option(const format::SegmentInfo& info, std::string_view name) {
  for (const auto& [key, value] : info.options)
    if (key == name) return value;
  return {};
}

}  // namespace

void CaptureMerge::add(std::string name, std::unique_ptr<format::CaptureReader> reader) {
  auto input = std::make_unique<Input>();
  input->name = std::move(name);
  input->reader = std::move(reader);
  input->reader->observe(&input->ends);
  inputs_.push_back(std::move(input));
}

std::vector<format::Note> CaptureMerge::notes() const {
  std::vector<format::Note> all;
  for (const auto& input : inputs_)
    all.insert(all.end(), input->reader->notes().begin(), input->reader->notes().end());
  return all;
}

Result<bool> CaptureMerge::step() {
  if (!std::exchange(started_, true)) {
    DSE_TRY_ASSIGN(writer_, format::CaptureWriter::open(options_.writer, fs_));
    for (auto& input : inputs_) DSE_TRY(refill(*input));
  }
  while (slice_records_ < kSliceRecords && slice_bytes_ < kSliceBytes) {
    Input* first = nullptr;
    for (auto& input : inputs_)
      if (!input->done && (!first || input->times[input->next] < first->times[first->next]))
        first = input.get();
    if (!first) {
      if (!last_end_) return Error(ErrorCode::damaged, "there is no capture to be read");
      DSE_TRY(check_offsets());
      DSE_TRY(writer_->end_segment(std::move(last_end_->first)));
      account_.bytes = writer_->total_bytes();
      return false;
    }
    take_record(*first);
    if (first->next == first->times.size()) DSE_TRY(refill(*first));
  }
  DSE_TRY(flush());
  account_.bytes = writer_->total_bytes();
  return true;
}

// ---- reading -------------------------------------------------------------------------------------

// Reads on until there is a record, or none ever again.
Status CaptureMerge::refill(Input& input) {
  input.next = 0;
  input.times.clear();
  while (!input.done && input.times.empty()) {
    auto step = input.reader->next();
    if (!step) return step.error();
    DSE_TRY(check_segments(input));
    switch (step->what) {
      case format::Step::What::capture: DSE_TRY(take_capture(input)); break;
      case format::Step::What::batch:
        if (step->batch->snapshot())
          DSE_TRY(begin_capture(input, &*step->batch));
        else
          DSE_TRY(take_batch(input, std::move(*step->batch)));
        break;
      case format::Step::What::end:
        input.done = true;
        if (input.open) DSE_TRY(end_capture(input, std::move(input.ends.last), false));
        break;
      case format::Step::What::idle: break;
      case format::Step::What::joins:
      case format::Step::What::leaves:
        return Error(ErrorCode::usage, input.name + " is merged already; merge its parts");
    }
  }
  return {};
}

Status CaptureMerge::take_capture(Input& input) {
  const format::SegmentInfo& info = input.reader->info();
  if (is_merged(info))
    return Error(ErrorCode::usage, input.name + " is merged already; merge its parts");
  const bool goes_on = input.original.goes_on_in(info);
  if (input.open) DSE_TRY(end_capture(input, std::move(input.ends.before), goes_on));
  DSE_TRY(check_clock(input, info));
  input.open = true;
  input.begun = false;
  input.state.reset(info);
  auto offset = options_.offsets.find(info.host_name);
  input.offset = offset == options_.offsets.end() ? 0 : offset->second;
  input.next_record = 0;
  input.lost = 0;
  if (!goes_on) input.streams = {};
  input.original.begin(info);
  account_.hosts.insert(info.host_name);
  ++account_.captures;
  return {};
}

// Hosts can be put in one order if their clocks agree: by a third that keeps them right, or as they are one
// and the same.
Status CaptureMerge::check_clock(const Input& input, const format::SegmentInfo& info) {
  if (boot_id_.empty())
    boot_id_ = info.boot_id;
  else if (boot_id_ != info.boot_id)
    several_boots_ = true;
  const std::string who = fmt::format("{} ({})", input.name, info.host_name);
  std::string_view clock = option(info, format::kClockOption);
  if (clock == format::kClockAlone) alone_ = who;
  if (clock.empty()) unknown_clocks_.insert(info.host_name);
  if (options_.trust_clocks) return {};
  constexpr std::string_view kRemedy =
      "events of several hosts cannot be put in order. --trust-clocks takes clocks as they are, "
      "and "
      "--offset HOST=+1.5s corrects one that is known to be behind";
  if (info.real_time == 0)
    return Error(ErrorCode::usage, fmt::format("{}: it does not tell its clock; {}", who, kRemedy));
  if (alone_ && several_boots_)
    return Error(ErrorCode::usage,
                 fmt::format("{}: no time service kept its clock right when it was recorded; {}",
                             *alone_, kRemedy));
  return {};
}

Status CaptureMerge::check_segments(Input& input) {
  for (const SegmentId& id : std::exchange(input.ends.segments, {})) {
    auto [known, fresh] = segments_.emplace(id, &input);
    if (!fresh && known->second != &input)
      return Error(ErrorCode::usage,
                   fmt::format("{} is of the same capture as {}: its events would be there twice; "
                               "name each capture once",
                               input.name, known->second->name));
  }
  return {};
}

// Only when all is read it is known which hosts there are.
Status CaptureMerge::check_offsets() const {
  for (const auto& [host, offset] : options_.offsets)
    if (!account_.hosts.contains(host))
      return Error(
          ErrorCode::usage,
          fmt::format("--offset for {}: no capture is of that host; there {} {}", host,
                      account_.hosts.size() == 1 ? "is" : "are", fmt::join(account_.hosts, ", ")));
  return {};
}

Status CaptureMerge::take_batch(Input& input, format::Batch batch) {
  DSE_TRY(begin_capture(input, nullptr));
  if (input.rows.marks && input.rows.marks->filtered != batch.filtered()) DSE_TRY(flush());
  input.bytes.clear();
  input.ends_at.clear();
  Status status = format::check_unpacked(batch);
  if (status) status = input.state.advance(batch);
  if (status) {
    std::uint32_t position = 0;
    status = batch.for_each_record(DSE_ABI_VERSION, [&](auto record) -> Status {
      dse_header header{};
      std::uint64_t time = 0;
      if (record.size() >= sizeof(header)) {
        std::memcpy(&header, record.data(), sizeof(header));
        time = input.state.real_time(header.time_ns, batch.number(position));
      }
      ++position;
      time += static_cast<std::uint64_t>(input.offset);
      input.last_time = std::max(input.last_time, time);
      input.times.push_back(input.last_time);
      input.bytes.insert(input.bytes.end(), record.begin(), record.end());
      input.ends_at.push_back(input.bytes.size());
      return {};
    });
  }
  if (!status) {
    // One block that does not decode does not spoil the others.
    input.times.clear();
    input.reader->report_damage(status.error());
    return {};
  }
  input.original.enter(batch, input.streams);
  input.batch = std::move(batch);
  input.shown.clear();
  for (const format::ShownEvents& events : input.batch->shown()) input.shown.push_back({&events});
  return {};
}

// ---- writing -------------------------------------------------------------------------------------

void CaptureMerge::correct_clock(const Input& input, std::span<std::byte> record) const {
  dse_header header;
  dse_clock_sample sample;
  if (input.offset == 0 || record.size() != sizeof(header) + sizeof(sample)) return;
  std::memcpy(&header, record.data(), sizeof(header));
  if (header.kind != DSE_CLOCK_SAMPLE) return;
  std::memcpy(&sample, record.data() + sizeof(header), sizeof(sample));
  sample.real_ns += static_cast<std::uint64_t>(input.offset);
  std::memcpy(record.data() + sizeof(header), &sample, sizeof(sample));
}

namespace {

// The events of the record that is the last one of `rows`, and the one at `position` of its batch.
template <typename Shown>
void copy_marks(std::vector<Shown>& shown, std::uint32_t position, format::Rows& rows) {
  for (Shown& of_point : shown) {
    const format::ShownEvents& events = *of_point.events;
    for (; of_point.next < events.position.size() && events.position[of_point.next] == position;
         ++of_point.next) {
      auto& marks = rows.marks->shown;
      auto found = std::find_if(marks.begin(), marks.end(), [&](const format::ShownEvents& one) {
        return one.point == events.point;
      });
      if (found == marks.end()) found = marks.insert(marks.end(), {events.point, {}, {}});
      found->position.push_back(rows.count() - 1);
      found->nth.push_back(events.nth[of_point.next]);
    }
  }
}

dse_header header_of(std::span<const std::byte> record) {
  dse_header header;
  std::memcpy(&header, record.data(), sizeof(header));
  return header;
}

}  // namespace

void CaptureMerge::take_record(Input& input) {
  const std::size_t begin = input.next == 0 ? 0 : input.ends_at[input.next - 1];
  std::span<std::byte> record(input.bytes.data() + begin, input.ends_at[input.next] - begin);
  correct_clock(input, record);
  if (!input.rows.marks) {
    input.rows.marks.emplace();
    input.rows.marks->filtered = input.batch->filtered();
  }
  const std::size_t before = input.rows.size_bytes();
  const std::size_t raw = input.rows.raw_index().size();
  input.rows.append(record, input.streams);
  if (input.rows.raw_index().size() == raw) input.original.take(header_of(record), true);
  slice_bytes_ += input.rows.size_bytes() - before;
  ++slice_records_;
  input.rows.marks->number.push_back(++account_.records);
  copy_marks(input.shown, static_cast<std::uint32_t>(input.next), input.rows);
  ++input.next;
}

Status CaptureMerge::flush() {
  for (auto& input : inputs_) {
    if (input->rows.empty()) continue;
    input->rows.first = input->next_record;
    input->rows.marks->slice = slice_;
    DSE_TRY(writer_->write(input->rows, input->id));
    input->next_record += input->rows.count();
    input->lost += input->rows.lost();
    input->rows.clear();
  }
  ++slice_;
  slice_records_ = slice_bytes_ = 0;
  return {};
}

format::SegmentInfo CaptureMerge::header(const Input& input) const {
  format::SegmentInfo info = input.state.info();
  auto place = std::find_if(inputs_.begin(), inputs_.end(),
                            [&](const auto& one) { return one.get() == &input; });
  info.capture_id = format::derived_id(
      info.capture_id, fmt::format("merged {} {}", place - inputs_.begin(), input.capture_number));
  info.first = 0;
  info.real_time += static_cast<std::uint64_t>(input.offset);
  std::erase_if(info.options,
                [](const auto& option) { return option.first == format::kNumberedOption; });
  info.options.emplace_back(format::kNumberedOption, format::kMergedValue);
  return info;
}

// What is written of it begins with its snapshot, or with none if that could not be read.
Status CaptureMerge::begin_capture(Input& input, const format::Batch* batch) {
  if (std::exchange(input.begun, true)) return {};
  DSE_TRY(flush());
  ++input.capture_number;
  format::Snapshot snapshot;
  if (batch) {
    DSE_TRY_ASSIGN(snapshot, snapshot_of(input, *batch));
  } else {
    snapshot.rows.marks.emplace();
    snapshot.rows.marks->filtered = !option(input.state.info(), kFilteredOption).empty();
  }
  snapshot.rows.marks->slice = slice_++;
  format::SegmentInfo info = header(input);
  input.id = format::short_id(info.capture_id);
  if (!std::exchange(segment_begun_, true)) return writer_->begin_segment(info, 0, snapshot);
  if (last_end_) DSE_TRY(writer_->leave(std::move(last_end_->first), last_end_->second));
  last_end_.reset();
  return writer_->join(std::move(info), snapshot);
}

Result<format::Snapshot> CaptureMerge::snapshot_of(Input& input, const format::Batch& batch) {
  DSE_TRY(format::check_unpacked(batch));
  DSE_TRY(input.state.advance(batch));
  format::Snapshot snapshot;
  snapshot.rows.marks.emplace();
  snapshot.rows.marks->filtered = batch.filtered();
  const format::SnapshotInfo& from = *batch.snapshot();
  snapshot.span = {from.begin_time, from.end_time, from.begin_streams, from.end_streams};
  format::StreamTable streams;
  for (const format::StreamPosition& stream : batch.streams())
    if (stream.kind < format::kMaxKinds) streams.at(stream.kind, stream.cpu).next = stream.seq;
  std::vector<Shown> shown;
  for (const format::ShownEvents& events : batch.shown()) shown.push_back({&events});
  std::uint32_t position = 0;
  DSE_TRY(batch.for_each_record(DSE_ABI_VERSION, [&](auto record) -> Status {
    snapshot.rows.append(record, streams);
    copy_marks(shown, position++, snapshot.rows);
    return {};
  }));
  return snapshot;
}

Status CaptureMerge::end_capture(Input& input, std::optional<format::EndInfo> told, bool goes_on) {
  DSE_TRY(begin_capture(input, nullptr));
  DSE_TRY(flush());
  input.open = false;
  format::EndInfo end;
  if (told) end = std::move(*told);
  end.losses = input.original.take_losses(told ? &end.losses : nullptr, input.lost,
                                          input.reader->damage(), !goes_on);
  if (input.done && input.reader->is_cut_short())
    format::add_loss(end.losses, 0, format::kUncountedCause, 1);
  end.reason = "merged";
  end.last = true;
  if (last_end_) DSE_TRY(writer_->leave(std::move(last_end_->first), last_end_->second));
  last_end_.emplace(std::move(end), input.id);
  return {};
}

}  // namespace dse::replay
