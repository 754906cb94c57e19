#include "tools/check_case.h"

#include <algorithm>
#include <chrono>
#include <exception>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>

#include <fmt/format.h>

#include "format/capture_reader.h"
#include "replay/check_case.h"
#include "replay/digest.h"
#include "replay/event_diff.h"
#include "replay/points/points.h"
#include "tools/atomic_file.h"
#include "tools/diff_hunks.h"
#include "tools/event_lines.h"
#include "tools/selection.h"
#include "tools/terminal.h"

namespace dse::tools {
namespace {

using replay::CheckCase;
using replay::EventPicker;
using replay::ShownEvent;

class Checker {
 public:
  Checker(const std::string& directory, const CheckOptions& options, CheckResult& result)
      : directory_(directory), options_(options), result_(result), normaliser_({}) {}

  Status run(bool update) {
    const std::string file = path_of("case.toml");
    DSE_TRY_ASSIGN(std::string text, read_text_file(file));
    DSE_TRY_ASSIGN(case_, replay::parse_check_case(file, text));
    normaliser_ = replay::Normaliser({!case_.normalise, case_.ignore});
    DSE_TRY(make_query());
    if (update && case_.expected) DSE_TRY(write_expected());
    if (damaged_) return {};
    if (case_.expected) DSE_TRY(read_expected());
    DSE_TRY(read_events());
    if (damaged_) return {};
    check_counts();
    check_losses();
    if (case_.digest) DSE_TRY(check_digest());
    return case_.expected ? check_events() : Status();
  }

 private:
  struct Line {
    std::string_view key;   // of its sequence
    std::string_view text;  // as it is compared
  };

  std::string path_of(const std::string& name) const {
    return name.starts_with('/') ? name : (std::filesystem::path(directory_) / name).string();
  }
  void problem(std::string what) {
    result_.problems.push_back(std::move(what));
    result_.what = CheckResult::What::fail;
    result_.code = kNegative;
  }

  Status make_query() {
    const bool is_file = case_.profile.find('/') != std::string::npos ||
                         case_.profile.ends_with(".toml");
    DSE_TRY_ASSIGN(query_.profile, load_profile(is_file ? path_of(case_.profile) : case_.profile));
    if (!case_.points.empty()) query_.profile.points = union_of_points(case_.points, {});
    for (auto action : {replay::filter::Action::select, replay::filter::Action::drop})
      for (const CheckCase::Text& one :
           action == replay::filter::Action::select ? case_.select : case_.drop) {
        replay::FilterRule rule;
        rule.action = action;
        rule.source = one.source;
        rule.point = point_prefix(one.text);
        rule.expression = rule.point.empty() ? one.text : one.text.substr(rule.point.size() + 1);
        query_.profile.filters.push_back(std::move(rule));
      }
    query_.paths = {path_of(case_.capture)};
    query_.window = {case_.since, case_.until, case_.num};
    query_.self = case_.self;
    query_.fields = case_.fields;
    std::error_code error;
    if (case_.expected) {
      // What --update writes must be nothing that the case is made of.
      const std::string path = path_of(*case_.expected);
      for (const std::string& other :
           {query_.paths[0], path_of("case.toml"), path_of(case_.profile)})
        if (path.ends_with(".dse") || (std::filesystem::equivalent(path, other, error) && !error))
          return Error(ErrorCode::usage,
                       fmt::format("{}: expected = \"{}\" is no file of expected events",
                                   path_of("case.toml"), *case_.expected));
    }
    if (!std::filesystem::exists(query_.paths[0], error))
      return Error(ErrorCode::usage, fmt::format("{}: there is no capture {}", path_of("case.toml"),
                                                 query_.paths[0]));
    return {};
  }

  Result<std::unique_ptr<EventLines>> open(const EventQuery& query) const {
    const std::string file = path_of("case.toml");
    auto events = EventLines::open(query);
    const bool placed = events || events.error().message().starts_with(file) ||
                        events.error().code() != ErrorCode::usage;
    if (placed) return events;
    return events.error().in(file);
  }

  // A line as it is compared.
  Result<Line> compared(std::string_view line) {
    if (normaliser_.changes_nothing()) return Line{{}, line};
    DSE_TRY(json_.parse(line));
    line_.clear();
    append_json(normaliser_.apply(json_), line_);
    // Where all is compared as it is, so is the order of all.
    std::string_view type = case_.normalise ? json_.find("evt.type") : std::string_view();
    if (type.size() > 2) type = type.substr(1, type.size() - 2);  // its quotes
    return Line{type, line_};
  }

