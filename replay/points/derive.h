// Ways to make a derived column that every point uses.
#pragma once

#include <string>
#include <unordered_map>

#include "replay/event.h"

namespace dse::replay {

// A text for each number of a column, made once per distinct number. An empty text is a missing one.
template <typename Name>
EventColumn name_numbers(const EventBatch& events, std::span<const std::uint64_t> numbers,
                         Name name) {
  std::unordered_map<std::uint64_t, std::uint64_t> known;
  std::vector<std::string_view> values;
  auto& index = events.own_numbers(numbers.size());
  std::uint64_t last = ~std::uint64_t{0}, last_slot = 0;
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    if (numbers[i] != last || values.empty()) {
      last = numbers[i];
      auto [found, is_new] = known.try_emplace(last, values.size());
      if (is_new) {
        std::string text(name(last));
        values.push_back(text.empty() ? std::string_view() : events.own_text(std::move(text)));
      }
      last_slot = found->second;
    }
    index[i] = last_slot;
  }
  auto& texts = events.own_texts(0);
  texts = std::move(values);
  EventColumn out;
  out.index = index;
  out.texts = texts;
  return out;
}

// A text for each value of a dictionary column.
template <typename Make>
EventColumn map_strings(const EventBatch& events, const format::StringColumn& strings, Make make) {
  EventColumn out;
  auto& texts = events.own_texts(strings.values.size());
  for (std::size_t i = 0; i < texts.size(); ++i) texts[i] = make(strings.values[i]);
  out.index = strings.index;
  out.texts = texts;
  return out;
}

}  // namespace dse::replay
