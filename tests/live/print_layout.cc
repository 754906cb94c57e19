// Prints, as JSON, how the schema lays records out: {"task": {...}, "process_exec": {...}, ...}, each
// with the size of its fixed body and its columns in order.
#include <cstdio>

#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include "format/layout.h"

namespace {

const char* abi_name(dse::format::Abi abi) {
  using dse::format::Abi;
  switch (abi) {
    case Abi::u8: return "u8";
    case Abi::u16: return "u16";
    case Abi::u32: return "u32";
    case Abi::u64: return "u64";
    case Abi::s32: return "s32";
    case Abi::fixed: return "fixed";
    case Abi::bytes: return "bytes";
  }
  return "";
}

}  // namespace

int main() {
  rapidjson::StringBuffer buffer;
  rapidjson::Writer<rapidjson::StringBuffer> out(buffer);
  auto print = [&](const dse::format::TableLayout& table) {
    out.Key(table.name.c_str());
    out.StartObject();
    out.Key("kind");
    out.Uint(table.kind);
    out.Key("size");
    out.Uint(table.fixed_size);
    out.Key("columns");
    out.StartArray();
    for (const auto& column : table.columns) {
      out.StartObject();
      out.Key("name");
      out.String(column.name.c_str());
      out.Key("abi");
      out.String(abi_name(column.abi));
      out.Key("offset");
      out.Uint(column.offset);
      out.Key("size");
      out.Uint(column.size);
      out.EndObject();
    }
    out.EndArray();
    out.EndObject();
  };
  out.StartObject();
  print(dse::format::task_layout());
  for (const auto& table : dse::format::all_kind_layouts()) print(table);
  out.EndObject();
  std::puts(buffer.GetString());
}
