// Columns of a table by name, for code that walks records of a kind one by one.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "format/batch.h"
#include "format/result.h"

namespace dse::replay {

// Some columns of a kind's table, opened together. All spans are empty when the batch has no such
// records.
class TableView {
 public:
  static Result<TableView> open(const format::Batch& batch, format::Kind kind) {
    TableView view;
    view.table_ = batch.table(kind);
    if (!view.table_) return view;
    DSE_TRY_ASSIGN(view.positions, view.table_->positions());
    DSE_TRY_ASSIGN(view.task, view.table_->task());
    return view;
  }

  // For who asks for columns only: without the order among the records, and their tasks.
  static TableView columns_of(const format::Batch& batch, format::Kind kind) {
    TableView view;
    view.table_ = batch.table(kind);
    return view;
  }

  std::uint32_t rows() const { return table_ ? table_->rows() : 0; }
  const format::Table* table() const { return table_; }

  Result<std::span<const std::uint64_t>> time() const {  // boot time, ns
    if (!table_) return std::span<const std::uint64_t>();
    return table_->time();
  }
  // Of each row the row of its task, where `task` was left out.
  Result<std::span<const std::uint64_t>> tasks() const {
    if (!table_) return std::span<const std::uint64_t>();
    return table_->task();
  }
  // Of a column that the schema has; the name is a literal.
  Result<std::span<const std::uint64_t>> ints(std::string_view column) const {
    if (!table_) return std::span<const std::uint64_t>();
    return table_->ints(static_cast<unsigned>(table_->layout().column(column)));
  }
  // All values that a column may have: without a table, none; nothing: unknown.
  Result<std::optional<format::PossibleValues>> possible_values(std::string_view column) const {
    if (!table_) return std::optional(format::PossibleValues());
    return table_->possible_values(static_cast<unsigned>(table_->layout().column(column)));
  }
  Result<format::StringColumn> strings(std::string_view column) const {
    if (!table_) return format::StringColumn();
    return table_->strings(static_cast<unsigned>(table_->layout().column(column)));
  }

  std::span<const std::uint32_t> positions;
  std::span<const std::uint64_t> task;

 private:
  const format::Table* table_ = nullptr;
};

inline Result<std::span<const std::uint64_t>> task_ints(const format::Batch& batch,
                                                        std::string_view column) {
  const format::Table& tasks = batch.tasks();
  return tasks.ints(static_cast<unsigned>(tasks.layout().column(column)));
}

inline Result<format::StringColumn> task_names(const format::Batch& batch) {
  const format::Table& tasks = batch.tasks();
  return tasks.strings(static_cast<unsigned>(tasks.layout().column("comm")));
}

// A comm as it reads: up to the first NUL.
inline std::string_view until_nul(std::string_view padded) {
  return padded.substr(0, padded.find('\0'));
}

// Calls visit(view_index, row) for the rows of several views in arrival order.
template <typename Visit>
Status in_arrival_order(std::span<const TableView* const> views, Visit visit) {
  constexpr std::uint32_t kEnd = 0xffffffff;  // more records are never in one batch
  std::vector<std::uint32_t> next(views.size(), 0), head(views.size());
  auto look = [&](std::size_t i) {
    head[i] = next[i] < views[i]->rows() ? views[i]->positions[next[i]] : kEnd;
  };
  for (std::size_t i = 0; i < views.size(); ++i) look(i);
  while (true) {
    // The view whose turn it is, and until where it stays: records come in runs of one kind.
    std::size_t first = 0;
    std::uint32_t until = kEnd;
    for (std::size_t i = 1; i < head.size(); ++i) {
      if (head[i] < head[first]) {
        until = head[first];
        first = i;
      } else {
        until = std::min(until, head[i]);
      }
    }
    if (head[first] == kEnd) return {};
    do {
      DSE_TRY(visit(first, next[first]++));
      look(first);
    } while (head[first] < until);
  }
}

}  // namespace dse::replay
