// Events of a batch in classes: those of one class have the same values in all columns but in some that
// vary from event to event anyway. What is the same can then be rendered once for each class.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "replay/event.h"

namespace dse::replay {

class RowClasses {
 public:
  // Sorts these events of a batch, by their rows in the columns. A column that is nullptr has no values.
  // Memory is reused.
  void sort(std::span<const EventColumn* const> columns, std::span<const std::uint32_t> events);

  std::uint32_t count() const { return static_cast<std::uint32_t>(example_.size()); }
  // Of the event that was the `nth`.
  std::uint32_t of(std::size_t nth) const { return class_[nth]; }
  // One of its events.
  std::uint32_t example(std::uint32_t number) const { return example_[number]; }
  // Whether a column's values differ within a class. Whether they are missing never does.
  bool varies(std::size_t column) const { return varies_[column] != 0; }

 private:
  // A class that has fallen apart: where its events with another key go.
  struct Split {
    std::uint64_t key;
    std::uint32_t from;
    std::uint32_t to;
  };

  // Classes such that key(row) is the same within each; false: there would be more than `most`, and
  // nothing has changed.
  template <typename Key>
  bool split(Key key, std::uint64_t most);
  bool split_by_values(const EventColumn& column, std::size_t sharing);
  void split_by_presence(const EventColumn& column);
  std::uint32_t& place_of(std::uint32_t from, std::uint64_t key);

  std::span<const std::uint32_t> events_;
  std::vector<std::uint32_t> class_;    // by event
  std::vector<std::uint32_t> example_;  // by class
  std::vector<std::uint8_t> varies_;    // by column
  // Scratch:
  std::vector<std::uint32_t> next_;
  std::vector<std::uint64_t> keys_;  // by class: that of its example
  std::vector<Split> splits_;        // a hash table with room to spare
};

}  // namespace dse::replay
