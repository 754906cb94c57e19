// Numbers of things, as people read them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace dse {

std::string human_count(std::uint64_t count);  // "1,234,567"

// "1 record", "1,234 records"; `many` where it is not `one` with an s.
std::string plural(std::uint64_t count, std::string_view one, std::string_view many = {});

}  // namespace dse
