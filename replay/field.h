// The fields that events have. The built-in ones come from `eventFields` in format/capture.capnp; an
// observation point of a user's own may bring more.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace dse::replay {

enum class FieldType : std::uint8_t {
  number,  // unsigned or signed, fits a JSON number
  id,      // may pass 2^53: a string of decimal digits in JSON
  text,    // bytes
  list,    // strings, each ended by a NUL
  time,    // boot time, ns; shown as RFC 3339 of the real time, UTC
  flag,    // true or false
};

struct Field {
  std::string name;  // "proc.name": also the path in JSON
  FieldType type = FieldType::text;
  std::string from;  // "task.x", or "x" of the point's main record kind; empty: derived by code
  std::string unit;
  std::vector<std::string> points;  // the points that have it; none: all
  std::string doc;

  bool belongs_to(std::string_view point) const;
};

// All built-in fields, in the order in which they are shown. Lives as long as the program.
const std::vector<Field>& builtin_fields();

// nullptr when there is no such field.
const Field* find_builtin_field(std::string_view name);

// The known names nearest to a misspelt one, best first; for "did you mean".
std::vector<std::string> similar_names(std::string_view name,
                                       const std::vector<std::string>& known);

}  // namespace dse::replay
