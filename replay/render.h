// Events as JSON and as lines of text. What can be prepared once per point is. A whole batch is rendered by
// replay/batch_renderer.h, for which the same code lays lines out.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "replay/event.h"

namespace dse::replay {

// A field, or an element of one that is a list, of an observation point.
struct ShownField {
  std::size_t field;  // place in point.fields()
  std::string index;  // empty: the field itself; see FieldRef
  FieldType type;     // of the value that is shown
};

// A value that a line may have, and how it is written.
struct LineValue {
  enum class As { json, text, duration };  // duration: of ns, with a unit that suits
  ShownField shown;
  As as;
  bool merged_only = false;  // shown of merged captures alone
};

// The line of an event while it is laid out: values are written, or only where they belong is noted.
class Line {
 public:
  struct Cut {
    std::size_t at;     // of the text
    std::size_t value;  // the one that belongs there
  };

  Line(const EventBatch& events, std::span<const EventColumn* const> columns, std::uint32_t event,
       std::string& out)
      : text(out), events_(&events), columns_(columns), event_(event) {}

  // Notes the places of values that vary, by value, and does not write them.
  void leave_out(const std::vector<std::uint8_t>& varies, std::vector<Cut>& cuts) {
    varies_ = &varies;
    cuts_ = &cuts;
  }

  bool missing(std::size_t value) const {
    return !columns_[value] || columns_[value]->missing(event_);
  }
  // One that is not missing.
  void put(const std::vector<LineValue>& values, std::size_t value);
  bool merged() const { return events_->batch().slice() != 0; }

  std::string& text;

 private:
  const EventBatch* events_;
  std::span<const EventColumn* const> columns_;
  std::uint32_t event_;
  const std::vector<std::uint8_t>* varies_ = nullptr;
  std::vector<Cut>* cuts_ = nullptr;
};

// What makes lines of the events of one observation point.
class Renderer {
 public:
  virtual ~Renderer() = default;

  // Appends the line of an event, without a newline.
  void append(const EventBatch& events, std::uint32_t event, std::string& out) const;

  // Places in point.fields() of the fields that are needed.
  std::vector<std::size_t> fields() const;
  // What lines are made of, and its columns in a batch, in the same order; nullptr: nothing to show.
  const std::vector<LineValue>& values() const { return values_; }
  std::vector<const EventColumn*> columns(const EventBatch& events) const;
  // What an event looks like depends only on its values, and on which of them are missing.
  virtual void lay_out(Line& line) const = 0;

 protected:
  Renderer() = default;
  Renderer(const Renderer&) = default;
  Renderer(Renderer&&) = default;
  Renderer& operator=(const Renderer&) = default;
  Renderer& operator=(Renderer&&) = default;

  std::vector<LineValue> values_;
};

// One object per event. Missing values are left out.
class JsonRenderer final : public Renderer {
 public:
  // All fields of `point`, or those of `only` that it has ("proc.args[0]": an element), in that
  // order as far as JSON's nesting permits. The key of an element is "args[0]". Of merged captures,
  // all fields are with host.name.
  explicit JsonRenderer(const ObservationPoint& point,
                        const std::vector<std::string>* only = nullptr);

  void lay_out(Line& line) const override;

 private:
  struct Part {
    std::vector<std::string> groups;  // "evt" of "evt.num"
    std::string key;                  // "\"num\":"
  };
  void sort_by_groups();

  std::vector<Part> parts_;  // of each value
};

class TextRenderer final : public Renderer {
 public:
  // The point's own line, after time and name; with `only`, the values of these fields or elements,
  // separated by tabs.
  TextRenderer(const ObservationPoint& point, bool colour,
               const std::vector<std::string>* only = nullptr);

  void lay_out(Line& line) const override;

 private:
  struct Part {
    std::string before;  // literal text
    std::optional<std::size_t> value;
    unsigned group;  // 0: none; parts of one group come all or not at all
  };
  std::optional<std::size_t> add(const ObservationPoint& point, std::string_view field);
  bool group_complete(const Line& line, unsigned group) const;

  std::vector<Part> parts_;
  std::string head_, tail_;
  std::optional<std::size_t> time_, host_;  // values
  bool tabs_ = false;
};

}  // namespace dse::replay
