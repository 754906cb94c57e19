#include "replay/field.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <numeric>
#include <optional>

#include <fmt/format.h>

#include "capture.capnp.h"

namespace dse::replay {
namespace {

std::vector<Field> read_fields() {
  std::vector<Field> fields;
  for (auto spec : format::schema::EVENT_FIELDS.get()) {
    Field field;
    field.name = spec.getName().cStr();
    field.type = static_cast<FieldType>(spec.getType());
    field.from = spec.getFrom().cStr();
    field.unit = spec.getUnit().cStr();
    for (auto point : spec.getPoints()) field.points.emplace_back(point.cStr());
    field.doc = spec.getDoc().cStr();
    for (auto point : spec.getOnRequest()) field.on_request.emplace_back(point.cStr());
    field.zero_is_missing = spec.getZeroIsMissing();
    field.meaning = static_cast<Meaning>(spec.getMeaning());
    for (auto value : spec.getValues()) field.values.emplace_back(value.cStr());
    // A column has a value in every row.
    field.always = spec.getAlways() || (!field.from.empty() && !field.zero_is_missing);
    fields.push_back(std::move(field));
  }
  return fields;
}

// Levenshtein distance.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      std::size_t above = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, diagonal + (a[i - 1] != b[j - 1])});
      diagonal = above;
    }
  }
  return row[b.size()];
}

// The place that an index of digits counts; nothing when it is a key. One that is beyond every list
// is as good as any other such.
std::optional<std::size_t> place_of(std::string_view index) {
  if (index.find_first_not_of("0123456789") != std::string_view::npos) return {};
  std::size_t place = 0;
  auto [end, error] = std::from_chars(index.data(), index.data() + index.size(), place);
  return error == std::errc() ? place : std::numeric_limits<std::size_t>::max();
}

}  // namespace

std::string_view field_type_name(FieldType type) {
  switch (type) {
    case FieldType::number: return "number";
    case FieldType::id: return "id";
    case FieldType::text: return "text";
    case FieldType::list: return "list";
    case FieldType::time: return "time";
    case FieldType::flag: return "flag";
    case FieldType::numbers: return "numbers";
  }
  return "";
}

bool Field::belongs_to(std::string_view point) const {
  return points.empty() || std::find(points.begin(), points.end(), point) != points.end();
}

bool Field::shown_by(std::string_view point) const {
  return std::none_of(on_request.begin(), on_request.end(),
                      [&](const std::string& one) { return one == "*" || one == point; });
}

const std::vector<Field>& builtin_fields() {
  static const std::vector<Field> fields = read_fields();
  return fields;
}

const Field* find_builtin_field(std::string_view name) {
  for (const Field& field : builtin_fields())
    if (field.name == name) return &field;
  return nullptr;
}

Result<FieldRef> parse_field_ref(std::string_view text) {
  std::size_t open = text.find('[');
  if (open == std::string_view::npos) return FieldRef{text, {}};
  auto wrong = [&](const char* what) {
    return Error(ErrorCode::usage,
                 fmt::format("field '{}': {}; an element is asked for as {}[0] or {}[KEY]", text,
                             what, text.substr(0, open), text.substr(0, open)));
  };
  // A key may hold brackets of its own.
  std::size_t close = text.rfind(']');
  if (close == std::string_view::npos || close < open) return wrong("the bracket is not closed");
  if (close + 1 != text.size()) return wrong("something follows the bracket");
  if (close == open + 1) return wrong("there is nothing in the brackets");
  return FieldRef{text.substr(0, open), text.substr(open + 1, close - open - 1)};
}

Status check_index(const FieldRef& ref, FieldType type) {
  if (ref.index.empty()) return {};
  auto wrong = [&](const std::string& why) {
    return Error(ErrorCode::usage, fmt::format("field '{}[{}]': {}", ref.name, ref.index, why));
  };
  if (!is_list(type)) {
    return wrong(fmt::format("{} is no list (but of type {}), so it has no elements", ref.name,
                             field_type_name(type)));
  }
  if (type == FieldType::numbers && !place_of(ref.index))
    return wrong(fmt::format("{} is a list of numbers, whose elements have no keys", ref.name));
  return {};
}

std::string_view find_element(std::string_view list, std::string_view index) {
  auto place = place_of(index);
  for (std::size_t at = 0; !list.empty(); ++at) {
    std::size_t end = list.find('\0');
    std::string_view element = list.substr(0, end);
    if (place) {
      if (at == *place) return element;
    } else if (element.size() > index.size() && element[index.size()] == '=' &&
               element.starts_with(index)) {
      return element.substr(index.size() + 1);
    }
    list.remove_prefix(end == std::string_view::npos ? list.size() : end + 1);
  }
  return {};
}

std::vector<std::string> similar_names(std::string_view name,
                                       const std::vector<std::string>& known) {
  std::vector<std::pair<std::size_t, std::string>> near;
  const std::size_t most = std::max<std::size_t>(2, name.size() / 3);
  for (const std::string& candidate : known) {
    // It is at least the difference in length; a name may be a megabyte.
    if (std::max(name.size(), candidate.size()) - std::min(name.size(), candidate.size()) > most)
      continue;
    std::size_t d = distance(name, candidate);
    if (d <= most) near.emplace_back(d, candidate);
  }
  std::sort(near.begin(), near.end());
  std::vector<std::string> out;
  for (auto& [d, candidate] : near) out.push_back(std::move(candidate));
  return out;
}

}  // namespace dse::replay
