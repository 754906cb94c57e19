#include "tools/field_list.h"

#include <algorithm>
#include <sstream>

#include <fmt/format.h>

#include "replay/field.h"

namespace dse::tools {
namespace {

Error usage(std::string message) { return {ErrorCode::usage, std::move(message)}; }

std::string did_you_mean(const std::string& name, const std::vector<std::string>& known) {
  auto similar = replay::similar_names(name, known);
  return similar.empty() ? "" : "; did you mean " + similar.front() + "?";
}

// None of its points is on: what switches one on.
std::string off_message(const replay::Field& field, const replay::Session& session) {
  std::string on;
  for (const auto& point : session.points()) on += point->name() + ",";
  return fmt::format("field {} belongs to {}, which {} not on; --point {}{} switches {} on",
                     field.name, fmt::join(field.points, ", "),
                     field.points.size() == 1 ? "is" : "are", on, field.points.front(),
                     field.points.size() == 1 ? "it" : "one");
}

// The field that one of the points has; an error when none has.
Result<const replay::Field*> find_field(const std::string& name, const replay::Session& session) {
  std::vector<std::string> known;
  for (const auto& point : session.points()) {
    for (const replay::Field& field : point->fields()) {
      if (field.name == name) return &field;
      known.push_back(field.name);
    }
  }
  if (const replay::Field* field = replay::find_builtin_field(name))
    return usage(off_message(*field, session));
  return usage("unknown field '" + name + "'" + did_you_mean(name, known));
}

}  // namespace

Result<NamedField> named_field(const std::string& name, const replay::Session& session) {
  DSE_TRY_ASSIGN(replay::FieldRef ref, replay::parse_field_ref(name));
  DSE_TRY_ASSIGN(const replay::Field* field, find_field(std::string(ref.name), session));
  DSE_TRY(replay::check_index(ref, field->type));
  NamedField named{name, field, field->type};
  if (!ref.index.empty())
    named.type = field->type == replay::FieldType::numbers ? replay::FieldType::number
                                                           : replay::FieldType::text;
  return named;
}

Result<std::vector<NamedField>> parse_fields(const std::string& list, const std::string& option,
                                             const replay::Session& session) {
  std::vector<NamedField> fields;
  std::stringstream stream(list);
  for (std::string name; std::getline(stream, name, ',');) {
    DSE_TRY_ASSIGN(NamedField named, named_field(name, session));
    bool known = std::any_of(fields.begin(), fields.end(),
                             [&](const NamedField& one) { return one.name == name; });
    if (!known) fields.push_back(std::move(named));
  }
  if (fields.empty()) return usage(option + " needs at least one field");
  return fields;
}

std::vector<std::string> names_of(const std::vector<NamedField>& fields) {
  std::vector<std::string> names;
  for (const NamedField& field : fields) names.push_back(field.name);
  return names;
}

}  // namespace dse::tools
