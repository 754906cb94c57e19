#include "replay/batch_renderer.h"

#include <charconv>
#include <cstring>

#include "replay/render_value.h"

namespace dse::replay {
namespace {

constexpr std::size_t kNoValue = ~std::size_t{0};

// Templates are made again when they get larger than this: with values of megabytes they may.
constexpr std::size_t kMaxLiterals = std::size_t{16} << 20;

// Any value but texts and lists, with its quotes: a number has 20 digits at most.
constexpr std::size_t kValueBytes = 32;
static_assert(kRfc3339Bytes + 2 <= kValueBytes);

// Most literals are short: this many bytes are copied at once, and may be read and written behind the end.
constexpr std::size_t kSlack = 32;

char* copy(const char* from, std::size_t n, char* to) {
  if (n <= kSlack)
    std::memcpy(to, from, kSlack);
  else
    std::memcpy(to, from, n);
  return to + n;
}

template <typename Number>
char* write_number(Number value, char* out) {
  return std::to_chars(out, out + kValueBytes, value).ptr;
}

}  // namespace

void BatchRenderer::begin(const Renderer& renderer, const EventBatch& events,
                          std::span<const EventColumn* const> columns,
                          std::span<const std::uint32_t> chosen) {
  renderer_ = &renderer;
  events_ = &events;
  columns_ = columns;
  chosen_ = chosen;
  classes_.sort(columns, chosen);
  varies_.resize(columns.size());
  for (std::size_t i = 0; i < columns.size(); ++i) varies_[i] = classes_.varies(i);
  forget_templates();
  plan_pieces();
}

// Which columns have so few distinct texts that each is worth being kept as it is written.
void BatchRenderer::plan_pieces() {
  texts_.assign(kSlack, '\0');
  pieces_.resize(columns_.size());
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    const bool kept = varies_[i] && columns_[i] && columns_[i]->is_text() &&
                      columns_[i]->texts.size() <= chosen_.size();
    pieces_[i].assign(kept ? columns_[i]->texts.size() : 0, {});
  }
}

// nullptr: it is not kept.
const BatchRenderer::Piece* BatchRenderer::piece_of(std::size_t value, std::uint32_t event) {
  std::vector<Piece>& pieces = pieces_[value];
  if (pieces.empty()) return nullptr;
  Piece& piece = pieces[columns_[value]->slot(event)];
  if (piece.size != 0) return &piece;
  if (texts_.size() > kMaxLiterals) return nullptr;
  text_.clear();
  append_value(*events_, *columns_[value], renderer_->values()[value], event, text_);
  if (text_.empty()) return nullptr;
  texts_.resize(texts_.size() - kSlack);
  piece = {static_cast<std::uint32_t>(texts_.size()), static_cast<std::uint32_t>(text_.size())};
  texts_ += text_;
  texts_.append(kSlack, '\0');
  return &piece;
}

void BatchRenderer::forget_templates() {
  templates_.assign(classes_.count(), {});
  literals_.assign(kSlack, '\0');
  cuts_.assign(1, {0, kNoValue});  // so that no template begins at 0
}

// Of the class that the event is of.
void BatchRenderer::make(Template& of, std::uint32_t event) {
  if (literals_.size() > kMaxLiterals) forget_templates();
  literals_.resize(literals_.size() - kSlack);
  const std::size_t begin = literals_.size();
  line_cuts_.clear();
  Line line(*events_, columns_, event, literals_);
  line.leave_out(varies_, line_cuts_);
  renderer_->lay_out(line);
  of = {begin, literals_.size(), cuts_.size()};
  for (const Line::Cut& cut : line_cuts_) cuts_.push_back({cut.at, cut.value});
  cuts_.push_back({of.end, kNoValue});
  literals_.append(kSlack, '\0');
}

// `rest`: the bytes that must have room behind the value. Values of any length make it for themselves.
char* BatchRenderer::write_value(std::size_t number, std::uint32_t event, char* at, TextBuffer& out,
                                 std::size_t rest) {
  if (const Piece* piece = piece_of(number, event)) {
    out.end_at(at);
    at = out.room(piece->size + kSlack + rest);
    return copy(texts_.data() + piece->begin, piece->size, at);
  }
  const LineValue& value = renderer_->values()[number];
  const EventColumn& column = *columns_[number];
  const std::size_t slot = column.slot(event);
  const bool json = value.as == LineValue::As::json;
  if (value.as != LineValue::As::duration) {
    switch (value.shown.type) {
      case FieldType::number:
        return write_number(static_cast<std::int64_t>(column.numbers[slot]), at);
      case FieldType::id:
        if (json) *at++ = '"';
        at = write_number(column.numbers[slot], at);
        if (json) *at++ = '"';
        return at;
      case FieldType::time:
        if (json) *at++ = '"';
        at = times_.write(events_->real_time(column.numbers[slot], event), at);
        if (json) *at++ = '"';
        return at;
      case FieldType::flag: {
        std::string_view text = column.numbers[slot] ? "true" : "false";
        std::memcpy(at, text.data(), text.size());
        return at + text.size();
      }
      default: break;
    }
  }
  text_.clear();
  append_value(*events_, column, value, event, text_);
  out.end_at(at);
  at = out.room(text_.size() + rest);
  std::memcpy(at, text_.data(), text_.size());
  return at + text_.size();
}

void BatchRenderer::append(std::size_t nth, TextBuffer& out) {
  const std::uint32_t of = classes_.of(nth);
  Template& line = templates_[of];
  const std::uint32_t event = chosen_[nth];
  if (line.cuts == 0) make(line, event);
  const char* literal = literals_.data() + line.begin;
  const Cut* cut = cuts_.data() + line.cuts;
  // Each cut is followed by a literal; no value but texts takes more than kValueBytes.
  const std::size_t most = line.end - line.begin + kSlack;
  char* at = out.room(most + kValueBytes);
  for (;; ++cut) {
    const char* end = literals_.data() + cut->end;
    at = copy(literal, static_cast<std::size_t>(end - literal), at);
    literal = end;
    if (cut->value == kNoValue) break;
    out.end_at(at);
    at = out.room(most + kValueBytes);
    at = write_value(cut->value, event, at, out, most + kValueBytes);
  }
  out.end_at(at);
}

}  // namespace dse::replay
