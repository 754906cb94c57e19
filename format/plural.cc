#include "format/plural.h"

namespace dse {

std::string human_count(std::uint64_t count) {
  std::string digits = std::to_string(count), out;
  for (std::size_t i = 0; i < digits.size(); ++i) {
    if (i != 0 && (digits.size() - i) % 3 == 0) out += ',';
    out += digits[i];
  }
  return out;
}

std::string plural(std::uint64_t count, std::string_view one, std::string_view many) {
  std::string out = human_count(count) + " ";
  if (count != 1 && !many.empty()) return out.append(many);
  return out.append(one).append(count == 1 ? "" : "s");
}

}  // namespace dse
