#include "replay/row_classes.h"

#include <bit>

namespace dse::replay {
namespace {

constexpr std::uint32_t kNone = 0xffffffff;

// A class more costs as much as so many values that are rendered event by event.
constexpr std::uint64_t kClassCost = 256;

// Whether all events have the one value that there is.
bool is_constant(const EventColumn& column) {
  return !column.index.empty() &&
         (column.is_text() ? column.texts.size() == 1 : column.numbers.size() == 1);
}

}  // namespace

// The place in the table for the events of a class with another key.
std::uint32_t& RowClasses::place_of(std::uint32_t from, std::uint64_t key) {
  const std::size_t mask = splits_.size() - 1;
  std::uint64_t hash = (key ^ std::uint64_t{from} << 32) * 0x9e3779b97f4a7c15;
  for (std::size_t at = hash >> 32 & mask;; at = (at + 1) & mask) {
    Split& split = splits_[at];
    if (split.to == kNone) split = {key, from, kNone};
    if (split.to == kNone || (split.key == key && split.from == from)) return split.to;
  }
}

template <typename Key>
bool RowClasses::split(Key key, std::uint64_t most) {
  keys_.resize(example_.size());
  for (std::size_t i = 0; i < keys_.size(); ++i) keys_[i] = key(example_[i]);
  const std::size_t n = events_.size();
  std::size_t i = 0;
  while (i < n && key(events_[i]) == keys_[class_[i]]) ++i;
  if (i == n) return true;

  const std::size_t before = example_.size();
  if (most <= before) return false;
  splits_.assign(std::bit_ceil(2 * (most - before)), {0, 0, kNone});
  next_ = class_;
  for (; i < n; ++i) {
    std::uint64_t of_event = key(events_[i]);
    if (of_event == keys_[class_[i]]) continue;
    std::uint32_t& to = place_of(class_[i], of_event);
    if (to == kNone) {
      if (example_.size() == most) {
        example_.resize(before);
        return false;
      }
      to = static_cast<std::uint32_t>(example_.size());
      example_.push_back(events_[i]);
    }
    next_[i] = to;
  }
  class_.swap(next_);
  return true;
}

// `sharing`: how many columns have the same index.
bool RowClasses::split_by_values(const EventColumn& column, std::size_t sharing) {
  const std::uint64_t most = example_.size() + events_.size() * sharing / kClassCost;
  if (!column.index.empty())
    return split([index = column.index.data()](std::uint32_t row) { return index[row]; }, most);
  if (column.is_text()) return false;
  return split([numbers = column.numbers.data()](std::uint32_t row) { return numbers[row]; }, most);
}

void RowClasses::split_by_presence(const EventColumn& column) {
  if (!column.is_text() && column.present.empty()) return;
  split([&](std::uint32_t row) { return std::uint64_t{column.missing(row)}; }, 2 * example_.size());
}

void RowClasses::sort(std::span<const EventColumn* const> columns,
                      std::span<const std::uint32_t> events) {
  events_ = events;
  class_.assign(events.size(), 0);
  example_.clear();
  if (!events.empty()) example_.push_back(events[0]);
  varies_.assign(columns.size(), 0);
  std::vector<std::uint8_t>& varies = varies_;
  auto has_values = [&](std::size_t i) {
    return columns[i] && (columns[i]->is_text() || columns[i]->numbers.data()) &&
           !is_constant(*columns[i]);
  };
  for (std::size_t i = 0; i < columns.size(); ++i) {
    if (!has_values(i)) continue;
    const EventColumn& column = *columns[i];
    auto shares = [&](std::size_t j) {
      return j == i || (has_values(j) && !column.index.empty() &&
                        columns[j]->index.data() == column.index.data());
    };
    bool first = true;
    std::size_t sharing = 0;
    for (std::size_t j = 0; j < columns.size(); ++j) {
      if (!shares(j)) continue;
      first = first && j >= i;
      ++sharing;
    }
    if (!first) continue;  // done with another column
    if (column.index.empty()) split_by_presence(column);
    if (split_by_values(column, sharing)) continue;
    for (std::size_t j = i; j < columns.size(); ++j) {
      if (!shares(j)) continue;
      varies[j] = 1;
      split_by_presence(*columns[j]);
    }
  }
}

}  // namespace dse::replay
