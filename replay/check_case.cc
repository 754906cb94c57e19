#include "replay/check_case.h"

#include <algorithm>

#include <fmt/format.h>
#include <toml++/toml.h>

#include "replay/filter/diagnostic.h"
#include "replay/points/points.h"
#include "replay/profile.h"

namespace dse::replay {
namespace {

const std::vector<std::string> kKeys{"description", "capture", "profile", "points",    "select",
                                     "drop",        "since",   "until",   "num",       "self",
                                     "expected",    "fields",  "ignore",  "normalise", "counts",
                                     "digest",      "lossless"};

class CaseReader {
 public:
  CaseReader(std::string name, CheckCase& out) : name_(std::move(name)), out_(out) {}

  Status read(const toml::table& root) {
    for (const auto& [key, node] : root) DSE_TRY(read(key, node));
    if (out_.capture.empty())
      return Error(ErrorCode::usage,
                   name_ + ": no capture: write capture = \"PATH\", from here on");
    if (!out_.expects_anything())
      return Error(ErrorCode::usage,
                   name_ +
                       ": nothing is expected, so nothing could fail: leave out expected = "
                       "false, or add [counts], digest or lossless");
    return {};
  }

 private:
  std::string at(const toml::node& node) const {
    return fmt::format("{}:{}", name_, node.source().begin.line);
  }
  Error wrong(const toml::node& node, std::string_view what) const {
    return {ErrorCode::usage, fmt::format("{}: {}", at(node), what)};
  }

  Status read(const toml::key& key, const toml::node& node) {
    const std::string_view name = key.str();
    for (auto [known, to] :
         {std::pair("description", &out_.description), std::pair("capture", &out_.capture),
          std::pair("profile", &out_.profile), std::pair("since", &out_.since),
          std::pair("until", &out_.until), std::pair("num", &out_.num)})
      if (name == known) return text(key, node, *to);
    for (auto [known, to] : {std::pair("points", &out_.points), std::pair("fields", &out_.fields),
                             std::pair("ignore", &out_.ignore)})
      if (name == known) return texts(key, node, *to);
    if (name == "select") return texts_with_places(key, node, out_.select);
    if (name == "drop") return texts_with_places(key, node, out_.drop);
    if (name == "self") return flag(key, node, out_.self);
    if (name == "normalise") return flag(key, node, out_.normalise);
    if (name == "expected") return expected(node);
    if (name == "counts") return counts(node);
    if (name == "digest") return digest(node);
    if (name == "lossless") return lossless(node);
    std::string mean = filter::did_you_mean(name, kKeys);
    if (mean.empty()) mean = fmt::format("; there are {}", fmt::join(kKeys, ", "));
    return Error(ErrorCode::usage, fmt::format("{}:{}: unknown key '{}'{}", name_,
                                               key.source().begin.line, name, mean));
  }

  Status text(const toml::key& key, const toml::node& node, std::string& to) const {
    const auto* value = node.as_string();
    if (!value || value->get().empty())
      return wrong(node, fmt::format("{} takes a text in quotes", key.str()));
    to = value->get();
    return {};
  }

  Status flag(const toml::key& key, const toml::node& node, bool& to) const {
    const auto* value = node.as_boolean();
    if (!value) return wrong(node, fmt::format("{} takes true or false", key.str()));
    to = value->get();
    return {};
  }

  // A text, or a list of them.
  Status texts_with_places(const toml::key& key, const toml::node& node,
                           std::vector<CheckCase::Text>& to) const {
    auto add = [&](const toml::node& one) -> Status {
      std::string value;
      DSE_TRY(text(key, one, value));
      to.push_back({std::move(value), at(one)});
      return {};
    };
    if (!node.is_array()) return add(node);
    for (const toml::node& one : *node.as_array()) DSE_TRY(add(one));
    return {};
  }

  Status texts(const toml::key& key, const toml::node& node, std::vector<std::string>& to) const {
    std::vector<CheckCase::Text> found;
    DSE_TRY(texts_with_places(key, node, found));
    if (found.empty()) return wrong(node, fmt::format("{} names none", key.str()));
    for (CheckCase::Text& one : found) {
      if (key == "points") DSE_TRY(check_point(node, one.text));
      to.push_back(std::move(one.text));
    }
    return {};
  }

  Status check_point(const toml::node& node, std::string_view point) const {
    std::vector<std::string> known = point_names();
    if (std::find(known.begin(), known.end(), point) != known.end()) return {};
    std::string mean = filter::did_you_mean(point, known);
    if (mean.empty()) mean = fmt::format("; there are {}", fmt::join(known, ", "));
    return wrong(node, fmt::format("unknown observation point '{}'{}", point, mean));
  }

  Status expected(const toml::node& node) const {
    if (const auto* on = node.as_boolean(); on && !on->get()) {
      out_.expected.reset();
      return {};
    }
    const auto* value = node.as_string();
    if (!value || value->get().empty())
      return wrong(node, "expected takes the name of a file, or false where there is none");
    out_.expected = value->get();
    return {};
  }

  Status counts(const toml::node& node) const {
    const auto* table = node.as_table();
    if (!table) return wrong(node, "counts is a table: write [counts]");
    if (table->empty()) return wrong(node, "counts names no observation point, nor events");
    for (const auto& [key, value] : *table) {
      if (key != "events") DSE_TRY(check_point(value, key.str()));
      const auto* number = value.as_integer();
      if (!number || number->get() < 0)
        return wrong(value, fmt::format("{} takes a number of events", key.str()));
      out_.counts.push_back(
          {std::string(key.str()), static_cast<std::uint64_t>(number->get()), at(value)});
    }
    return {};
  }

  Status digest(const toml::node& node) const {
    const auto* value = node.as_string();
    if (!value || value->get().size() != 32 ||
        value->get().find_first_not_of("0123456789abcdef") != std::string::npos)
      return wrong(node, "digest takes the 32 digits that dse digest prints, in quotes");
    out_.digest = {value->get(), at(node)};
    return {};
  }

  Status lossless(const toml::node& node) const {
    const auto* value = node.as_boolean();
    if (!value || !value->get())
      return wrong(node, "lossless is true; leave it out where losses do not matter");
    out_.lossless = {"true", at(node)};
    return {};
  }

  std::string name_;
  CheckCase& out_;
};

}  // namespace

Result<CheckCase> parse_check_case(const std::string& name, const std::string& text) {
  if (has_deep_keys(text))
    return Error(ErrorCode::usage,
                 name + ": not TOML that is any use: a key of more than 256 parts");
  CheckCase out;
  try {
    DSE_TRY(CaseReader(name, out).read(toml::parse(text)));
  } catch (const toml::parse_error& error) {
    return Error(ErrorCode::usage, fmt::format("{}:{}: not TOML: {}", name,
                                               error.source().begin.line, error.description()));
  }
  return out;
}

}  // namespace dse::replay
