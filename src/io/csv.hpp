// Comma-separated values, as RFC 4180 has them: one record per line, fields quoted where they hold a comma, a quote or a line end.
//
//   CsvReader reader("train.csv");
//   while (std::optional<CsvRow> row = reader.next()) { use(row->line, row->fields); }
//
// Beyond the RFC, as spreadsheets and Python write: a byte order mark is passed over, a line ends with CRLF, LF or CR, and a quote in
// the middle of a field that is not quoted is a character like any other. Blanks belong to the field.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "io/input_file.hpp"

namespace muster::io {

// Always quoted; line ends become spaces, so that a line stays a record.
std::string csv_field(std::string text);

struct CsvRow {
  std::size_t line = 0;             // where it starts, from 1; a quoted field may go over several
  std::vector<std::string> fields;  // UTF-8 without zero bytes; none for a line without anything
};

// Reads a file from front to back with 64 KiB and one record in memory. One thread at a time.
class CsvReader {
 public:
  static constexpr std::size_t kMaxFieldBytes = 1 << 20;
  static constexpr std::size_t kMaxFields = 1 << 16;

  // DataError when the file cannot be opened.
  explicit CsvReader(std::filesystem::path path);

  // The next record, or nothing at the end. DataError "FILE:LINE: ..." for a quote that is not closed, text behind a closing quote, a
  // field that is too long or no UTF-8; reading cannot go on behind it.
  std::optional<CsvRow> next();

  const std::filesystem::path& path() const noexcept { return file_.path(); }

 private:
  static constexpr int kEnd = -1;

  int peek();
  int take();
  bool take_line_end();
  std::string plain_field();
  std::string quoted_field();
  void append(std::string& field, int byte, std::size_t line) const;
  [[noreturn]] void refuse(std::size_t line, const std::string& what) const;

  InputFile file_;
  std::uint64_t offset_ = 0;  // of the bytes behind the buffer
  std::string buffer_;
  std::size_t at_ = 0;    // in the buffer
  std::size_t line_ = 1;  // of the next byte
};

}  // namespace muster::io
