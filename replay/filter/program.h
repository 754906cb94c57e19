// An expression compiled for one observation point: names are places of columns, values are what the
// columns hold. It runs over all events of a batch at once.
//
// A test of a value that is missing is false, whatever the test; so "x != 1" and "not x = 1" differ
// where x is missing. A test of a list holds if it does of one of its elements.
#pragma once

#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "format/result.h"
#include "replay/filter/syntax.h"
#include "replay/filter/text_test.h"
#include "replay/names.h"

namespace dse::replay {
class EventBatch;
class ObservationPoint;
struct EventColumn;
}  // namespace dse::replay

namespace dse::replay::filter {

// A byte for each event of a batch: 1 or 0.
using Mask = std::vector<std::uint8_t>;
inline bool has_any(const Mask& mask) {
  return !mask.empty() && std::memchr(mask.data(), 1, mask.size()) != nullptr;
}

// A signal by its number on such a machine.
struct KnownSignal {
  std::uint64_t number;
  Arch arch;
};
// What is known of events before they are read. Both ends are included.
struct Bounds {
  Range real_time;  // ns since 1970
  Range number;     // as evt.num has it
  std::optional<KnownSignal> signal = {};
};
// Whether any of the events may match, and whether any may not.
struct Possible {
  bool yes, no;
};

// Memory for running; it grows to what the largest batch needs and is kept.
class Scratch {
 public:
  // A mask that nobody else has until it is given back, of any content.
  Mask take(std::size_t size);
  void give(Mask mask) { free_.push_back(std::move(mask)); }
  std::vector<std::uint8_t> truth;  // of the distinct values of a column

 private:
  std::vector<Mask> free_;
};

class Program {
 public:
  // Error: usage, with the place: an unknown field, a test or a value that does not suit its type.
  // A field that only other points have is missing here.
  static Result<Program> compile(const Node& node, const ObservationPoint& point);

  // Nothing: it depends on the event.
  std::optional<bool> constant() const { return steps_.back().constant; }

  // Appends the places of the fields that run() reads, as in point.fields(); with `all` those of
  // run_parts().
  void add_fields(std::vector<std::size_t>& fields, bool all) const;

  Possible possible(const Bounds& bounds) const;

  // out[i] = whether event i is active and matches. Only columns that decide are read. Error: a column
  // is damaged.
  Status run(const EventBatch& events, const Mask& active, Mask& out, Scratch& scratch) const;

  // The parts of the expression, each after its children; the last one is the whole.
  struct Part {
    Node::Kind kind;
    Place place;
    std::vector<std::size_t> children;
    std::string field;  // of a test
    bool point_lacks_field = false;
  };
  std::vector<Part> parts() const;
  // The same as run() for every part, whether it decides or not.
  Status run_parts(const EventBatch& events, const Mask& active, std::vector<Mask>& out,
                   Scratch& scratch) const;

  // For lints: what a test of a field asks for.
  struct Leaf {
    enum class What { flag, exists, numbers, times, texts };
    What what = What::flag;
    int field = -1;  // place in point.fields(); -1: the point has no such
    std::string index;
    bool is_list = false;
    bool negated = false;                   // !=
    std::vector<Range> ranges;              // numbers, times
    FieldType type = FieldType::number;     // of numbers
    std::vector<std::string> signal_names;  // that stand for numbers, on the machine of the capture
    std::optional<TextTest> text;
  };
  const Leaf& leaf(std::size_t part) const { return *steps_[part].leaf; }

 private:
  struct Step {
    Node::Kind kind;
    Place place;
    std::vector<std::size_t> children;
    std::string field;
    std::optional<Leaf> leaf;
    std::optional<bool> constant;
  };

  Result<std::size_t> add(const Node& node, const ObservationPoint& point);
  void fold(Step& step) const;
  Possible possible(std::size_t step, const Bounds& bounds, const ObservationPoint& point) const;
  Status run(std::size_t step, const EventBatch& events, const Mask& active, Mask& out,
             Scratch& scratch) const;

  std::vector<Step> steps_;  // children before their parents
  const ObservationPoint* point_ = nullptr;
};

}  // namespace dse::replay::filter
