// The two forms of columns, unpacked from a message and checked. Internal to format/.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "capture.capnp.h"
#include "format/batch.h"
#include "format/message.h"
#include "format/result.h"

namespace dse::format {

// Leaves new elements as they are: columns are written right after they were made.
template <typename T>
struct Uninitialized : std::allocator<T> {
  template <typename U>
  struct rebind {
    using other = Uninitialized<U>;
  };
  template <typename U>
  void construct(U* at) {
    ::new (static_cast<void*>(at)) U;
  }
  template <typename U, typename... Args>
  void construct(U* at, Args&&... args) {
    ::new (static_cast<void*>(at)) U(std::forward<Args>(args)...);
  }
};
using IntColumn = std::vector<std::uint64_t, Uninitialized<std::uint64_t>>;

// A column of `rows` integers, which the caller has bounded: under `same` the message does not.
Result<IntColumn> read_ints(const LazyMessage* lazy, schema::Ints::Reader ints, std::uint32_t rows);
// The same for integers that fit into a byte. Error: one does not.
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
