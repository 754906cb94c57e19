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
  // `map_fd` is a BPF_MAP_TYPE_RINGBUF of `size` bytes, or memory of the same layout, and stays the
  // caller's.
  static Result<Ring> map(int map_fd, std::size_t size);
  ~Ring();
  Ring(Ring&& other) noexcept;

  // Fixes how far the records go that can be read now, and gives the time up to which none of this ring
  // can be missing then. `now` was taken before the call. Of a ring in which nothing is new only the
  // producer's position is read.
  std::uint64_t begin_pass(std::uint64_t now) {
    const std::uint64_t produced = producer();
    if (produced != end_) return look_ahead(produced, now);
    passed_time_ = now;
    return now;
  }

  // The record at the head, empty at the end of the pass. Valid until pop().
  std::span<const std::byte> head() const { return head_; }
  void pop() {
    position_ += span_of(head_.size());
    // Not after every record: the position is on a cache line that the producer reads.
    if (position_ - released_ >= size_ / 8) release();
    load_head();
  }
  // Gives the space of popped records back to the kernel.
  void release();
  // Whether there is a record to be popped, or space to be released.
  bool is_in_use() const { return position_ != released_ || !head_.empty(); }
  // The most bytes that were in use when a pass began, since the last call.
  std::size_t take_peak() { return std::exchange(peak_, 0); }
  // Whether there is something to read that the last pass did not take out.
  bool has_more() const { return producer() != position_; }

 private:
  // Layout of a ring buffer as the kernel maps it (kernel/bpf/ringbuf.c): the consumer's position on
  // a page of its own, the producer's on the next, then the data. Each record has an 8-byte header
  // that begins with its length and two flags.
  static constexpr std::uint32_t kBusy = 1u << 31;
  static constexpr std::uint32_t kDiscarded = 1u << 30;
  static constexpr std::size_t kRecordHeader = 8;

  Ring() = default;
  std::uint64_t producer() const { return __atomic_load_n(producer_position_, __ATOMIC_ACQUIRE); }
  std::uint32_t length_word(std::uint64_t position) const {
    auto* at = reinterpret_cast<const std::uint32_t*>(data_ + (position & (size_ - 1)));
    return __atomic_load_n(at, __ATOMIC_ACQUIRE);
  }
  static std::uint64_t span_of(std::uint64_t length) {
    return (length + kRecordHeader + 7) & ~std::uint64_t{7};
  }
  std::uint64_t look_ahead(std::uint64_t produced, std::uint64_t now);
  void load_head() {
    head_ = {};
    while (position_ < end_ && head_.empty()) {
      const std::uint32_t length = length_word(position_);
      if (length == 0 || (length & kDiscarded)) {
        position_ += span_of(length & ~kDiscarded);
        continue;
      }
      const std::size_t at = (position_ & (size_ - 1)) + kRecordHeader;
      head_ = at + length <= size_ ? std::span(data_ + at, length) : unwrap(at, length);
    }
  }
  std::span<const std::byte> unwrap(std::size_t at, std::size_t length);

  std::size_t size_ = 0;
  std::uint64_t* consumer_position_ = nullptr;
  const std::uint64_t* producer_position_ = nullptr;
  const std::byte* data_ = nullptr;

  std::uint64_t end_ = 0;       // of the pass
  std::uint64_t position_ = 0;  // of the head
  std::span<const std::byte> head_;
  std::uint64_t released_ = 0;
  std::uint64_t passed_producer_ = 0;  // the producer's position when the last pass began
  std::uint64_t passed_time_ = 0;      // and its time
  std::uint64_t complete_until_ = 0;   // as far as a record that is being written allows
  std::size_t peak_ = 0;
  std::vector<std::byte> wrapped_;  // the head, if it goes over the end of the data
};

}  // namespace dse::record
