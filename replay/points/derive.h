// Ways to make a derived column that every point uses.
#pragma once

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "replay/event.h"

namespace dse::replay {

// For name_numbers(): plain columns of numbers so small that each is its own place among the texts. The
// numbers are those of the batch, own_numbers() or a column of a table, and stay the index of the result.
template <typename Name>
std::optional<EventColumn> name_small_numbers(const EventBatch& events, const EventColumn& numbers,
                                              Name& name) {
  constexpr std::size_t kSmall = 256;
  if (!numbers.index.empty() || !numbers.present.empty()) return {};
  std::uint64_t bits = 0;
  for (std::uint64_t number : numbers.numbers) bits |= number;
  if (bits >= kSmall) return {};
  std::array<bool, kSmall> there{};
  for (std::uint64_t number : numbers.numbers) there[number] = true;
  auto& values = events.own_texts(kSmall);
  for (std::size_t number = 0; number < kSmall; ++number)
    if (there[number])
      if (std::optional<std::string> text = name(number))
        values[number] = events.own_text(std::move(*text));
  EventColumn out;
  out.index = numbers.numbers;
  out.texts = values;
  return out;
}

// A text for each number of a column, made once per distinct number; nothing: missing, as are those of
// missing numbers.
template <typename Name>
EventColumn name_numbers(const EventBatch& events, const EventColumn& numbers, Name name) {
  EventColumn out;
  if (!numbers.numbers.data()) return out;
  if (auto small = name_small_numbers(events, numbers, name)) return *small;
  std::unordered_map<std::uint64_t, std::uint64_t> known;
  auto& values = events.own_texts(1);  // slot 0: missing
  auto& index = events.own_numbers(events.size());
  std::uint64_t last = 0, last_slot = 0;
  bool first = true;
  for (std::uint32_t i = 0; i < events.size(); ++i) {
    if (numbers.missing(i)) continue;
    std::uint64_t number = numbers.numbers[numbers.slot(i)];
    if (first || number != last) {
      first = false;
      last = number;
      auto [found, is_new] = known.try_emplace(number, values.size());
      if (is_new) {
        std::optional<std::string> text = name(number);
        values.push_back(text ? events.own_text(std::move(*text)) : std::string_view());
      }
      last_slot = found->second;
    }
    index[i] = last_slot;
  }
  out.index = index;
  out.texts = values;
  return out;
}

// A column of few different texts, which events are given one by one; without one it is missing.
class TextColumn {
 public:
  explicit TextColumn(const EventBatch& events)
      : events_(events), index_(events.own_numbers(events.size())), values_(events.own_texts(1)) {}

  // The text is copied; no text: missing.
  void set(std::uint32_t event, std::string_view text) {
    if (text.data()) index_[event] = slot_of(text);
  }
  // The same in two steps, for who knows that a text comes again. Slot 0: missing.
  std::uint64_t slot(std::string_view text) { return text.data() ? slot_of(text) : 0; }
  void set_slot(std::uint32_t event, std::uint64_t slot) { index_[event] = slot; }
  EventColumn column() const {
    EventColumn out;
    out.index = values_.size() == 1 ? events_.same_index() : index_;
    out.texts = values_;
    return out;
  }

 private:
  static constexpr std::size_t kFew = 16;

  std::uint64_t slot_of(std::string_view text) {
    if (last_ == 0 || values_[last_] != text) last_ = find(text);
    return last_;
  }
  std::uint64_t find(std::string_view text) {
    for (std::size_t slot = 1; slot < std::min(values_.size(), kFew); ++slot)
      if (values_[slot] == text) return slot;
    auto found = more_.find(text);
    if (found != more_.end()) return found->second;
    values_.push_back(events_.own_text(std::string(text)));
    if (values_.size() > kFew) more_.emplace(values_.back(), values_.size() - 1);
    return values_.size() - 1;
  }

  const EventBatch& events_;
  std::vector<std::uint64_t>& index_;
  std::vector<std::string_view>& values_;                     // slot 0: missing
  std::uint64_t last_ = 0;                                    // slot
  std::unordered_map<std::string_view, std::uint64_t> more_;  // behind the first few
};

// A text for each distinct text of a column; missing ones stay missing.
template <typename Make>
EventColumn map_texts(const EventBatch& events, const EventColumn& column, Make make) {
  EventColumn out;
  if (!column.is_text()) return out;
  auto& texts = events.own_texts(column.texts.size());
  for (std::size_t i = 0; i < texts.size(); ++i)
    if (column.texts[i].data()) texts[i] = make(column.texts[i]);
  out.index = column.index;
  out.texts = texts;
  return out;
}

// "proc.exit_code", "proc.exit_signal" or "proc.core_dumped" out of a status as waitpid(2) has it.
EventColumn exit_column(const EventBatch& events, const EventColumn& status,
                        std::string_view field);

}  // namespace dse::replay
