#include "replay/field.h"

#include <algorithm>
#include <numeric>

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

}  // namespace

bool Field::belongs_to(std::string_view point) const {
  return points.empty() || std::find(points.begin(), points.end(), point) != points.end();
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

std::vector<std::string> similar_names(std::string_view name,
                                       const std::vector<std::string>& known) {
  std::vector<std::pair<std::size_t, std::string>> near;
  for (const std::string& candidate : known) {
    std::size_t d = distance(name, candidate);
    if (d <= std::max<std::size_t>(2, name.size() / 3)) near.emplace_back(d, candidate);
  }
  std::sort(near.begin(), near.end());
  std::vector<std::string> out;
  for (auto& [d, candidate] : near) out.push_back(std::move(candidate));
  return out;
}

}  // namespace dse::replay
