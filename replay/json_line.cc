#include "replay/json_line.h"

#include <algorithm>

#include <fmt/format.h>

namespace dse::replay {
namespace {

constexpr std::size_t kMaxDepth = 64;
constexpr std::size_t kMaxLine = std::size_t{1} << 28;

bool is_hex(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

// Takes the decimal digits at the front; false: there are none.
bool take_digits(std::string_view& text) {
  std::size_t end = std::min(text.find_first_not_of("0123456789"), text.size());
  text.remove_prefix(end);
  return end != 0;
}

bool is_scalar(std::string_view text) {
  if (text == "true" || text == "false" || text == "null") return true;
  if (text.starts_with('-')) text.remove_prefix(1);
  const bool zero = text.starts_with('0');
  std::size_t before = text.size();
  if (!take_digits(text) || (zero && before - text.size() > 1)) return false;
  if (text.starts_with('.')) {
    text.remove_prefix(1);
    if (!take_digits(text)) return false;
  }
  if (text.starts_with('e') || text.starts_with('E')) {
    text.remove_prefix(1);
    if (text.starts_with('+') || text.starts_with('-')) text.remove_prefix(1);
    if (!take_digits(text)) return false;
  }
  return text.empty();
}

// How long the escape is that begins with a backslash; 0: it is none.
std::size_t escape_size(std::string_view text) {
  if (text.size() < 2) return 0;
  if (std::string_view("\"\\/bfnrt").find(text[1]) != std::string_view::npos) return 2;
  return text[1] == 'u' && text.size() >= 6 && std::all_of(&text[2], &text[2] + 4, is_hex) ? 6 : 0;
}

}  // namespace

Error JsonLine::wrong(std::string_view what) const {
  return {ErrorCode::usage, fmt::format("not JSON as events are: {} at byte {}", what, at_ + 1)};
}

void JsonLine::skip_space() {
  while (at_ < line_.size() && (line_[at_] == ' ' || line_[at_] == '\t' || line_[at_] == '\r'))
    ++at_;
}

bool JsonLine::take(char c) {
  skip_space();
  if (at_ == line_.size() || line_[at_] != c) return false;
  ++at_;
  return true;
}

Status JsonLine::parse(std::string_view line) {
  line_ = line;
  at_ = 0;
  path_.clear();
  outer_.clear();
  paths_.clear();
  places_.clear();
  values_.clear();
  if (line.size() > kMaxLine) return Error(ErrorCode::usage, "a line of more than 256 MiB");
  if (!take('{')) return wrong("no {");
  DSE_TRY(object());
  skip_space();
  if (at_ != line_.size()) return wrong("something behind the object");
  for (const Place& place : places_)
    values_.push_back(
        {std::string_view(paths_).substr(place.begin, place.size), place.text, place.groups});
  return {};
}

// What follows the first bracket, up to the one that closes it; objects within by a stack of our own.
Status JsonLine::object() {
  bool first = true;
  while (true) {
    if (take('}')) {
      if (outer_.empty()) return {};
      path_.resize(outer_.back());
      outer_.pop_back();
      first = false;
      continue;
    }
    if (!first && !take(',')) return wrong("no , or }");
    DSE_TRY_ASSIGN(std::string_view key, string());
    key = key.substr(1, key.size() - 2);
    if (!take(':')) return wrong("no :");
    first = take('{');
    if (first) {
      if (outer_.size() == kMaxDepth) return wrong("too many objects in objects");
      outer_.push_back(path_.size());
      path_.append(key) += '.';
      continue;
    }
    DSE_TRY_ASSIGN(std::string_view text, value());
    auto size = [](const std::string& part) { return static_cast<std::uint32_t>(part.size()); };
    Place place{size(paths_), 0, size(path_), text};
    paths_.append(path_).append(key);
    if (paths_.size() > kMaxLine) return wrong("too many keys");
    place.size = size(paths_) - place.begin;
    places_.push_back(place);
  }
}

Result<std::string_view> JsonLine::value() {
  skip_space();
  if (at_ == line_.size()) return wrong("no value");
  if (line_[at_] == '"') return string();
  if (line_[at_] == '[') return list();
  std::size_t end = std::min(line_.find_first_of(",}] \t\r", at_), line_.size());
  std::string_view text = line_.substr(at_, end - at_);
  if (!is_scalar(text)) return wrong("no value");
  at_ = end;
  return text;
}

Result<std::string_view> JsonLine::string() {
  skip_space();
  const std::size_t begin = at_;
  if (at_ == line_.size() || line_[at_] != '"') return wrong("no string");
  for (++at_; at_ < line_.size(); ++at_) {
    if (line_[at_] == '"') return line_.substr(begin, ++at_ - begin);
    if (static_cast<unsigned char>(line_[at_]) < 0x20) break;
    if (line_[at_] != '\\') continue;
    std::size_t size = escape_size(line_.substr(at_));
    if (size == 0) return wrong("no escape");
    at_ += size - 1;
  }
  return wrong("a string without an end");
}

Result<std::string_view> JsonLine::list() {
  const std::size_t begin = at_++;
  if (take(']')) return line_.substr(begin, at_ - begin);
  while (true) {
    skip_space();
    if (at_ < line_.size() && line_[at_] == '[') return wrong("a list in a list");
    DSE_TRY(value());
    if (take(']')) return line_.substr(begin, at_ - begin);
    if (!take(',')) return wrong("no , or ]");
  }
}

std::string_view JsonLine::find(std::string_view path) const {
  auto found = std::find_if(values_.begin(), values_.end(),
                            [&](const Value& value) { return value.path == path; });
  return found == values_.end() ? std::string_view() : found->text;
}

void append_json(const std::vector<JsonLine::Value>& values, std::string& out) {
  std::string_view open;  // the objects that are open, as in a path
  out += '{';
  bool first = true;
  for (const JsonLine::Value& value : values) {
    std::string_view groups = value.path.substr(0, value.groups);
    std::size_t common = 0;
    while (common < open.size()) {
      std::size_t end = open.find('.', common) + 1;
      if (!groups.starts_with(open.substr(0, end))) break;
      common = end;
    }
    out.append(static_cast<std::size_t>(
                   std::count(open.begin() + static_cast<std::ptrdiff_t>(common), open.end(), '.')),
               '}');
    if (!first) out += ',';
    first = false;
    for (std::size_t at = common; at < groups.size();) {
      std::size_t end = groups.find('.', at);
      out.append("\"").append(groups.substr(at, end - at)).append("\":{");
      at = end + 1;
    }
    open = groups;
    out.append("\"").append(value.path.substr(value.groups)).append("\":").append(value.text);
  }
  out.append(static_cast<std::size_t>(std::count(open.begin(), open.end(), '.')), '}');
  out += '}';
}

}  // namespace dse::replay
