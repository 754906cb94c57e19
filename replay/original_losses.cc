#include "replay/original_losses.h"

#include <algorithm>
#include <utility>

#include "replay/session.h"

namespace dse::replay {
namespace {

bool is_from_start(const format::SegmentInfo& info) {
  return info.segment == 0 &&
         std::none_of(info.options.begin(), info.options.end(), [](const auto& option) {
           return option.first == kFilteredOption || option.first == format::kNumberedOption ||
                  option.first == kPartOption;
         });
}

}  // namespace

void OriginalLosses::begin(const format::SegmentInfo& info) {
  if (goes_on_in(info)) {
    hole_ = hole_ || info.first > next_record_;
  } else {
    hole_ = false;
    from_start_ = is_from_start(info);
    streams_ = {};
    told_.clear();
  }
  any_ = true;
  id_ = info.capture_id;
  next_record_ = info.first;
}

bool OriginalLosses::enter(const format::Batch& batch, format::StreamTable& written) {
  const bool missing = batch.first() > next_record_;
  hole_ = hole_ || missing;
  next_record_ = batch.first() + batch.count();
  missing_.clear();
  for (const format::StreamPosition& stream : batch.streams()) {
    if (stream.kind >= format::kMaxKinds) continue;
    format::StreamTable::State& state = streams_.at(stream.kind, stream.cpu);
    // What was before a stream is met is only known where the capture has its beginning.
    if (!std::exchange(state.batch, 1) && !(hole_ && from_start_))
      written.at(stream.kind, stream.cpu).next = state.next = stream.seq;
    if (stream.seq > state.next)
      missing_.push_back({stream.kind, stream.cpu, stream.seq - state.next});
  }
  return missing;
}

bool OriginalLosses::take(const dse_header& record, bool written) {
  streams_.at(record.kind, record.cpu).next = record.seq + 1;
  if (missing_.empty()) return false;
  auto found = std::find_if(missing_.begin(), missing_.end(), [&](const Missing& one) {
    return one.kind == record.kind && one.cpu == record.cpu;
  });
  if (found == missing_.end()) return false;
  if (written) shown_[record.kind] += found->count;
  missing_.erase(found);
  return true;
}

// A gap may be larger than what was damaged: what was lost before is part of it.
std::vector<format::Loss> OriginalLosses::take_shown(const std::vector<format::Loss>& found) {
  std::vector<format::Loss> left = found, shown;
  format::subtract_losses(left, told_damage_);
  for (auto [kind, count] : std::exchange(shown_, {}))
    for (format::Kind of : {kind, format::Kind{0}})  // not all damage is known by kind
      for (format::Loss& loss : left) {
        if (loss.kind != of || loss.cause != format::kDamagedCause) continue;
        const std::uint64_t part = std::min(count, loss.count);
        loss.count -= part;
        count -= part;
        format::add_loss(shown, of, format::kDamagedCause, part);
        format::add_loss(told_damage_, of, format::kDamagedCause, part);
      }
  return shown;
}

std::vector<format::Loss> OriginalLosses::take_losses(const std::vector<format::Loss>* told,
                                                      std::uint64_t gaps,
                                                      const std::vector<format::Loss>& found,
                                                      bool rest) {
  std::vector<format::Loss> losses, damage = take_shown(found);
  if (told) {
    losses = *told;
    format::subtract_losses(losses, told_);
    told_ = *told;
  } else {
    format::add_loss(losses, 0, format::kGapsCause, gaps - std::min(gaps, format::total(damage)));
  }
  for (const format::Loss& loss : damage)
    format::add_loss(losses, loss.kind, loss.cause.c_str(), loss.count);
  if (!rest) return losses;
  std::vector<format::Loss> others = found;
  format::subtract_losses(others, told_damage_);
  told_damage_ = found;
  // Where something was cut off, who writes says so once.
  for (const format::Loss& loss : others)
    if (loss.cause == format::kDamagedCause)
      format::add_loss(losses, loss.kind, loss.cause.c_str(), loss.count);
  return losses;
}

}  // namespace dse::replay
