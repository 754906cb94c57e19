// Messages of Protocol Buffers, as bytes: https://protobuf.dev/programming-guides/encoding/
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace dse::replay {

// Appends fields to `out`.
class ProtoWriter {
 public:
  explicit ProtoWriter(std::string& out) : out_(out) {}

  void number(std::uint32_t field, std::uint64_t value) {
    tag(field, kVarint);
    varint(value);
  }
  void fixed64(std::uint32_t field, std::uint64_t value) {
    tag(field, kFixed64);
    for (unsigned shift = 0; shift < 64; shift += 8)
      out_ += static_cast<char>(value >> shift & 0xff);
  }
  void real(std::uint32_t field, double value) {
    fixed64(field, std::bit_cast<std::uint64_t>(value));
  }
  void bytes(std::uint32_t field, std::string_view value) {
    tag(field, kLength);
    varint(value.size());
    out_ += value;
  }
  // A message in this one: `write(ProtoWriter&)` gives its fields.
  template <typename Write>
  void message(std::uint32_t field, Write write) {
    tag(field, kLength);
    const std::size_t begin = out_.size();
    write(*this);
    // Messages are small, so moving one behind its length costs little.
    std::string length;
    ProtoWriter(length).varint(out_.size() - begin);
    out_.insert(begin, length);
  }

 private:
  enum Wire : std::uint32_t { kVarint = 0, kFixed64 = 1, kLength = 2 };

  void tag(std::uint32_t field, Wire wire) { varint(std::uint64_t{field} << 3 | wire); }
  void varint(std::uint64_t value) {
    while (value >= 0x80) {
      out_ += static_cast<char>(value | 0x80);
      value >>= 7;
    }
    out_ += static_cast<char>(value);
  }

  std::string& out_;
};

}  // namespace dse::replay
