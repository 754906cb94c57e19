// How raw records map to columns, read from the annotations of capture.capnp: the schema is the one
// list of kinds and columns, and everything that packs or unpacks records walks these tables.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace dse::format {

using Kind = std::uint16_t;

// Kinds fit a 64-bit set.
inline constexpr Kind kMaxKinds = 64;

enum class Abi : std::uint8_t { u8, u16, u32, u64, s32, fixed, bytes };

struct ColumnLayout {
  std::string name;  // as in the schema: camelCase
  Abi abi;
  bool delta;            // stored as differences
  bool times;            // stored as references to times, where that takes less
  bool listed;           // with the values that occur, where they are close together
  std::uint32_t size;    // bytes in the fixed body (4 for the size of `bytes`)
  std::uint32_t offset;  // in the fixed body
  unsigned field;        // index of the field in its schema struct
  unsigned since;        // the version of bpf/abi.h that brought it

  bool is_string() const { return abi == Abi::fixed || abi == Abi::bytes; }
};

// The columns of a record kind, or of the task table.
struct TableLayout {
  std::string name;  // snake_case: "process_exec"; "task"
  Kind kind = 0;
  unsigned field = 0;            // index of the member of Block
  std::uint32_t fixed_size = 0;  // bytes of the fixed body
  std::vector<ColumnLayout> columns;

  // Index into `columns`; -1 when there is none of that name.
  int column(std::string_view name) const;
  // Bytes of the fixed body, and its columns, in records of an older version of bpf/abi.h. Later
  // versions only add to the end. Version 0 counts as 1.
  std::uint32_t fixed_size_at(unsigned abi_version) const;
  std::size_t columns_at(unsigned abi_version) const;
};

// Both live as long as the program. kind_layout: nullptr for an unknown kind.
const TableLayout* kind_layout(Kind kind);
const TableLayout* kind_layout(std::string_view name);
const TableLayout& task_layout();
std::span<const TableLayout> all_kind_layouts();

// "process_exec"; "kind 77" for an unknown one.
std::string kind_name(Kind kind);

}  // namespace dse::format
