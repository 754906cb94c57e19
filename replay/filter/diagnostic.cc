#include "replay/filter/diagnostic.h"

#include <algorithm>

#include <fmt/format.h>

#include "replay/escape.h"
#include "replay/field.h"

namespace dse::replay::filter {
namespace {

constexpr std::size_t kMaxBefore = 60, kMaxAfter = 60;

// As many columns as the terminal uses: continuation bytes of UTF-8 take none.
std::size_t columns(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xc0) != 0x80;
  }));
}

// A tab would put the caret beside its place.
std::string shown(std::string_view text) {
  std::string plain(text), out;
  std::replace(plain.begin(), plain.end(), '\t', ' ');
  append_own_text(plain, out);
  return out;
}

}  // namespace

std::string shown_message(std::string_view message) {
  constexpr std::size_t kMaxMessage = 600;
  if (message.size() <= kMaxMessage) return shown(message);
  return shown(message.substr(0, kMaxMessage / 2)) + "…" +
         shown(message.substr(message.size() - kMaxMessage / 2));
}

std::string show_place(const Place& place, std::string_view message) {
  std::string_view text = place.source->text;
  std::size_t begin = std::min(place.begin, text.size());
  std::size_t line_begin = begin == 0 ? 0 : text.rfind('\n', begin - 1) + 1;
  std::size_t line_end = std::min(text.find('\n', begin), text.size());
  std::size_t end = std::clamp(place.end, begin, line_end);
  std::size_t from = begin - line_begin > kMaxBefore ? begin - kMaxBefore : line_begin;
  std::size_t to = line_end - end > kMaxAfter ? end + kMaxAfter : line_end;
  end = std::min(end, begin + kMaxAfter);
  to = std::min(to, end + kMaxAfter);
  std::string before = shown(text.substr(from, begin - from));
  std::string marked = shown(text.substr(begin, end - begin));
  std::string_view cut_left = from > line_begin ? "…" : "", cut_right = to < line_end ? "…" : "";
  std::size_t width = std::max<std::size_t>(columns(marked), 1);
  std::string line;
  if (text.find('\n') != std::string_view::npos)
    line = fmt::format(
        ", line {}",
        1 + std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(begin), '\n'));
  return fmt::format("{}{}: {}\n  {}{}{}{}{}\n  {:>{}}{:~>{}}", shown(place.source->name), line,
                     shown_message(message), cut_left, before, marked,
                     shown(text.substr(end, to - end)), cut_right, "^",
                     columns(cut_left) + columns(before) + 1, "", width - 1);
}

Error error_at(const Place& place, std::string_view message) {
  return {ErrorCode::usage, show_place(place, message)};
}

std::string did_you_mean(std::string_view name, const std::vector<std::string>& known) {
  auto near = similar_names(name, known);
  if (near.empty()) return {};
  if (near.size() > 3) near.resize(3);
  return fmt::format("; did you mean {}?", fmt::join(near, " or "));
}

}  // namespace dse::replay::filter
