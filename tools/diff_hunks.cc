#include "tools/diff_hunks.h"

#include <algorithm>
#include <functional>

#include <fmt/format.h>

#include "tools/terminal.h"

namespace dse::tools {
namespace {

using replay::DiffBlock;
using replay::DiffHunk;
using replay::FieldChange;
using replay::SequenceChange;
using replay::ShownEvent;

// An event of a block: removed, added, or both: changed.
struct Item {
  const ShownEvent* before = nullptr;
  const ShownEvent* after = nullptr;
  std::uint32_t a = 0, b = 0;  // their places in the sequence
  std::vector<FieldChange> fields;
};

const ShownEvent* shown_event(const replay::EventPicker& side, std::size_t change,
                              std::uint32_t event) {
  // The capture was cut between the first and the second reading.
  static const ShownEvent gone{"(no longer there)", "", ""};
  const ShownEvent* found = side.get(change, event);
  return found ? found : &gone;
}

std::vector<Item> items_of(const DiffView& view, std::size_t change, const DiffBlock& block) {
  std::vector<Item> removed, added, out;
  std::vector<std::string_view> before, after;
  std::vector<std::size_t> places;  // of those in `before`
  for (std::uint32_t i = block.a0; i < block.a1; ++i) {
    removed.push_back({shown_event(view.a, change, i), nullptr, i, 0, {}});
    // Of one with a note it is known what became of it.
    if (!removed.back().before->note.empty()) continue;
    before.push_back(removed.back().before->line);
    places.push_back(removed.size() - 1);
  }
  for (std::uint32_t j = block.b0; j < block.b1; ++j) {
    added.push_back({nullptr, shown_event(view.b, change, j), 0, j, {}});
    after.push_back(added.back().after->line);
  }
  std::size_t i = 0, j = 0;
  auto take_alone = [&](std::size_t i_end, std::size_t j_end) {
    for (; i < i_end; ++i) out.push_back(removed[i]);
    for (; j < j_end; ++j) out.push_back(added[j]);
  };
  for (auto [nth, to] : replay::pair_changed(before, after)) {
    const std::size_t from = places[nth];
    take_alone(from, to);
    out.push_back({removed[from].before, added[to].after, removed[from].a, added[to].b,
                   replay::changed_fields(before[nth], after[to])});
    i = from + 1;
    j = to + 1;
  }
  take_alone(removed.size(), added.size());
  return out;
}

std::string line_of(char kind, const ShownEvent& event, bool colour) {
  std::string text = fmt::format("{} {}", kind, event.text);
  if (!event.note.empty()) text += "   <- " + shown(event.note);
  return coloured(kind, text, colour) + "\n";
}

std::string value_of(const std::string& json) { return json.empty() ? "missing" : shown(json); }

std::string text_of(const Item& item, bool colour) {
  std::string out;
  if (item.before) out += line_of('-', *item.before, colour);
  if (item.after) out += line_of('+', *item.after, colour);
  for (const FieldChange& field : item.fields)
    out += fmt::format("?   {}: {} -> {}\n", shown(field.field), value_of(field.before),
                       value_of(field.after));
  return out;
}

std::string head_of(const SequenceChange& change, const DiffBlock& all, bool colour) {
  auto range = [](std::uint32_t begin, std::uint32_t end) {
    return fmt::format("{},{}", end == begin ? begin : begin + 1, end - begin);
  };
  std::string head = fmt::format("@@ -{} +{} @@", range(all.a0, all.a1), range(all.b0, all.b1));
  if (change.how == SequenceChange::How::unordered) head = "@@ regardless of order @@";
  if (!change.key.empty()) head += " " + shown(change.key);
  return coloured('@', head, colour) + "\n";
}

std::string hunk_text(const DiffView& view, const DiffHunk& hunk, bool colour) {
  const SequenceChange& change = view.changes[hunk.change];
  std::string out = head_of(change, hunk.all, colour);
  std::uint32_t at = hunk.all.a0;
  auto same_up_to = [&](std::uint32_t end) {
    if (change.how != SequenceChange::How::in_order) return;
    for (; at < end; ++at) out += line_of(' ', *shown_event(view.a, hunk.change, at), colour);
  };
  for (const DiffBlock& block : hunk.blocks) {
    same_up_to(block.a0);
    for (const Item& item : items_of(view, hunk.change, block)) out += text_of(item, colour);
    at = block.a1;
  }
  same_up_to(hunk.all.a1);
  return out;
}

// A value of an event as it is, or as a text where it is no JSON that can be trusted.
void write_json(JsonWriter& w, const char* key, const std::string& json) {
  replay::JsonLine line;
  const bool ascii = std::all_of(json.begin(), json.end(), [](char c) { return c >= ' '; });
  if (ascii && line.parse("{\"\":" + json + "}")) {
    w.Key(key);
    w.RawValue(json.data(), json.size(), rapidjson::kObjectType);
  } else {
    write_text(w, key, json);
  }
}

void write_item(const Item& item, const std::string& sequence, JsonWriter& w) {
  w.StartObject();
  if (!sequence.empty()) write_text(w, "point", sequence);
  w.Key("kind");
  w.String(!item.after ? "removed" : !item.before ? "added" : "changed");
  for (auto [event, place, name, number] : {std::tuple(item.before, item.a, "before", "a"),
                                            std::tuple(item.after, item.b, "after", "b")}) {
    if (!event) continue;
    w.Key(number);
    w.Uint64(std::uint64_t{place} + 1);
    write_json(w, name, event->line);
  }
  // One that changed has a note at most for what it is now.
  const ShownEvent* last = item.after ? item.after : item.before;
  if (!last->note.empty()) write_text(w, "note", last->note);
  if (item.before && item.after) {
    w.Key("fields");
    w.StartArray();
    for (const FieldChange& field : item.fields) {
      w.StartObject();
      write_text(w, "field", field.field);
      if (!field.before.empty()) write_json(w, "before", field.before);
      if (!field.after.empty()) write_json(w, "after", field.after);
      w.EndObject();
    }
    w.EndArray();
  }
  w.EndObject();
}

}  // namespace

void write_text(JsonWriter& w, const char* key, std::string_view value) {
  w.Key(key);
  std::string quoted = json_text(value);
  w.RawValue(quoted.data(), quoted.size(), rapidjson::kStringType);
}

std::string coloured(char kind, const std::string& text, bool colour) {
  const char* code = kind == '-' ? "31" : kind == '+' ? "32" : kind == '@' ? "36" : nullptr;
  return colour && code ? fmt::format("\x1b[{}m{}\x1b[0m", code, text) : text;
}

std::string remark(const SequenceChange& change) {
  const std::string what = change.key.empty() ? "events" : shown(change.key);
  switch (change.how) {
    case SequenceChange::How::in_order: return {};
    case SequenceChange::How::unordered:
      return what + ": too different to be compared in order, so compared regardless of order";
    case SequenceChange::How::counted:
      return fmt::format(
          "{}: too many to be compared one by one, so only their number and digest are", what);
  }
  return {};
}

std::string hunks_text(const DiffView& view, bool colour) {
  std::string out;
  for (const DiffHunk& hunk : view.plan.hunks) out += hunk_text(view, hunk, colour);
  for (const SequenceChange& change : view.changes)
    if (change.how == SequenceChange::How::counted && !change.equal)
      out += coloured('@',
                      fmt::format("@@ {} and {}, not the same @@ {}", human_count(change.a),
                                  plural(change.b, "event"), shown(change.key)),
                      colour) +
             "\n";
  return out;
}

void write_differences(const DiffView& view, JsonWriter& w) {
  w.StartArray();
  for (const DiffHunk& hunk : view.plan.hunks)
    for (const DiffBlock& block : hunk.blocks)
      for (const Item& item : items_of(view, hunk.change, block))
        write_item(item, view.changes[hunk.change].key, w);
  w.EndArray();
}

}  // namespace dse::tools
