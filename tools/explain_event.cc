#include "tools/explain_event.h"

#include <rapidjson/prettywriter.h>
#include <rapidjson/stringbuffer.h>

#include <vector>

#include <fmt/format.h>

#include "replay/render.h"
#include "tools/terminal.h"

namespace dse::tools {
namespace {

using replay::Event;
using replay::filter::Action;
using replay::filter::Chain;
using replay::filter::Mask;
using replay::filter::Program;
using replay::filter::Verdict;

struct Clause {
  std::string text;
  unsigned depth;
  bool value;
  std::string field;        // of a test
  std::string field_value;  // for people
  bool missing = false;     // the event has no value
  bool no_field = false;    // nor could it have
};

struct Asked {
  const Chain::Filter* filter;
  bool reached;  // no filter before had decided
  bool matches;
  std::vector<Clause> clauses;
};

std::string show_value(const Event& event, const std::string& field) {
  std::vector<std::string> only{field};
  std::string out;
  replay::TextRenderer(event.batch().point(), false, &only).append(event.batch(), event.row(), out);
  return out;
}

void list_clauses(const Program& program, const std::vector<Program::Part>& parts,
                  const std::vector<Mask>& values, std::size_t place, unsigned depth,
                  const Event& event, std::vector<Clause>& out) {
  const Program::Part& part = parts[place];
  Clause clause{
      std::string(part.place.text()), depth, values[place][event.row()] != 0, part.field, {}, false,
      part.point_lacks_field};
  if (!part.field.empty()) {
    clause.missing = !event.number(part.field) && !event.text(part.field);
    if (!clause.missing) clause.field_value = show_value(event, part.field);
  }
  out.push_back(std::move(clause));
  for (std::size_t child : part.children)
    list_clauses(program, parts, values, child, depth + 1, event, out);
}

// All filters of the event's point, also those that the verdict did not need.
Result<std::vector<Asked>> ask_all(const Event& event) {
  std::vector<Asked> all;
  replay::filter::Scratch scratch;
  std::vector<Mask> values;
  Mask only(event.batch().size(), 0);
  only[event.row()] = 1;
  bool selected = false, dropped = false;
  for (const Chain::Filter& filter : event.batch().point().chain().filters()) {
    const Program& program = *filter.program();
    DSE_TRY(program.run_parts(event.batch(), only, values, scratch));
    const bool select = filter.spec->action == Action::select;
    Asked asked{&filter, select ? !selected : !dropped, values.back()[event.row()] != 0, {}};
    if (!select && event.verdict().by == Verdict::kNone && !event.verdict().keep)
      asked.reached = false;  // no select matched
    list_clauses(program, program.parts(), values, values.size() - 1, 0, event, asked.clauses);
    if (asked.reached && asked.matches) (select ? selected : dropped) = true;
    all.push_back(std::move(asked));
  }
  return all;
}

std::string reason(const Event& event) {
  Verdict verdict = event.verdict();
  if (verdict.by == Verdict::kNone)
    return verdict.keep ? "there is no select, and no drop matches" : "no select matches";
  return event.batch().point().chain().filters()[verdict.by].spec->label;
}

std::string explain_text(const Event& event, bool hidden, const std::vector<Asked>& all) {
  std::string out = event.text() + "\n";
  auto to = std::back_inserter(out);
  if (hidden) out += "hidden: it is the recorder's own doing (--self); without that it would be\n";
  fmt::format_to(to, "{}: {}\n", event.verdict().keep ? "kept" : "dropped", shown(reason(event)));
  for (const Asked& asked : all) {
    fmt::format_to(to, "\n{}{}{}\n", shown(asked.filter->spec->label),
                   asked.matches ? " matches" : " does not match",
                   asked.reached ? "" : ", and is not asked");
    for (const Clause& clause : asked.clauses) {
      fmt::format_to(to, "  {:<5}  {:{}}{}", clause.value ? "true" : "false", "", 2 * clause.depth,
                     shown(clause.text));
      if (clause.no_field)
        fmt::format_to(to, "   <- {} has no {}", event.name(), shown(clause.field));
      else if (clause.missing)
        fmt::format_to(to, "   <- {} is missing", shown(clause.field));
      else if (!clause.field.empty())
        fmt::format_to(to, "   <- {} is {}", shown(clause.field), clause.field_value);
      out += '\n';
    }
  }
  return out;
}

void explain_json(const Event& event, bool hidden, const std::vector<Asked>& all,
                  rapidjson::PrettyWriter<rapidjson::StringBuffer>& w) {
  auto text = [&](const char* key, std::string_view value) {
    w.Key(key);
    std::string quoted = json_text(value);
    w.RawValue(quoted.data(), quoted.size(), rapidjson::kStringType);
  };
  auto flag = [&](const char* key, bool value) {
    w.Key(key);
    w.Bool(value);
  };
  w.StartObject();
  text("point", event.name());
  text("text", event.text());
  text("verdict", event.verdict().keep ? "keep" : "drop");
  text("by", reason(event));
  flag("hidden", hidden);
  w.Key("filters");
  w.StartArray();
  for (const Asked& asked : all) {
    w.StartObject();
    text("filter", asked.filter->spec->label);
    text("expression", asked.filter->spec->text);
    flag("asked", asked.reached);
    flag("matches", asked.matches);
    w.Key("clauses");
    w.StartArray();
    for (const Clause& clause : asked.clauses) {
      w.StartObject();
      text("clause", clause.text);
      w.Key("depth");
      w.Uint(clause.depth);
      flag("value", clause.value);
      if (!clause.field.empty()) {
        text("field", clause.field);
        flag("missing", clause.missing);
        if (!clause.missing) text("field_value", clause.field_value);
      }
      w.EndObject();
    }
    w.EndArray();
    w.EndObject();
  }
  w.EndArray();
  w.EndObject();
}

}  // namespace

Result<std::string> explain_event(std::uint64_t number, bool json, bool self,
                                  replay::Session& session) {
  session.show_dropped(true);
  session.show_self(true);
  std::string out;
  rapidjson::StringBuffer buffer;
  rapidjson::PrettyWriter<rapidjson::StringBuffer> w(buffer);
  w.SetIndent(' ', 2);
  w.StartArray();
  bool found = false;
  while (true) {
    DSE_TRY_ASSIGN(replay::Session::Step step, session.next_batch());
    if (step == replay::Session::Step::end) break;
    if (step != replay::Session::Step::batch) continue;
    for (const replay::Session::Judged& judged : session.judged())
      for (std::uint32_t i = 0; i < judged.considered.size(); ++i) {
        if (!judged.considered[i] || judged.events.number(i) != number) continue;
        Event event(&judged.events, i);
        DSE_TRY_ASSIGN(auto all, ask_all(event));
        const bool hidden = !self && event.flag("evt.self").value_or(false);
        if (json)
          explain_json(event, hidden, all, w);
        else
          out += (out.empty() ? "" : "\n") + explain_text(event, hidden, all);
        found = true;
      }
  }
  w.EndArray();
  if (!found || !json) return out;
  return std::string(buffer.GetString(), buffer.GetSize()) + "\n";
}

}  // namespace dse::tools
