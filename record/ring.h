// The consumer's side of one BPF ring buffer, mapped without libbpf's callback per record: the caller
// walks records in place and gives space back in large steps.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "format/result.h"

namespace dse::record {

class Ring {
 public:
  // `map_fd` is a BPF_MAP_TYPE_RINGBUF of `size` bytes and stays the caller's.
  static Result<Ring> map(int map_fd, std::size_t size);
  ~Ring();
  Ring(Ring&& other) noexcept;

  // Fixes how far the records go that can be read now. `now` was taken before the call. Afterwards
  // complete_until() tells up to which time no record of this ring can be missing.
  void begin_pass(std::uint64_t now);
  std::uint64_t complete_until() const { return complete_until_; }

  // The record at the head, empty at the end of the pass. Valid until release(), and for a record
  // that wraps around the end of the ring until the next call of head().
  std::span<const std::byte> head();
  void pop();
  // Gives the space of popped records back to the kernel.
  void release();
  // The most bytes that were in use when a pass began, since the last call.
  std::size_t take_peak() { return std::exchange(peak_, 0); }
  // Whether there is something to read that the last pass did not take out.
  bool has_more() const;

 private:
  Ring() = default;
  std::uint64_t producer() const;
  std::uint32_t length_word(std::uint64_t position) const;

  std::size_t size_ = 0;
  std::uint64_t* consumer_position_ = nullptr;
  const std::uint64_t* producer_position_ = nullptr;
  const std::byte* data_ = nullptr;

  std::uint64_t position_ = 0;  // next record to read
  std::uint64_t released_ = 0;
  std::uint64_t end_ = 0;              // of the pass
  std::uint64_t passed_producer_ = 0;  // the producer's position when the last pass began
  std::uint64_t passed_time_ = 0;      // and its time
  std::uint64_t complete_until_ = 0;
  std::size_t peak_ = 0;
  std::vector<std::byte> wrapped_;
};

}  // namespace dse::record
