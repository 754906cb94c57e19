// What values stand for: numbers with units, times, addresses, and the names of signals, states, errors
// and capabilities.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "format/result.h"
#include "replay/field.h"
#include "replay/filter/syntax.h"

namespace dse::replay::filter {

// Numbers in one order, signed and unsigned alike: what a column holds, with the sign bit turned over
// where its values are signed. Times are real times, ns since 1970.
using Key = std::uint64_t;
constexpr Key key_of(FieldType type, std::uint64_t value) {
  return type == FieldType::number || type == FieldType::numbers ? value ^ std::uint64_t{1} << 63
                                                                 : value;
}

// Both ends included.
struct Range {
  Key low, high;
};
// Ascending, without overlap.
std::vector<Range> sorted_ranges(std::vector<Range> ranges);
bool in_ranges(const std::vector<Range>& ranges, Key key);

// IPv6, and IPv4 as ::ffff:a.b.c.d, in the order of the network.
using Address = std::array<std::uint8_t, 16>;
struct AddressRange {
  Address low, high;
};

// What an item of a field of numbers, ids or times means. Sizes and durations are turned into the
// field's unit. Error: usage, with the place.
Result<Range> number_range(const Field& field, const Item& item);
// "10.0.0.1", "10.0.0.0/8", "fd00::/8", "10.0.0.1..10.0.0.9".
Result<AddressRange> address_range(const Field& field, const Item& item);
// "1.5GiB", "10kB", "512": bytes, parts of one left out. K, M, G and T are powers of 1024, as KiB; kB,
// MB, GB and TB are powers of 1000. Nothing for anything else.
std::optional<std::uint64_t> parse_size(std::string_view text);
// Whether a text of a column is an address, and which.
bool parse_address(std::string_view text, Address& address);

// A text as the column has it: "KILL" is SIGKILL. Error: the field can never be that.
Result<std::string> text_value(const Field& field, const Value& value);

}  // namespace dse::replay::filter
