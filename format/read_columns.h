// The two forms of columns, unpacked from a message and checked. Internal to format/.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "capture.capnp.h"
#include "format/batch.h"
#include "format/message.h"
#include "format/result.h"
#include "format/uninitialized.h"

namespace dse::format {

using IntColumn = RawVector<std::uint64_t>;

// What a column may refer to: the times of the rows of its table.
using TimesOfRows = std::function<Result<std::span<const std::uint64_t>>()>;

// A column of `rows` integers, which the caller has bounded: under `same` the message does not. Without
// `times` a column that refers to them is damage.
Result<IntColumn> read_ints(const LazyMessage* lazy, schema::Ints::Reader ints, std::uint32_t rows,
                            const TimesOfRows& times = nullptr);
// The values that such a column may have; nothing: it does not tell. None of its numbers are unpacked.
Result<std::optional<PossibleValues>> read_possible_values(const LazyMessage* lazy,
                                                           schema::Ints::Reader ints);
// The same as read_ints() for integers that fit into a byte. Error: one does not.
Result<std::vector<std::uint8_t>> read_bytes(const LazyMessage* lazy, schema::Ints::Reader ints,
                                             std::uint32_t rows);

struct LoadedStrings {
  IntColumn index;
  std::vector<std::string_view> values;  // in the message
  StringColumn view() const { return {index, values}; }
};

// `fixed_size` 0: values of any size.
Result<LoadedStrings> read_strings(const LazyMessage* lazy, schema::Strings::Reader strings,
                                   std::uint32_t rows, std::uint32_t fixed_size);

// A column that did not exist yet when the capture was made: zeros, or empty.
LoadedStrings no_strings(std::uint32_t rows, std::uint32_t fixed_size);

}  // namespace dse::format
