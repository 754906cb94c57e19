#include "format/read_columns.h"

#include <capnp/any.h>

#include <limits>
#include <string>
#include <utility>

#include "format/ints.h"
#include "format/plural.h"

namespace dse::format {
namespace {

// No record is larger: arguments are limited to 1 MiB, paths to 4 KiB.
constexpr std::uint64_t kMaxValueBytes = 4u << 20;

Error damaged(std::string what) { return {ErrorCode::damaged, std::move(what)}; }

}  // namespace

Result<Integers> read_ints(const LazyMessage* lazy, schema::Ints::Reader ints, std::uint32_t rows) {
  PackedInts header;
  const std::byte* packed = nullptr;
  std::size_t size = 0;
  DSE_TRY(guarded(lazy, [&] {
    header.base = ints.getBase();
    header.start = ints.getStart();
    header.delta = ints.getDelta();
    auto use = [&](capnp::AnyList::Reader list, unsigned width) {
      header.width = width;
      packed = reinterpret_cast<const std::byte*>(list.getRawBytes().begin());
      size = list.size();
    };
    switch (ints.which()) {
      case schema::Ints::SAME: size = rows; break;
      case schema::Ints::U8: use(ints.getU8(), 1); break;
      case schema::Ints::U16: use(ints.getU16(), 2); break;
      case schema::Ints::U32: use(ints.getU32(), 4); break;
      case schema::Ints::U64: use(ints.getU64(), 8); break;
      default: size = ~std::size_t{0}; break;
    }
  }));
  if (size != rows)
    return damaged("a column does not have the " + plural(rows, "row") + " of its table");
  header.rows = rows;
  Integers out(rows);
  unpack_ints(header, packed, out.data());
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
  DSE_TRY_ASSIGN(Integers ends_of, read_ints(lazy, ends, count));
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
  for (std::uint64_t value : out.index)
    if (value >= count) return damaged("a column refers to a value that its dictionary lacks");
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
