// Bytes of one segment file or of a pipe. One interface, so that the reader of entries is the same
// for both: what a file can seek over, a pipe reads and forgets.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "format/result.h"

namespace dse::format {

class ByteSource {
 public:
  virtual ~ByteSource() = default;

  // Reads up to out.size() bytes at the position; less only at the end.
  virtual Result<std::size_t> read(std::span<std::byte> out) = 0;
  // Moves the position forward; false: the end came first.
  virtual Result<bool> skip(std::uint64_t bytes) = 0;
  std::uint64_t position() const { return position_; }
  // Back to where it was; only with can_seek().
  void return_to(std::uint64_t position) { position_ = position; }

  // Back to a position that has been passed: any where the source can seek, else one that keep() has
  // named, or a later one.
  virtual Status go_back(std::uint64_t position);
  // What stands before `position` is not asked for again.
  virtual void keep(std::uint64_t position) { (void)position; }

  // Whether read_at() works.
  virtual bool can_seek() const = 0;
  // All of out.size() bytes from `offset`; an error when they are not there.
  virtual Status read_at(std::uint64_t offset, std::span<std::byte> out) = 0;

  // Whether another process holds the recorder's lock on it, whatever its name is by now.
  virtual bool is_being_recorded() const { return false; }

 protected:
  std::uint64_t position_ = 0;
};

// A regular file is sought in; anything else (pipe, terminal, device) is read once. `name` "-" is
// standard input. A file is read as if it ended after `limit` bytes.
Result<std::shared_ptr<ByteSource>> open_byte_source(const std::string& name,
                                                     std::uint64_t limit = ~std::uint64_t{0});

// The same bytes, from a source that cannot seek, such that one can go back to what was kept.
std::shared_ptr<ByteSource> keeping_byte_source(std::shared_ptr<ByteSource> source);

// Bytes in memory, for tests and fuzzing; `seekable` chooses which kind of source it mimics.
std::shared_ptr<ByteSource> memory_byte_source(std::string bytes, bool seekable);

// Whether another process holds the recorder's lock on the file.
bool is_being_recorded(const std::string& path);

}  // namespace dse::format
