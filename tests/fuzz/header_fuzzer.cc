// libFuzzer: any bytes as an entry header.
#include <xxhash.h>

#include <cstddef>
#include <cstring>

#include "tests/fuzz/targets.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string bytes(reinterpret_cast<const char*>(data), size);
  fuzz_header(bytes);
  // And once more with the checksum that would get it through.
  if (size >= 8) {
    std::uint64_t sum = XXH3_64bits(bytes.data(), size - 8);
    std::memcpy(bytes.data() + size - 8, &sum, sizeof(sum));
    fuzz_header(bytes);
  }
  return 0;
}
