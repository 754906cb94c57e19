// Where a capture that is still being recorded goes on: which file comes next, and when none will.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "format/capture_directory.h"
#include "format/result.h"
#include "format/watch.h"

namespace dse::format {

struct FollowOptions {
  bool keep_waiting = false;  // for a path that does not exist yet, and for the next capture in it
  bool poll = false;          // look again often instead of asking the kernel for changes
  // How long next() of a reader waits for something new before it is idle again.
  std::chrono::milliseconds patience{1000};
};

class Follow {
 public:
  // An error when there is nothing to follow and none is waited for.
  static Result<std::unique_ptr<Follow>> start(std::string path, const FollowOptions& options);

  enum class What {
    segment,  // `segment` comes next
    later,    // nothing is there yet
    never,    // nothing follows
    lost,     // something should follow, and nobody writes it
  };
  struct Next {
    What what;
    SegmentPath segment;
  };
  // What comes after the segment that was opened last. `over`: with it the capture has ended.
  Result<Next> next(bool over);
  void opened(const SegmentPath& segment);
  // The segment could not be opened. It may have got its other name, or its rights are still to come; when
  // it stays like that, an error it is.
  Status failed(const SegmentPath& segment, const Error& error);
  // The recorder does not hold the lock of the segment that was opened last, which has no entry. Whether it
  // was just made, and will be locked.
  bool is_new() const;

  // Whether what lies at `position` of the segment opened last was not there at the start. True once.
  bool passes_start(std::uint64_t position);

  Watch& watch() { return watch_; }
  const Watch& watch() const { return watch_; }
  const FollowOptions& options() const { return options_; }
  const std::string& path() const { return path_; }

 private:
  enum class Place { missing, directory, file };

  Follow(std::string path, const FollowOptions& options)
      : path_(std::move(path)), options_(options), watch_(options.poll) {}

  void find_place();
  void note_start();
  Result<Next> next_in_directory(bool over);
  What nothing_follows();

  std::string path_;
  FollowOptions options_;
  Watch watch_;
  Place place_ = Place::missing;
  std::string last_;   // the segment that was opened last, by its sealed name
  std::string start_;  // the last one that was there at the start, and its size
  std::uint64_t start_bytes_ = 0;
  bool past_start_ = false;
  std::string failing_;  // what could not be opened, since when
  std::optional<std::chrono::steady_clock::time_point> failing_since_;
  std::optional<std::chrono::steady_clock::time_point> waiting_since_;  // for the next segment
};

}  // namespace dse::format
