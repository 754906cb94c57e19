#include "format/word_columns.h"

#include <algorithm>

namespace dse::format {
namespace {

constexpr std::uint32_t kFirstRoom = 64;

}  // namespace

void WordColumns::clear() {
  rows_ = room_ = 0;
  varying_ = 0;
  same_.fill(~std::uint64_t{0});
  first_.fill(0);
}

// For a row that is the first one, that finds no room, or that has a word which none had so far.
void WordColumns::prepare(const std::byte* row) {
  if (rows_ == 0) {
    std::memcpy(first_.data(), row, words_ * sizeof(std::uint64_t));
    capacity_ = std::max(capacity_, kFirstRoom);
    room_ = capacity_;
    return;
  }
  if (rows_ == room_) make_room();
  for (std::size_t w = 0; w < words_; ++w) {
    if (varies(w) || word(row, w) == first_[w]) continue;
    same_[w] = 0;
    if (columns_[w].size() < capacity_) columns_[w].resize(capacity_);
    std::fill_n(columns_[w].begin(), rows_, first_[w]);
    to_[varying_] = columns_[w].data();
    word_of_[varying_++] = static_cast<std::uint8_t>(w);
  }
}

void WordColumns::append(const WordColumns& later) {
  std::array<std::uint64_t, kMaxWords> row;
  for (std::uint32_t i = 0; i < later.rows_; ++i) {
    for (std::size_t w = 0; w < words_; ++w) row[w] = later.at(i, w);
    append(reinterpret_cast<const std::byte*>(row.data()));
  }
}

void WordColumns::make_room() {
  capacity_ = room_ = 2 * room_;
  for (std::size_t i = 0; i < varying_; ++i) {
    columns_[word_of_[i]].resize(capacity_);
    to_[i] = columns_[word_of_[i]].data();
  }
}

}  // namespace dse::format
