#include "format/ints.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace dse::format {
namespace {

unsigned bytes_for(std::uint64_t span) {
  unsigned bytes = 0;
  for (; span != 0; span >>= 8) ++bytes;
  return bytes;
}

unsigned width_for(std::size_t rows, std::uint64_t span) {
  const unsigned bytes = bytes_for(span);
  return rows >= kPlaneRows || bytes <= 2 ? bytes : bytes <= 4 ? 4 : 8;
}

// number(i) is what is to be packed for row i. Of one row or more; the first one stands alone, since it may
// be told otherwise than those that have one before them.
template <typename To, typename Number>
void narrow(std::size_t rows, std::byte* __restrict out, Number number) {
  auto put = [&](std::size_t i) {
    const To value = static_cast<To>(number(i));
    std::memcpy(out + i * sizeof(To), &value, sizeof(To));
  };
  put(0);
  for (std::size_t i = 1; i < rows; ++i) put(i);
}

template <typename Number>
void split(std::size_t rows, unsigned width, std::byte* __restrict out, Number number) {
  for (unsigned plane = 0; plane < width; ++plane, out += rows) {
    out[0] = static_cast<std::byte>(number(0) >> (8 * plane));
    for (std::size_t i = 1; i < rows; ++i)
      out[i] = static_cast<std::byte>(number(i) >> (8 * plane));
  }
}

// Room for the numbers of `rows` rows that lie within `span` above `low`.
PackedInts make_room(std::size_t rows, std::uint64_t low, std::uint64_t span, PackArena& arena) {
  PackedInts packed;
  packed.rows = static_cast<std::uint32_t>(rows);
  packed.offset = arena.size();
  packed.base = low;
  packed.width = width_for(rows, span);
  packed.planes = rows >= kPlaneRows && packed.width > 1;
  arena.resize(arena.size() + packed.size_bytes());
  return packed;
}

template <typename Number>
PackedInts pack(std::size_t rows, std::uint64_t low, std::uint64_t span, PackArena& arena,
                Number number) {
  PackedInts packed = make_room(rows, low, span, arena);
  std::byte* out = arena.data() + packed.offset;
  if (packed.planes) {
    split(rows, packed.width, out, number);
    return packed;
  }
  switch (packed.width) {
    case 1: narrow<std::uint8_t>(rows, out, number); break;
    case 2: narrow<std::uint16_t>(rows, out, number); break;
    case 4: narrow<std::uint32_t>(rows, out, number); break;
    case 8: narrow<std::uint64_t>(rows, out, number); break;
    default: break;
  }
  return packed;
}

template <typename T>
PackedInts pack_unsigned(std::span<const T> values, PackArena& arena) {
  if (values.empty()) return pack_range(values, 0, 0, arena);
  T low = values[0], high = values[0];
  for (T value : values) {
    low = std::min(low, value);
    high = std::max(high, value);
  }
  return pack_range(values, low, high - low, arena);
}

template <typename T>
void widen(const std::byte* packed, std::uint32_t rows, std::uint64_t base,
           std::uint64_t* __restrict out) {
  for (std::uint32_t i = 0; i < rows; ++i) {
    T value;
    std::memcpy(&value, packed + i * sizeof(T), sizeof(T));
    out[i] = base + value;
  }
}

template <unsigned width>
void join(const PackedParts& packed, std::uint32_t rows, std::uint64_t base,
          std::uint64_t* __restrict out) {
  for (std::uint32_t i = 0; i < rows; ++i) {
    std::uint64_t value = 0;
    for (unsigned plane = 0; plane < width; ++plane)
      value |= static_cast<std::uint64_t>(packed[plane][i]) << (8 * plane);
    out[i] = base + value;
  }
}

void join(const PackedInts& header, const PackedParts& packed, std::uint64_t* out) {
  switch (header.width) {
    case 0: std::fill(out, out + header.rows, header.base); break;
    case 1: join<1>(packed, header.rows, header.base, out); break;
    case 2: join<2>(packed, header.rows, header.base, out); break;
    case 3: join<3>(packed, header.rows, header.base, out); break;
    case 4: join<4>(packed, header.rows, header.base, out); break;
    case 5: join<5>(packed, header.rows, header.base, out); break;
    case 6: join<6>(packed, header.rows, header.base, out); break;
    case 7: join<7>(packed, header.rows, header.base, out); break;
    default: join<8>(packed, header.rows, header.base, out); break;
  }
}

}  // namespace

template <typename T>
PackedInts pack_range(std::span<const T> values, std::uint64_t low, std::uint64_t span,
                      PackArena& arena) {
  const T base = static_cast<T>(low);
  return pack(values.size(), low, span, arena, [=](std::size_t i) { return T(values[i] - base); });
}
template PackedInts pack_range(std::span<const std::uint8_t>, std::uint64_t, std::uint64_t,
                               PackArena&);
template PackedInts pack_range(std::span<const std::uint16_t>, std::uint64_t, std::uint64_t,
                               PackArena&);
template PackedInts pack_range(std::span<const std::uint32_t>, std::uint64_t, std::uint64_t,
                               PackArena&);
template PackedInts pack_range(std::span<const std::uint64_t>, std::uint64_t, std::uint64_t,
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

PackedInts pack_ints(std::span<const std::uint64_t> values, PackArena& arena) {
  if (values.empty()) return pack_range(values, 0, 0, arena);
  Extent extent(values[0]);
  for (const std::uint64_t value : values) extent.add(value);
  return pack_range(values, extent.low(), extent.span(), arena);
}

PackedInts pack_differences(std::span<const std::uint64_t> values, std::uint64_t start,
                            PackArena& arena) {
  const std::uint64_t first = values.empty() ? 0 : values[0] - start;
  Extent extent(first);
  for (std::size_t i = 1; i < values.size(); ++i) extent.add(values[i] - values[i - 1]);
  const std::uint64_t base = extent.low();
  PackedInts packed = pack(values.size(), base, extent.span(), arena, [=](std::size_t i) {
    return (i == 0 ? first : values[i] - values[i - 1]) - base;
  });
  packed.delta = true;
  packed.start = start;
  return packed;
}

std::size_t packed_bytes(std::size_t rows, std::uint64_t span) {
  return rows * width_for(rows, span);
}

void unpack_ints(const PackedInts& header, const PackedParts& packed, std::uint64_t* out) {
  if (header.planes) {
    join(header, packed, out);
  } else {
    switch (header.width) {
      case 1: widen<std::uint8_t>(packed[0], header.rows, header.base, out); break;
      case 2: widen<std::uint16_t>(packed[0], header.rows, header.base, out); break;
      case 4: widen<std::uint32_t>(packed[0], header.rows, header.base, out); break;
      case 8: widen<std::uint64_t>(packed[0], header.rows, header.base, out); break;
      default: std::fill(out, out + header.rows, header.base); break;
    }
  }
  if (!header.delta) return;
  std::uint64_t value = header.start;
  for (std::uint32_t i = 0; i < header.rows; ++i) out[i] = value += out[i];
}

PackedParts parts_of(const PackedInts& packed, const PackArena& arena) {
  PackedParts parts{};
  const std::byte* at = arena.data() + packed.offset;
  for (unsigned part = 0; part < (packed.planes ? packed.width : 1); ++part)
    parts[part] = at + std::size_t{part} * packed.rows;
  return parts;
}

}  // namespace dse::format
