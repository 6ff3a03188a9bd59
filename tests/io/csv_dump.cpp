// csv_dump FILE...: prints what io::CsvReader makes of each file, a line of JSON for each: [[line, [field, ...]], ...], or null where it is
// refused. For csv_by_python.py.
#include <cstdio>

#include "core/error.hpp"
#include "io/csv.hpp"
#include "io/value.hpp"

namespace {

muster::io::Value rows_of(const char* file) {
  muster::io::CsvReader reader(file);
  muster::io::Value rows = muster::io::Value::list();
  while (const auto row = reader.next()) {
    muster::io::Value fields = muster::io::Value::list();
    for (const std::string& field : row->fields) {
      fields.push_back(field);
    }
    muster::io::Value entry = muster::io::Value::list();
    entry.push_back(std::uint64_t{row->line});
    entry.push_back(std::move(fields));
    rows.push_back(std::move(entry));
  }
  return rows;
}

}  // namespace

int main(int argc, char** argv) {
  for (int i = 1; i < argc; ++i) {
    muster::io::Value rows;
    try {
      rows = rows_of(argv[i]);
    } catch (const muster::DataError& error) {
      std::fprintf(stderr, "%s\n", error.what());
    }
    std::puts(muster::io::to_json(rows, -1).c_str());
  }
  return 0;
}
