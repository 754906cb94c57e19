#include "format/redact.h"

#include <algorithm>

#include <fmt/format.h>
#include <re2/re2.h>

namespace dse::format {
namespace {

constexpr std::string_view kInstead = "***";

Error usage(const std::string& option, const std::string& value, const std::string& reason) {
  return {ErrorCode::usage, fmt::format("{}: '{}': {}", option, value, reason)};
}

// The half-open range of bytes [begin, end).
struct Span {
  std::size_t begin, end;
};

// How many bytes all searches of one pattern may look at: so many blocks, or as many as take some
// milliseconds.
constexpr std::size_t kSearches = 64, kMinSearched = std::size_t{8} << 20;

// Appends what the matches of one pattern in `text` replace.
void find_spans(const re2::RE2& pattern, std::string_view text, std::vector<Span>& spans) {
  const re2::StringPiece piece(text.data(), text.size());
  const int groups = pattern.NumberOfCapturingGroups();
  std::vector<re2::StringPiece> found(static_cast<std::size_t>(groups) + 1);
  auto add = [&](const re2::StringPiece& part) {
    if (part.empty()) return;
    auto begin = static_cast<std::size_t>(part.data() - text.data());
    spans.push_back({begin, begin + part.size()});
  };
  std::size_t at = 0;
  std::size_t budget = std::max(kMinSearched, kSearches * text.size());
  for (std::size_t matches = 0; at <= text.size(); ++matches) {
    if (matches == Redactor::kMaxMatches || text.size() - at > budget) {
      // Each search may look at all that is left, so the sum of that is what keeps time linear.
      spans.push_back({at, text.size()});
      return;
    }
    budget -= text.size() - at;
    if (!pattern.Match(piece, at, text.size(), re2::RE2::UNANCHORED, found.data(), groups + 1))
      return;
    bool caught = false;
    for (std::size_t group = 1; group < found.size(); ++group) {
      caught = caught || found[group].data() != nullptr;
      add(found[group]);
    }
    if (!caught) add(found[0]);
    at = static_cast<std::size_t>(found[0].data() - text.data()) + found[0].size();
    if (found[0].empty()) ++at;
  }
}

// Sorts, and makes one of those that overlap or meet: two "***" in a row would tell of two matches.
void merge(std::vector<Span>& spans) {
  std::sort(spans.begin(), spans.end(),
            [](const Span& a, const Span& b) { return a.begin < b.begin; });
  std::size_t kept = 0;
  for (const Span& span : spans) {
    if (kept != 0 && span.begin <= spans[kept - 1].end)
      spans[kept - 1].end = std::max(spans[kept - 1].end, span.end);
    else
      spans[kept++] = span;
  }
  spans.resize(kept);
}

// Appends what stands for `span`, which is of one or more strings of a block.
void append_replaced(std::string_view span, std::string& out) {
  for (bool first = true;; first = false) {
    std::size_t end = span.find('\0');
    bool last = end == std::string_view::npos;
    // An empty piece at either side is no part of a string; one between two NULs is a string.
    if (!span.substr(0, end).empty() || (!first && !last)) out += kInstead;
    if (last) return;
    out += '\0';
    span.remove_prefix(end + 1);
  }
}

// `block` with `spans`, which are merged, replaced.
std::string replace(std::string_view block, const std::vector<Span>& spans) {
  std::string out;
  std::size_t at = 0;
  for (const Span& span : spans) {
    out += block.substr(at, span.begin - at);
    append_replaced(block.substr(span.begin, span.end - span.begin), out);
    at = span.end;
  }
  out += block.substr(at);
  return out;
}

// Where the last string begins that has no NUL; the size of the block when there is none.
std::size_t partial_string(std::string_view block) {
  std::size_t last = block.rfind('\0');
  return last == std::string_view::npos ? 0 : last + 1;
}

// The first string of a block, with the NUL at its end, which the last may lack.
std::string_view take_string(std::string_view& block) {
  std::string_view string = block.substr(0, std::min(block.find('\0'), block.size() - 1) + 1);
  block.remove_prefix(string.size());
  return string;
}

std::vector<Span> all_spans(const std::vector<std::shared_ptr<const re2::RE2>>& patterns,
                            std::string_view block, bool cut) {
  std::vector<Span> spans;
  std::string shown(block);
  std::replace(shown.begin(), shown.end(), '\0', ' ');
  for (const auto& pattern : patterns) find_spans(*pattern, shown, spans);
  if (cut && partial_string(block) < block.size())
    spans.push_back({partial_string(block), block.size()});
  merge(spans);
  return spans;
}

}  // namespace

Result<Redactor> Redactor::make(const std::vector<std::string>& patterns,
                                const std::vector<std::string>& env) {
  Redactor out;
  for (const std::string& text : patterns) {
    if (text.empty()) return usage("--redact", text, "an empty pattern finds nothing");
    re2::RE2::Options options;
    options.set_encoding(re2::RE2::Options::EncodingLatin1);
    options.set_log_errors(false);
    auto pattern = std::make_shared<const re2::RE2>(text, options);
    if (!pattern->ok()) return usage("--redact", text, pattern->error());
    // Searches go backwards too, and RE2 compiles that late: a failure then would leave secrets in.
    if (pattern->ReverseProgramSize() < 0)
      return usage("--redact", text, "the pattern is too large");
    out.patterns_.push_back(std::move(pattern));
    // A rule may name the secret that it is to hide, and it stands in the command line of the recorder
    // and of who started it.
    out.patterns_.push_back(std::make_shared<const re2::RE2>(re2::RE2::QuoteMeta(text), options));
  }
  for (const std::string& name : env) {
    if (name.empty() || name.find_first_of(std::string_view("=\0", 2)) != std::string::npos)
      return usage("--env", name, "not the name of an environment variable");
    out.env_.push_back(name);
  }
  return out;
}

std::string Redactor::args(std::string_view block, bool cut) const {
  if (!redacts() || block.empty()) return std::string(block);
  return replace(block, all_spans(patterns_, block, cut));
}

// An environment block, and where the values stand in it.
struct Redactor::Variables {
  std::string block;
  std::vector<Span> values;

