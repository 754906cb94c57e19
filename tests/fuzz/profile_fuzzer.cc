// libFuzzer: any bytes as a profile.
#include <cstddef>

#include "tests/fuzz/targets.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz_profile({reinterpret_cast<const char*>(data), size});
  return 0;
}
