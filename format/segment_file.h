// One segment being written: `NAME.open` under a lock until it is sealed and gets its name. What is on
// disk is always a whole number of entries, or says by its name that it may not be.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "format/file.h"
#include "format/result.h"

namespace dse::format {

inline constexpr const char* kOpenSuffix = ".open";

class SegmentFile {
 public:
  // Makes `path` + ".open"; neither may exist yet. `fs` must outlive the file.
  static Result<SegmentFile> create(const std::string& path, FileSystem& fs);
  // Writes to a descriptor that is not a file of ours: a pipe, standard output. `name` is for
  // messages. Such a segment is sealed by its last entry alone.
  static SegmentFile stream(FileHandle file, const std::string& name, FileSystem& fs);

  // All of `bytes`, or an error and what was there before.
  Status append(std::span<const std::byte> bytes);
  std::uint64_t size_bytes() const { return size_bytes_; }

  // Makes the file durable and gives it its name.
  Status seal();

 private:
  SegmentFile(FileHandle file, std::string path, bool is_stream, FileSystem& fs)
      : file_(std::move(file)), path_(std::move(path)), is_stream_(is_stream), fs_(&fs) {}

  FileHandle file_;
  std::string path_;
  bool is_stream_;
  FileSystem* fs_;
  std::uint64_t size_bytes_ = 0;
};

}  // namespace dse::format
