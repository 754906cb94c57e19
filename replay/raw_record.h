// The fixed part of a raw record, for what goes through records as they are.
#pragma once

#include <cstddef>
#include <cstring>
#include <span>

#include "bpf/abi.h"

namespace dse::replay {

// The body of a record of its kind; zeros where the record is cut.
template <typename Body>
Body body_of(std::span<const std::byte> record) {
  Body body{};
  if (record.size() >= sizeof(dse_header) + sizeof(body))
    std::memcpy(&body, record.data() + sizeof(dse_header), sizeof(body));
  return body;
}

}  // namespace dse::replay