  // `string` may end with its NUL; the value begins at `value`.
  void add(std::string_view string, std::size_t value) {
    const std::size_t end = string.size() - string.ends_with('\0');
    values.push_back({block.size() + value, block.size() + end});
    block += string;
  }
};

std::string Redactor::replace_values(const Variables& variables, bool cut) const {
  if (!redacts() || variables.block.empty()) return variables.block;
  // Both lists ascend: what of each span lies in a value. The names were asked for.
  std::vector<Span> inside;
  auto value = variables.values.begin();
  const auto end = variables.values.end();
  for (const Span& span : all_spans(patterns_, variables.block, cut)) {
    while (value != end && value->end <= span.begin) ++value;
    for (auto touched = value; touched != end && touched->begin < span.end; ++touched) {
      Span part{std::max(span.begin, touched->begin), std::min(span.end, touched->end)};
      if (part.begin < part.end) inside.push_back(part);
    }
  }
  return replace(variables.block, inside);
}

std::string Redactor::env(std::string_view block, bool cut) const {
  Variables kept;
  while (keeps_env() && !block.empty()) {
    std::string_view string = take_string(block);
    std::size_t equals = string.find('=');
    if (equals != std::string_view::npos &&
        std::find(env_.begin(), env_.end(), string.substr(0, equals)) != env_.end())
      kept.add(string, equals + 1);
  }
  return replace_values(kept, cut);
}

std::string Redactor::all_env(std::string_view block, bool cut) const {
  Variables all;
  while (!block.empty()) {
    std::string_view string = take_string(block);
    all.add(string, string.find('=') + 1);  // npos + 1 is 0
  }
  return replace_values(all, cut);
}

std::string Redactor::texts(std::string_view block) const {
  std::string out;
  while (!block.empty()) out += text(take_string(block));
  return out;
}

std::string Redactor::text(std::string_view text) const { return args(text, false); }

}  // namespace dse::format
