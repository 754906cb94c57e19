#include "replay/point.h"

#include <algorithm>

#include "replay/from_state.h"

namespace dse::replay {

ObservationPoint::ObservationPoint(std::string name, std::string text_template,
                                   std::vector<Field> own_fields)
    : name_(std::move(name)), text_template_(std::move(text_template)) {
  for (const Field& field : builtin_fields())
    if (field.belongs_to(name_)) fields_.push_back(field);
  for (Field& field : own_fields) fields_.push_back(std::move(field));
}

int ObservationPoint::field(std::string_view name) const {
  for (std::size_t i = 0; i < fields_.size(); ++i)
    if (fields_[i].name == name) return static_cast<int>(i);
  return -1;
}

StateNeeds ObservationPoint::use(const std::vector<std::size_t>& used) {
  StateNeeds needs;
  for (std::size_t i : used) needs = needs | state_needs(fields_[i].name);
  return needs;
}

Status ObservationPoint::derive(const Field&, const EventBatch&, EventColumn&) const { return {}; }

ObservationPoint& ObservationPoint::select(Filter filter) {
  selects_.push_back(std::move(filter));
  return *this;
}

ObservationPoint& ObservationPoint::drop(Filter filter) {
  drops_.push_back(std::move(filter));
  return *this;
}

bool ObservationPoint::keeps(const Event& event) const {
  auto matches = [&](const Filter& filter) { return filter(event); };
  return (selects_.empty() || std::any_of(selects_.begin(), selects_.end(), matches)) &&
         std::none_of(drops_.begin(), drops_.end(), matches);
}

}  // namespace dse::replay
