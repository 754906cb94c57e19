// The marks of a filtered capture, read from a block. Internal to format/.
#pragma once

#include <cstdint>

#include "capture.capnp.h"
#include "format/message.h"
#include "format/result.h"
#include "format/rows.h"

namespace dse::format {

// Of a block of `count` records, or of a snapshot's rows, that says it is filtered. All that rows.h
// asks of marks is checked.
Result<FilterMarks> read_filter_marks(const LazyMessage* lazy, schema::Block::Reader block,
                                      std::uint32_t count, bool is_snapshot);

}  // namespace dse::format
