#include "format/ints.h"

#include <algorithm>
#include <cstring>

namespace dse::format {
namespace {

template <typename To, typename From>
void narrow(const From* values, std::size_t rows, From base, std::byte* out) {
  for (std::size_t i = 0; i < rows; ++i) {
    To value = static_cast<To>(values[i] - base);
    std::memcpy(out + i * sizeof(To), &value, sizeof(To));
  }
}

template <typename T>
void widen(const std::byte* packed, std::uint32_t rows, std::uint64_t base, std::uint64_t* out) {
  for (std::uint32_t i = 0; i < rows; ++i) {
    T value;
    std::memcpy(&value, packed + i * sizeof(T), sizeof(T));
    out[i] = base + value;
  }
}

unsigned width_for(std::uint64_t span) {
  if (span == 0) return 0;
  if (span <= 0xff) return 1;
  if (span <= 0xffff) return 2;
  if (span <= 0xffffffff) return 4;
  return 8;
}

template <typename T>
PackedInts pack_unsigned(std::span<const T> values, PackArena& arena) {
  if (values.empty()) return pack_range<T>(nullptr, 0, 0, 0, arena);
  T low = values[0], high = values[0];
  for (T value : values) {
    low = std::min(low, value);
    high = std::max(high, value);
  }
  return pack_range(values.data(), values.size(), low, high - low, arena);
}

}  // namespace

template <typename T>
PackedInts pack_range(const T* values, std::size_t rows, std::uint64_t low, std::uint64_t span,
                      PackArena& arena) {
  PackedInts packed;
  packed.rows = static_cast<std::uint32_t>(rows);
  packed.offset = arena.size();
  packed.base = low;
  packed.width = width_for(span);
  arena.resize(arena.size() + packed.size_bytes());
  std::byte* out = arena.data() + packed.offset;
  const T base = static_cast<T>(low);
  switch (packed.width) {
    case 1: narrow<std::uint8_t>(values, rows, base, out); break;
    case 2: narrow<std::uint16_t>(values, rows, base, out); break;
    case 4: narrow<std::uint32_t>(values, rows, base, out); break;
    case 8: narrow<std::uint64_t>(values, rows, base, out); break;
    default: break;
  }
  return packed;
}
template PackedInts pack_range(const std::uint8_t*, std::size_t, std::uint64_t, std::uint64_t,
                               PackArena&);
template PackedInts pack_range(const std::uint16_t*, std::size_t, std::uint64_t, std::uint64_t,
                               PackArena&);
template PackedInts pack_range(const std::uint32_t*, std::size_t, std::uint64_t, std::uint64_t,
                               PackArena&);
template PackedInts pack_range(const std::uint64_t*, std::size_t, std::uint64_t, std::uint64_t,
                               PackArena&);

PackedInts pack_ints(std::span<const std::uint32_t> values, PackArena& arena) {
  return pack_unsigned(values, arena);
}

PackedInts pack_ints(std::span<const std::uint16_t> values, PackArena& arena) {
  return pack_unsigned(values, arena);
}

PackedInts pack_ints(std::span<const std::uint8_t> values, PackArena& arena) {
  return pack_unsigned(values, arena);
}

PackedInts pack_ints(std::span<const std::uint64_t> values, bool delta, std::uint64_t start,
                     PackArena& arena) {
  RawVector<std::uint64_t> differences(delta ? values.size() : 0);
  if (delta) {
    std::uint64_t previous = start;
    for (std::size_t i = 0; i < values.size(); ++i) {
      differences[i] = values[i] - previous;
      previous = values[i];
    }
    values = differences;
  }
  Extent extent;
  for (std::uint64_t value : values) extent.add(value);
  PackedInts packed = values.empty() ? pack_range<std::uint64_t>(nullptr, 0, 0, 0, arena)
                                     : pack_range(values.data(), values.size(), extent.low(),
                                                  extent.span(), arena);
  packed.delta = delta;
  packed.start = delta ? start : 0;
  return packed;
}

void unpack_ints(const PackedInts& header, const std::byte* packed, std::uint64_t* out) {
  switch (header.width) {
    case 1: widen<std::uint8_t>(packed, header.rows, header.base, out); break;
    case 2: widen<std::uint16_t>(packed, header.rows, header.base, out); break;
    case 4: widen<std::uint32_t>(packed, header.rows, header.base, out); break;
    case 8: widen<std::uint64_t>(packed, header.rows, header.base, out); break;
    default: std::fill(out, out + header.rows, header.base); break;
  }
  if (!header.delta) return;
  std::uint64_t value = header.start;
  for (std::uint32_t i = 0; i < header.rows; ++i) out[i] = value += out[i];
}

}  // namespace dse::format
