#include "replay/event_diff.h"

#include <algorithm>

namespace dse::replay {

void EventSequences::add(std::string_view key, std::string_view line) {
  if (last_ >= all_.size() || all_[last_].key != key) {
    auto found = std::find_if(all_.begin(), all_.end(),
                              [&](const Sequence& sequence) { return sequence.key == key; });
    last_ = static_cast<std::size_t>(found - all_.begin());
    if (found == all_.end()) all_.push_back({std::string(key), {}, {}, 0});
  }
  Sequence& sequence = all_[last_];
  Hash128 hash = hash128(line);
  sequence.sum += hash;
  ++sequence.count;
  if (++count_ <= most_)
    sequence.hashes.push_back(hash);
  else if (count_ == most_ + 1)
    for (Sequence& one : all_) std::vector<Hash128>().swap(one.hashes);
}

// ---- what differs ----------------------------------------------------------------------------------

namespace {

std::vector<DiffBlock> blocks_in_order(const SequenceDiff& diff) {
  std::vector<DiffBlock> blocks;
  std::uint32_t i = 0, j = 0;
  const auto n = static_cast<std::uint32_t>(diff.removed.size());
  const auto m = static_cast<std::uint32_t>(diff.added.size());
  while (i < n || j < m) {
    DiffBlock block{i, i, j, j};
    while (block.a1 < n && diff.removed[block.a1]) ++block.a1;
    while (block.b1 < m && diff.added[block.b1]) ++block.b1;
    if (block.a1 != block.a0 || block.b1 != block.b0) blocks.push_back(block);
    i = block.a1 + 1;
    j = block.b1 + 1;
  }
  return blocks;
}

std::vector<DiffBlock> blocks_unordered(const SequenceDiff& diff) {
  std::vector<DiffBlock> blocks;
  auto runs = [](const std::vector<std::uint8_t>& alone, auto take) {
    const auto n = static_cast<std::uint32_t>(alone.size());
    for (std::uint32_t begin = 0; begin < n; ++begin) {
      if (!alone[begin]) continue;
      std::uint32_t end = begin;
      while (end < n && alone[end]) ++end;
      take(begin, end);
      begin = end;
    }
  };
  runs(diff.removed, [&](auto begin, auto end) { blocks.push_back({begin, end, 0, 0}); });
  runs(diff.added, [&](auto begin, auto end) { blocks.push_back({0, 0, begin, end}); });
  return blocks;
}

SequenceChange compare(const EventSequences::Sequence& a, const EventSequences::Sequence& b,
                       bool hashes, bool in_order, std::uint64_t work) {
  SequenceChange change;
  change.key = a.key;
  change.a = a.count;
  change.b = b.count;
  if (!hashes) {
    change.how = SequenceChange::How::counted;
    change.equal = a.count == b.count && a.sum == b.sum;
    change.removed = a.count - std::min(a.count, b.count);
    change.added = b.count - std::min(a.count, b.count);
    return change;
  }
  SequenceDiff diff = diff_sequences(a.hashes, b.hashes, in_order, work);
  if (!diff.in_order) change.how = SequenceChange::How::unordered;
  change.blocks = diff.in_order ? blocks_in_order(diff) : blocks_unordered(diff);
  for (const DiffBlock& block : change.blocks) {
    change.removed += block.a1 - block.a0;
    change.added += block.b1 - block.b0;
  }
  change.equal = change.blocks.empty();
  return change;
}

}  // namespace

std::vector<SequenceChange> compare(const EventSequences& a, const EventSequences& b, bool in_order,
                                    std::uint64_t work) {
  const bool hashes = a.has_hashes() && b.has_hashes();
  std::vector<SequenceChange> changes;
  auto with_key = [](const EventSequences& side, const std::string& key) {
    auto found = std::find_if(side.all().begin(), side.all().end(),
                              [&](const auto& sequence) { return sequence.key == key; });
    return found == side.all().end() ? nullptr : &*found;
  };
  for (const auto& sequence : a.all()) {
    EventSequences::Sequence none{sequence.key, {}, {}, 0};
    const auto* other = with_key(b, sequence.key);
    changes.push_back(compare(sequence, other ? *other : none, hashes, in_order, work));
  }
  for (const auto& sequence : b.all())
    if (!with_key(a, sequence.key))
      changes.push_back(compare({sequence.key, {}, {}, 0}, sequence, hashes, in_order, work));
  return changes;
}

// ---- what is shown ---------------------------------------------------------------------------------

namespace {

// As much of a block as may be shown, from both sides.
DiffBlock shorten(DiffBlock block, std::uint64_t most) {
  std::uint64_t n = block.a1 - block.a0, m = block.b1 - block.b0;
  if (n + m <= most) return block;
  std::uint64_t first = std::min(n, std::max(most / 2 + most % 2, most - std::min(m, most)));
  block.a1 = block.a0 + static_cast<std::uint32_t>(first);
  block.b1 = block.b0 + static_cast<std::uint32_t>(std::min(m, most - first));
  return block;
}

// `next`: where the next difference begins, or the sequences end.
void add_block(const DiffBlock& block, std::size_t place, const SequenceChange& change,
               std::uint32_t next, std::uint32_t context, std::vector<DiffHunk>& hunks) {
  const bool in_order = change.how == SequenceChange::How::in_order;
  if (!in_order) {
    if (hunks.empty() || hunks.back().change != place) hunks.push_back({place, block, {}});
    hunks.back().blocks.push_back(block);
    return;
  }
  std::uint32_t before = std::min({context, block.a0, block.b0});
  std::uint32_t after = std::min(context, next - block.a1);
  DiffBlock around{block.a0 - before, block.a1 + after, block.b0 - before, block.b1 + after};
  if (!hunks.empty() && hunks.back().change == place && around.a0 <= hunks.back().all.a1) {
    hunks.back().all.a1 = around.a1;
    hunks.back().all.b1 = around.b1;
  } else {
    hunks.push_back({place, around, {}});
  }
  hunks.back().blocks.push_back(block);
}

}  // namespace

DiffPlan plan_hunks(const std::vector<SequenceChange>& changes, std::uint32_t context,
                    std::uint64_t limit) {
  DiffPlan plan;
  for (std::size_t place = 0; place < changes.size(); ++place) {
    const SequenceChange& change = changes[place];
    for (std::size_t i = 0; i < change.blocks.size(); ++i) {
      const DiffBlock& block = change.blocks[i];
      const std::uint64_t size = block.a1 - block.a0 + block.b1 - block.b0;
      if (limit == 0) {
        plan.left_out += size;
        continue;
      }
      DiffBlock shown = shorten(block, limit);
      std::uint64_t left = shown.a1 - shown.a0 + shown.b1 - shown.b0;
      limit -= left;
      plan.left_out += size - left;
      // What is cut has nothing after it that is the same.
      const auto next = i + 1 < change.blocks.size() ? change.blocks[i + 1].a0
                                                     : static_cast<std::uint32_t>(change.a);
      add_block(shown, place, change, next, shown == block ? context : 0, plan.hunks);
    }
  }
  return plan;
}

EventPicker::EventPicker(const std::vector<SequenceChange>& changes, const DiffPlan& plan,
                         Side side) {
  wanted_.resize(changes.size());
  for (std::size_t i = 0; i < changes.size(); ++i) places_.emplace(changes[i].key, i);
  auto want = [&](std::size_t change, std::uint32_t begin, std::uint32_t end) {
    if (begin == end) return;
    wanted_[change].ranges.emplace_back(begin, end);
    missing_ += end - begin;
  };
  for (const DiffHunk& hunk : plan.hunks) {
    const bool in_order = changes[hunk.change].how == SequenceChange::How::in_order;
    if (side == Side::a && in_order)
      want(hunk.change, hunk.all.a0, hunk.all.a1);
    else
      for (const DiffBlock& block : hunk.blocks)
        side == Side::a ? want(hunk.change, block.a0, block.a1)
                        : want(hunk.change, block.b0, block.b1);
  }
}

ShownEvent* EventPicker::next(std::string_view key) {
  auto place = places_.find(key);
  if (place == places_.end()) return nullptr;
  Wanted& wanted = wanted_[place->second];
  const std::uint32_t at = wanted.at++;
  while (wanted.range < wanted.ranges.size() && at >= wanted.ranges[wanted.range].second)
    ++wanted.range;
  if (wanted.range == wanted.ranges.size() || at < wanted.ranges[wanted.range].first)
    return nullptr;
  --missing_;
  return &events_[{place->second, at}];
}

const ShownEvent* EventPicker::get(std::size_t change, std::uint32_t event) const {
  auto found = events_.find({change, event});
  return found == events_.end() ? nullptr : &found->second;
}

// ---- what of an event differs ------------------------------------------------------------------------

namespace {

std::vector<FieldChange> changed_fields(const JsonLine& before, const JsonLine& after) {
  std::vector<FieldChange> changes;
  for (const JsonLine::Value& value : before.values()) {
    std::string_view other = after.find(value.path);
    if (other != value.text)
      changes.push_back({std::string(value.path), std::string(value.text), std::string(other)});
  }
  for (const JsonLine::Value& value : after.values())
    if (before.find(value.path).empty())
      changes.push_back({std::string(value.path), "", std::string(value.text)});
  return changes;
}

// How alike two events are; 0: they are not one event that changed.
std::size_t likeness(const JsonLine& a, const JsonLine& b) {
  if (a.find("evt.type") != b.find("evt.type")) return 0;
  std::size_t equal = 0;
  for (const JsonLine::Value& value : a.values()) equal += b.find(value.path) == value.text;
  const std::size_t all = std::max(a.values().size(), b.values().size());
  return all - equal <= std::max<std::size_t>(3, all / 4) ? equal : 0;
}

}  // namespace

std::vector<FieldChange> changed_fields(std::string_view before, std::string_view after) {
  JsonLine a, b;
  if (!a.parse(before) || !b.parse(after)) return {};
  return changed_fields(a, b);
}

std::vector<std::pair<std::size_t, std::size_t>> pair_changed(
    const std::vector<std::string_view>& removed, const std::vector<std::string_view>& added) {
  const std::size_t n = removed.size(), m = added.size();
  if (n == 0 || m == 0 || n > kMaxPaired || m > kMaxPaired) return {};
  std::vector<JsonLine> a(n), b(m);
  for (std::size_t i = 0; i < n; ++i)
    if (!a[i].parse(removed[i])) return {};
  for (std::size_t j = 0; j < m; ++j)
    if (!b[j].parse(added[j])) return {};
  // best[i][j]: the most likeness that pairs from i and j on can have together.
  std::vector<std::vector<std::size_t>> like(n, std::vector<std::size_t>(m));
  std::vector<std::vector<std::size_t>> best(n + 1, std::vector<std::size_t>(m + 1, 0));
  for (std::size_t i = n; i-- > 0;)
    for (std::size_t j = m; j-- > 0;) {
      like[i][j] = likeness(a[i], b[j]);
      best[i][j] = std::max(best[i + 1][j], best[i][j + 1]);
      if (like[i][j]) best[i][j] = std::max(best[i][j], like[i][j] + best[i + 1][j + 1]);
    }
  std::vector<std::pair<std::size_t, std::size_t>> pairs;
  for (std::size_t i = 0, j = 0; i < n && j < m;) {
    if (like[i][j] && best[i][j] == like[i][j] + best[i + 1][j + 1])
      pairs.emplace_back(i++, j++);
    else if (best[i][j] == best[i + 1][j])
      ++i;
    else
      ++j;
  }
  return pairs;
}

}  // namespace dse::replay
