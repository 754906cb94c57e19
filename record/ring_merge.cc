#include "record/ring_merge.h"

#include <algorithm>
#include <limits>

namespace dse::record {

void RingMerge::begin_pass(std::uint64_t now, bool to_the_end) {
  complete_until_ = std::numeric_limits<std::uint64_t>::max();
  used_.clear();
  heads_.clear();
  for (std::size_t i = 0; i < rings_.size(); ++i) {
    const std::uint64_t until = rings_[i].begin_pass(now);
    if (!to_the_end) complete_until_ = std::min(complete_until_, until);
    if (rings_[i].is_in_use()) used_.push_back(i);
  }
  for (std::size_t i : used_) {
    const auto head = rings_[i].head();
    if (!head.empty() && time_of(head) <= complete_until_) heads_.push_back({time_of(head), i});
  }
  for (std::size_t i = heads_.size() / 2; i > 0; --i) sift(i - 1);
  pass_open_ = true;
}

// Lets the head at this place of the heap sink to where it belongs; those below are in order.
void RingMerge::sift(std::size_t at) {
  if (at >= heads_.size()) return;
  const Head head = heads_[at];
  for (std::size_t child; (child = 2 * at + 1) < heads_.size(); at = child) {
    if (child + 1 < heads_.size() && heads_[child + 1] < heads_[child]) ++child;
    if (!(heads_[child] < head)) break;
    heads_[at] = heads_[child];
  }
  heads_[at] = head;
}

void RingMerge::end_pass() {
  for (std::size_t i : used_) rings_[i].release();
  pass_open_ = false;
}

}  // namespace dse::record
