#include "format/read_columns.h"

#include <capnp/any.h>

#include <algorithm>
#include <array>
#include <limits>
#include <string>
#include <utility>

#include "format/ints.h"
#include "format/plural.h"
#include "format/times.h"

namespace dse::format {
namespace {

// No record is larger: arguments are limited to 1 MiB, paths to 4 KiB.
constexpr std::uint64_t kMaxValueBytes = 4u << 20;

Error damaged(std::string what) { return {ErrorCode::damaged, std::move(what)}; }

// What stands in the message, not unpacked yet.
struct Packed {
  PackedInts header;
  PackedParts parts{};
};

// How many rows there are of it: as many in each list, or `rows` if it needs none.
std::size_t open_lists(schema::Ints::Reader ints, std::uint32_t rows, Packed& out) {
  auto use = [&](capnp::AnyList::Reader list, unsigned width) -> std::size_t {
    out.header.width = width;
    out.parts[0] = reinterpret_cast<const std::byte*>(list.getRawBytes().begin());
    return list.size();
  };
  constexpr std::size_t kNone = ~std::size_t{0};
  switch (ints.which()) {
    case schema::Ints::SAME: return rows;
    case schema::Ints::U8: return use(ints.getU8(), 1);
    case schema::Ints::U16: return use(ints.getU16(), 2);
    case schema::Ints::U32: return use(ints.getU32(), 4);
    case schema::Ints::U64: return use(ints.getU64(), 8);
    case schema::Ints::PLANES: break;
    default: return kNone;
  }
  const auto planes = ints.getPlanes();
  if (planes.size() > out.parts.size()) return kNone;
  out.header.planes = true;
  out.header.width = planes.size();
  for (unsigned i = 0; i < planes.size(); ++i) {
    const capnp::Data::Reader plane = planes[i];
    if (plane.size() != rows) return kNone;
    out.parts[i] = reinterpret_cast<const std::byte*>(plane.begin());
  }
  return rows;
}

// Whether the numbers are among those that the column says there are.
bool are_listed(const Packed& packed) {
  const PackedInts& header = packed.header;
  const ValueSet values = header.values;
  if (header.delta || header.times || header.planes || header.width > 1) return false;
  if (header.width == 0) return values.has(0);
  std::array<std::uint8_t, 256> strange;
  for (std::size_t number = 0; number < strange.size(); ++number) strange[number] = !values.has(number);
  std::uint8_t any = 0;
  for (std::uint32_t i = 0; i < header.rows; ++i)
    any |= strange[static_cast<std::uint8_t>(packed.parts[0][i])];
  return !any;
}

Result<Packed> open_ints(const LazyMessage* lazy, schema::Ints::Reader ints, std::uint32_t rows) {
  Packed out;
  PackedInts& header = out.header;
  std::size_t size = 0;
  DSE_TRY(guarded(lazy, [&] {
    header.base = ints.getBase();
    header.start = ints.getStart();
    header.delta = ints.getDelta();
    header.times = ints.getTimes();
    header.values = ValueSet(ints.getValues());
    size = open_lists(ints, rows, out);
  }));
  if (size != rows)
    return damaged("a column does not have the " + plural(rows, "row") + " of its table");
  header.rows = rows;
  if (!header.values.empty() && !are_listed(out))
    return damaged("a column has values that it does not list");
  return out;
}

// Makes the references the values.
Status resolve(const LazyMessage* lazy, schema::Ints::Reader ints, const TimesOfRows& times,
               IntColumn& references) {
  if (!times) return damaged("references to times where there are none");
  schema::Ints::Reader rest;
  DSE_TRY(guarded(lazy, [&] { rest = ints.getRest(); }));
  DSE_TRY_ASSIGN(const IntColumn values, read_ints(lazy, rest, count_rest(references)));
  DSE_TRY_ASSIGN(const auto of_rows, times());
  return resolve_times(references, of_rows, values);
}

}  // namespace

Result<IntColumn> read_ints(const LazyMessage* lazy, schema::Ints::Reader ints, std::uint32_t rows,
                            const TimesOfRows& times) {
  DSE_TRY_ASSIGN(Packed packed, open_ints(lazy, ints, rows));
  IntColumn out(rows);
  unpack_ints(packed.header, packed.parts, out.data());
  if (packed.header.times) DSE_TRY(resolve(lazy, ints, times, out));
  return out;
}

Result<std::optional<PossibleValues>> read_possible_values(const LazyMessage* lazy,
                                                           schema::Ints::Reader ints) {
  PossibleValues possible;
  DSE_TRY(guarded(lazy, [&] {
    possible.base = ints.getBase();
    if (!ints.getDelta() && !ints.getTimes())
      possible.above_base = ints.isSame() ? ValueSet(1) : ValueSet(ints.getValues());
  }));
  if (possible.above_base.empty()) return std::optional<PossibleValues>();
  return std::optional(possible);
}

Result<std::vector<std::uint8_t>> read_bytes(const LazyMessage* lazy, schema::Ints::Reader ints,
                                             std::uint32_t rows) {
  DSE_TRY_ASSIGN(Packed packed, open_ints(lazy, ints, rows));
  std::vector<std::uint8_t> out(rows);
  const PackedInts& header = packed.header;
  if (header.times) return damaged("references to times where there are none");
  if (header.width == 1 && header.base <= 0xff && !header.delta) {
    const auto base = static_cast<std::uint8_t>(header.base);
    unsigned most = 0;
    for (std::uint32_t i = 0; i < rows; ++i) {
      const auto packed_value = static_cast<std::uint8_t>(packed.parts[0][i]);
      most = std::max<unsigned>(most, packed_value);
      out[i] = static_cast<std::uint8_t>(base + packed_value);
    }
    if (base + most > 0xff) return damaged("a number that does not fit into a byte");
    return out;
  }
  IntColumn wide(rows);
  unpack_ints(header, packed.parts, wide.data());
  bool within = true;
  for (std::uint32_t i = 0; i < rows; ++i) {
    within &= wide[i] <= 0xff;
    out[i] = static_cast<std::uint8_t>(wide[i]);
  }
  if (!within) return damaged("a number that does not fit into a byte");
  return out;
}

Result<LoadedStrings> read_strings(const LazyMessage* lazy, schema::Strings::Reader strings,
                                   std::uint32_t rows, std::uint32_t fixed_size) {
  LoadedStrings out;
  schema::Ints::Reader index, ends;
  std::uint32_t count = 0;
  std::string_view bytes;
  DSE_TRY(guarded(lazy, [&] {
    index = strings.getIndex();
    ends = strings.getEnds();
    count = strings.getCount();
    auto data = strings.getBytes();
    bytes = {reinterpret_cast<const char*>(data.begin()), data.size()};
  }));
  if (count > rows) return damaged("a dictionary has more values than its column has rows");
  DSE_TRY_ASSIGN(out.index, read_ints(lazy, index, rows));
  DSE_TRY_ASSIGN(IntColumn ends_of, read_ints(lazy, ends, count));
  out.values.reserve(count);
  std::uint64_t begin = 0;
  for (std::uint64_t end : ends_of) {
    if (end < begin || end > bytes.size()) return damaged("a dictionary's values overlap");
    if (end - begin > kMaxValueBytes) return damaged("a value of several megabytes");
    if (fixed_size != 0 && end - begin != fixed_size)
      return damaged("a dictionary's value has the wrong size");
    out.values.push_back(bytes.substr(begin, end - begin));
    begin = end;
  }
  bool within = true;
  for (std::uint64_t value : out.index) within &= value < count;
  if (!within) return damaged("a column refers to a value that its dictionary lacks");
  return out;
}

LoadedStrings no_strings(std::uint32_t rows, std::uint32_t fixed_size) {
  static const std::string kZeros(std::numeric_limits<std::uint16_t>::max(), '\0');
  LoadedStrings out;
  out.index.assign(rows, 0);
  if (rows != 0) out.values.assign(1, std::string_view(kZeros).substr(0, fixed_size));
  return out;
}

}  // namespace dse::format
