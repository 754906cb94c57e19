// What is right by the grammar and still hardly meant.
#pragma once

#include <string>
#include <vector>

#include "replay/filter/chain.h"
#include "replay/filter/syntax.h"

namespace dse::replay::filter {

// A filter as written, and the points whose events it is asked about.
struct Linted {
  const Spec* spec;
  const Node* node;
  std::vector<const ObservationPoint*> points;
};

// One message each, with the place: "!=" or "not" on a field that may be missing, a test or an
// expression that can never be true, a filter that a former one covers. The filters are in order.
std::vector<std::string> lint(const std::vector<Linted>& filters);

}  // namespace dse::replay::filter
