#include "record/observer.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>

#include "record/host.h"

namespace dse::record {
namespace {

constexpr std::uint64_t kPeriod = 1'000'000'000;
constexpr std::uint64_t kIdlePeriod = 10'000'000'000;
// Long enough for thousands of runs on a busy host, short enough to cost little.
constexpr std::uint64_t kWindow = 20'000'000;

std::uint64_t ns(const timeval& t) {
  return static_cast<std::uint64_t>(t.tv_sec) * 1'000'000'000u +
         static_cast<std::uint64_t>(t.tv_usec) * 1'000u;
}

std::uint64_t resident_bytes() {
  std::uint64_t size = 0, resident = 0;  // pages
  std::ifstream("/proc/self/statm") >> size >> resident;
  return resident * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

template <typename Body>
std::vector<std::byte> record_of(format::Kind kind, std::uint64_t seq, const Body& body) {
  return make_record(kind, boot_time_ns(), seq, dse_task{}, std::as_bytes(std::span(&body, 1)));
}

}  // namespace

Observer::Observer(Programs& programs, std::size_t ring_bytes)
    : programs_(programs), ring_bytes_(ring_bytes), next_ns_(boot_time_ns()) {}

std::uint64_t Observer::total_runs() const {
  std::uint64_t runs = 0;
  for (const dse_program_sample& cost : programs_.costs()) runs += cost.runs;
  return runs;
}

void Observer::tick(std::uint64_t now, std::uint64_t records, const Written& written,
                    const Append& append) {
  if (now < next_ns_) return;
  if (measuring_) {
    programs_.end_measuring();
    measuring_ = false;
    sample(records, written, append);
    next_ns_ = now + kPeriod - kWindow;
  } else if (total_runs() != sampled_runs_ || now >= sampled_ns_ + kIdlePeriod) {
    programs_.begin_measuring();
    measuring_ = true;
    next_ns_ = now + kWindow;
  } else {
    next_ns_ = now + kPeriod;
  }
}

void Observer::finish(std::uint64_t records, const Written& written, const Append& append) {
  programs_.end_measuring();
  measuring_ = false;
  next_ns_ = ~std::uint64_t{0};
  sample(records, written, append);
}

void Observer::sample(std::uint64_t records, const Written& written, const Append& append) {
  rusage usage;
  ::getrusage(RUSAGE_SELF, &usage);
  dse_observer_sample body{};
  body.user_ns = ns(usage.ru_utime);
  body.system_ns = ns(usage.ru_stime);
  body.rss_bytes = resident_bytes();
  body.peak_rss_bytes = peak_memory_bytes();
  body.minor_faults = static_cast<std::uint64_t>(usage.ru_minflt);
  body.major_faults = static_cast<std::uint64_t>(usage.ru_majflt);
  body.voluntary_switches = static_cast<std::uint64_t>(usage.ru_nvcsw);
  body.involuntary_switches = static_cast<std::uint64_t>(usage.ru_nivcsw);
  body.ring_bytes = ring_bytes_;
  for (Ring& ring : programs_.rings())
    body.ring_peak = std::max<std::uint64_t>(body.ring_peak, ring.take_peak());
  body.records = records;
  body.blocks = written.blocks;
  body.bytes = written.bytes;
  append(record_of(DSE_OBSERVER_SAMPLE, seq_++, body));
  sampled_ns_ = boot_time_ns();
  sampled_runs_ = 0;
  for (const dse_program_sample& cost : programs_.costs()) {
    sampled_runs_ += cost.runs;
    append(record_of(DSE_PROGRAM_SAMPLE, program_seq_++, cost));
  }
}

}  // namespace dse::record
