#include "format/layout.h"

#include <capnp/schema.h>

#include <algorithm>

#include "capture.capnp.h"

namespace dse::format {
namespace {

constexpr std::uint64_t kColumnAnnotation = 0xb1f3c9a4f57e1d01;
constexpr std::uint64_t kKindAnnotation = 0xb1f3c9a4f57e1d02;

std::uint32_t abi_size(Abi abi, std::uint32_t fixed) {
  switch (abi) {
    case Abi::u8: return 1;
    case Abi::u16: return 2;
    case Abi::u32:
    case Abi::s32:
    case Abi::bytes: return 4;
    case Abi::u64: return 8;
    case Abi::fixed: return fixed;
  }
  return 0;
}

std::string snake_case(std::string_view camel) {
  std::string out;
  for (char c : camel) {
    if (c >= 'A' && c <= 'Z') {
      out += '_';
      out += static_cast<char>(c - 'A' + 'a');
    } else {
      out += c;
    }
  }
  return out;
}

TableLayout read_table(capnp::StructSchema schema, std::string name) {
  TableLayout table;
  table.name = std::move(name);
  for (auto field : schema.getFields()) {
    for (auto annotation : field.getProto().getAnnotations()) {
      if (annotation.getId() != kColumnAnnotation) continue;
      auto spec = annotation.getValue().getStruct().getAs<schema::ColumnSpec>();
      ColumnLayout column;
      column.name = field.getProto().getName().cStr();
      column.abi = static_cast<Abi>(spec.getAbi());
      column.delta = spec.getDelta();
      column.times = spec.getTimes();
      column.listed = spec.getListed();
      column.size = abi_size(column.abi, spec.getSize());
      column.offset = table.fixed_size;
      column.field = field.getIndex();
      column.since = spec.getSince();
      table.fixed_size += column.size;
      table.columns.push_back(std::move(column));
    }
  }
  return table;
}

std::vector<TableLayout> read_kinds() {
  std::vector<TableLayout> tables;
  for (auto field : capnp::Schema::from<schema::Block>().getFields()) {
    for (auto annotation : field.getProto().getAnnotations()) {
      if (annotation.getId() != kKindAnnotation) continue;
      tables.push_back(
          read_table(field.getType().asStruct(), snake_case(field.getProto().getName().cStr())));
      tables.back().kind = annotation.getValue().getUint16();
      tables.back().field = field.getIndex();
    }
  }
  return tables;
}

const std::vector<TableLayout>& kinds() {
  static const std::vector<TableLayout> tables = read_kinds();
  return tables;
}

}  // namespace

int TableLayout::column(std::string_view wanted) const {
  for (std::size_t i = 0; i < columns.size(); ++i)
    if (columns[i].name == wanted) return static_cast<int>(i);
  return -1;
}

std::size_t TableLayout::columns_at(unsigned abi_version) const {
  std::size_t n = 0;
  unsigned version = std::max(abi_version, 1u);
  while (n < columns.size() && columns[n].since <= version) ++n;
  return n;
}

std::uint32_t TableLayout::fixed_size_at(unsigned abi_version) const {
  std::size_t n = columns_at(abi_version);
  return n < columns.size() ? columns[n].offset : fixed_size;
}

std::span<const TableLayout> all_kind_layouts() { return kinds(); }

const TableLayout* kind_layout(Kind kind) {
  for (const TableLayout& table : kinds())
    if (table.kind == kind) return &table;
  return nullptr;
}

const TableLayout* kind_layout(std::string_view name) {
  for (const TableLayout& table : kinds())
    if (table.name == name) return &table;
  return nullptr;
}

const TableLayout& task_layout() {
  static const TableLayout table = read_table(capnp::Schema::from<schema::Task>(), "task");
  return table;
}

std::string kind_name(Kind kind) {
  const TableLayout* table = kind_layout(kind);
  return table ? table->name : "kind " + std::to_string(kind);
}

}  // namespace dse::format
