#include "format/ints.h"

#include <algorithm>
#include <cstring>

namespace dse::format {
namespace {

template <typename T>
void narrow(std::span<const std::uint64_t> values, std::uint64_t base, std::byte* out) {
  for (std::size_t i = 0; i < values.size(); ++i) {
    T value = static_cast<T>(values[i] - base);
    std::memcpy(out + i * sizeof(T), &value, sizeof(T));
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

PackedInts pack_plain(std::span<const std::uint64_t> values, std::vector<std::byte>& arena) {
  PackedInts packed;
  packed.rows = static_cast<std::uint32_t>(values.size());
  packed.offset = arena.size();
  if (values.empty()) return packed;

  // The smallest span is either the unsigned or the signed one: -1 and 1 are two apart.
  std::uint64_t low = values[0], high = values[0];
  auto signed_low = static_cast<std::int64_t>(values[0]), signed_high = signed_low;
  for (std::uint64_t value : values) {
    low = std::min(low, value);
    high = std::max(high, value);
    signed_low = std::min(signed_low, static_cast<std::int64_t>(value));
    signed_high = std::max(signed_high, static_cast<std::int64_t>(value));
  }
  std::uint64_t signed_span = static_cast<std::uint64_t>(signed_high) -
                              static_cast<std::uint64_t>(signed_low);
  bool use_signed = signed_span < high - low;
  packed.base = use_signed ? static_cast<std::uint64_t>(signed_low) : low;
  packed.width = width_for(use_signed ? signed_span : high - low);

  arena.resize(arena.size() + packed.size_bytes());
  std::byte* out = arena.data() + packed.offset;
  switch (packed.width) {
    case 1: narrow<std::uint8_t>(values, packed.base, out); break;
    case 2: narrow<std::uint16_t>(values, packed.base, out); break;
    case 4: narrow<std::uint32_t>(values, packed.base, out); break;
    case 8: narrow<std::uint64_t>(values, packed.base, out); break;
    default: break;
  }
  return packed;
}

}  // namespace

PackedInts pack_ints(std::span<const std::uint64_t> values, bool delta, std::uint64_t start,
                     std::vector<std::byte>& arena) {
  if (!delta) return pack_plain(values, arena);
  std::vector<std::uint64_t> differences(values.size());
  std::uint64_t previous = start;
  for (std::size_t i = 0; i < values.size(); ++i) {
    differences[i] = values[i] - previous;
    previous = values[i];
  }
  PackedInts packed = pack_plain(differences, arena);
  packed.delta = true;
  packed.start = start;
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
