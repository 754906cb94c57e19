// libFuzzer: any bytes as a filter expression.
#include <cstddef>

#include "tests/fuzz/targets.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz_filter({reinterpret_cast<const char*>(data), size});
  return 0;
}
