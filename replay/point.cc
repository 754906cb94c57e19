#include "replay/point.h"

#include <algorithm>

#include <fmt/format.h>

#include "replay/filter/parser.h"
#include "replay/from_state.h"
#include "replay/points/points.h"

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

std::unique_ptr<ObservationPoint> ObservationPoint::another() const { return make_point(name_); }

std::shared_ptr<const filter::Spec> ObservationPoint::spec(filter::Action action,
                                                           std::string_view text) const {
  std::string_view word = action == filter::Action::select ? "select" : "drop";
  auto number = 1 + std::count_if(chain_.filters().begin(), chain_.filters().end(),
                                  [&](const auto& one) { return one.spec->action == action; });
  return std::make_shared<const filter::Spec>(
      filter::Spec{action, fmt::format("{} {}", word, number), std::string(text)});
}

Status ObservationPoint::add_filter(std::shared_ptr<const filter::Spec> spec,
                                    const filter::Node& expression) {
  DSE_TRY_ASSIGN(filter::Program program, filter::Program::compile(expression, *this));
  return chain_.add(std::move(spec), std::move(program));
}

ObservationPoint& ObservationPoint::add(filter::Action action, std::string_view expression) {
  auto of = spec(action, expression);
  auto node = filter::parse(fmt::format("{}, {}", name_, of->label), std::string(expression));
  Status status = node ? add_filter(std::move(of), *node) : Status(node.error());
  if (filter_status_ && !status) filter_status_ = std::move(status);
  return *this;
}

ObservationPoint& ObservationPoint::add(filter::Action action, Filter filter) {
  Status status = chain_.add(spec(action, {}), std::move(filter));
  if (filter_status_ && !status) filter_status_ = std::move(status);
  return *this;
}

ObservationPoint& ObservationPoint::select(std::string_view expression) {
  return add(filter::Action::select, expression);
}
ObservationPoint& ObservationPoint::drop(std::string_view expression) {
  return add(filter::Action::drop, expression);
}
ObservationPoint& ObservationPoint::select(Filter filter) {
  return add(filter::Action::select, std::move(filter));
}
ObservationPoint& ObservationPoint::drop(Filter filter) {
  return add(filter::Action::drop, std::move(filter));
}

}  // namespace dse::replay
