#include "replay/filter_set.h"

#include <algorithm>

#include <fmt/format.h>

#include "replay/filter/diagnostic.h"
#include "replay/filter/lint.h"
#include "replay/points/points.h"

namespace dse::replay {
namespace {

// Of all filters, their macros included: what bounds the memory that they take.
constexpr std::size_t kMaxParts = 50'000;

std::size_t count_parts(const filter::Node& node) {
  std::size_t parts = 1;
  for (const filter::Node& child : node.children) parts += count_parts(child);
  return parts;
}

}  // namespace

FilterSet::FilterSet(const std::vector<std::unique_ptr<ObservationPoint>>& points) {
  for (const auto& point : points) points_.push_back(point.get());
}

Status FilterSet::add(const FilterRule& rule, const filter::Macros& macros) {
  DSE_TRY_ASSIGN(filter::Node node, filter::parse(rule.source, rule.expression, macros));
  if ((parts_ += count_parts(node)) > kMaxParts)
    return Error(ErrorCode::usage, fmt::format("{}: all filters together have more than {} parts",
                                               rule.source, kMaxParts));
  const bool select = rule.action == filter::Action::select;
  std::string label = fmt::format("{} {}", select ? "select" : "drop",
                                  ++(select ? selects_ : drops_));
  if (!rule.name.empty()) label += fmt::format(" ({})", rule.name);
  Entry entry{
      std::make_shared<const filter::Spec>(filter::Spec{
          rule.action, std::move(label), rule.expression, static_cast<int>(entries_.size())}),
      std::move(node),
      {}};
  for (ObservationPoint* point : points_)
    if (rule.point.empty() || rule.point == point->name()) entry.points.push_back(point);
  if (entry.points.empty()) {
    // Off, but what is wrong with its filter is wrong all the same.
    auto off = make_point(rule.point);
    if (!off)
      return Error(ErrorCode::usage,
                   fmt::format("{}: unknown observation point '{}'{}", rule.source, rule.point,
                               filter::did_you_mean(rule.point, point_names())));
    DSE_TRY(off->add_filter(entry.spec, entry.node));
  }
  for (ObservationPoint* point : entry.points) DSE_TRY(point->add_filter(entry.spec, entry.node));
  entries_.push_back(std::move(entry));
  return {};
}

std::vector<std::string> FilterSet::lint() const {
  std::vector<filter::Linted> filters;
  for (const Entry& entry : entries_)
    if (!entry.points.empty())
      filters.push_back(
          {entry.spec.get(), &entry.node, {entry.points.begin(), entry.points.end()}});
  return filter::lint(filters);
}

}  // namespace dse::replay
