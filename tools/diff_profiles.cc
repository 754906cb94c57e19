// One capture under two profiles, side by side: both see the same events, and judge for themselves.
#include <map>
#include <memory>
#include <tuple>

#include <fmt/format.h>

#include "tools/diff.h"
#include "tools/diff_hunks.h"
#include "tools/event_lines.h"
#include "tools/exit_code.h"
#include "tools/terminal.h"

namespace dse::tools {
namespace {

// What one profile says of an event.
struct Judgement {
  bool kept;
  std::string reason;
  auto operator<=>(const Judgement&) const = default;
};

struct Changed {
  Judgement before, after;
  std::string text, json;
};

struct Answer {
  std::uint64_t events = 0, changed = 0;
  std::map<std::pair<Judgement, Judgement>, std::uint64_t> sums;
  std::vector<Changed> shown;
  std::vector<format::Note> notes;
};

Judgement judgement(const EventLines& events) { return {events.kept(), events.reason()}; }

Result<std::unique_ptr<EventLines>> open(const DiffOptions& options, const replay::Profile& profile,
                                         const replay::Profile& other) {
  EventQuery query;
  query.paths = options.paths;
  query.profile = profile;
  query.more_points = other.points;
  query.window = options.window;
  query.self = options.selection.self;
  query.show_dropped = true;
  query.fields = options.fields;
  return EventLines::open(query);
}

Result<Answer> compare(const DiffOptions& options) {
  DSE_TRY_ASSIGN(replay::Profile before, chosen_profile(options.selection));
  SelectionFlags flags = options.selection;
  flags.profile = options.against;
  DSE_TRY_ASSIGN(replay::Profile after, chosen_profile(flags));
  DSE_TRY_ASSIGN(auto a, open(options, before, after));
  DSE_TRY_ASSIGN(auto b, open(options, after, before));
  Answer answer;
  while (true) {
    DSE_TRY_ASSIGN(bool more_a, a->next());
    DSE_TRY_ASSIGN(bool more_b, b->next());
    if (!more_a || !more_b) break;
    if (++answer.events % (std::uint64_t{1} << 16) == 0)
      show_status(plural(answer.events, "event"));
    if (a->kept() == b->kept()) continue;
    Judgement was = judgement(*a), is = judgement(*b);
    ++answer.changed;
    ++answer.sums[{was, is}];
    if (answer.shown.size() < options.limit)
      answer.shown.push_back({was, is, a->text(), std::string(a->json())});
  }
  answer.notes = a->session().source().notes();
  return answer;
}

std::string words(const Judgement& judgement) {
  return fmt::format("{}: {}", judgement.kept ? "kept" : "dropped", judgement.reason);
}

std::string text_of(const DiffOptions& options, const Answer& answer) {
  if (answer.changed == 0) return {};
  const bool colour = use_colour();
  std::string out = coloured('-', "--- " + shown(options.selection.profile), colour) + "\n" +
                    coloured('+', "+++ " + shown(options.against), colour) + "\n";
  for (const Changed& event : answer.shown) {
    const char kind = event.before.kept ? '-' : '+';
    out += coloured(kind,
                    fmt::format("{} {}   <- {}; now {}", kind, event.text,
                                shown(words(event.before)), shown(words(event.after))),
                    colour) +
           "\n";
  }
  for (const auto& [judgements, count] : answer.sums)
    out += coloured('@',
                    fmt::format("@@ {} @@ {}; now {}", plural(count, "event"),
                                shown(words(judgements.first)), shown(words(judgements.second))),
                    colour) +
           "\n";
  return out;
}

std::string json_of(const DiffOptions& options, const Answer& answer) {
  rapidjson::StringBuffer buffer;
  JsonWriter w(buffer);
  auto judgements = [&](const Judgement& before, const Judgement& after) {
    for (auto [key, judgement] : {std::pair("before", &before), std::pair("after", &after)}) {
      w.Key(key);
      w.StartObject();
      w.Key("verdict");
      w.String(judgement->kept ? "keep" : "drop");
      write_text(w, "by", judgement->reason);
      w.EndObject();
    }
  };
  auto count = [&](const char* key, std::uint64_t value) {
    w.Key(key);
    w.Uint64(value);
  };
  w.StartObject();
  w.Key("equal");
  w.Bool(answer.changed == 0);
  write_text(w, "profile", options.selection.profile);
  write_text(w, "against", options.against);
  count("events", answer.events);
  count("changed", answer.changed);
  w.Key("by");
  w.StartArray();
  for (const auto& [pair, events] : answer.sums) {
    w.StartObject();
    count("events", events);
    judgements(pair.first, pair.second);
    w.EndObject();
  }
  w.EndArray();
  w.Key("differences");
  w.StartArray();
  for (const Changed& event : answer.shown) {
    w.StartObject();
    judgements(event.before, event.after);
    w.Key("event");
    w.RawValue(event.json.data(), event.json.size(), rapidjson::kObjectType);
    w.EndObject();
  }
  w.EndArray();
  count("left_out", answer.changed - answer.shown.size());
  w.EndObject();
  return std::string(buffer.GetString(), buffer.GetSize()) + "\n";
}

}  // namespace

int diff_profiles(const DiffOptions& options) {
  auto answer = compare(options);
  if (!answer) return fail(answer.error());
  auto written = write_stdout(options.output == "json" ? json_of(options, *answer)
                                                       : text_of(options, *answer));
  if (!written) return fail(written.error());
  if (!options.selection.quiet) {
    if (answer->changed > answer->shown.size())
      say(fmt::format("{} more are not shown (--limit)",
                      human_count(answer->changed - answer->shown.size())));
    say(answer->events == 0 ? "nothing to compare: there are no events under these points and times"
        : answer->changed == 0
            ? fmt::format("equal: both make the same of {}", plural(answer->events, "event"))
            : fmt::format("different: of {} only one of the two lets {} pass",
                          plural(answer->events, "event"), human_count(answer->changed)));
  }
  int code = report_notes(answer->notes);
  return code != kOk ? code : answer->changed ? kNegative : kOk;
}

}  // namespace dse::tools
