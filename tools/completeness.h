// Whether anything that an answer is made of was lost, as every command that reads events says it.
#pragma once

#include <vector>

#include "format/segment_info.h"
#include "replay/session.h"

namespace dse::tools {

// The losses of the kinds that the answer is made of. Within a window only what was lost there counts, as
// far as it is known where. What the reader finds damaged counts wherever it is: nobody can tell what it
// would have shown of the state that the answer needs.
std::vector<format::Loss> losses_that_matter(replay::Session& session, bool windowed);

// The records lost to damage since they were recorded, of all that are lost.
std::uint64_t total_damage(const std::vector<format::Loss>& losses);

// Says where the capture has its records, if the window is elsewhere.
void say_if_missed(const replay::Session& session);

struct CompletenessStyle {
  bool quiet = false;    // say nothing when nothing is missing
  bool limited = false;  // the answer ends before its source does
};
// Says it on standard error; whether nothing was lost. What could not be read is told by
// report_notes().
bool report_completeness(replay::Session& session, const std::vector<format::Loss>& losses,
                         CompletenessStyle style);

// The end of an answer: the notes of the source, then the losses. Returns the exit code.
int report_end(replay::Session& session, const std::vector<format::Loss>& losses,
               CompletenessStyle style, bool fail_on_loss);

}  // namespace dse::tools
