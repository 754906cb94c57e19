#include "replay/escape.h"

#include <gtest/gtest.h>

#include <random>
#include <string>

using namespace dse::replay;

namespace {

std::string json(std::string_view bytes) {
  std::string out;
  append_json_string(bytes, out);
  return out;
}

std::string text(std::string_view bytes) {
  std::string out;
  append_text(bytes, out);
  return out;
}

unsigned hex(std::string_view digits) {
  return static_cast<unsigned>(std::stoul(std::string(digits), nullptr, 16));
}

// What a JSON reader with "surrogateescape" makes of it: written from RFC 8259, not from escape.cc.
std::string decode_json(std::string_view in) {
  std::string out;
  while (!in.empty()) {
    if (in[0] != '\\') {
      EXPECT_GE(static_cast<unsigned char>(in[0]), 0x20) << "a control character in JSON";
      EXPECT_NE(in[0], '"');
      out += in[0];
      in.remove_prefix(1);
      continue;
    }
    char c = in.at(1);
    if (c == 'u') {
      unsigned point = hex(in.substr(2, 4));
      if (point >= 0xdc80 && point <= 0xdcff) {
        out += static_cast<char>(point - 0xdc00);
      } else {
        EXPECT_LT(point, 0x80u);
        out += static_cast<char>(point);
      }
      in.remove_prefix(6);
      continue;
    }
    out += c == 'n' ? '\n' : c == 't' ? '\t' : c == 'r' ? '\r' : c;
    in.remove_prefix(2);
  }
  return out;
}

std::string decode_text(std::string_view in) {
  std::string out;
  while (!in.empty()) {
    if (in.starts_with("\\x")) {
      out += static_cast<char>(hex(in.substr(2, 2)));
      in.remove_prefix(4);
    } else {
      EXPECT_NE(in[0], '\\');
      out += in[0];
      in.remove_prefix(1);
    }
  }
  return out;
}

// Whether a terminal would take any of it for an order: C0, DEL, C1 in UTF-8, or a byte of C1.
bool steers_a_terminal(std::string_view out) {
  for (std::size_t i = 0; i < out.size(); ++i) {
    auto byte = static_cast<unsigned char>(out[i]);
    if (byte < 0x20 || byte == 0x7f) return true;
    if (byte == 0xc2 && i + 1 < out.size() && static_cast<unsigned char>(out[i + 1]) < 0xa0)
      return true;
  }
  return false;
}

TEST(escape, json) {
  EXPECT_EQ(json("plain"), "plain");
  EXPECT_EQ(json("a\"b\\c\n\t\r"), "a\\\"b\\\\c\\n\\t\\r");
  EXPECT_EQ(json(std::string_view("\0\x1b\x7f", 3)), "\\u0000\\u001b\\u007f");
  EXPECT_EQ(json("\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"), "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80");
  EXPECT_EQ(json("\xff\x80"), "\\udcff\\udc80");
}

TEST(escape, json_of_bytes_that_only_look_like_utf8) {
  EXPECT_EQ(json("\xc0\x80"), "\\udcc0\\udc80");  // overlong
  EXPECT_EQ(json("\xe0\x80\x80"), "\\udce0\\udc80\\udc80");
  EXPECT_EQ(json("\xed\xb3\xbf"), "\\udced\\udcb3\\udcbf");             // a surrogate itself
  EXPECT_EQ(json("\xf4\x90\x80\x80"), "\\udcf4\\udc90\\udc80\\udc80");  // beyond U+10FFFF
  EXPECT_EQ(json("\xe2\x82"), "\\udce2\\udc82");                        // cut
  EXPECT_EQ(json("\xc3z"), "\\udcc3z");
  EXPECT_EQ(json("\xf0\x9f\x98"), "\\udcf0\\udc9f\\udc98");
}

TEST(escape, text) {
  EXPECT_EQ(text("plain \"quoted\" \xc3\xa9"), "plain \"quoted\" \xc3\xa9");
  EXPECT_EQ(text("\x1b[2J\n\\"), "\\x1b[2J\\x0a\\x5c");
  EXPECT_EQ(text("\x7f"), "\\x7f");
  EXPECT_EQ(text("\xc2\x9b"
                 "2J"),
            "\\xc2\\x9b2J");  // CSI as one C1 character
  EXPECT_EQ(text("\xc2\xa0"), "\xc2\xa0");
  EXPECT_EQ(text("\x9b\xff"), "\\x9b\\xff");
}

TEST(escape, nothing_is_lost_and_nothing_steers_a_terminal) {
  std::mt19937_64 random(1);
  // Bytes that make up UTF-8, its near misses, and what is escaped.
  const std::string alphabet(
      "a\"\\\n\x1b\x7f\x80\x9b\xa0\xbf\xc0\xc2\xc3\xe0\xed\xef\xf0\xf4\xf5\xff\0", 21);
  for (int i = 0; i < 200'000; ++i) {
    std::string bytes(random() % 8, '\0');
    for (char& c : bytes)
      c = i % 4 ? alphabet[random() % alphabet.size()] : static_cast<char>(random());
    ASSERT_EQ(decode_json(json(bytes)), bytes);
    std::string shown = text(bytes);
    ASSERT_EQ(decode_text(shown), bytes);
    ASSERT_FALSE(steers_a_terminal(shown));
  }
}

TEST(escape, appends) {
  std::string out = "x";
  append_json_string("y", out);
  append_text("z", out);
  EXPECT_EQ(out, "xyz");
}

}  // namespace