  Status write_expected() {
    DSE_TRY_ASSIGN(AtomicFile file, AtomicFile::create(path_of(*case_.expected)));
    DSE_TRY_ASSIGN(auto events, open(query_));
    bool any = false;
    while (true) {
      DSE_TRY_ASSIGN(bool more, events->next());
      if (!more) break;
      DSE_TRY_ASSIGN(Line line, compared(events->json()));
      DSE_TRY(file.write(line.text));
      DSE_TRY(file.write("\n"));
      any = true;
    }
    note_damage(events->session());
    if (!any && !damaged_ && case_.counts.empty() && !case_.digest)
      return Error(
          ErrorCode::usage,
          fmt::format("{}: it keeps no event, so it would test nothing; if that is what is "
                      "expected, say so: [counts] events = 0",
                      path_of("case.toml")));
    // What is damaged is no measure for anything; read_events() says what is wrong with it.
    if (damaged_) return {};
    DSE_TRY(file.commit());
    result_.updated = true;
    return {};
  }

  // Calls visit(Line) for each expected event, until it says false.
  template <typename Visit>
  Status for_each_expected(Visit visit) {
    const std::string path = path_of(*case_.expected);
    std::ifstream file(path, std::ios::binary);
    if (!file)
      return Error(
          ErrorCode::usage,
          fmt::format("{}: cannot read expected events; dse check {} --update {} writes them", path,
                      shown(directory_), shown(result_.name)));
    std::uint64_t number = 0;
    for (std::string text; std::getline(file, text);) {
      ++number;
      auto line = compared(text);
      if (!line) return line.error().in(fmt::format("{}:{}", path, number));
      if (!visit(*line)) return {};
    }
    if (file.bad()) return Error(ErrorCode::io, path + ": cannot be read to its end");
    return {};
  }

  Status read_expected() {
    return for_each_expected([&](const Line& line) {
      expected_.add(line.key, line.text);
      return true;
    });
  }

  Status read_events() {
    DSE_TRY_ASSIGN(auto events, open(query_));
    while (true) {
      DSE_TRY_ASSIGN(bool more, events->next());
      if (!more) break;
      ++result_.events;
      ++counts_[std::string(events->event().name())];
      if (!case_.expected) continue;
      DSE_TRY_ASSIGN(Line line, compared(events->json()));
      got_.add(line.key, line.text);
    }
    replay::Session& session = events->session();
    note_damage(session);
    for (const format::Loss& loss : session.source().losses())
      if (loss.kind == 0 || loss.kind >= format::kMaxKinds ||
          (session.kinds() & format::kind_bit(loss.kind)))
        lost_ += loss.count;
    unrecorded_ = session.unrecorded();
    return {};
  }

  void note_damage(replay::Session& session) {
    for (const format::Note& note : session.source().notes()) {
      if (note.what == format::Note::What::growing || note.what == format::Note::What::newer)
        continue;
      if (!damaged_) result_.problems.clear();
      damaged_ = true;
      result_.what = CheckResult::What::error;
      result_.code = kDamaged;
      if (std::find(result_.problems.begin(), result_.problems.end(), note.text) ==
          result_.problems.end())
        result_.problems.push_back(note.text);
    }
  }

  void check_counts() {
    for (const CheckCase::Count& count : case_.counts) {
      std::uint64_t got = count.point == "events" ? result_.events : counts_[count.point];
      if (got != count.count)
        problem(fmt::format("{}: {} = {} expected, got {}", count.source, count.point, count.count,
                            got));
    }
  }

  void check_losses() {
    if (!case_.lossless) return;
    if (lost_)
      problem(fmt::format("{}: lossless expected, but it lacks {}", case_.lossless->source,
                          plural(lost_, "record")));
    if (!unrecorded_.empty())
      problem(fmt::format("{}: lossless expected, but it was recorded without {}",
                          case_.lossless->source, fmt::join(unrecorded_, ", ")));
  }

  Status check_digest() {
    EventQuery query = query_;
    query.fields.clear();
    DSE_TRY_ASSIGN(auto events, open(query));
    replay::Session& session = events->session();
    replay::EventDigest digest;
    while (true) {
      DSE_TRY_ASSIGN(replay::Session::Step step, session.next_batch());
      if (step == replay::Session::Step::end) break;
      if (step != replay::Session::Step::batch) continue;
      for (const replay::Session::Judged& judged : session.judged())
        if (auto status = digest.add(judged.events, judged.kept); !status)
          session.source().report_damage(status.error());
    }
    note_damage(session);
    if (!damaged_ && digest.sum().hex() != case_.digest->text)
      problem(fmt::format("{}: digest {} expected, got {}", case_.digest->source,
                          case_.digest->text, digest.sum().hex()));
    return {};
  }

