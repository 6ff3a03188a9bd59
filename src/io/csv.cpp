#include "io/csv.hpp"

#include <algorithm>
#include <string_view>

#include "core/error.hpp"
#include "io/utf8.hpp"

namespace muster::io {
namespace {

constexpr std::size_t kCsvBlock = 64 << 10;  // bytes
constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";

bool ends_field(int byte) {
  return byte < 0 || byte == ',' || byte == '\r' || byte == '\n';
}

}  // namespace

std::string csv_field(std::string text) {
  std::ranges::replace_if(
      text, [](char c) { return c == '\n' || c == '\r'; }, ' ');
  for (std::size_t at = text.find('"'); at != std::string::npos; at = text.find('"', at + 2)) {
    text.insert(at, 1, '"');
  }
  return '"' + text + '"';
}

CsvReader::CsvReader(std::filesystem::path path) : file_(std::move(path)) {
  peek();  // fills the buffer
  if (buffer_.starts_with(kByteOrderMark)) {
    at_ = kByteOrderMark.size();
  }
}

std::optional<CsvRow> CsvReader::next() {
  if (peek() == kEnd) {
    return std::nullopt;
  }
  CsvRow row{.line = line_, .fields = {}};
  if (take_line_end()) {
    return row;
  }
  while (true) {
    const std::size_t line = line_;
    row.fields.push_back(peek() == '"' ? quoted_field() : plain_field());
    if (!is_utf8(row.fields.back())) {
      refuse(line, "this is not UTF-8; save the table in that encoding");
    }
    if (row.fields.size() > kMaxFields) {
      refuse(line, fmt::format("more than {} fields; this is no table of images", kMaxFields));
    }
    if (peek() != ',') {
      break;
    }
    take();
  }
  take_line_end();
  return row;
}

int CsvReader::peek() {
  if (at_ == buffer_.size()) {
    buffer_.resize(std::min<std::uint64_t>(kCsvBlock, file_.bytes() - offset_));
    at_ = 0;
    if (buffer_.empty()) {
      return kEnd;
    }
    file_.read(offset_, buffer_.size(), buffer_.data());
    offset_ += buffer_.size();
  }
  return static_cast<unsigned char>(buffer_[at_]);
}

// Counts lines: CRLF is one end, at its LF.
int CsvReader::take() {
  const int byte = peek();
  at_ += byte == kEnd ? 0 : 1;
  if (byte == '\n' || (byte == '\r' && peek() != '\n')) {
    ++line_;
  }
  return byte;
}

bool CsvReader::take_line_end() {
  const int first = peek();
  if (first != '\r' && first != '\n') {
    return false;
  }
  take();
  if (first == '\r' && peek() == '\n') {
    take();
  }
  return true;
}

std::string CsvReader::plain_field() {
  std::string field;
  while (!ends_field(peek())) {
    append(field, take(), line_);
  }
  return field;
}

std::string CsvReader::quoted_field() {
  const std::size_t opened = line_;
  std::string field;
  take();
  while (true) {
    const int byte = take();
    if (byte == kEnd) {
      refuse(opened, "a quote is opened here and not closed up to the end of the file");
    }
    if (byte == '"') {
      if (peek() != '"') {
        break;
      }
      take();
    }
    append(field, byte, opened);
  }
  if (!ends_field(peek())) {
    refuse(line_, "text behind a closing quote; a field is quoted as a whole, and a quote inside is written twice");
  }
  return field;
}

void CsvReader::append(std::string& field, int byte, std::size_t line) const {
  if (byte == 0) {
    refuse(line, "a zero byte; save the table as UTF-8 text");
  }
  if (field.size() == kMaxFieldBytes) {
    refuse(line, fmt::format("a field of more than {} bytes; is a quote not closed?", kMaxFieldBytes));
  }
  field.push_back(static_cast<char>(byte));
}

void CsvReader::refuse(std::size_t line, const std::string& what) const {
  throw DataError("{}:{}: {}", file_.path().string(), line, what);
}

}  // namespace muster::io
