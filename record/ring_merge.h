// Many rings as one stream: their records in the order of their times, and where those are equal in that
// of the rings. A run of records of one ring costs a comparison each, a change to another ring the logarithm
// of how many have something, and a ring that has nothing only a look at whether it has.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#include "bpf/abi.h"
#include "record/ring.h"

namespace dse::record {

class RingMerge {
 public:
  // The rings stay the caller's, where they are.
  explicit RingMerge(std::span<Ring> rings) : rings_(rings) {}

  // Fixes how far the rings are read until end_pass(). `now` was taken before the call: nothing that comes
  // later has an earlier time. Records come out as far as no ring can still bring something earlier; if
  // `to_the_end`, as far as they are there.
  void begin_pass(std::uint64_t now, bool to_the_end);

  // Hands record by record to `take(ring, record)`, until it gives false: then that record has not been
  // taken, and is the first of the next call. True when there are no more in this pass.
  template <typename Take>
  bool deliver(Take&& take);

  // Gives the space of what was taken back to the rings.
  void end_pass();
  bool pass_open() const { return pass_open_; }

 private:
  struct Head {
    std::uint64_t time;
    std::size_t ring;

    bool operator<(const Head& other) const {
      return time != other.time ? time < other.time : ring < other.ring;
    }
  };

  static std::uint64_t time_of(std::span<const std::byte> record) {
    std::uint64_t time;
    std::memcpy(&time, record.data() + offsetof(dse_header, time_ns), sizeof(time));
    return time;
  }
  // The earliest of all but the first: until then, the first ring stays the first.
  Head second() const {
    if (heads_.size() == 1) return {complete_until_, rings_.size()};
    return heads_.size() == 2 || heads_[1] < heads_[2] ? heads_[1] : heads_[2];
  }
  void sift(std::size_t at);

  std::span<Ring> rings_;
  std::vector<std::size_t> used_;  // the rings that have something in this pass
  std::vector<Head>
      heads_;  // of those that have a record for this pass: a heap, the earliest first
  std::uint64_t complete_until_ = 0;
  bool pass_open_ = false;
};

template <typename Take>
bool RingMerge::deliver(Take&& take) {
  while (!heads_.empty()) {
    Head head = heads_.front();
    const Head until = second();
    Ring& ring = rings_[head.ring];
    bool more = true;
    do {
      if (!take(head.ring, ring.head())) {
        heads_.front() = head;
        return false;
      }
      ring.pop();
      more = !ring.head().empty();
      if (more) head.time = time_of(ring.head());
    } while (more && head < until);
    if (more && head.time <= complete_until_) {
      heads_.front() = head;
    } else {
      heads_.front() = heads_.back();
      heads_.pop_back();
    }
    sift(0);
  }
  return true;
}

}  // namespace dse::record
