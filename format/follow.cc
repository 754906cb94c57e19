#include "format/follow.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <string_view>

#include "format/byte_source.h"
#include "format/segment_file.h"

namespace dse::format {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::seconds;

// A file that was just made has no lock yet, and who may read it may come to be set a moment later.
constexpr seconds kNewFile{2};
// A recorder makes its next file at once, unless the disk has much to do.
constexpr seconds kNextSegment{30};

std::string sealed_name(std::string path) {
  std::string_view suffix = kOpenSuffix;
  if (path.ends_with(suffix)) path.resize(path.size() - suffix.size());
  return path;
}

// Since its last change; nothing when it is not there.
std::optional<seconds> age_of(const std::string& path) {
  struct stat status;
  if (::stat(path.c_str(), &status) != 0) return {};
  return seconds(std::max<std::time_t>(0, std::time(nullptr) - status.st_mtime));
}

bool is_directory(const std::string& path) {
  struct stat status;
  return ::stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
}

}  // namespace

Result<std::unique_ptr<Follow>> Follow::start(std::string path, const FollowOptions& options) {
  // By which of its two names a segment is asked for makes no difference.
  if (path.ends_with(std::string(kSegmentSuffix) + kOpenSuffix))
    path = sealed_name(std::move(path));
  std::unique_ptr<Follow> follow(new Follow(std::move(path), options));
  follow->find_place();
  if (!options.keep_waiting) {
    auto segments = list_segments(follow->path_);
    if (!segments)
      return Error(segments.error().code(),
                   segments.error().message() + "; --keep-waiting waits for it");
  }
  follow->note_start();
  return follow;
}

void Follow::find_place() {
  struct stat status;
  bool open = false;
  if (::stat(path_.c_str(), &status) == 0 ||
      (open = ::stat((path_ + kOpenSuffix).c_str(), &status) == 0)) {
    place_ = S_ISDIR(status.st_mode) && !open ? Place::directory : Place::file;
    if (place_ == Place::directory)
      watch_.look_at_directory(path_);
    else
      watch_.look_at_file(open ? path_ + kOpenSuffix : path_);
    return;
  }
  place_ = Place::missing;
  watch_.look_for(path_);
}

void Follow::note_start() {
  auto segments = list_segments(path_);
  struct stat status;
  if (!segments || ::stat(segments->back().path.c_str(), &status) != 0) return;
  start_ = sealed_name(segments->back().path);
  start_bytes_ = static_cast<std::uint64_t>(status.st_size);
}

bool Follow::passes_start(std::uint64_t position) {
  if (past_start_ || last_ < start_ || (last_ == start_ && position < start_bytes_)) return false;
  past_start_ = true;
  return true;
}

Result<Follow::Next> Follow::next(bool over) {
  if (place_ == Place::missing) find_place();
  if (place_ == Place::missing) return Next{What::later, {}};
  if (place_ == Place::directory) return next_in_directory(over);
  if (!last_.empty()) return Next{What::never, {}};
  DSE_TRY_ASSIGN(auto segments, list_segments(path_));
  return Next{What::segment, segments.front()};
}

Result<Follow::Next> Follow::next_in_directory(bool over) {
  auto segments = list_segments(path_);
  if (segments) {
    auto next = std::find_if(segments->begin(), segments->end(), [&](const SegmentPath& segment) {
      return sealed_name(segment.path) > last_;
    });
    if (next != segments->end()) return Next{What::segment, *next};
  } else if (options_.keep_waiting && over) {
    // All is gone: what comes then may have any name.
    last_.clear();
    start_.clear();
    if (!is_directory(path_)) find_place();
    return Next{What::later, {}};
  } else if (!is_directory(path_)) {
    if (!options_.keep_waiting) return segments.error();
    find_place();
    return Next{What::later, {}};
  }
  if (options_.keep_waiting && (over || last_.empty())) return Next{What::later, {}};
  return Next{over || last_.empty() ? What::never : nothing_follows(), {}};
}

// The recorder has said that it goes on, and there is no file: it may be about to be made.
Follow::What Follow::nothing_follows() {
  if (is_being_recorded(last_ + kOpenSuffix)) return What::later;
  if (!waiting_since_) {
    // What has been lying there is a part of a capture, and complete as far as it goes.
    auto age = age_of(last_);
    if (age && *age > kNextSegment && !options_.keep_waiting) return What::never;
    waiting_since_ = Clock::now();
  }
  return Clock::now() - *waiting_since_ < kNextSegment ? What::later : What::lost;
}

void Follow::opened(const SegmentPath& segment) {
  last_ = sealed_name(segment.path);
  failing_since_.reset();
  waiting_since_.reset();
  if (place_ == Place::file) watch_.look_at_file(segment.path);
}

Status Follow::failed(const SegmentPath& segment, const Error& error) {
  if (!failing_since_ || failing_ != segment.path) {
    failing_ = segment.path;
    failing_since_ = Clock::now();
  }
  return Clock::now() - *failing_since_ < kNewFile ? Status() : Status(error);
}

bool Follow::is_new() const {
  auto age = age_of(last_ + kOpenSuffix);
  return age && *age <= kNewFile;
}

}  // namespace dse::format
