// Events as JSON and as lines of text. What can be prepared once per point is; per event there is no
// look-up by name and, with room in `out`, no allocation.
#pragma once

#include <optional>
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

class JsonRenderer {
 public:
  // All fields of `point`, or those of `only` that it has ("proc.args[0]": an element), in that
  // order as far as JSON's nesting permits. The key of an element is "args[0]". Of merged captures,
  // all fields are with host.name.
  explicit JsonRenderer(const ObservationPoint& point,
                        const std::vector<std::string>* only = nullptr);

  // Appends one object without a newline. Missing values are left out.
  void append(const EventBatch& events, std::uint32_t event, std::string& out) const;

  // Places of the fields in point.fields().
  std::vector<std::size_t> fields() const;

 private:
  struct Part {
    ShownField shown;
    std::vector<std::string> groups;  // "evt" of "evt.num"
    std::string key;                  // "\"num\":"
    bool merged_only = false;         // shown of merged captures alone
  };
  std::vector<Part> parts_;
};

class TextRenderer {
 public:
  // The point's own line, after time and name; with `only`, the values of these fields or elements,
  // separated by tabs.
  TextRenderer(const ObservationPoint& point, bool colour,
               const std::vector<std::string>* only = nullptr);

  void append(const EventBatch& events, std::uint32_t event, std::string& out) const;
  std::vector<std::size_t> fields() const;

 private:
  struct Part {
    std::string before;  // literal text
    std::optional<ShownField> shown;
    unsigned group;         // 0: none; parts of one group come all or not at all
    bool duration = false;  // in ns, to be shown with a unit that suits
  };
  bool group_complete(const EventBatch& events, std::uint32_t event, unsigned group) const;

  std::vector<Part> parts_;
  std::string head_, tail_;
  std::optional<ShownField> time_, host_;
  bool tabs_ = false;
};

}  // namespace dse::replay
