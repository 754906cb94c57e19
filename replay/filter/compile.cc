#include <algorithm>

#include <fmt/format.h>

#include "replay/filter/diagnostic.h"
#include "replay/filter/program.h"
#include "replay/point.h"

namespace dse::replay::filter {
namespace {

using Leaf = Program::Leaf;

std::string_view describe(FieldType type) {
  switch (type) {
    case FieldType::number: return "a number";
    case FieldType::id: return "an id";
    case FieldType::text: return "a text";
    case FieldType::list: return "a list of texts";
    case FieldType::time: return "a time";
    case FieldType::flag: return "a flag";
    case FieldType::numbers: return "a list of numbers";
  }
  return "";
}

bool is_text_operator(Operator op) {
  return op == Operator::contains || op == Operator::icontains || op == Operator::startswith ||
         op == Operator::endswith || op == Operator::glob || op == Operator::regex;
}
bool is_order(Operator op) {
  return op == Operator::less || op == Operator::less_equal || op == Operator::greater ||
         op == Operator::greater_equal;
}

// A field as it is tested; `place` -1: the point has no such.
struct Found {
  Field field;
  int place;
  std::string index;
};

Result<Found> find_field(const Test& test, const ObservationPoint& point) {
  auto ref = parse_field_ref(test.field);
  if (!ref) return error_at(test.field_place, ref.error().message());
  Found found{{}, point.field(ref->name), std::string(ref->index)};
  const Field* field = found.place >= 0 ? &point.fields()[static_cast<std::size_t>(found.place)]
                                        : find_builtin_field(ref->name);
  if (!field) {
    std::vector<std::string> known;
    for (const Field& one : builtin_fields()) known.push_back(one.name);
    for (const Field& one : point.fields()) known.push_back(one.name);
    std::sort(known.begin(), known.end());
    known.erase(std::unique(known.begin(), known.end()), known.end());
    return error_at(test.field_place,
                    fmt::format("unknown field '{}'{}", ref->name, did_you_mean(ref->name, known)));
  }
  if (auto status = check_index(*ref, field->type); !status)
    return error_at(test.field_place, status.error().message());
  found.field = *field;
  if (!ref->index.empty())
    found.field.type = field->type == FieldType::numbers ? FieldType::number : FieldType::text;
  return found;
}

// Why a test cannot be made of a field of this type; nothing when it can.
Status check_operator(const Field& field, const Test& test) {
  const Operator op = test.op;
  const FieldType type = field.type;
  auto wrong = [&](std::string_view remedy) {
    return error_at(test.op_place, fmt::format("{} is {}; {}", field.name, describe(type), remedy));
  };
  if (op == Operator::exists) return {};
  if (op == Operator::is_true)
    return type == FieldType::flag ? Status()
                                   : Status(wrong("compare it with something, or ask "
                                                  "whether it exists"));
  if (is_list(type)) {
    std::string_view value = test.items[0].from.place.text();
    if (op == Operator::in)
      return wrong(fmt::format("write {} intersects (…) for one of its elements", field.name));
    if (op == Operator::not_equal)
      return wrong(fmt::format("write not {} = {} for none of its elements", field.name, value));
    if (type == FieldType::list ? is_order(op) : is_text_operator(op))
      return wrong(fmt::format("'{}' does not suit its elements", operator_name(op)));
    return {};
  }
  if (op == Operator::intersects)
    return wrong(fmt::format("intersects is for lists; write {} in (…)", field.name));
  if (type == FieldType::flag) {
    if (op != Operator::equal && op != Operator::not_equal)
      return wrong(fmt::format("write {0}, or not {0}", field.name));
  } else if (type == FieldType::text) {
    if (is_order(op)) return wrong("texts have no order; use = != in contains startswith …");
  } else if (is_text_operator(op)) {
    return wrong(fmt::format("'{}' is for texts", operator_name(op)));
  }
  return {};
}

Result<bool> flag_value(const Field& field, const Value& value) {
  if (value.text == "true" || value.text == "false") return value.text == "true";
  return error_at(value.place, fmt::format("{} is a flag: true or false", field.name));
}

bool is_signal_name(const Field& field, const Item& item) {
  char first = item.from.text.empty() ? '0' : item.from.text[0];
  return field.meaning == Meaning::signal && !item.to && (first >= 'A' && first <= 'Z');
}

Status set_numbers(const Field& field, const Test& test, Leaf& leaf) {
  leaf.type = field.type;
  for (const Item& item : test.items) {
    if (is_signal_name(field, item)) {
      if (is_order(test.op))
        return error_at(item.from.place,
                        "the numbers of signals differ between machines; use = or in");
      DSE_TRY_ASSIGN(std::string name, text_value(field, item.from));
      leaf.signal_names.push_back(std::move(name));
      continue;
    }
    DSE_TRY_ASSIGN(Range range, number_range(field, item));
    constexpr Key kMost = ~Key{0};
    switch (test.op) {
      case Operator::less:
        if (range.low != 0) leaf.ranges.push_back({0, range.low - 1});
        break;
      case Operator::less_equal: leaf.ranges.push_back({0, range.low}); break;
      case Operator::greater:
        if (range.low != kMost) leaf.ranges.push_back({range.low + 1, kMost});
        break;
      case Operator::greater_equal: leaf.ranges.push_back({range.low, kMost}); break;
      default: leaf.ranges.push_back(range);
    }
  }
  leaf.ranges = sorted_ranges(std::move(leaf.ranges));
  return {};
}

// One value where the operator takes one: "= 1..5" is no test.
Status check_single(const Field& field, const Test& test) {
  if (test.op == Operator::in || test.op == Operator::intersects || test.items.empty()) return {};
  const Value& value = test.items[0].from;
  bool ranged = field.type != FieldType::text && field.type != FieldType::list;
  if ((ranged || field.meaning == Meaning::address) && !value.quoted &&
      !is_text_operator(test.op) && value.text.find("..") != std::string::npos)
    return error_at(value.place, fmt::format("a range goes in a list: {} in ({})", field.name,
                                             value.place.text()));
  return {};
}

Result<Leaf> make_leaf(const Test& test, const Found& found) {
  const Field& field = found.field;
  DSE_TRY(check_operator(field, test));
  DSE_TRY(check_single(field, test));
  Leaf leaf;
  leaf.field = found.place;
  leaf.index = found.index;
  leaf.is_list = is_list(field.type);
  leaf.negated = test.op == Operator::not_equal;
  if (test.op == Operator::exists) {
    leaf.what = Leaf::What::exists;
  } else if (field.type == FieldType::flag) {
    leaf.what = Leaf::What::flag;
    if (test.op != Operator::is_true) {
      DSE_TRY_ASSIGN(bool wanted, flag_value(field, test.items[0].from));
      leaf.negated = leaf.negated == wanted;
    }
  } else if (field.type == FieldType::text || field.type == FieldType::list) {
    leaf.what = Leaf::What::texts;
    DSE_TRY_ASSIGN(leaf.text, TextTest::make(field, test));
  } else {
    leaf.what = field.type == FieldType::time ? Leaf::What::times : Leaf::What::numbers;
    DSE_TRY(set_numbers(field, test, leaf));
  }
  return leaf;
}

}  // namespace

Result<Program> Program::compile(const Node& node, const ObservationPoint& point) {
  Program program;
  program.point_ = &point;
  DSE_TRY(program.add(node, point));
  return program;
}

Result<std::size_t> Program::add(const Node& node, const ObservationPoint& point) {
  Step step{node.kind, node.place, {}, {}, {}, {}};
  if (node.kind == Node::Kind::test) {
    DSE_TRY_ASSIGN(Found found, find_field(node.test, point));
    DSE_TRY_ASSIGN(step.leaf, make_leaf(node.test, found));
    step.field = node.test.field;
    const Leaf& leaf = *step.leaf;
    bool empty = (leaf.what == Leaf::What::numbers || leaf.what == Leaf::What::times) &&
                 leaf.ranges.empty() && leaf.signal_names.empty() && !leaf.negated;
    if (leaf.field < 0 || empty) step.constant = false;
  }
  for (const Node& child : node.children) {
    DSE_TRY_ASSIGN(std::size_t place, add(child, point));
    step.children.push_back(place);
  }
  fold(step);
  steps_.push_back(std::move(step));
  return steps_.size() - 1;
}

void Program::fold(Step& step) const {
  if (step.kind == Node::Kind::test) return;
  auto constant = [&](std::size_t child) { return steps_[child].constant; };
  if (step.kind == Node::Kind::negation) {
    if (auto value = constant(step.children[0])) step.constant = !*value;
    return;
  }
  const bool decides = step.kind == Node::Kind::any;  // the value that settles it
  bool all_known = true;
  for (std::size_t child : step.children) {
    auto value = constant(child);
    if (value == decides) {
      step.constant = decides;
      return;
    }
    all_known = all_known && value.has_value();
  }
  if (all_known) step.constant = !decides;
}

void Program::add_fields(std::vector<std::size_t>& fields, bool all) const {
  if (constant() && !all) return;
  for (const Step& step : steps_)
    if (step.leaf && step.leaf->field >= 0 && !step.constant)
      fields.push_back(static_cast<std::size_t>(step.leaf->field));
}

std::vector<Program::Part> Program::parts() const {
  std::vector<Part> parts;
  for (const Step& step : steps_)
    parts.push_back(
        {step.kind, step.place, step.children, step.field, step.leaf && step.leaf->field < 0});
  return parts;
}

}  // namespace dse::replay::filter
