// One list per options struct, from which parsing, --help, --print-config, JSON and the nearest-key message come
// (CONTRACTS 17).
//
//   struct LoaderOptions { int threads = 0; int prefetch_batches = 2; };
//   template <class Visitor> void visit(Visitor& v, LoaderOptions& o) {
//     v.field("threads", o.threads, at_least(0), "decoding threads; 0 = all that the affinity mask allows");
//     v.group("nested", o.nested);             // a struct with a visit() of its own: keys "nested.*"
//   }
//   void validate(const LoaderOptions&);       // what a range cannot say; throws ConfigError
//
// Field types that every visitor understands: bool, int, std::int64_t, double, std::string, std::vector of these,
// std::optional of these, std::map<int, std::string> (class lists), and io::Value (a tree that its owner reads).
#pragma once

#include <limits>
#include <string>
#include <vector>

namespace muster {

// What values a field takes, in words and in numbers. `open_low` excludes the lower bound itself.
struct Range {
  double low = -std::numeric_limits<double>::infinity();
  double high = std::numeric_limits<double>::infinity();
  bool open_low = false;
  std::vector<std::string> choices;  // for strings; empty = any
};

inline Range any_value() { return {}; }
inline Range at_least(double low) { return {.low = low, .choices = {}}; }
inline Range more_than(double low) { return {.low = low, .open_low = true, .choices = {}}; }
inline Range between(double low, double high) { return {.low = low, .high = high, .choices = {}}; }
inline Range one_of(std::vector<std::string> choices) { return {.choices = std::move(choices)}; }

}  // namespace muster
