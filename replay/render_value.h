// Single values of events, for all who write them in a format of their own.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "replay/render.h"

namespace dse::replay {

// A field by name, or an element; nothing when the point has no such.
std::optional<ShownField> find_shown(const ObservationPoint& point, std::string_view name);
// All fields that `point` shows unasked, or those of `only` that it has.
std::vector<ShownField> chosen_fields(const ObservationPoint& point,
                                      const std::vector<std::string>* only);

// nullptr: the column is damaged.
const EventColumn* column_of(const EventBatch& events, const ShownField& shown);

// The value of an event, which is there, as JSON has it.
void append_json_value(const EventBatch& events, const EventColumn& column, FieldType type,
                       std::uint32_t event, std::string& out);
// The same for people; nothing in it can steer a terminal.
void append_text_value(const EventBatch& events, const EventColumn& column, FieldType type,
                       std::uint32_t event, std::string& out);
// The same as a line shows it.
void append_value(const EventBatch& events, const EventColumn& column, const LineValue& value,
                  std::uint32_t event, std::string& out);

// The strings of a list as a JSON array; of `numbers`, those that are numbers stand as such.
void append_json_list(std::string_view list, FieldType type, std::string& out);
// `text` as a JSON string, with its quotes.
void append_quoted(std::string_view text, std::string& out);

// Columns are sign-extended: what has the top bit is negative.
void append_number(std::uint64_t value, std::string& out);
void append_unsigned(std::uint64_t value, std::string& out);

// "a.b.c" as a, b, c.
std::vector<std::string> split_name(const std::string& name);

// Calls visit(string) for the strings of a list: each ends with a NUL, which the last may lack when it was
// cut.
template <typename Visit>
void for_each_string(std::string_view list, Visit visit) {
  while (!list.empty()) {
    std::size_t end = list.find('\0');
    visit(list.substr(0, end));
    list.remove_prefix(end == std::string_view::npos ? list.size() : end + 1);
  }
}

}  // namespace dse::replay
