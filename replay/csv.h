// Events as comma-separated values, RFC 4180.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "replay/render.h"

namespace dse::replay {

// A value that is there, in quotes where it needs them: with a comma, quote, line break, or nothing in it. A
// value that is missing is nothing at all.
void append_csv_field(std::string_view value, std::string& out);
// Texts as in `text` output, where each byte that is a control character or not UTF-8, and each backslash,
// is \xNN; so a record is always one line. Lists as JSON arrays.
void append_csv_text(std::string_view text, std::string& out);
inline constexpr std::string_view kCsvLineEnd = "\r\n";

class CsvRenderer {
 public:
  // One column per name in `columns`, of which `point` may lack some.
  CsvRenderer(const ObservationPoint& point, const std::vector<std::string>& columns);

  // All columns that events of these points show unasked, in the order of the list of fields.
  static std::vector<std::string> all_columns(
      const std::vector<std::unique_ptr<ObservationPoint>>& points);
  static void append_header(const std::vector<std::string>& columns, std::string& out);

  // Appends a record with its line end.
  void append(const EventBatch& events, std::uint32_t event, std::string& out) const;

 private:
  std::vector<std::optional<ShownField>> columns_;
};

}  // namespace dse::replay
