// How a Batch is made from a message. Internal to format/.
#pragma once

#include <capnp/message.h>

#include <memory>

#include "format/batch.h"
#include "format/column_use.h"
#include "format/message.h"

namespace dse::format {

// A message that is a block or a snapshot. `lazy` is the same object when it is a LazyMessage, so
// that its errors can be told; `keep` owns whatever the message refers to.
Result<Batch> read_batch(std::unique_ptr<capnp::MessageReader> message, const LazyMessage* lazy,
                         std::shared_ptr<void> keep, std::shared_ptr<ColumnUse> use = nullptr);

// Unpacks the columns that were used before. After an error the batch is of no use: what is damaged may be
// something that no one would have asked for.
Status unpack_used(const Batch& batch, const ColumnUse& use);

// The batch that a live source has just built, without a detour over compressed bytes.
Result<Batch> read_batch(std::unique_ptr<ColumnMessage> message);

}  // namespace dse::format
