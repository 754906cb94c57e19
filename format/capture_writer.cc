#include "format/capture_writer.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

#include "format/capture_directory.h"
#include "format/message.h"

namespace dse::format {
namespace {

EntryHeader header_of(const Rows& rows, EntryType type) {
  EntryHeader header;
  header.type = type;
  header.first = rows.first;
  header.count = rows.count();
  header.min_time = rows.count() ? rows.min_time() : 0;
  header.max_time = rows.max_time();
  header.lost = rows.lost();
  std::uint32_t raw = static_cast<std::uint32_t>(rows.raw_index().size());
  if (raw) header.kinds.push_back({0, raw});
  for (const Rows::Table& table : rows.tables())
    if (table.layout && table.count()) header.kinds.push_back({table.layout->kind, table.count()});
  return header;
}

}  // namespace

Result<std::unique_ptr<CaptureWriter>> CaptureWriter::open(const WriterOptions& options,
                                                           FileSystem& fs) {
  const std::string& path = options.path;
  struct stat status;
  bool exists = path != "-" && ::stat(path.c_str(), &status) == 0;
  Place place = Place::directory;
  if (path == "-" || (exists && !S_ISDIR(status.st_mode) && !S_ISREG(status.st_mode)))
    place = Place::stream;
  else if (!exists ? path.ends_with(kSegmentSuffix) : S_ISREG(status.st_mode))
    place = Place::file;

  std::unique_ptr<CaptureWriter> writer(new CaptureWriter(options, place, fs));
  if (place == Place::directory) {
    std::error_code error;
    // Arguments of commands may hold secrets: what is recorded is for its owner alone.
    if (std::filesystem::create_directories(path, error) && !error)
      std::filesystem::permissions(path, std::filesystem::perms::owner_all, error);
    if (error)
      return Error(ErrorCode::io, "cannot create directory " + path + ": " + error.message());
    DSE_TRY_ASSIGN(writer->first_record_, next_record_number(path));
  } else if (place == Place::file && exists) {
    return Error(ErrorCode::usage, path + " exists; remove it or choose another name");
  }
  return writer;
}

Status CaptureWriter::append(EntryHeader header, ColumnMessage& message, std::uint64_t capture) {
  header.capture = capture;
  header.position = segment_bytes();
  DSE_TRY_ASSIGN(auto bytes, encoder_.encode(header, message));
  DSE_TRY(file_->append(bytes));
  if (header.type == EntryType::snapshot || header.type == EntryType::block) {
    std::uint64_t kinds = 0;
    for (const KindCount& kind : header.kinds)
      if (kind.kind < kMaxKinds) kinds |= std::uint64_t{1} << kind.kind;
    // A stream that never rotates would let the index grow for ever: it thins itself out.
    std::vector<IndexItem>& index = lanes_[capture].index;
    if (index.size() >= kMaxIndexItems) {
      std::size_t kept = 0;
      for (std::size_t i = 0; i < index.size(); i += 2) index[kept++] = index[i];
      index.resize(kept);
    }
    index.push_back({header.position, header.type, header.first,
                     static_cast<std::uint32_t>(header.count), header.min_time, header.max_time,
                     header.lost, kinds});
  }
  return {};
}

// What the next segment goes to, unless it follows on one that is there.
Result<SegmentFile> CaptureWriter::open_target(std::uint64_t first) {
  if (place_ == Place::stream) {
    FileHandle handle(options_.path == "-"
                          ? ::dup(STDOUT_FILENO)
                          : fs_.open(options_.path.c_str(), O_WRONLY | O_CLOEXEC, 0));
    std::string name = options_.path == "-" ? "standard output" : options_.path;
    if (handle.get() < 0)
      return Error(ErrorCode::io, errno_error("cannot write " + name, errno).message());
    return SegmentFile::stream(std::move(handle), name, fs_);
  }
  std::string path = place_ == Place::file
                         ? options_.path
                         : (std::filesystem::path(options_.path) / segment_name(first)).string();
  return SegmentFile::create(path, fs_);
}

Status CaptureWriter::begin_segment(SegmentInfo info, std::uint64_t first,
                                    const Snapshot& snapshot) {
  if (!goes_on_) {
    DSE_TRY_ASSIGN(file_, open_target(first));
  }
  return start_segment(std::move(info), first, snapshot);
}

Status CaptureWriter::start_segment(SegmentInfo info, std::uint64_t first,
                                    const Snapshot& snapshot) {
  goes_on_ = false;
  segment_start_ = file_->size_bytes();
  if (capture_ != short_id(info.capture_id)) capture_segments_ = 0;
  capture_ = short_id(info.capture_id);
  lanes_.clear();
  info.segment = capture_segments_++;
  ++segments_;
  info.first = first;
  return append_start(std::move(info), snapshot);
}

Status CaptureWriter::join(SegmentInfo info, const Snapshot& snapshot) {
  info.segment = 0;
  return append_start(std::move(info), snapshot);
}

Status CaptureWriter::append_start(SegmentInfo info, const Snapshot& snapshot) {
  const std::uint64_t capture = short_id(info.capture_id);
  lanes_[capture].next_record = info.first;
  EntryHeader header;
  header.type = EntryType::segment;
  header.first = info.first;
  DSE_TRY(append(header, *encode_segment_info(info), capture));
  return append(header_of(snapshot.rows, EntryType::snapshot),
                *batches_.snapshot(snapshot.rows, snapshot.span), capture);
}

Status CaptureWriter::write(const Rows& rows, std::uint64_t capture) {
  DSE_TRY(append(header_of(rows, EntryType::block), *batches_.block(rows), capture));
  Lane& lane = lanes_[capture];
  lane.records += rows.count();
  lane.next_record = rows.first + rows.count();
  return {};
}

Status CaptureWriter::append_end(EndInfo info, std::uint64_t capture) {
  Lane& lane = lanes_[capture];
  info.records = lane.records;
  info.index = std::move(lane.index);
  EntryHeader header;
  header.type = EntryType::end;
  header.first = lane.next_record;
  lanes_.erase(capture);
  return append(header, *encode_end_info(info), capture);
}

Status CaptureWriter::leave(EndInfo info, std::uint64_t capture) {
  return append_end(std::move(info), capture);
}

Status CaptureWriter::finish_segment(EndInfo info) {
  // Of a merged capture, that which is left.
  const std::uint64_t capture = lanes_.empty() ? capture_ : lanes_.begin()->first;
  std::uint64_t end_position = segment_bytes();
  DSE_TRY(append_end(std::move(info), capture));

  EntryHeader trailer;
  trailer.type = EntryType::trailer;
  trailer.capture = capture;
  trailer.first = end_position;
  trailer.position = segment_bytes();
  return file_->append(encode_header(trailer));
}

Status CaptureWriter::seal_segment() {
  DSE_TRY(file_->seal());
  closed_bytes_ += segment_bytes();
  file_.reset();
  return prune();
}

Status CaptureWriter::end_segment(EndInfo info, bool more) {
  DSE_TRY(finish_segment(std::move(info)));
  goes_on_ = place_ == Place::stream || (place_ == Place::file && more);
  if (!goes_on_) return seal_segment();
  closed_bytes_ += segment_bytes();
  segment_start_ = file_->size_bytes();
  return {};
}

Status CaptureWriter::rotate(EndInfo end, SegmentInfo info, std::uint64_t first,
                             const Snapshot& snapshot) {
  DSE_TRY_ASSIGN(SegmentFile next, open_target(first));
  DSE_TRY(finish_segment(std::move(end)));
  DSE_TRY(seal_segment());
  file_ = std::move(next);
  return start_segment(std::move(info), first, snapshot);
}

Status CaptureWriter::prune() {
  if (options_.keep == 0 || place_ != Place::directory) return {};
  DSE_TRY_ASSIGN(auto segments, list_segments(options_.path));
  // Only what a recorder has made; other captures may lie here too.
  std::erase_if(segments, [](const SegmentPath& segment) {
    return !is_segment_name(std::filesystem::path(segment.path).filename().string());
  });
  for (std::size_t i = 0; i + options_.keep < segments.size(); ++i)
    if (fs_.unlink(segments[i].path.c_str()) != 0 && errno != ENOENT)
      return Error(ErrorCode::io,
                   errno_error("cannot remove " + segments[i].path, errno).message());
  return {};
}

}  // namespace dse::format
