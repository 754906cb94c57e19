#include "format/gather.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

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

// The integer in these eight bytes of a row, at that place among them, in 64 bits as columns have it.
std::uint64_t integer_in(std::uint64_t word, std::size_t place, Abi abi) {
  switch (abi) {
    case Abi::u8: return part_of<std::uint8_t>(word, place);
    case Abi::u16: return part_of<std::uint16_t>(word, place);
    case Abi::u32: return part_of<std::uint32_t>(word, place);
    case Abi::s32: return widened(part_of<std::int32_t>(word, place));
    default: return word;
  }
}

}  // namespace

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
  column.packed =
      pack_range(std::span(reinterpret_cast<const std::make_unsigned_t<T>*>(out), words.size()),
                 widened(low), widened(high) - widened(low), arena);
  column.differs = true;
  if (column.listed && widened(high) - widened(low) < ValueSet::kEnd) {
    std::array<bool, ValueSet::kEnd> seen{};
    for (std::size_t i = 0; i < words.size(); ++i) seen[widened(out[i]) - widened(low)] = true;
    for (std::uint64_t above = 0; above < seen.size(); ++above)
      if (seen[above]) column.packed.values.add(above);
  }
}

void Gatherer::gather_times(std::span<const std::uint64_t> words, GatheredColumn& column,
                            PackArena& arena) {
  const std::size_t before = arena.size();
  PackedTimes packed = times_.pack(words, arena);
  Extent extent(words[0]);
  for (const std::uint64_t value : words) extent.add(value);
  if (arena.size() - before < packed_bytes(words.size(), extent.span())) {
    column.packed = packed.references;
    column.rest = packed.rest;
  } else {
    arena.resize(before);
    column.packed = pack_range(words, extent.low(), extent.span(), arena);
  }
  column.differs = true;
}

// `words`: of a column that varies perhaps only in another part of them.
void Gatherer::gather_integers(std::span<const std::uint64_t> words, GatheredColumn& column,
                               PackArena& arena) {
  switch (column.abi) {
    case Abi::u8: return gather_parts<std::uint8_t>(words, column, arena);
    case Abi::u16: return gather_parts<std::uint16_t>(words, column, arena);
    case Abi::u32: return gather_parts<std::uint32_t>(words, column, arena);
    case Abi::s32: return gather_parts<std::int32_t>(words, column, arena);
    default: break;
  }
  column.packed = pack_ints(words, arena);
  column.differs = true;
}

void Gatherer::gather(const WordColumns& rows, std::span<const std::uint64_t> times,
                      std::span<GatheredColumn> columns, PackArena& arena) {
  bool referring = false;  // whether the times are known to those who refer to them
  for (GatheredColumn& column : columns) {
    column.differs = false;
    column.packed = column.rest = {};
    column.packed.rows = rows.rows();
    if (rows.rows() == 0) continue;
    if (column.abi == Abi::fixed) {
      column.differs = bytes_differ(rows, column);
      continue;
    }
    const std::size_t word = column.offset / kWord;
    const std::uint64_t first = integer_in(rows.first(word), column.offset % kWord, column.abi);
    if (column.delta) {
      column.packed = pack_differences(widen(rows, column), first, arena);
      column.differs = true;
      continue;
    }
    column.packed.base = first;
    if (!rows.varies(word)) continue;
    if (!column.times) {
      gather_integers(rows.values(word), column, arena);
      continue;
    }
    if (!std::exchange(referring, true)) times_.refer_to(times);
    gather_times(rows.values(word), column, arena);
  }
}

}  // namespace dse::format
