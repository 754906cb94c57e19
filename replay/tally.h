// Events counted by what is the same about them. A batch is counted on its columns, by the place of
// each value in its dictionary; only what is distinct in a batch is looked up by value.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "replay/code_table.h"
#include "replay/render.h"
#include "replay/session.h"

namespace dse::replay {

using WideInt = __int128;  // a sum of 64-bit numbers never leaves it

// Buckets of a histogram: 0 has what is negative, 1 what is 0, and b from 2 on [2^(b-2), 2^(b-1)).
inline constexpr unsigned kBuckets = 65;
unsigned bucket_of(std::int64_t value);
std::int64_t bucket_from(unsigned bucket);                  // least value; of 0 the least there is
std::optional<std::int64_t> bucket_until(unsigned bucket);  // one past the highest; none: no end

struct TallyOptions {
  std::vector<std::string> by;     // fields or elements; none: the observation point
  std::vector<std::string> sums;   // fields that are numbers
  std::vector<std::string> hists;  // likewise
  bool span = false;               // also between which times the events are
  std::size_t max_groups = 1'000'000;
};

class Tally {
 public:
  struct Value {
    enum class What { missing, number, text } what = What::missing;
    std::uint64_t number = 0;
    std::string_view text = {};  // valid as long as the tally
  };
  struct Sum {
    WideInt sum = 0;
    std::uint64_t values = 0;  // that were there
  };
  struct Histogram {
    std::vector<std::pair<unsigned, std::uint64_t>> buckets;  // with events, ascending
    std::uint64_t values() const;
  };
  struct Row {
    std::vector<Value> key;
    std::uint64_t count = 0;
    std::vector<Sum> sums;
    std::vector<Histogram> hists;
  };
  struct Answer {
    std::vector<Row> rows;
    Row others;                      // what is in none of the rows; no key
    std::uint64_t other_groups = 0;  // those of `others` that are known one by one
    std::uint64_t over_limit = 0;    // events of groups beyond the limit
  };

  // Fields that no point has are missing everywhere.
  Tally(TallyOptions options, const std::vector<std::unique_ptr<ObservationPoint>>& points);

  // The fields that it reads, for Session::use_only().
  std::vector<std::string> fields() const;
  // Takes in the events that are kept. Error: a column is damaged; nothing of it is counted then.
  Status add(const Session::Judged& judged);

  std::uint64_t events() const { return events_; }
  std::uint64_t groups() const { return counts_.size() - 1; }
  // Real times of the first and the last event, ns; with `span`, where there are any.
  const std::optional<std::pair<std::uint64_t, std::uint64_t>>& span() const { return span_; }

  // The groups with the most events, or the highest first sum; `top` 0: all.
  Answer answer(std::size_t top, bool by_sum) const;

 private:
  struct Column {
    std::optional<ShownField> shown;  // none: the point has no such
    bool is_type = false;             // evt.type, the same for all events of a point
  };
  struct Plan {
    std::vector<Column> by, sums, hists;
  };
  // A number for each event, by which the events of a batch are told apart.
  struct Codes {
    const std::uint64_t* of_event = nullptr;  // nullptr: all have 0
    std::size_t cells = 1;
    bool is_slot = false;  // a code is a slot of the only column that tells events apart
  };

  const Plan& plan(const ObservationPoint& point);
  Status open_columns(const Session::Judged& judged, const Plan& plan);
  EventColumn times_as_numbers(const EventBatch& events, const EventColumn& column);
  Codes codes_of(const EventColumn& column, const filter::Mask& kept);
  Codes combined(const Codes& a, const Codes& b, const filter::Mask& kept);
  Codes make_codes(const filter::Mask& kept);
  void merge(const Session::Judged& judged, const Plan& plan, const Codes& codes);
  std::uint32_t group(std::string_view key);
  void append_key(const Session::Judged& judged, const Plan& plan, std::size_t code,
                  const Codes& codes, std::string& key) const;
  void add_sums(const filter::Mask& kept, const Codes& codes);
  void add_hists(const filter::Mask& kept, const Codes& codes);
  void add_to_bucket(std::uint32_t group, std::size_t hist, unsigned bucket, std::uint64_t count);
  void add_span(const Session::Judged& judged);
  Row row(std::uint32_t group) const;
  void add_to(Row& others, std::uint32_t group) const;

  // Keys in the table of groups: of each field a letter, and the value, which parse_key() has again.
  static constexpr char kMissingKey = 'm', kNumberKey = 'n', kTextKey = 't';
  static void append_text_key(std::string_view text, std::string& key);
  static std::vector<Value> parse_key(std::string_view key);

  static constexpr std::uint32_t kOthers = 0;
  static constexpr std::size_t kMaxKeyBytes = std::size_t{256} << 20;

  TallyOptions options_;
  std::map<const ObservationPoint*, Plan> plans_;
  std::uint64_t events_ = 0;
  std::optional<std::pair<std::uint64_t, std::uint64_t>> span_;

  // By group; group 0 has what is beyond the limit.
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const {
      return std::hash<std::string_view>()(text);
    }
  };
  std::unordered_map<std::string, std::uint32_t, Hash, std::equal_to<>> group_of_key_;
  std::vector<const std::string*> keys_;
  std::vector<std::uint64_t> counts_;
  std::vector<Sum> sums_;
  std::vector<Histogram> hists_;
  std::size_t key_bytes_ = 0;

  // Of the batch at hand; kept for their memory.
  std::vector<EventColumn> by_columns_, sum_columns_, hist_columns_;  // no values: all missing
  const EventColumn* time_ = nullptr;
  std::vector<std::vector<std::uint64_t>> code_pool_;
  std::size_t codes_used_ = 0;
  std::vector<std::vector<std::uint64_t>> time_pool_;
  std::size_t times_used_ = 0;
  std::vector<std::uint32_t> first_event_;  // by code
  std::vector<std::uint64_t> cells_;
  std::vector<std::uint32_t> group_of_code_;
  std::vector<std::uint32_t> dense_;
  std::vector<Sum> cell_sums_;
  std::vector<std::uint64_t> pair_counts_, pair_values_;
  CodeTable table_;
  std::unordered_map<std::string_view, std::uint32_t> texts_;
  std::string key_;
};

}  // namespace dse::replay
