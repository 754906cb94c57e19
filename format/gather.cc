#include "format/gather.h"

#include <algorithm>
#include <cstring>

namespace dse::format {
namespace {

// Rows that are gone through at a time: some 30 KiB.
constexpr std::uint32_t kTile = 256;

template <typename T>
T load(const std::byte* at) {
  T value;
  std::memcpy(&value, at, sizeof(value));
  return value;
}

std::uint64_t load_wide(const std::byte* at, Abi abi) {
  switch (abi) {
    case Abi::u8: return load<std::uint8_t>(at);
    case Abi::u16: return load<std::uint16_t>(at);
    case Abi::u32: return load<std::uint32_t>(at);
    case Abi::s32: return static_cast<std::uint64_t>(std::int64_t{load<std::int32_t>(at)});
    default: return load<std::uint64_t>(at);
  }
}

// Those of T lie between `low` and `high`, both T in 64 bits.
template <typename T>
void take_as(const std::byte* from, std::size_t stride, std::uint32_t count, std::byte* to,
             std::uint64_t& low, std::uint64_t& high) {
  T least = static_cast<T>(low), most = static_cast<T>(high);
  T* out = reinterpret_cast<T*>(to);
  for (std::uint32_t i = 0; i < count; ++i) {
    const T value = load<T>(from + i * stride);
    out[i] = value;
    least = std::min(least, value);
    most = std::max(most, value);
  }
  low = static_cast<std::uint64_t>(least);
  high = static_cast<std::uint64_t>(most);
}

void take_wide(const std::byte* from, std::size_t stride, std::uint32_t count, std::byte* to,
               Extent& extent) {
  auto* out = reinterpret_cast<std::uint64_t*>(to);
  Extent local = extent;
  for (std::uint32_t i = 0; i < count; ++i) local.add(out[i] = load<std::uint64_t>(from + i * stride));
  extent = local;
}

void take_differences(const std::byte* from, std::size_t stride, std::uint32_t count, Abi abi,
                      std::byte* to, std::uint64_t& previous, Extent& extent) {
  auto* out = reinterpret_cast<std::uint64_t*>(to);
  Extent local = extent;
  std::uint64_t last = previous;
  for (std::uint32_t i = 0; i < count; ++i) {
    const std::uint64_t value =
        abi == Abi::u64 ? load<std::uint64_t>(from + i * stride) : load_wide(from + i * stride, abi);
    local.add(out[i] = value - last);
    last = value;
  }
  previous = last;
  extent = local;
}

std::size_t value_size(const GatheredColumn& column) {
  return column.delta ? sizeof(std::uint64_t) : column.size;
}

}  // namespace

void Gatherer::note_differences(const std::byte* rows, std::size_t stride, std::uint32_t count) {
  const std::size_t words = differences_.size();
  for (std::size_t w = 0; w < words; w += 2) {
    const bool two = w + 1 < words;
    std::uint64_t a = 0, b = 0;
    const std::uint64_t first_a = first_[w], first_b = first_[two ? w + 1 : w];
    const std::byte* at = rows + w * sizeof(std::uint64_t);
    const std::size_t second = two ? sizeof(std::uint64_t) : 0;
    for (std::uint32_t i = 0; i < count; ++i, at += stride) {
      a |= load<std::uint64_t>(at) ^ first_a;
      b |= load<std::uint64_t>(at + second) ^ first_b;
    }
    differences_[w] |= a;
    if (two) differences_[w + 1] |= b;
  }
}

bool Gatherer::differs(const GatheredColumn& column) const {
  const auto* bytes = reinterpret_cast<const std::byte*>(differences_.data()) + column.offset;
  return std::any_of(bytes, bytes + column.size, [](std::byte bits) { return bits != std::byte{0}; });
}

Gatherer::Varying& Gatherer::add_varying(GatheredColumn& column, std::uint32_t count) {
  if (used_ == varying_.size()) varying_.emplace_back();
  Varying& made = varying_[used_++];
  made.column = &column;
  made.values.resize(count * value_size(column));
  made.previous = column.start;
  made.extent = {};
  return made;
}

void Gatherer::take(Varying& to, const std::byte* rows, std::size_t stride, std::uint32_t begin,
                    std::uint32_t end) {
  const GatheredColumn& column = *to.column;
  const std::byte* from = rows + begin * stride + column.offset;
  std::byte* out = to.values.data() + begin * value_size(column);
  const std::uint32_t count = end - begin;
  if (column.delta) {
    take_differences(from, stride, count, column.abi, out, to.previous, to.extent);
    return;
  }
  if (begin == 0) to.low = to.high = load_wide(from, column.abi);
  switch (column.abi) {
    case Abi::u8: take_as<std::uint8_t>(from, stride, count, out, to.low, to.high); break;
    case Abi::u16: take_as<std::uint16_t>(from, stride, count, out, to.low, to.high); break;
    case Abi::u32: take_as<std::uint32_t>(from, stride, count, out, to.low, to.high); break;
    case Abi::s32: take_as<std::int32_t>(from, stride, count, out, to.low, to.high); break;
    default: take_wide(from, stride, count, out, to.extent); break;
  }
}

void Gatherer::pack(Varying& from, std::uint32_t count, PackArena& arena) {
  GatheredColumn& column = *from.column;
  const std::byte* values = from.values.data();
  auto pack_as = [&]<typename T>(const T* at, std::uint64_t low, std::uint64_t span) {
    column.packed = pack_range(at, count, low, span, arena);
  };
  if (column.delta || column.size == sizeof(std::uint64_t)) {
    pack_as(reinterpret_cast<const std::uint64_t*>(values), from.extent.low(), from.extent.span());
  } else if (column.size == 1) {
    pack_as(reinterpret_cast<const std::uint8_t*>(values), from.low, from.high - from.low);
  } else if (column.size == 2) {
    pack_as(reinterpret_cast<const std::uint16_t*>(values), from.low, from.high - from.low);
  } else {
    pack_as(reinterpret_cast<const std::uint32_t*>(values), from.low, from.high - from.low);
  }
  column.packed.delta = column.delta;
  column.packed.start = column.delta ? column.start : 0;
}

void Gatherer::gather(const std::byte* rows, std::size_t stride, std::uint32_t count,
                      std::span<GatheredColumn> columns, PackArena& arena) {
  for (GatheredColumn& column : columns) {
    column.differs = false;
    column.packed = {};
    column.packed.rows = count;
  }
  if (count == 0) return;
  const std::size_t words = stride / sizeof(std::uint64_t);
  first_.resize(words);
  std::memcpy(first_.data(), rows, words * sizeof(std::uint64_t));
  differences_.assign(words, 0);
  used_ = 0;

  for (std::uint32_t begin = 0; begin < count; begin += kTile) {
    const std::uint32_t end = std::min(count, begin + kTile);
    note_differences(rows + begin * stride, stride, end - begin);
    for (std::size_t i = 0; i < used_; ++i) take(varying_[i], rows, stride, begin, end);
    for (GatheredColumn& column : columns) {
      if (column.differs || !(column.delta || differs(column))) continue;
      column.differs = true;
      // What came before, too: until now all were equal.
      if (column.abi != Abi::fixed) take(add_varying(column, count), rows, stride, 0, end);
    }
  }
  for (GatheredColumn& column : columns)
    if (!column.differs && column.abi != Abi::fixed)
      column.packed.base = load_wide(rows + column.offset, column.abi);
  for (std::size_t i = 0; i < used_; ++i) pack(varying_[i], count, arena);
}

}  // namespace dse::format
