// Observation points: each turns records into events and owns a chain of select and drop filters.
//
//   keep = (no select, or any select matches) and no drop matches
//
// Drops run in order. A filter is an expression, or any callable that takes an event.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "format/source.h"
#include "replay/event.h"
#include "replay/field.h"
#include "replay/filter/chain.h"
#include "replay/state.h"

namespace dse::replay {

using Filter = std::function<bool(const Event&)>;

class ObservationPoint {
 public:
  // `text_template`: how an event reads as a line: "{field}" stands for a value, and what is
  // between "((" and "))" is left out when a field in it is missing. `own_fields` come on top of
  // the built-in ones that name this point.
  ObservationPoint(std::string name, std::string text_template, std::vector<Field> own_fields = {});
  virtual ~ObservationPoint() = default;
  ObservationPoint(const ObservationPoint&) = delete;
  ObservationPoint& operator=(const ObservationPoint&) = delete;

  const std::string& name() const { return name_; }
  const std::string& text_template() const { return text_template_; }
  const std::vector<Field>& fields() const { return fields_; }
  // Place in fields(); -1: none.
  int field(std::string_view name) const;

  // Told once, before anything else, which fields anyone will ask for (places in fields()); returns
  // what of State they need.
  virtual StateNeeds use(const std::vector<std::size_t>& used);
  // The record kinds that events are made of. Others need not be read.
  virtual format::KindSet kinds() const = 0;

  // Makes the events of a batch. Called for every batch in order, with `state` already past it: ask
  // it "as of" a record's number.
  virtual Status process(const format::Batch& batch, const State& state, EventBatch& out) = 0;
  // Computes a field that is not simply a column of a record. Fields that this point does not know
  // are left missing.
  virtual Status derive(const Field& field, const EventBatch& events, EventColumn& out) const;
  // Whether events depend on former records of kinds(), beyond what State knows: none may then be
  // passed over. After use().
  virtual bool remembers() const { return false; }
  // Another capture begins.
  virtual void reset() {}
  // Nobody will look at events that `chain` drops, of the capture that begins: they, and what only they
  // need, can be left out. After reset().
  virtual void serve_only(const filter::Chain&, Arch) {}
  // Another one of its kind that has seen nothing, for a second host in a merged capture; its own filters
  // are not asked. Points that come with dse need not override this; nullptr: the point cannot watch
  // merged captures.
  virtual std::unique_ptr<ObservationPoint> another() const;

  // Filters by expression ("sig.name = SIGKILL"; replay/filter/parser.h has the grammar) and by
  // callable, in any mixture. What is wrong with an expression comes out of the session before its
  // first event, and of filter_status().
  ObservationPoint& select(std::string_view expression);
  ObservationPoint& drop(std::string_view expression);
  ObservationPoint& select(const char* expression) { return select(std::string_view(expression)); }
  ObservationPoint& drop(const char* expression) { return drop(std::string_view(expression)); }
  ObservationPoint& select(Filter filter);
  ObservationPoint& drop(Filter filter);
  // An expression that has been parsed, under a name that tells it from others.
  Status add_filter(std::shared_ptr<const filter::Spec> spec, const filter::Node& expression);
  const Status& filter_status() const { return filter_status_; }
  const filter::Chain& chain() const { return chain_; }

 private:
  ObservationPoint& add(filter::Action action, std::string_view expression);
  ObservationPoint& add(filter::Action action, Filter filter);
  std::shared_ptr<const filter::Spec> spec(filter::Action action, std::string_view text) const;

  std::string name_;
  std::string text_template_;
  std::vector<Field> fields_;
  filter::Chain chain_;
  Status filter_status_;
};

}  // namespace dse::replay
