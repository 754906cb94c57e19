// Fields by name on the command line, checked against the points that are on.
#pragma once

#include <string>
#include <vector>

#include "replay/session.h"

namespace dse::tools {

// The field, or element of one, that `name` asks for and one of the session's points has. Error: usage.
struct NamedField {
  std::string name;            // as it was asked for: "proc.args[0]"
  const replay::Field* field;  // that it is, or is an element of
  replay::FieldType type;      // of the value
};
Result<NamedField> named_field(const std::string& name, const replay::Session& session);

// The fields and elements in a list with commas, each once. `option`: who asks, for the error.
Result<std::vector<NamedField>> parse_fields(const std::string& list, const std::string& option,
                                             const replay::Session& session);
std::vector<std::string> names_of(const std::vector<NamedField>& fields);

}  // namespace dse::tools
