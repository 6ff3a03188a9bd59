// Any bytes as a table: a DataError, or records in ascending lines that, written with every field in quotes, are read back as they are.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "core/error.hpp"
#include "io/csv.hpp"
#include "support/memory_file.hpp"

namespace {

using Records = std::vector<std::vector<std::string>>;

Records read_all(const std::filesystem::path& path) {
  muster::io::CsvReader reader(path);
  Records records;
  std::size_t line = 0;
  while (std::optional<muster::io::CsvRow> row = reader.next()) {
    if (row->line <= line) {
      std::abort();
    }
    line = row->line;
    records.push_back(std::move(row->fields));
  }
  return records;
}

std::string quoted(const std::string& field) {
  std::string text = "\"";
  for (const char c : field) {
    text += c == '"' ? "\"\"" : std::string(1, c);
  }
  return text + '"';
}

std::string written(const Records& records) {
  std::string text;
  for (const std::vector<std::string>& fields : records) {
    for (std::size_t i = 0; i < fields.size(); ++i) {
      text += (i == 0 ? "" : ",") + quoted(fields[i]);
    }
    text += '\n';
  }
  return text;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static muster::testing_support::MemoryFile memory;
  Records records;
  try {
    records = read_all(memory.put(data, size));
  } catch (const muster::DataError&) {
    return 0;
  }
  const std::string text = written(records);
  if (read_all(memory.put(reinterpret_cast<const std::uint8_t*>(text.data()), text.size())) != records) {
    std::abort();
  }
  return 0;
}
