#include "format/byte_source.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <random>
#include <string>

#include "tests/unit/testing.h"

using namespace dse::format;

namespace {

std::string random_bytes(std::size_t size, std::mt19937_64& random) {
  std::string bytes(size, 0);
  for (char& byte : bytes) byte = static_cast<char>(random());
  return bytes;
}

std::string read(ByteSource& source, std::size_t size) {
  std::string out(size, 0);
  auto n = source.read(std::as_writable_bytes(std::span(out)));
  EXPECT_TRUE(n.ok());
  out.resize(n.ok() ? *n : 0);
  return out;
}

TEST(byte_source, a_file_is_read_as_it_is) {
  std::mt19937_64 random(4);
  TempDir dir;
  for (int round = 0; round < 40; ++round) {
    SCOPED_TRACE(round);
    std::string bytes = random_bytes(random() % 30'000, random);
    write_file(dir / "file", bytes);
    const std::uint64_t limit = round % 2 ? ~std::uint64_t{0} : random() % 30'000;
    auto source = open_byte_source(dir / "file", limit);
    ASSERT_TRUE(source.ok());
    std::string expected = bytes.substr(0, limit);
    for (int step = 0; step < 300; ++step) {
      const std::uint64_t at = (*source)->position();
      const std::size_t most = random() % 4 ? 40 : 6000;
      const std::size_t size = random() % most;
      const std::uint64_t left = expected.size() - at;
      switch (random() % 8) {
        case 0:
          ASSERT_TRUE((*source)->go_back(random() % (at + 1)).ok());
          break;
        case 1: {
          auto skipped = (*source)->skip(size);
          ASSERT_TRUE(skipped.ok());
          ASSERT_EQ(*skipped, size <= left);
          ASSERT_EQ((*source)->position(), at + (*skipped ? size : 0));
          break;
        }
        case 2: {  // it grows
          bytes += random_bytes(random() % 200, random);
          write_file(dir / "file", bytes);
          expected = bytes.substr(0, limit);
          break;
        }
        default:
          ASSERT_EQ(read(**source, size), expected.substr(at, size));
      }
    }
  }
}

TEST(byte_source, a_file_that_became_shorter_does_not_just_end) {
  TempDir dir;
  write_file(dir / "file", std::string(10'000, 'x'));
  auto source = open_byte_source(dir / "file");
  ASSERT_TRUE(source.ok());
  ASSERT_TRUE(*(*source)->skip(8'000));
  std::filesystem::resize_file(dir / "file", 5'000);
  std::string out(8, 0);
  auto n = (*source)->read(std::as_writable_bytes(std::span(out)));
  ASSERT_FALSE(n.ok());
  EXPECT_NE(n.error().message().find("shorter than it was"), std::string::npos);
}

}  // namespace
