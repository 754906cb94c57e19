// Results of tests as XML, in the schema of JUnit that CI services read.
#pragma once

#include <string>
#include <vector>

namespace dse::tools {

struct JunitCase {
  enum class What { pass, failure, error };
  std::string name;
  double seconds = 0;
  What what = What::pass;
  std::string message;  // one line
  std::string text;     // in full
};

// One <testsuite> in <testsuites>. Whatever bytes there are, what comes out is well-formed XML 1.0.
std::string junit_xml(const std::string& suite, const std::vector<JunitCase>& cases);

}  // namespace dse::tools
