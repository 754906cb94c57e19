// What a capture says of what its recording cost.
#pragma once

#include <rapidjson/prettywriter.h>
#include <rapidjson/stringbuffer.h>

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "bpf/abi.h"
#include "format/batch.h"
#include "format/source.h"

namespace dse::tools {

class ObserverReport {
 public:
  using Writer = rapidjson::PrettyWriter<rapidjson::StringBuffer>;

  // `series`: every sample is kept, not only the sums.
  explicit ObserverReport(bool series) : keep_series_(series) {}

  // The record kinds that it is made of.
  static format::KindSet kinds();
  // Another recording begins: its totals start anew. `started_ns`: boot time.
  void begin(std::uint64_t started_ns);
  // `offset`: real time less boot time, ns.
  Status add(const format::Batch& batch, std::uint64_t offset);

  // Lines for people; empty when there are no samples.
  std::string text() const;
  // One JSON value.
  void write(Writer& writer) const;

 private:
  // What programs of one kind cost in a span of time.
  struct Program {
    std::uint64_t runs = 0, ring_full = 0, busy = 0;
    std::uint64_t measured_runs = 0, measured_ns = 0, window_ns = 0;

    // Of one run, ns; 0: never measured.
    double ns_per_run() const;
    // Of all runs, as far as those that were measured speak for them.
    std::uint64_t estimated_ns(std::uint32_t kind, std::uint64_t length_ns) const;
  };
  // A span of time that ends with a sample.
  struct Span {
    std::uint64_t real_ns = 0;
    std::uint64_t length_ns = 0;
    dse_observer_sample recorder{};  // what was added in the span; sizes and peaks as they are
    std::map<std::uint32_t, Program> programs;
  };

  Status add_programs(const format::Batch& batch, std::uint32_t from, std::uint32_t until,
                      Span& span);
  void keep(Span span);
  static void add_up(Span& to, const Span& span);
  static void add_programs_up(Span& to, const Span& span);
  static void write_span(Writer& writer, const Span& span);

  bool keep_series_;
  std::uint64_t last_time_ns_ = 0;
  dse_observer_sample last_{};
  std::map<std::uint32_t, Program> last_programs_;
  Span sum_;
  std::vector<Span> series_;
};

}  // namespace dse::tools