  Status check_events() {
    std::vector<replay::SequenceChange> changes = replay::compare(expected_, got_, true);
    bool equal = true;
    for (const replay::SequenceChange& change : changes) {
      equal = equal && change.equal;
      result_.missing += change.removed;
      result_.extra += change.added;
    }
    if (equal) return {};
    problem(fmt::format("{}: {} missing, {} not expected", *case_.expected,
                        plural(result_.missing, "event"), human_count(result_.extra)));
    for (const replay::SequenceChange& change : changes)
      if (std::string how = remark(change); !how.empty()) problem(how);
    replay::DiffPlan plan = replay::plan_hunks(changes, 0, options_.limit);
    result_.left_out = plan.left_out;
    EventPicker missing(changes, plan, EventPicker::Side::a);
    EventPicker extra(changes, plan, EventPicker::Side::b);
    DSE_TRY(pick_missing(missing));
    DSE_TRY(explain(missing, extra));
    DiffView view{changes, plan, missing, extra};
    result_.diff = hunks_text(view, options_.colour);
    rapidjson::StringBuffer buffer;
    JsonWriter w(buffer);
    write_differences(view, w);
    result_.differences_json.assign(buffer.GetString(), buffer.GetSize());
    return {};
  }

  Status pick_missing(EventPicker& missing) {
    if (missing.done()) return {};
    return for_each_expected([&](const Line& line) {
      if (ShownEvent* event = missing.next(line.key)) {
        event->line = line.text;
        event->text = shown(line.text.substr(0, 400));
        if (line.text.size() > 400) event->text += " …";
      }
      return !missing.done();
    });
  }

  // Goes through the capture once more, with what the filters drop: what is missing may be among it.
  Status explain(EventPicker& missing, EventPicker& extra) {
    std::multimap<std::string_view, ShownEvent*> wanted;
    for (auto& [place, event] : missing.all()) wanted.emplace(event.line, &event);
    EventQuery query = query_;
    query.show_dropped = true;
    query.more_points = replay::point_names();
    if (!query.fields.empty()) query.more_points.clear();
    DSE_TRY_ASSIGN(auto events, open(query));
    while (!(wanted.empty() && extra.done())) {
      DSE_TRY_ASSIGN(bool more, events->next());
      if (!more) break;
      DSE_TRY_ASSIGN(Line line, compared(events->json()));
      if (events->kept()) {
        if (ShownEvent* event = extra.next(line.key)) {
          event->line = line.text;
          event->text = events->text();
          if (!events->decided_by().empty()) event->note = "kept by " + events->reason();
        }
      } else if (auto found = wanted.find(line.text); found != wanted.end()) {
        ShownEvent* event = found->second;
        wanted.erase(found);
        event->text = events->text();
        std::string filter = events->decided_by();
        event->note = fmt::format("dropped: {}{}{}", events->reason(), filter.empty() ? "" : ": ",
                                  filter);
      }
    }
    return {};
  }

  const std::string& directory_;
  const CheckOptions& options_;
  CheckResult& result_;
  CheckCase case_;
  EventQuery query_;
  replay::Normaliser normaliser_;
  replay::JsonLine json_;
  std::string line_;
  replay::EventSequences expected_, got_;
  std::map<std::string, std::uint64_t> counts_;
  std::uint64_t lost_ = 0;
  std::set<std::string> unrecorded_;
  bool damaged_ = false;
};

}  // namespace

CheckResult check_case(const std::string& name, const std::string& directory, bool update,
                       const CheckOptions& options) {
  const auto start = std::chrono::steady_clock::now();
  CheckResult result;
  result.name = name;
  auto spoil = [&](int code, std::string what) {
    result.what = CheckResult::What::error;
    result.code = code;
    result.problems.insert(result.problems.begin(), std::move(what));
  };
  try {
    if (auto status = Checker(directory, options, result).run(update); !status)
      spoil(exit_code(status.error().code()), status.error().message());
  } catch (const std::bad_alloc&) {
    spoil(kIo, "out of memory");
  } catch (const std::exception& error) {
    spoil(kIo, std::string("internal error: ") + error.what());
  }
  result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return result;
}

}  // namespace dse::tools
