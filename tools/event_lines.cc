#include "tools/event_lines.h"

#include <algorithm>

#include <fmt/format.h>

#include "format/capture_reader.h"
#include "replay/points/points.h"

namespace dse::tools {
namespace {

bool contains(const std::vector<std::string>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

}  // namespace

std::vector<std::string> union_of_points(const std::vector<std::string>& a,
                                         const std::vector<std::string>& b) {
  std::vector<std::string> all;
  for (std::string& name : replay::point_names())
    if (contains(a, name) || contains(b, name)) all.push_back(std::move(name));
  return all;
}

Status EventLines::check_fields(const std::vector<std::string>& fields) const {
  for (const std::string& name : fields) {
    DSE_TRY_ASSIGN(replay::FieldRef ref, replay::parse_field_ref(name));
    const replay::Field* field = nullptr;
    std::vector<std::string> known;
    for (const auto& point : session_->points())
      for (const replay::Field& one : point->fields()) {
        if (one.name == ref.name) field = &one;
        known.push_back(one.name);
      }
    if (!field) {
      auto similar = replay::similar_names(ref.name, known);
      return Error(ErrorCode::usage,
                   fmt::format("unknown field '{}'{}", name,
                               similar.empty() ? "" : "; did you mean " + similar.front() + "?"));
    }
    DSE_TRY(replay::check_index(ref, field->type));
  }
  return {};
}

Result<std::unique_ptr<EventLines>> EventLines::open(const EventQuery& query) {
  std::unique_ptr<EventLines> lines(new EventLines);
  DSE_TRY_ASSIGN(auto reader, format::CaptureReader::open(query.paths));
  lines->session_ = std::make_unique<replay::Session>(std::move(reader));
  replay::Session& session = *lines->session_;
  DSE_TRY(set_window(query.window, query.paths, session));
  for (const std::string& name : union_of_points(query.profile.points, query.more_points))
    session.add(replay::make_point(name));
  session.show_self(query.self);
  session.show_dropped(query.show_dropped);
  lines->filters_ = std::make_unique<replay::FilterSet>(session.points());
  for (const replay::FilterRule& rule : query.profile.filters)
    DSE_TRY(lines->filters_->add(rule, query.profile.macros));
  DSE_TRY(lines->check_fields(query.fields));

  const std::vector<std::string>* only = query.fields.empty() ? nullptr : &query.fields;
  std::vector<std::string> used = query.fields;
  for (const auto& point : session.points()) {
    auto [place, made] = lines->renderers_.try_emplace(
        point.get(),
        Renderers{replay::JsonRenderer(*point, only), replay::TextRenderer(*point, false, only),
                  contains(query.profile.points, point->name())});
    if (only) continue;
    for (std::size_t field : place->second.json.fields())
      used.push_back(point->fields()[field].name);
    for (std::size_t field : place->second.text.fields())
      used.push_back(point->fields()[field].name);
  }
  session.use_only(std::move(used));
  return lines;
}

Result<bool> EventLines::next() {
  while (true) {
    DSE_TRY_ASSIGN(auto event, session_->next());
    if (event) {
      event_ = *event;
      return true;
    }
    if (!session_->idle()) return false;
  }
}

const EventLines::Renderers& EventLines::renderers() {
  return renderers_.at(&event_.batch().point());
}

std::string_view EventLines::json() {
  json_.clear();
  renderers().json.append(event_.batch(), event_.row(), json_);
  return json_;
}

std::string EventLines::text() {
  std::string out;
  renderers().text.append(event_.batch(), event_.row(), out);
  return out;
}

bool EventLines::kept() const {
  return renderers_.at(&event_.batch().point()).on && event_.verdict().keep;
}

std::string EventLines::reason() const {
  const replay::ObservationPoint& point = event_.batch().point();
  if (!renderers_.at(&point).on) return point.name() + " is off";
  replay::filter::Verdict verdict = event_.verdict();
  if (verdict.by != replay::filter::Verdict::kNone)
    return point.chain().filters()[verdict.by].spec->label;
  return verdict.keep ? "no select" : "no select matched";
}

std::string EventLines::decided_by() const {
  const replay::ObservationPoint& point = event_.batch().point();
  replay::filter::Verdict verdict = event_.verdict();
  if (!renderers_.at(&point).on || verdict.by == replay::filter::Verdict::kNone) return {};
  return point.chain().filters()[verdict.by].spec->text;
}

}  // namespace dse::tools
