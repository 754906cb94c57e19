#include "replay/escape.h"

#include <algorithm>

#include <array>
#include <cstdint>

namespace dse::replay {
namespace {

// Length of the well-formed UTF-8 sequence at the start of `bytes`; 0: there is none. Unicode
// standard, table 3-7.
std::size_t utf8_length(std::string_view bytes) {
  auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(bytes[i]); };
  auto continues = [&](std::size_t i, std::uint8_t low = 0x80, std::uint8_t high = 0xbf) {
    return i < bytes.size() && byte(i) >= low && byte(i) <= high;
  };
  std::uint8_t first = byte(0);
  if (first < 0x80) return 1;
  if (first >= 0xc2 && first <= 0xdf) return continues(1) ? 2 : 0;
  if (first >= 0xe0 && first <= 0xef) {
    std::uint8_t low = first == 0xe0 ? 0xa0 : 0x80, high = first == 0xed ? 0x9f : 0xbf;
    return continues(1, low, high) && continues(2) ? 3 : 0;
  }
  if (first >= 0xf0 && first <= 0xf4) {
    std::uint8_t low = first == 0xf0 ? 0x90 : 0x80, high = first == 0xf4 ? 0x8f : 0xbf;
    return continues(1, low, high) && continues(2) && continues(3) ? 4 : 0;
  }
  return 0;
}

constexpr char kHex[] = "0123456789abcdef";

constexpr std::array<bool, 256> plain_table() {
  std::array<bool, 256> plain{};
  for (unsigned i = 0x20; i < 0x7f; ++i) plain[i] = i != '"' && i != '\\';
  return plain;
}
constexpr std::array<bool, 256> kPlain = plain_table();

void append_hex(std::uint8_t byte, std::string& out) {
  out += kHex[byte >> 4];
  out += kHex[byte & 15];
}

}  // namespace

std::size_t plain_prefix(std::string_view bytes) {
  std::size_t n = 0;
  while (n < bytes.size() && kPlain[static_cast<std::uint8_t>(bytes[n])]) ++n;
  return n;
}

void append_json_string(std::string_view bytes, std::string& out) {
  while (!bytes.empty()) {
    std::size_t n = plain_prefix(bytes);
    out.append(bytes.substr(0, n));
    bytes.remove_prefix(n);
    if (bytes.empty()) return;
    auto byte = static_cast<std::uint8_t>(bytes[0]);
    std::size_t length = 1;
    switch (byte) {
      case '"': out += "\\\""; break;
      case '\\': out += "\\\\"; break;
      case '\n': out += "\\n"; break;
      case '\t': out += "\\t"; break;
      case '\r': out += "\\r"; break;
      default:
        length = utf8_length(bytes);
        if (length == 0) {
          out += "\\udc";
          append_hex(byte, out);
          length = 1;
        } else if (byte < 0x20 || byte == 0x7f) {
          out += "\\u00";
          append_hex(byte, out);
        } else {
          out.append(bytes.substr(0, length));
        }
    }
    bytes.remove_prefix(length);
  }
}

void append_text(std::string_view bytes, std::string& out) {
  while (!bytes.empty()) {
    std::size_t n = plain_prefix(bytes);
    out.append(bytes.substr(0, n));
    bytes.remove_prefix(n);
    if (bytes.empty()) return;
    std::size_t length = utf8_length(bytes);
    bool c1 = length == 2 && static_cast<std::uint8_t>(bytes[0]) == 0xc2 &&
              static_cast<std::uint8_t>(bytes[1]) < 0xa0;
    if ((length > 1 && !c1) || bytes[0] == '"') {
      out.append(bytes.substr(0, length));
    } else {
      length = length ? length : 1;
      for (std::size_t i = 0; i < length; ++i) {
        out += "\\x";
        append_hex(static_cast<std::uint8_t>(bytes[i]), out);
      }
    }
    bytes.remove_prefix(length);
  }
}

void append_own_text(std::string_view bytes, std::string& out) {
  while (!bytes.empty()) {
    std::size_t end = std::min(bytes.find('\\'), bytes.size());
    append_text(bytes.substr(0, end), out);
    if (end < bytes.size()) out += '\\';
    bytes.remove_prefix(std::min(end + 1, bytes.size()));
  }
}

}  // namespace dse::replay
