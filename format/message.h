// Cap'n Proto messages whose large lists each have a segment of their own, so that on disk each can
// be a zstd frame of its own and a reader decompresses only what it touches. "Segment" means a Cap'n
// Proto segment here and nowhere else in the project.
#pragma once

#include <capnp/message.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "format/result.h"

namespace dse::format {

// First everything small is built, in segments that share a frame; then, after begin_columns(), each
// list of kColumnBytes or more gets a segment of exactly its size.
class ColumnMessage final : public capnp::MessageBuilder {
 public:
  // Lists below this size are not worth a frame of their own. Also the size of the segments for
  // small things, so that no column fits into what is left of one.
  static constexpr std::size_t kColumnBytes = 4096;

  ColumnMessage() = default;
  ~ColumnMessage() noexcept(false) override;

  kj::ArrayPtr<capnp::word> allocateSegment(unsigned minimum_words) override;

  void begin_columns() { small_segments_ = segments_.size(); }
  // How many of the first segments hold small things.
  std::size_t small_segments() const {
    return small_segments_ ? small_segments_ : segments_.size();
  }

 private:
  std::vector<void*> segments_;
  std::size_t small_segments_ = 0;
};

// A message whose segments are fetched on first use.
class LazyMessage final : public capnp::MessageReader {
 public:
  // `fetch(id)` returns the words of a segment, which stay valid as long as this message.
  using Fetch = std::function<Result<kj::ArrayPtr<const capnp::word>>(unsigned id)>;

  LazyMessage(std::size_t segments, Fetch fetch, std::uint64_t traversal_words);

  kj::ArrayPtr<const capnp::word> getSegment(unsigned id) override;

  // The first fetch that failed. Cap'n Proto itself can only say that a segment is not there.
  const std::optional<Error>& error() const { return error_; }

 private:
  std::vector<std::optional<kj::ArrayPtr<const capnp::word>>> segments_;
  Fetch fetch_;
  std::optional<Error> error_;
};

// Runs `read` and turns what Cap'n Proto throws into an Error; a failed fetch explains it better.
Status guarded(const LazyMessage* message, const std::function<void()>& read);

}  // namespace dse::format
