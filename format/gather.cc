#include "format/gather.h"

#include <algorithm>
#include <cstring>

namespace dse::format {
namespace {

constexpr std::size_t kWord = sizeof(std::uint64_t);

template <typename T>
T part_of(std::uint64_t word, std::size_t place) {
  T value;
  std::memcpy(&value, reinterpret_cast<const std::byte*>(&word) + place, sizeof(value));
  return value;
}

template <typename T>
std::uint64_t widened(T value) {
  if constexpr (std::is_signed_v<T>) return static_cast<std::uint64_t>(std::int64_t{value});
  return static_cast<std::uint64_t>(value);
}

// Whether any of the words that a column of bytes lies in varies.
bool bytes_differ(const WordColumns& rows, const GatheredColumn& column) {
  const std::size_t end = (column.offset + column.size + kWord - 1) / kWord;
  for (std::size_t w = column.offset / kWord; w < end; ++w)
    if (rows.varies(w)) return true;
  return false;
}

}  // namespace

std::uint64_t integer_in(std::uint64_t word, std::size_t place, Abi abi) {
  switch (abi) {
    case Abi::u8: return part_of<std::uint8_t>(word, place);
    case Abi::u16: return part_of<std::uint16_t>(word, place);
    case Abi::u32: return part_of<std::uint32_t>(word, place);
    case Abi::s32: return widened(part_of<std::int32_t>(word, place));
    default: return word;
  }
}

PackedInts Gatherer::differences(std::span<const std::uint64_t> values, std::uint64_t start,
                                 PackArena& arena) {
  differences_.resize(values.size());
  Extent extent;
  std::uint64_t last = start;
  for (std::size_t i = 0; i < values.size(); ++i) {
    extent.add(differences_[i] = values[i] - last);
    last = values[i];
  }
  PackedInts packed = values.empty() ? PackedInts{}
                                     : pack_range(differences_.data(), values.size(), extent.low(),
                                                  extent.span(), arena);
  packed.delta = true;
  packed.start = start;
  return packed;
}

// The values of a column of integers.
std::span<const std::uint64_t> Gatherer::widen(const WordColumns& rows,
                                               const GatheredColumn& column) {
  const std::size_t word = column.offset / kWord, place = column.offset % kWord;
  if (rows.varies(word) && column.abi == Abi::u64) return rows.values(word);
  wide_.resize(rows.rows());
  if (!rows.varies(word))
    std::fill(wide_.begin(), wide_.end(), integer_in(rows.first(word), place, column.abi));
  else
    std::transform(rows.values(word).begin(), rows.values(word).end(), wide_.begin(),
                   [&](std::uint64_t value) { return integer_in(value, place, column.abi); });
  return wide_;
}

void Gatherer::gather_words(std::span<const std::uint64_t> words, GatheredColumn& column,
                            PackArena& arena) {
  Extent extent;
  for (const std::uint64_t value : words) extent.add(value);
  column.packed = pack_range(words.data(), words.size(), extent.low(), extent.span(), arena);
  column.differs = true;
}

// Of a word that varies perhaps only another part does.
template <typename T>
void Gatherer::gather_parts(std::span<const std::uint64_t> words, GatheredColumn& column,
                            PackArena& arena) {
  const std::size_t place = column.offset % kWord;
  narrow_.resize(words.size() * sizeof(T));
  T* out = reinterpret_cast<T*>(narrow_.data());
  T low = part_of<T>(words[0], place), high = low;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const T value = part_of<T>(words[i], place);
    out[i] = value;
    low = std::min(low, value);
    high = std::max(high, value);
  }
  if (low == high) return;
  column.packed = pack_range(reinterpret_cast<const std::make_unsigned_t<T>*>(out), words.size(),
                             widened(low), widened(high) - widened(low), arena);
  column.differs = true;
}

void Gatherer::gather(const WordColumns& rows, std::span<GatheredColumn> columns,
                      PackArena& arena) {
  for (GatheredColumn& column : columns) {
    column.differs = false;
    column.packed = {};
    column.packed.rows = rows.rows();
    if (rows.rows() == 0) continue;
    if (column.abi == Abi::fixed) {
      column.differs = bytes_differ(rows, column);
      continue;
    }
    if (column.delta) {
      column.packed = differences(widen(rows, column), column.start, arena);
      column.differs = true;
      continue;
    }
    const std::size_t word = column.offset / kWord;
    column.packed.base = integer_in(rows.first(word), column.offset % kWord, column.abi);
    if (!rows.varies(word)) continue;
    switch (column.abi) {
      case Abi::u8: gather_parts<std::uint8_t>(rows.values(word), column, arena); break;
      case Abi::u16: gather_parts<std::uint16_t>(rows.values(word), column, arena); break;
      case Abi::u32: gather_parts<std::uint32_t>(rows.values(word), column, arena); break;
      case Abi::s32: gather_parts<std::int32_t>(rows.values(word), column, arena); break;
      default: gather_words(rows.values(word), column, arena); break;
    }
  }
}

}  // namespace dse::format
