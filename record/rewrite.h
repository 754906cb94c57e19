// Raw records without what must not be kept.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "record/redact.h"

namespace dse::record {

// Whether records of that kind have to go through rewrite() at all.
bool needs_rewrite(unsigned kind, const Redactor& redactor);

// An exec or failed exec, as the kernel side wrote it, with its strings as the rules have them. Other
// records, and malformed ones, are given back as they are.
std::vector<std::byte> rewrite(std::span<const std::byte> record, const Redactor& redactor);

}  // namespace dse::record
