// The fields that events have. The built-in ones come from `eventFields` in format/capture.capnp; an
// observation point of a user's own may bring more.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "format/result.h"

namespace dse::replay {

enum class FieldType : std::uint8_t {
  number,   // unsigned or signed, fits a JSON number
  id,       // may pass 2^53: a string of decimal digits in JSON
  text,     // bytes
  list,     // strings, each ended by a NUL
  time,     // boot time, ns; shown as RFC 3339 of the real time, UTC
  flag,     // true or false
  numbers,  // a list of numbers: decimal strings, each ended by a NUL
};
// "number", "list": as the schema has it.
std::string_view field_type_name(FieldType type);
// Whether its fields have elements, to be asked for as "proc.args[0]".
constexpr bool is_list(FieldType type) {
  return type == FieldType::list || type == FieldType::numbers;
}

// What a value stands for: as Meaning in format/capture.capnp.
enum class Meaning : std::uint8_t { plain, signal, tcp_state, errno_code, capability, address };

struct Field {
  std::string name;  // "proc.name": also the path in JSON
  FieldType type = FieldType::text;
  std::string from =
      {};  // "task.x", or "x" of the point's main record kind; empty: derived by code
  std::string unit = {};
  std::vector<std::string> points = {};  // the points that have it; none: all
  std::string doc = {};
  std::vector<std::string> on_request =
      {};                        // points that show it only when asked for by name; "*": all
  bool zero_is_missing = false;  // 0, or an empty text, stands for a missing value
  Meaning meaning = Meaning::plain;
  std::vector<std::string> values =
      {};               // all that it can be, besides a number without a name; none: anything
  bool always = false;  // never missing in events of a point that has it

  bool belongs_to(std::string_view point) const;
  // Whether the point's events show it unasked.
  bool shown_by(std::string_view point) const;
};

// All built-in fields, in the order in which they are shown. Lives as long as the program.
const std::vector<Field>& builtin_fields();

// nullptr when there is no such field.
const Field* find_builtin_field(std::string_view name);

// A field as it is asked for: "proc.name", or an element of a list: "proc.args[0]", counted from 0,
// and "proc.env[PATH]", which is the value V of the first element that reads PATH=V. An index of
// digits only counts. Views into the text that it was made from.
struct FieldRef {
  std::string_view name;   // "proc.args"
  std::string_view index;  // "0"; empty: the field itself
};
// Error: usage; the brackets are not closed, empty, or followed by something.
Result<FieldRef> parse_field_ref(std::string_view text);
// Why a field of this type has no such element: usage; nothing when `ref` is in order.
Status check_index(const FieldRef& ref, FieldType type);
// The element of a list that an index asks for; data() == nullptr: there is none.
std::string_view find_element(std::string_view list, std::string_view index);

// The known names nearest to a misspelt one, best first; for "did you mean".
std::vector<std::string> similar_names(std::string_view name,
                                       const std::vector<std::string>& known);

}  // namespace dse::replay
