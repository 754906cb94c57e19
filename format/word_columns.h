// Rows of so many 64-bit words, kept by columns from the start: of most words all rows have the same, and
// such a word costs a comparison and no memory.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <utility>
#include <vector>

#include "format/uninitialized.h"

namespace dse::format {

class WordColumns {
 public:
  static constexpr std::size_t kMaxWords = 32;

  // At most kMaxWords.
  explicit WordColumns(std::size_t words = 0) : words_(words), columns_(words) { clear(); }
  WordColumns(WordColumns&&) noexcept = default;  // the other one may then only be assigned to
  WordColumns& operator=(WordColumns&&) noexcept = default;

  std::size_t words() const { return words_; }
  std::uint32_t rows() const { return rows_; }

  // `row` has words() words, at any address.
  void append(const std::byte* row) {
    // A signal has so many words: a number that the compiler knows is a few instructions.
    constexpr std::size_t kUsual = 6;
    static_assert(kUsual % 2 == 0);
    const std::uint64_t changed = words_ == kUsual
                                      ? changes(row, std::make_index_sequence<kUsual / 2>())
                                      : changes(row);
    if (changed != 0 || rows_ == room_) prepare(row);
    for (std::size_t i = 0; i < varying_; ++i) to_[i][rows_] = word(row, word_of_[i]);
    ++rows_;
  }
  // The rows of `later`, which has as many words.
  void append(const WordColumns& later);
  // Forgets the rows and keeps the memory.
  void clear();

  // Of a word that all rows have alike, only the first one.
  bool varies(std::size_t word) const { return same_[word] == 0; }
  std::uint64_t first(std::size_t word) const { return first_[word]; }
  // Of a word that varies, that of each row; valid until the next append().
  std::span<const std::uint64_t> values(std::size_t word) const {
    return {columns_[word].data(), rows_};
  }
  std::uint64_t at(std::uint32_t row, std::size_t word) const {
    return varies(word) ? columns_[word][row] : first_[word];
  }

 private:
  static std::uint64_t word(const std::byte* row, std::size_t w) {
    std::uint64_t value;
    std::memcpy(&value, row + w * sizeof(value), sizeof(value));
    return value;
  }
  // Two words at a time, which every machine can.
  using Pair = std::uint64_t __attribute__((vector_size(2 * sizeof(std::uint64_t))));
  static Pair pair(const void* from) {
    Pair two;
    std::memcpy(&two, from, sizeof(two));
    return two;
  }
  Pair pair_changes(const std::byte* row, std::size_t w) const {
    return (pair(row + w * sizeof(std::uint64_t)) ^ pair(&first_[w])) & pair(&same_[w]);
  }
  // Not 0: some word is not as all rows have had it so far.
  template <std::size_t... pairs>
  std::uint64_t changes(const std::byte* row, std::index_sequence<pairs...>) const {
    const Pair changed = (pair_changes(row, 2 * pairs) | ...);
    return changed[0] | changed[1];
  }
  std::uint64_t changes(const std::byte* row) const {
    Pair changed{};
    std::size_t w = 0;
    for (; w + 2 <= words_; w += 2) changed |= pair_changes(row, w);
    const std::uint64_t odd = w < words_ ? (word(row, w) ^ first_[w]) & same_[w] : 0;
    return changed[0] | changed[1] | odd;
  }
  void prepare(const std::byte* row);
  void make_room();

  std::size_t words_;
  std::uint32_t rows_ = 0;
  std::uint32_t room_ = 0;      // rows that fit; 0: there is no first one yet
  std::uint32_t capacity_ = 0;  // of the columns that vary
  std::array<std::uint64_t, kMaxWords> first_, same_;  // same_: all bits set, or none
  // Those that vary: where their next values go.
  std::size_t varying_ = 0;
  std::array<std::uint64_t*, kMaxWords> to_{};
  std::array<std::uint8_t, kMaxWords> word_of_{};
  std::vector<RawVector<std::uint64_t>> columns_;  // by word, kept for their memory
};

}  // namespace dse::format
