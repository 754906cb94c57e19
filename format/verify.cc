#include "format/verify.h"

#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include <fmt/format.h>

#include "format/segment_file.h"

namespace dse::format {

std::string shown_path(const PinnedSegment& segment) {
  return segment.path == "-" ? "standard input" : segment.path;
}

Result<std::vector<PinnedSegment>> pin_segments(const std::vector<std::string>& paths) {
  std::vector<PinnedSegment> pinned;
  for (const std::string& path : paths) {
    DSE_TRY_ASSIGN(auto segments, list_segments(path));
    std::error_code error;
    const bool is_directory = path != "-" && std::filesystem::is_directory(path, error);
    for (const SegmentPath& segment : segments) {
      PinnedSegment pin;
      pin.path = segment.path;
      pin.directory = is_directory ? path : "";
      pin.open_name = !segment.sealed;
      // The lock is asked for first: what is there afterwards was written under it.
      pin.growing = pin.open_name && is_being_recorded(pin.path);
      struct stat status;
      if (pin.growing && ::stat(pin.path.c_str(), &status) == 0)
        pin.size = static_cast<std::uint64_t>(status.st_size);
      pinned.push_back(std::move(pin));
    }
  }
  return pinned;
}

Result<std::optional<std::shared_ptr<ByteSource>>> open_pinned(PinnedSegment& segment) {
  using Opened = std::optional<std::shared_ptr<ByteSource>>;
  if (segment.path != "-" && ::access(segment.path.c_str(), F_OK) != 0) {
    if (segment.open_name) {
      segment.path.resize(segment.path.size() - std::string_view(kOpenSuffix).size());
      segment.open_name = false;
    }
    if (::access(segment.path.c_str(), F_OK) != 0) {
      if (!segment.directory.empty()) return Opened();  // a recorder removes old ones
      return Error(ErrorCode::io, segment.path + " was removed before it was read");
    }
  }
  DSE_TRY_ASSIGN(auto source, open_byte_source(segment.path, segment.size));
  return Opened(std::move(source));
}

Result<InputEnd> read_input(std::shared_ptr<ByteSource> source, InputVisitor& visitor) {
  SegmentReader reader(source, nullptr, OnDamage::go_on);
  InputEnd end;
  std::optional<Error> error;  // waits for what follows: a tear at the end is told apart
  SegmentReader::Hole hole;
  while (true) {
    auto entry = reader.next();
    if (!entry && entry.error().code() != ErrorCode::damaged) return entry.error();
    const bool over = entry && !*entry;
    if (error && !over) DSE_TRY(visitor.hole(hole, *error));
    if (over) break;
    error.reset();
    if (!entry) {
      error = entry.error();
      hole = reader.hole();
      end.offset = hole.end;
      end.torn = reader.torn();
      continue;
    }
    if (reader.take_unsealed_inside()) visitor.unsealed_inside((*entry)->offset);
    end.offset = (*entry)->offset + (*entry)->header.header_bytes() + (*entry)->header.body_bytes();
    DSE_TRY(visitor.entry(**entry));
  }
  end.sealed = reader.sealed();
  end.error = std::move(error);
  end.hole = std::move(hole);
  end.torn = end.torn && end.error;
  return end;
}

// ---- Verifier ------------------------------------------------------------------------------------

Status Verifier::verify(const std::vector<std::string>& paths) {
  DSE_TRY_ASSIGN(auto segments, pin_segments(paths));
  for (PinnedSegment& segment : segments) {
    DSE_TRY_ASSIGN(auto source, open_pinned(segment));
    if (!source) {
      notes_.push_back(segment.path + ": removed before it was read, as by --keep");
      continue;
    }
    DSE_TRY(verify(std::move(*source), segment));
  }
  return {};
}

Status Verifier::verify(std::shared_ptr<ByteSource> source, PinnedSegment segment) {
  checker_.begin_input(shown_path(segment), segment.directory);
  DSE_TRY_ASSIGN(InputEnd end, read_input(std::move(source), *this));
  take_end(segment, end);
  bytes_ += end.offset;
  at_ = 0;
  return {};
}

Status Verifier::entry(const EntryRef& entry) {
  checker_.entry(entry);
  at_ = entry.offset + entry.header.header_bytes() + entry.header.body_bytes();
  if (progress_) progress_(*this);
  return {};
}

Status Verifier::hole(const SegmentReader::Hole& hole, const Error& error) {
  checker_.hole(hole, error);
  return {};
}

void Verifier::unsealed_inside(std::uint64_t offset) {
  checker_.unsealed(offset, "the segment before this one is not sealed: its end may be missing");
}

void Verifier::take_end(const PinnedSegment& segment, const InputEnd& end) {
  if (segment.growing && (!end.error || end.torn)) {
    notes_.push_back(fmt::format("{}: still being recorded; {} bytes of it were there",
                                 shown_path(segment), end.offset));
    return;
  }
  if (end.torn) {
    checker_.hole(end.hole, Error(ErrorCode::damaged,
                                  end.error->message() + ": it was cut, or its recorder died"));
  } else if (end.error) {
    checker_.hole(end.hole, *end.error);
    if (!end.sealed) checker_.unsealed(end.offset, "not sealed: its end is damaged or missing");
  } else if (end.offset == 0) {
    checker_.report(0, "", "empty: its recorder died, or it was cut");
  } else if (!end.sealed) {
    checker_.unsealed(end.offset, "not sealed: its recorder died, or it was cut");
  } else if (segment.open_name) {
    checker_.report(end.offset, "",
                    "complete, but its recorder died before it had its name without .open");
  }
}

}  // namespace dse::format
